# shellcheck shell=bash disable=SC2016,SC2153 # dialplan has its own ${}
# Part of scripts/offices: one Asterisk that is every phone of both offices, and the carrier behind their
# trunks. A phone's channels carry its name ("june-150", "june-+375296254070") as their account code.

declare -A DESK_TONE=([150]=440 [151]=1000 [152]=500 [153]=1100 [154]=570 [155]=640 [1500]=850)
EXTERNAL_TONE=1633
TONES=440,500,570,640,850,1000,1100,1633

write_phones() { # DIR
  local base=$1/phones etc=$1/phones/etc office
  write_common "$base"
  { ship modules.conf
    printf 'load = %s.so\n' app_playtones app_senddtmf app_transfer res_pjsip_refer res_speech res_agi res_clioriginate app_stack app_verbose func_db func_lock func_math; } >"$etc/modules.conf"
  printf '[general]\nenabled = no\n' >"$etc/http.conf"
  printf '[general]\nenabled = no\n' >"$etc/ari.conf"
  {
    write_pjsip_common "$PHONES_IP" "$PHONES_SIP"
    for office in "${OFFICES[@]}"; do phone_endpoints "$office"; done
  } >"$etc/pjsip.conf"
  phones_dialplan "$1/heard" >"$etc/extensions.conf"
}

phone_endpoints() { # OFFICE
  local office=$1 ip port desk name
  ip=$(setting "$office" IP) port=$(setting "$office" DESKS_SIP)
  office_endpoint "$office" "from-$office" "$PHONES_IP"
  printf '\n[%s]\ntype = identify\nendpoint = %s\nmatch = %s\n\n' "$office" "$office" "$ip"
  for desk in "${DESKS[@]}"; do
    name=$office-$desk
    printf '[%s]\ntype = auth\nauth_type = userpass\nusername = %s\npassword = %s\n\n' "$name" "$desk" "$(setting "$office" PHONE_PASSWORD)"
    # For calls that the phone makes.
    office_endpoint "$name" "from-$office" "$PHONES_IP"
    printf 'aors = %s\noutbound_auth = %s\nfrom_user = %s\nfrom_domain = %s\n\n' "$name" "$name" "$desk" "$ip"
    printf '[%s]\ntype = aor\ncontact = sip:%s:%s\n\n' "$name" "$ip" "$port"
  done
}

phones_dialplan() { # FOLDER of recordings
  local office desk
  for office in "${OFFICES[@]}"; do
    printf '[from-%s]\n' "$office"
    for desk in "${DESKS[@]}"; do
      printf 'exten => %s-%s,1,Set(CHANNEL(accountcode)=${EXTEN})\n same => n,Gosub(count,s,1)\n' "$office" "$desk"
      printf ' same => n,Set(TONE=%s)\n same => n,Goto(desk,${DB(phones/${EXTEN})},1)\n' "${DESK_TONE[$desk]}"
    done
    for desk in _+X. _X.; do
      printf 'exten => %s,1,Set(CHANNEL(accountcode)=%s-${EXTEN})\n same => n,Gosub(count,s,1)\n' "$desk" "$office"
      printf ' same => n,Set(TONE=%s)\n' "$EXTERNAL_TONE"
      printf ' same => n,Goto(behave,${EXTEN:-4},1)\n'
    done
    # What a phone that dials by itself does with its own end of the call.
    printf '[dials-%s]\n' "$office"
    for desk in "${DESKS[@]}"; do
      printf 'exten => %s,1,Set(CHANNEL(accountcode)=%s-%s)\n same => n,Set(TONE=%s)\n same => n,Gosub(talk,s,1)\n same => n,EAGI(${EAR})\n' \
        "$desk" "$office" "$desk" "${DESK_TONE[$desk]}"
    done
    printf '[refers-%s]\nexten => _X.,1,Transfer(PJSIP/sip:${EXTEN}@%s:${PORT})\n same => n,Hangup()\n' "$office" "$(setting "$office" IP)"
  done
  cat <<'CONF'
[desk]
exten => answer,1,Ringing()
 same => n,Wait(${DB(delays/${CHANNEL(accountcode)})})
 same => n,Gosub(talk,s,1)
 same => n,EAGI(${EAR})
exten => ring,1,Ringing()
 same => n,Wait(7200)
exten => busy,1,Hangup(17)
exten => off,1,Hangup(19)
CONF
  # 603 as a desk phone says it; before PJSIPHangup there is only 403.
  if (($(asterisk_version) >= 20)); then echo 'exten => decline,1,PJSIPHangup(603)'; else echo 'exten => decline,1,Hangup(21)'; fi
  # EAGI hands out what comes from the network, what the phone hears, and at once: Record and MixMonitor
  # write 32 kB at a time, which is two seconds.
  cat <<CONF
[count]
; Two calls may come in the same moment.
exten => s,1,Set(HELD=\${LOCK(arrived)})
 same => n,Set(DB(arrived/\${CHANNEL(accountcode)})=\$[0\${DB(arrived/\${CHANNEL(accountcode)})} + 1])
 same => n,Set(HELD=\${UNLOCK(arrived)})
 same => n,Return()
[talk]
exten => s,1,Answer()
 same => n,Set(HEARD=$1/\${CHANNEL(accountcode)}-\${UNIQUEID}.sln)
 same => n,Set(EAR=$(command -v cp),/dev/fd/3,\${HEARD})
 same => n,Playtones(\${TONE})
 same => n,Return()
CONF
  external_numbers
}

# The carrier's table, with a voice (a tone) wherever a number answers, and an ear from then on.
external_numbers() {
  carrier_dialplan | sed -n '/^\[behave\]/,$p' |
    awk -v timeout="$(command -v timeout)" '/^exten/ { talks = 0 }
      /StopPlaytones\(\)$/ { next }
      /,Wait\(7200\)$/ && talks { sub(/Wait\(7200\)$/, "EAGI(${EAR})") }
      /,Wait\(/ && talks { sub(/Wait\(/, "EAGI(" timeout ","); sub(/\)$/, ",${EAR})") }
      /,Answer\(\)$/ { sub(/Answer\(\)$/, "Gosub(talk,s,1)"); talks = 1 }
      { print }'
  if (($(asterisk_version) >= 20)); then
    printf 'exten => _0[3-6]XX,1,PJSIPHangup(${EXTEN:1})\nexten => _1[3-6]XX,1,Ringing()\n same => n,Wait(1)\n same => n,PJSIPHangup(${EXTEN:1})\n'
  else # of the codes that are not listed, the one that matters
    printf 'exten => 1403,1,Ringing()\n same => n,Wait(1)\n same => n,Hangup(21)\n'
  fi
}

phone_name() { # OFFICE EXT|NUMBER
  is_office "$1"
  [[ $2 =~ ^\+?[0-9]+$ ]] || die "not an extension or a number: $2"
  echo "$1-$2"
}

is_desk() { [[ " ${DESKS[*]} " == *" $1 "* ]] || die "no such phone: $1 (there are ${DESKS[*]})"; }

# phones_cli DIR COMMAND
phones_cli() { asterisk_cli phones "$1" "$2"; }

do_phone() { # DIR OFFICE EXT BEHAVIOUR [MS]
  local dir=$1 name how=${4:-} ms=${5:-300}
  name=$(phone_name "${2:-}" "${3:-}") && is_desk "$3"
  [[ $how =~ ^(answer|ring|busy|decline|off)$ && $ms =~ ^[0-9]{1,6}$ ]] ||
    die "usage: scripts/offices phone DIR OFFICE EXT answer [MS]|ring|busy|decline|off"
  set_phone "$dir" "$name" "$how" "$ms"
  register_phones "$dir" "$2" "$([[ $how == off ]] && echo 0 || echo 604800)" "$3"
}

# Says to an office where its phones are (for so many seconds), or that they are away (0).
register_phones() { # DIR OFFICE EXPIRES EXT...
  local office=$2 expires=$3 desk phones=()
  for desk in "${@:4}"; do phones+=("$desk=$office-$desk"); done
  PHONE_PASSWORD=$(setting "$office" PHONE_PASSWORD) "$(python)" "$LAB_LIB/register.py" --expires "$expires" \
    --registrar "$(setting "$office" IP):$(setting "$office" DESKS_SIP)" --contact "$PHONES_IP:$PHONES_SIP" "${phones[@]}"
}

set_phone() { # DIR NAME BEHAVIOUR MS
  phones_cli "$1" "database put phones $2 $3" >/dev/null
  phones_cli "$1" "database put delays $2 $(($4 / 1000)).$(printf %03d $(($4 % 1000)))" >/dev/null
}

# The channels of a phone, or of all: "name channel state" on each line.
phone_channels() { # DIR [NAME]
  phones_cli "$1" 'core show channels concise' | awk -F'!' -v name="${2:-}" \
    'NF > 9 && $9 != "" && (name == "" || $9 == name) { print $9, $1, $5 }'
}

do_calls() {
  local name=
  [[ -z ${2:-} ]] || name=$(phone_name "$2" "${3:-}")
  phone_channels "$1" "$name" | sed 's/-/\//'
}

# How many calls ever came to it, answered or not.
do_arrivals() { # DIR OFFICE EXT|NUMBER
  local name
  name=$(phone_name "${2:-}" "${3:-}")
  phones_cli "$1" "database get arrived $name" | awk '/^Value: / { n = $2 } END { print n + 0 }'
}

do_hangup_phone() { # DIR OFFICE EXT|NUMBER
  local dir=$1 name channel
  name=$(phone_name "${2:-}" "${3:-}")
  while read -r _ channel _; do
    phones_cli "$dir" "channel request hangup $channel" >/dev/null
  done < <(phone_channels "$dir" "$name")
  wait_for 10 "$dir" has_no_call "$dir" "$name" || die "$name is still in a call"
}

has_no_call() { [[ -z $(phone_channels "$@") ]]; }

# A SIP REFER, as the phone's own button sends it.
do_transfer() { # DIR OFFICE EXT|NUMBER TO
  local dir=$1 name channel port
  name=$(phone_name "${2:-}" "${3:-}")
  [[ ${4:-} =~ ^[0-9]+$ ]] || die "usage: scripts/offices transfer DIR OFFICE EXT|NUMBER TO"
  port=$(setting "$2" "$([[ $3 == +* ]] && echo SIP || echo DESKS_SIP)")
  channel=$(phone_channels "$dir" "$name" | awk '$3 == "Up" { print $2 }' | tail -n 1)
  [[ -n $channel ]] || die "$name is in no call"
  phones_cli "$dir" "dialplan set chanvar $channel PORT $port" >/dev/null
  phones_cli "$dir" "channel redirect $channel refers-$2,$4,1" >/dev/null
}

do_dial() { # DIR OFFICE EXT NUMBER
  phone_name "${2:-}" "${3:-}" >/dev/null && is_desk "$3" && phone_name "$2" "${4:-}" >/dev/null
  phones_cli "$1" "channel originate PJSIP/$4@$2-$3 extension $3@dials-$2" >/dev/null
}

# What each phone heard, one file for each call from its answer to its end: 16 bits, 8000 a second, no header.
do_heard() { find "$1/heard" -name '*.sln' -printf '%T@ %p\n' | sort -n | cut -d ' ' -f 2-; }

# The part of its recording that is yet to come, so that what was before (a ringing tone) is not in it.
do_listen() { # DIR SECONDS OFFICE/PHONE...
  local dir=$1 seconds=${2:-} who channel file n=0 files=() begins=()
  [[ $seconds =~ ^[0-9]+(\.[0-9]+)?$ && $# -gt 2 ]] || die "usage: scripts/offices listen DIR SECONDS OFFICE/EXT|NUMBER..."
  shift 2
  for who in "$@"; do
    channel=$(phone_channels "$dir" "$(phone_name "${who%%/*}" "${who#*/}")" | awk '$3 == "Up" { print $2 }' | tail -n 1)
    [[ -n $channel ]] || die "$who is in no call"
    # One that has just answered pricks up its ears in a moment.
    file=
    wait_for 3 "$dir" has_ears "$dir" "$channel" || die "$who does not listen"
    files+=("$file")
  done
  for file in "${files[@]}"; do begins+=("$(size_of "$file")"); done
  # Sound comes in real time; whoever gets none of it is not waited for.
  wait_for "$(awk -v s="$seconds" 'BEGIN { print int(s) + 3 }')" "$dir" all_have_grown || true
  for who in "$@"; do
    "$(python)" "$LAB_LIB/tones.py" --tones "$TONES" --who "$who" --from "$(awk -v b="${begins[n]}" \
      'BEGIN { print b / 16000 }')" "${files[n]}"
    n=$((n + 1))
  done
}

has_ears() { # DIR CHANNEL
  file=$(phones_cli "$1" "core show channel $2" | sed -n 's/^HEARD=//p')
  [[ -e $file ]]
}

size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }

# 8000 samples of 16 bits a second.
all_have_grown() {
  local n
  for n in "${!files[@]}"; do
    awk -v s="$seconds" -v begin="${begins[n]}" -v size="$(size_of "${files[n]}")" 'BEGIN { exit size - begin < s * 16000 }' || return 1
  done
}
