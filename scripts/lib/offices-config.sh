# shellcheck shell=bash disable=SC2034,SC2016,SC2153 # settings are read by name; dialplan has its own ${}
# Part of scripts/offices: the settings (DIR/env) and the Asterisks of the enterprises.

OFFICES=(june july)
DESKS=(150 151 152 153 154 155 1500)
SEED_SECRET=d68409d67e3b4b87a6675e76dae74a85

# setting OFFICE NAME: JUNE_IP and the like
setting() {
  local name=${1^^}_$2
  printf '%s' "${!name}"
}

# The nth address after one: next_ip 127.0.3.2 2
next_ip() { echo "${1%.*}.$((${1##*.} + $2))"; }

is_office() { [[ " ${OFFICES[*]} " == *" $1 "* ]] || die "no such office: $1 (there are ${OFFICES[*]})"; }

# Settings of a lab that is there: every command agrees with "up".
open_office_env() {
  load_env "$1"
  find_asterisk || die "no Asterisk yet: run scripts/offices setup"
}

# Passwords are kept for the life of DIR, addresses are those of the environment.
default_office_env() {
  local dir=$1 first=${OFFICES_FIRST:-${JUNE_IP:-127.0.3.2}} shift=${OFFICES_SHIFT:-${OFFICES_SHIFT_NOW:-0}} n=0 office
  local technology=${OFFICES_TECHNOLOGY:-${JUNE_TECHNOLOGY:-PJSIP}}
  use_asterisk "${LAB_ASTERISK:-${ASTERISK:-any}}"
  [[ $technology =~ ^(PJSIP|SIP)$ ]] || die "OFFICES_TECHNOLOGY is PJSIP or SIP, not: $technology"
  [[ $technology == PJSIP || $ASTERISK == 16 ]] || die "OFFICES_TECHNOLOGY=SIP needs LAB_ASTERISK=16: newer ones have no chan_sip"
  OFFICES_SHIFT_NOW=$shift
  JUNE_NUMBER=0367 JULY_NUMBER=0368 JUNE_NAME=june JULY_NAME=july
  case ${OFFICES_JUNE_SECRET:-} in
    '') ;;
    seed) JUNE_SECRET=$SEED_SECRET ;;
    *) JUNE_SECRET=$OFFICES_JUNE_SECRET ;;
  esac
  for office in "${OFFICES[@]}"; do
    default_office "$dir" "$office" "$(next_ip "$first" "$n")" "$shift" "$technology"
    n=$((n + 1))
  done
  PHONES_IP=$(next_ip "$first" 2) PHONES_SIP=$((5060 + shift)) FRONT_SIP=$((5062 + shift))
  PG_IP=$(next_ip "$first" 3) PG_PORT=$((5432 + shift))
  default_pg_env "$dir"
  # An enterprise that is switched off; nobody is at its address.
  AUGUST_NUMBER=0369 AUGUST_NAME=august AUGUST_IP=$(next_ip "$first" 4) AUGUST_SECRET=${AUGUST_SECRET:-$(random)}
  ADDRESSES="$ASTERISK $first $shift $technology"
}

default_office() { # DIR OFFICE IP SHIFT TECHNOLOGY
  local up=${2^^} name port=$((5060 + $4))
  for name in SECRET SSH_PASSWORD AMI_PASSWORD ARI_PASSWORD PHONE_PASSWORD; do
    name=${up}_$name
    [[ -n ${!name:-} ]] || declare -g "$name=$(random)"
  done
  declare -g "${up}_IP=$3" "${up}_SIP=$port" "${up}_SSH_PORT=$((5059 + $4))" "${up}_SSH_USER=root" \
    "${up}_SSH_KEY=$1/$2-ssh/client_key" "${up}_KNOWN_HOSTS=$1/$2-ssh/known_hosts" "${up}_SSH_LOG=$1/$2-sshd.out" \
    "${up}_CTL=/var/run/asterisk/asterisk.ctl" "${up}_LOCAL_CTL=$1/$2/run/asterisk.ctl" \
    "${up}_AMI_PORT=$((5038 + $4))" "${up}_AMI_USER=office" \
    "${up}_HTTP=$((8088 + $4))" "${up}_ARI_USER=office" "${up}_ARI_URL=http://$3:$((8088 + $4))" \
    "${up}_TECHNOLOGY=$5" "${up}_DESKS_SIP=$([[ $5 == PJSIP ]] && echo "$port" || echo $((port + 1)))"
}

office_setting_names() {
  local office name
  echo ASTERISK ADDRESSES OFFICES_SHIFT_NOW PHONES_IP PHONES_SIP FRONT_SIP AUGUST_{NUMBER,NAME,IP,SECRET} \
    PG_{IP,PORT,SOCKET,DATABASE,USER,PASSWORD,URL,ADMIN_PASSWORD,ADMIN_URL} SSHD SSH SSH_KEYGEN SSHPASS NGINX TOOL_LIBRARIES
  for office in "${OFFICES[@]}"; do
    for name in NUMBER NAME SECRET IP TECHNOLOGY SIP DESKS_SIP SSH_PORT SSH_USER SSH_PASSWORD SSH_KEY KNOWN_HOSTS SSH_LOG CTL LOCAL_CTL \
      AMI_PORT AMI_USER AMI_PASSWORD HTTP ARI_URL ARI_USER ARI_PASSWORD PHONE_PASSWORD; do
      echo "${office^^}_$name"
    done
  done
}

write_office_env() {
  local dir=$1 name
  SSHD=$(tool sshd) SSH=$(tool ssh) SSH_KEYGEN=$(tool ssh-keygen) SSHPASS=$(tool sshpass) NGINX=$(tool nginx)
  TOOL_LIBRARIES=$(tool_libraries "$LAB_TOOLS/any")
  for name in $(office_setting_names); do
    printf '%s=%q\n' "$name" "${!name}"
  done >"$dir/env.tmp"
  mv "$dir/env.tmp" "$dir/env"
}

do_settings() {
  local name
  shift
  for name in "$@"; do
    [[ " $(office_setting_names | tr '\n' ' ') " == *" $name "* ]] || die "no such setting: $name"
    printf '%s\n' "${!name}"
  done
}

# What the bot needs, and what the console, AMI and ARI are asked for besides.
office_modules() { # TECHNOLOGY
  # With bridge_native_rtp a call's packets go on with other sequence numbers (seen on 22.10.1: 30069, then
  # 29720) each time a spy comes or goes, and whoever hears them takes them for old ones, for seconds.
  ship modules.conf -e '/bridge_native_rtp/d'
  printf 'load = %s.so\n' app_chanspy res_clioriginate app_mixmonitor app_record app_playtones app_echo app_verbose \
    app_stack app_originate app_directed_pickup app_channelredirect app_softhangup func_db func_global func_groupcount func_timeout func_uri \
    res_pjsip_registrar res_pjsip_refer res_parking bridge_builtin_features bridge_builtin_interval_features
  [[ $1 == PJSIP ]] || echo 'load = chan_sip.so'
}

write_office() { # DIR OFFICE
  local office=$2 base=$1/$2 ip technology
  local etc=$base/etc
  ip=$(setting "$office" IP) technology=$(setting "$office" TECHNOLOGY)
  rm -rf "$base/db" # where its phones were
  write_common "$base"
  office_modules "$technology" >"$etc/modules.conf"
  write_ami "$office" >"$etc/manager.conf"
  write_ari "$office" >"$etc/http.conf"
  { printf '[general]\nenabled = yes\n'
    # The second is for an enterprise that shares this Asterisk with another one.
    printf '[%s]\ntype = user\nread_only = no\npassword = %s\n' \
      "$(setting "$office" ARI_USER)" "$(setting "$office" ARI_PASSWORD)" tenant "$(setting "$office" ARI_PASSWORD)"; } >"$etc/ari.conf"
  { printf '[global]\ntype = global\nendpoint_identifier_order = username,ip\n\n'
    write_pjsip_common "$ip" "$(setting "$office" SIP)"
    [[ $technology == SIP ]] || office_endpoints "$office" "$ip"
    office_trunk "$ip"; } >"$etc/pjsip.conf"
  [[ $technology == PJSIP ]] || office_peers "$office" "$ip" >"$etc/sip.conf"
  office_dialplan "$technology" >"$etc/extensions.conf"
  printf '[featuremap]\natxfer = *2\n' >"$etc/features.conf"
  printf '[default]\nparkpos = 701-719\ncontext = parkedcalls\nparkingtime = 600\n' >"$etc/res_parking.conf"
}

write_ami() { # OFFICE
  printf '[general]\nenabled = yes\nbindaddr = %s\nport = %s\nwebenabled = no\n' \
    "$(setting "$1" IP)" "$(setting "$1" AMI_PORT)"
  printf '[%s]\nsecret = %s\nread = all\nwrite = all\n' "$(setting "$1" AMI_USER)" "$(setting "$1" AMI_PASSWORD)"
  # Users with the rights that docs/office.md names, from whom some events are kept.
  local event
  for event in Newchannel Newstate DialBegin DialEnd Dial BridgeEnter Bridge HangupRequest SoftHangupRequest Hangup; do
    printf '[without-%s]\nsecret = %s\nread = call,system\nwrite = originate,call,reporting\n' \
      "$event" "$(setting "$1" AMI_PASSWORD)"
    case $event in
      Dial | Bridge) printf 'eventfilter = !Event: %s\n' "$event" ;;
      *) printf 'eventfilter = !Event: %s[^A-Za-z]\n' "$event" ;;
    esac
  done
  printf '[only-Hangup]\nsecret = %s\nread = call,system\nwrite = originate,call,reporting\neventfilter = Event: Hangup[^A-Za-z]\n' \
    "$(setting "$1" AMI_PASSWORD)"
  printf '[without-trunk]\nsecret = %s\nread = call,system\nwrite = originate,call,reporting\n' \
    "$(setting "$1" AMI_PASSWORD)"
  printf 'eventfilter = !Channel: PJSIP/trunk\n'
}

write_ari() { # OFFICE
  printf '[general]\nenabled = yes\nbindaddr = %s\nbindport = %s\nsessionlimit = 1000\n' \
    "$(setting "$1" IP)" "$(setting "$1" HTTP)"
}

# media_address keeps the sound on loopback, and off the other instances' ports.
office_endpoint() { # NAME CONTEXT IP
  printf '[%s]\ntype = endpoint\ncontext = %s\ndisallow = all\nallow = alaw,ulaw\ndirect_media = no\n' "$1" "$2"
  printf 'media_address = %s\nbind_rtp_to_media_address = yes\n' "$3"
}

office_endpoints() { # OFFICE IP
  local desk
  for desk in "${DESKS[@]}"; do
    office_endpoint "$desk" inoffice "$2"
    printf 'auth = %s\naors = %s\ncallerid = Desk %s <%s>\n\n' "$desk" "$desk" "$desk" "$desk"
    printf '[%s]\ntype = auth\nauth_type = userpass\nusername = %s\npassword = %s\n\n' "$desk" "$desk" "$(setting "$1" PHONE_PASSWORD)"
    printf '[%s]\ntype = aor\nmax_contacts = 1\nremove_existing = yes\nmaximum_expiration = 604800\n\n' "$desk"
  done
}

# The same phones for chan_sip, which has a port of its own beside that of PJSIP.
office_peers() { # OFFICE IP
  local desk
  printf '[general]\nudpbindaddr = %s:%s\nmedia_address = %s\ncontext = inoffice\nallowguest = no\n' \
    "$2" "$(setting "$1" DESKS_SIP)" "$2"
  printf 'directmedia = no\ndisallow = all\nallow = alaw,ulaw\nmaxexpiry = 604800\n'
  for desk in "${DESKS[@]}"; do
    printf '\n[%s]\ntype = friend\nhost = dynamic\nsecret = %s\ncallerid = Desk %s <%s>\n' \
      "$desk" "$(setting "$1" PHONE_PASSWORD)" "$desk" "$desk"
  done
}

# PJSIP, whatever the phones are.
office_trunk() { # IP
  office_endpoint trunk inoffice "$1"
  printf 'aors = trunk\n\n[trunk]\ntype = aor\ncontact = sip:%s:%s\n\n' "$PHONES_IP" "$PHONES_SIP"
  printf '[trunk]\ntype = identify\nendpoint = trunk\nmatch = %s\n\n' "$PHONES_IP"
  office_endpoint front inoffice "$1"
  printf 'aors = front\noutbound_auth = front\n\n[front]\ntype = aor\ncontact = sip:%s:%s\n\n' "$PHONES_IP" "$FRONT_SIP"
  printf '[front]\ntype = auth\nauth_type = userpass\nusername = front\npassword = %s\n' "$JUNE_PHONE_PASSWORD"
}

# Beside the phones: what extensions and numbers of real dialplans do. 150151 stands for any two phones.
#   21 150151  both ring, whoever is first      22 150  the dialplan answers and talks (voicemail, IVR)
#   23 150     rings for 2 s, then voicemail    24 150  Busy()      25 150  Hangup(17)
#   26 150     follow-me, through a Local       27 150  the dialplan answers, then 150 rings
#   28 150     takes over the call that rings at 150    29 150  150 may transfer by DTMF (and by AMI's Atxfer)
#   700        parks who is sent there          701 to 719      whoever is parked there
#   +37533AAAABBBB...  what the number AAAA does, and if that fails, BBBB     +37544AAAABBBB...  both at once
#   +37555...                      the number may transfer by DTMF
#   +7900555NNNN                   as the front of the carrier plays it (scripts/lib/carrier.py)
office_dialplan() { # TECHNOLOGY
  local desk talks=' same => n,Playtones(425/1000)\n same => n,Wait(7200)\n'
  echo '[inoffice]'
  printf 'exten => _211XX1XX,1,Dial(%s/${EXTEN:2:3}&%s/${EXTEN:5:3},20)\n same => n,Hangup()\n' "$1" "$1"
  printf 'exten => _221XX,1,Answer()\n%b' "$talks"
  printf "exten => _231XX,1,Dial(%s/\${EXTEN:2},2)\n same => n,Answer()\n$talks" "$1"
  printf 'exten => _241XX,1,Busy(1)\nexten => _251XX,1,Hangup(17)\n'
  printf 'exten => _261XX,1,Dial(Local/${EXTEN:2}@inoffice,20)\n same => n,Hangup()\n'
  printf 'exten => _271XX,1,Answer()\n same => n,Dial(%s/${EXTEN:2},20)\n same => n,Hangup()\n' "$1"
  printf 'exten => _281XX,1,PickupChan(%s/${EXTEN:2},p)\n same => n,Hangup()\n' "$1"
  printf 'exten => _291XX,1,Dial(%s/${EXTEN:2},20,tT)\n same => n,Hangup()\n' "$1"
  printf 'exten => 700,1,Park()\nexten => _7[01]X,1,ParkedCall(default,${EXTEN})\n same => n,Hangup()\n'
  printf 'exten => _+7900555XXXX,1,Dial(PJSIP/${EXTEN}@front)\n same => n,Hangup()\n'
  printf 'exten => _+37555X.,1,Dial(PJSIP/+37529${EXTEN:6}@trunk,,tT)\n same => n,Hangup()\n'
  printf 'exten => _+37533X.,1,Dial(PJSIP/+37529${EXTEN:14}${EXTEN:6:4}@trunk)\n'
  printf ' same => n,Dial(PJSIP/+37529${EXTEN:14}${EXTEN:10:4}@trunk)\n same => n,Hangup()\n'
  printf 'exten => _+37544X.,1,Dial(PJSIP/+37529${EXTEN:14}${EXTEN:6:4}@trunk&PJSIP/+37529${EXTEN:14}${EXTEN:10:4}@trunk)\n'
  printf ' same => n,Hangup()\n'
  for desk in "${DESKS[@]}"; do
    printf 'exten => %s,1,Dial(%s/${EXTEN},20)\n same => n,Hangup()\n' "$desk" "$1"
  done
  for desk in _+X. _X.; do
    printf 'exten => %s,1,Dial(PJSIP/${EXTEN}@trunk)\n same => n,Hangup()\n' "$desk"
  done
}
