# shellcheck shell=bash disable=SC2034,SC2016 # settings are read by name; dialplan has its own ${}
# Part of scripts/lab: writing the configuration of the two Asterisks.

NUMBERS=$LAB_LIB/carrier-numbers.tsv

random() { od -An -N 16 -t x1 /dev/urandom | tr -d ' \n'; }

# The settings of a lab: DIR/env once it exists (so that every later command agrees with "up"),
# the environment and the defaults before. Passwords are kept for the life of DIR.
load_env() {
  local dir=$1
  if [[ -r $dir/env ]]; then
    # shellcheck disable=SC1091
    . "$dir/env"
    use_asterisk "$ASTERISK"
  fi
}

default_env() {
  use_asterisk "${LAB_ASTERISK:-any}"
  PBX_IP=${LAB_PBX_IP:-127.0.0.2} PBX_SIP=${LAB_PBX_SIP:-5060} PBX_HTTP=${LAB_PBX_HTTP:-8088}
  CARRIER_IP=${LAB_CARRIER_IP:-127.0.0.3} CARRIER_SIP=${LAB_CARRIER_SIP:-5060}
  CARRIER_BACK=${LAB_CARRIER_BACK:-5062} CARRIER_HTTP=${LAB_CARRIER_HTTP:-8089}
  TRUNK_LOGIN=${TRUNK_LOGIN:-0123456} TRUNK_PASSWORD=${TRUNK_PASSWORD:-$(random)}
  CALLER_ID=${LAB_CALLER_ID:-+79675558164}
  PBX_ARI_PASSWORD=${PBX_ARI_PASSWORD:-$(random)} CARRIER_ARI_PASSWORD=${CARRIER_ARI_PASSWORD:-$(random)}
  PBX_ARI_USER=novofon_bot CARRIER_ARI_USER=lab
  PBX_ARI_URL=http://$PBX_IP:$PBX_HTTP CARRIER_ARI_URL=http://$CARRIER_IP:$CARRIER_HTTP
  CARRIER_LOG=$1/carrier/calls.log
  PBX_CLI="$(printf %q "$LAB_ROOT/scripts/lab") cli pbx $(printf %q "$1")"
  CARRIER_CLI="$(printf %q "$LAB_ROOT/scripts/lab") cli carrier $(printf %q "$1")"
}

write_env() {
  local dir=$1 name
  (
    umask 077
    for name in ASTERISK PBX_IP PBX_SIP PBX_HTTP PBX_ARI_URL PBX_ARI_USER PBX_ARI_PASSWORD PBX_CLI \
      CARRIER_IP CARRIER_SIP CARRIER_BACK CARRIER_HTTP CARRIER_ARI_URL CARRIER_ARI_USER \
      CARRIER_ARI_PASSWORD CARRIER_CLI CARRIER_LOG TRUNK_LOGIN TRUNK_PASSWORD CALLER_ID; do
      printf '%s=%q\n' "$name" "${!name}"
    done >"$dir/env.tmp"
  )
  mv "$dir/env.tmp" "$dir/env"
}

# What both Asterisks share: own folders, quiet logs, room for many files and calls.
write_common() {
  local base=$1 etc=$1/etc
  rm -rf "$etc" "$base/data" "$base/run"
  mkdir -p "$etc" "$base"/{db,run,spool,log,lib,data/sounds}
  # Sounds and documentation are Asterisk's own, seen through a folder of ours.
  ln -s "$AST_DATA/documentation" "$base/data/documentation"
  ln -s "$AST_SOUNDS" "$base/data/sounds/en"
  local ru
  ru=$(first_with hello-world.wav "${AST_SOUNDS%/*}/ru" "${AST_SOUNDS%/*}"/ru_*) && ln -s "$ru" "$base/data/sounds/ru"
  ln -s "$AST_DATA/rest-api" "$base/data/rest-api"
  cat >"$etc/asterisk.conf" <<CONF
[directories]
astetcdir => $etc
astmoddir => $AST_MODULES
astvarlibdir => $base/lib
astdbdir => $base/db
astkeydir => $base/lib
astdatadir => $base/data
astagidir => $base/lib
astspooldir => $base/spool
astrundir => $base/run
astlogdir => $base/log
astsbindir => $base/lib
[options]
nocolor = yes
maxfiles = $(max_files)
CONF
  local levels=notice,warning,error
  [[ -z ${LAB_VERBOSE:-} ]] || levels+=',verbose(5)'
  printf '[general]\ndateformat = %%F %%T.%%3q\n[logfiles]\nmessages.log => %s\n' "$levels" >"$etc/logger.conf"
  printf '[general]\nrtpstart = 10000\nrtpend = 29999\nstrictrtp = no\nicesupport = no\n' >"$etc/rtp.conf"
  printf '[general]\nenable = no\n' | tee "$etc/cdr.conf" >"$etc/cel.conf"
  cat >"$etc/indications.conf" <<'CONF'
[general]
country = ru
[ru]
description = Russia
ringcadence = 1000,4000
dial = 425
busy = 425/350,0/350
ring = 425/1000,0/4000
congestion = 425/175,0/175
CONF
  # A missing file is a line in the log for each of these.
  touch "$etc"/{features,udptl,ccss,acl,stasis,websocket_client,pjproject,cli,cli_aliases,cli_permissions,manager}.conf
}

max_files() {
  local hard
  hard=$(ulimit -Hn)
  if [[ $hard == unlimited ]] || ((hard > 20000)); then hard=20000; fi
  echo "$hard"
}

write_pjsip_common() { # IP PORT
  cat <<CONF
[system]
type = system
; Room for bursts of calls.
threadpool_initial_size = 8
threadpool_auto_increment = 8
threadpool_max_size = 100
timer_t1 = 500

[lab]
type = transport
protocol = udp
bind = $1:$2

CONF
}

# The PBX runs the very files of asterisk-config/, with the operator's blanks filled in.
ship() { sed -e '' "${@:2}" "$LAB_ROOT/asterisk-config/$1"; }

write_pbx() {
  local base=$1/pbx
  local etc=$base/etc
  write_common "$base"
  ship modules.conf >"$etc/modules.conf"
  ship http.conf -e "s/^bindaddr = .*/bindaddr = $PBX_IP/" -e "s/^bindport = .*/bindport = $PBX_HTTP/" >"$etc/http.conf"
  ship ari.conf -e "s/YOUR_ARI_PASSWORD/$PBX_ARI_PASSWORD/" >"$etc/ari.conf"
  { write_pjsip_common "$PBX_IP" "$PBX_SIP"; echo '#include pjsip_novofon.conf'; } >"$etc/pjsip.conf"
  # media_address keeps the sound on loopback too.
  ship pjsip_novofon.conf \
    -e "s/YOUR_SIP_LOGIN/$TRUNK_LOGIN/; s/YOUR_SIP_PASSWORD/$TRUNK_PASSWORD/" \
    -e "/^\(match\|from_domain\) = /s/sip\.novofon\.ru/$CARRIER_IP/" \
    -e "s/sip\.novofon\.ru/$CARRIER_IP:$CARRIER_SIP/" \
    -e "s/^type = endpoint/&\nmedia_address = $PBX_IP\nbind_rtp_to_media_address = yes/" \
    >"$etc/pjsip_novofon.good"
  # By default Asterisk waits up to 10 s with its first REGISTER; the option exists since 18.10.
  if (($(asterisk_version) >= 20)); then
    sed -i 's/^type = registration/&\nmax_random_initial_delay = 0/' "$etc/pjsip_novofon.good"
  fi
  cp "$etc/pjsip_novofon.good" "$etc/pjsip_novofon.conf"
  ship extensions_outgoing.conf -e "s/:+79675558164)/:$CALLER_ID)/" >"$etc/extensions_outgoing.good"
  cp "$etc/extensions_outgoing.good" "$etc/extensions_outgoing.conf"
  { echo '#include extensions_outgoing.conf'; several_legs; } >"$etc/extensions.conf"
  reserve_trunk >>"$etc/pjsip.conf"
}

# Dialplans that dial more than once, for trunk.context: +79AAAABBBB0 is +7900555AAAA, then or beside it +7900555BBBB.
several_legs() {
  local name dial
  while IFS='|' read -r name dial; do
    printf '[%s]\nexten => _+79XXXXXXXXX,1,Set(CALLERID(num)=${IF($["${NOVOFON_CALLER_ID}" != ""]?${NOVOFON_CALLER_ID}:${CALLERID(num)})})\n' "$name"
    sed -e "s/ & /\n/g; s/FIRST/PJSIP\/+7900555\${EXTEN:3:4}/g; s/SECOND/PJSIP\/+7900555\${EXTEN:7:4}/g" <<<"$dial" | sed 's/^/ same => n,/'
    printf ' same => n,Hangup()\nexten => h,1,Goto(outgoing,h,1)\n'
  done <<'TABLE'
lab-again|Dial(FIRST@novofon,,i) & Dial(SECOND@novofon,,i)
lab-reserve|Dial(FIRST@novofon,,i) & Dial(SECOND@reserve,,i)
lab-fork|Dial(FIRST@novofon&SECOND@reserve,,i)
lab-fork-c|Dial(FIRST@novofon&SECOND@reserve,,ic)
lab-lcr|Dial(Local/${EXTEN}@lab-again,,i)
lab-lcr-reserve|Dial(Local/${EXTEN}@lab-reserve,,i)
lab-lcr-fork|Dial(Local/${EXTEN}@lab-fork,,i)
lab-announce|Dial(FIRST@novofon,,i) & Playback(tt-weasels,noanswer) & Hangup(17)
TABLE
}

# A second way to the carrier.
reserve_trunk() {
  cat <<CONF
[reserve]
type = auth
auth_type = userpass
username = $TRUNK_LOGIN
password = $TRUNK_PASSWORD

[reserve]
type = aor
contact = sip:$CARRIER_IP:$CARRIER_SIP

[reserve]
type = endpoint
context = reserve-in
disallow = all
allow = alaw,ulaw
aors = reserve
outbound_auth = reserve
from_user = $TRUNK_LOGIN
send_pai = yes
direct_media = no
media_address = $PBX_IP
bind_rtp_to_media_address = yes
CONF
}

write_carrier() {
  local base=$1/carrier
  local etc=$base/etc
  write_common "$base"
  { ship modules.conf
    printf 'load = %s.so\n' app_playtones app_senddtmf; } >"$etc/modules.conf"
  printf '[general]\nenabled = yes\nbindaddr = %s\nbindport = %s\nsessionlimit = 1000\n' "$CARRIER_IP" "$CARRIER_HTTP" >"$etc/http.conf"
  printf '[general]\nenabled = yes\n[%s]\ntype = user\nread_only = no\npassword = %s\n' \
    "$CARRIER_ARI_USER" "$CARRIER_ARI_PASSWORD" >"$etc/ari.conf"
  { write_pjsip_common "$CARRIER_IP" "$CARRIER_BACK"; carrier_endpoint; } >"$etc/pjsip.conf"
  carrier_dialplan >"$etc/extensions.conf"
}

carrier_endpoint() {
  cat <<CONF
; The front (carrier.py) has already checked the password.
[front]
type = endpoint
context = carrier
disallow = all
allow = alaw,ulaw
trust_id_inbound = yes
direct_media = no
media_address = $CARRIER_IP
bind_rtp_to_media_address = yes

[front]
type = identify
endpoint = front
match = $CARRIER_IP
CONF
}

# From the table of numbers: what is played by Asterisk, as dialplan.
carrier_dialplan() {
  local digits where how steps step
  cat <<'CONF'
[carrier]
exten => _+7900555XXXX,1,Goto(behave,${EXTEN:-4},1)
exten => _7900555XXXX,1,Goto(behave,${EXTEN:-4},1)
exten => _8900555XXXX,1,Goto(behave,${EXTEN:-4},1)
exten => _[+0-9].,1,Goto(behave,any,1)

[behave]
exten => _XXXX,1,Goto(any,1)
CONF
  while IFS=$'\t' read -r digits where how _; do
    [[ $where == asterisk ]] || continue
    printf 'exten => %s,1,NoOp()\n' "$digits"
    steps=${how// & /$'\n'}
    while read -r step; do printf ' same => n,%s\n' "$step"; done <<<"$steps"
  done < <(grep -v '^#' "$NUMBERS")
}

cmd_numbers() {
  local digits where how en ru
  while IFS=$'\t' read -r digits where how en ru; do
    [[ ${1:-} != --ru ]] || en=$ru
    if [[ $digits == any ]]; then printf '%-13s %s\n' '+7 ...' "$en"; else printf '+7900555%s  %s\n' "$digits" "$en"; fi
  done < <(grep -v '^#' "$NUMBERS")
  if [[ ${1:-} == --ru ]]; then
    echo '+79005550NNN  любой другой код SIP NNN от 300 до 699; +79005551NNN: то же после 1 с гудков'
  else
    echo '+79005550NNN  any other SIP code NNN from 300 to 699; +79005551NNN: the same after 1 s of ringing'
  fi
}
