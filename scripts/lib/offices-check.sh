# shellcheck shell=bash
# Part of scripts/offices: real calls, made as the service of old made them, that show the lab to be sound.

CHECK_NUMBER=+375296254070
# What is heard is about -13 dB (as loud as it was played), what is not is below -70.
HEARD_ABOVE=-30 SILENT_BELOW=-50

offices_check() {
  local dir=$1 office version bad=0
  open_office_env "$dir"
  for office in "${OFFICES[@]}"; do
    version=$(do_ssh "$dir" "$office" 'asterisk -rx "core show version"') || die "ssh to $office failed"
    say "$office by ssh: ${version%% built*}"
    do_hangup_phone "$dir" "$office" 150
    do_hangup_phone "$dir" "$office" 151
    do_hangup_phone "$dir" "$office" "$CHECK_NUMBER"
    check_office "$dir" "$office" || bad=1
    do_hangup_phone "$dir" "$office" 150
    until_true 10 "$dir" has_no_call "$dir" "$office-$CHECK_NUMBER" || die "the external number is still in a call"
  done
  [[ $(do_sql "$dir" 'SELECT count(*) FROM enterprises WHERE active') == 2 ]] || { say "the table has not two active enterprises"; bad=1; }
  ((bad == 0)) || die "the lab is not sound"
  say "sound"
}

check_office() { # DIR OFFICE
  local dir=$1 office=$2 bad=0 begin=${EPOCHREALTIME/./}
  do_ssh "$dir" "$office" "asterisk -rx \"channel originate LOCAL/150@inoffice application Dial LOCAL/$CHECK_NUMBER@inoffice\""
  say "$office: originated by sshpass in $(((${EPOCHREALTIME/./} - begin) / 1000)) ms; dB of what each hears (440 Hz is 150, 1000 Hz is 151, 1633 Hz is the number):"
  if ! until_true 20 "$dir" in_call "$dir" "$office" 150 || ! until_true 20 "$dir" in_call "$dir" "$office" "$CHECK_NUMBER"; then
    say "$office: 150 and the number were not connected"
    return 1
  fi
  check_ears "$dir" "$office" 'call' 150:1633 "$CHECK_NUMBER:440" || bad=1
  check_spy "$dir" "$office" 'spy bq' bq 150:1633 "$CHECK_NUMBER:440" 151:440,1633 || bad=1
  check_spy "$dir" "$office" 'whisper bqw' bqw 150:1000,1633 "$CHECK_NUMBER:440" 151:440,1633 || bad=1
  check_spy "$dir" "$office" 'barge Bbqw' Bbqw 150:1000,1633 "$CHECK_NUMBER:440,1000" 151:440,1633 || bad=1
  return "$bad"
}

in_call() { [[ $(phone_channels "$1" "$2-$3") == *' Up' ]]; }

check_spy() { # DIR OFFICE TITLE OPTIONS EXPECTED...
  local dir=$1 office=$2 title=$3 code=0
  do_ssh "$dir" "$office" "asterisk -rx \"channel originate LOCAL/151@inoffice application ChanSpy $(setting "$office" TECHNOLOGY)/150,$4\""
  until_true 20 "$dir" in_call "$dir" "$office" 151 || { say "$office: 151 was not called"; return 1; }
  shift 4
  check_ears "$dir" "$office" "$title" "$@" || code=1
  do_hangup_phone "$dir" "$office" 151
  return "$code"
}

# EXPECTED is PHONE:TONE,TONE. A spy begins some moments after its phone has answered, so what is not yet
# as it should be is measured again.
check_ears() { # DIR OFFICE TITLE EXPECTED...
  local dir=$1 office=$2 title=$3 try lines='' bad=1 phones expected line tone
  shift 3
  phones=("${@%:*}")
  phones=("${phones[@]/#/$office/}")
  for ((try = 0; bad && try < 4; try++)); do
    lines=$(do_listen "$dir" 1 "${phones[@]}" | paste -d ' ' <(printf '%s\n' "$@") -) && bad=0
    while read -r expected line; do as_expected "$expected" "$line" || bad=1; done <<<"$lines"
  done
  while read -r expected line; do
    printf '  %-12s %-14s' "$title" "${expected%:*}"
    for tone in 440 1000 1633; do printf ' %4s Hz %6s' "$tone" "$(level "$line" "$tone")"; done
    as_expected "$expected" "$line" && echo '  ok' || echo "  WRONG: should hear ${expected#*:}"
  done <<<"$lines"
  return "$bad"
}

level() { sed -n "s/.*\"$2\": \\(-\\?[0-9.]*\\).*/\\1/p" <<<"$1"; }

as_expected() { # PHONE:TONE,TONE LINE
  local tone
  for tone in 440 1000 1633; do
    if [[ ,${1#*:}, == *,$tone,* ]]; then
      awk -v level="$(level "$2" "$tone")" -v limit="$HEARD_ABOVE" 'BEGIN { exit !(level > limit) }' || return 1
    else
      awk -v level="$(level "$2" "$tone")" -v limit="$SILENT_BELOW" 'BEGIN { exit !(level < limit) }' || return 1
    fi
  done
}
