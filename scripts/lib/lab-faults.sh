# shellcheck shell=bash disable=SC2016 # dialplan has its own ${}
# Part of scripts/lab: breaking the PBX on purpose, and repairing it. Each command writes one file
# of the PBX anew from its good copy, reloads, and succeeds only when Asterisk shows the effect.

is_fault() {
  case $1 in
    wrong-password | right-password | trunk-auth-instead-of-outbound-auth | trunk-gone | trunk-back) ;;
    endpoint-missing | endpoint-back | no-outgoing | plain-outgoing | outgoing | trunk-nowhere) ;;
    pbx-kill | pbx-start | pbx-restart | pbx-freeze | pbx-thaw | carrier-freeze | carrier-thaw) ;;
    *) return 1 ;;
  esac
}

# What the trunk's endpoint looks like now: "OutAuth Contact(address)" and the like, on one line.
trunk_shape() {
  asterisk_cli pbx "$1" 'pjsip show endpoint novofon' |
    sed -n 's/^ *\(InAuth\|OutAuth\): .*/\1/p; s/^ *Contact: *novofon\/\(sip:[^ ]*\).*/\1/p; s/^Unable to find.*/none/p' |
    tr '\n' ' '
}

password_is() { asterisk_cli pbx "$1" 'pjsip show auth novofon' | grep -qE "password +: $2\$"; }

outgoing_is() { # DIR none|plain|ours
  local shown
  shown=$(asterisk_cli pbx "$1" 'dialplan show outgoing')
  case $2 in
    none) [[ $shown == *'There is no existence'* ]] ;;
    plain) [[ $shown == *'Dial(PJSIP/'* && $shown != *NovofonOutcome* ]] ;;
    ours) [[ $shown == *NovofonOutcome* ]] ;;
  esac
}

# A file that the running Asterisk reads must appear whole, and readable for the user it runs as.
install_conf() {
  cat >"$1.tmp"
  chown --reference="${1%/*}" "$1.tmp" 2>/dev/null || true
  mv "$1.tmp" "$1"
}

set_trunk() { # DIR SED-EXPRESSION...
  local dir=$1 etc=$1/pbx/etc
  shift
  sed "$@" "$etc/pjsip_novofon.good" | install_conf "$etc/pjsip_novofon.conf"
  asterisk_cli pbx "$dir" 'module reload res_pjsip.so' >/dev/null
  asterisk_cli pbx "$dir" 'module reload res_pjsip_endpoint_identifier_ip.so' >/dev/null
}

set_outgoing() { # DIR, new content on stdin
  install_conf "$1/pbx/etc/extensions_outgoing.conf"
  asterisk_cli pbx "$1" 'dialplan reload' >/dev/null
}

plain_outgoing() {
  local pattern
  echo '[outgoing]'
  for pattern in _X. _+X.; do
    printf 'exten => %s,1,NoOp(Outgoing call to ${EXTEN})\n' "$pattern"
    printf ' same => n,Set(CALLERID(num)=%s)\n' "$CALLER_ID"
    printf ' same => n,Dial(PJSIP/${EXTEN}@novofon,60)\n same => n,Hangup()\n'
  done
}

trunk_ok() {
  password_is "$1" "$TRUNK_PASSWORD" && trunk_is "$1" Avail && [[ $(trunk_shape "$1") == "OutAuth sip:$CARRIER_IP:$CARRIER_SIP " ]]
}

shape_is() { [[ $(trunk_shape "$1") == "$2 " ]]; }

# signal_to NAME SIGNAL: to a process of the lab, if it runs; afterwards it is stopped, or it is not.
signal_to() {
  local pid
  check=(true)
  pid=$(pid_of "$1" "$dir") || return 0
  kill -"$2" "$pid"
  if [[ $2 == STOP ]]; then check=(is_stopped "$pid"); else check=(is_awake "$pid"); fi
}

is_stopped() { grep -q '^State:[[:space:]]*T' "/proc/$1/status"; }

is_awake() { ! is_stopped "$1"; }

stop_or_start_pbx() {
  local name=$1 dir=$2 pid
  if pid=$(pid_of pbx "$dir"); then
    case $name in
      pbx-start) return 0 ;;
      pbx-kill) kill -KILL "$pid" ;;
      # Asterisk hangs up all calls and then starts itself anew: by its name, so that one which is only
      # unpacked ends there, and is started below.
      pbx-restart) asterisk_cli pbx "$dir" 'core restart now' >/dev/null || true ;;
    esac
    if [[ $name == pbx-kill ]] || ! restarts_itself; then
      wait_for_end "$pid" || die "the PBX did not end"
    fi
  fi
  [[ $name != pbx-kill ]] || return 0
  if ! pid_of pbx "$dir" >/dev/null; then
    choose_user "$dir"
    start pbx "$dir" "${AST_BIN[@]}" -C "$dir/pbx/etc/asterisk.conf" -f
  fi
  wait_for 60 "$dir" booted "$dir" || die "the PBX did not start"
}

restarts_itself() { [[ $AST_KIND == system ]] && command -v asterisk >/dev/null; }

wait_for_end() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    lives "$1" || return 0
    sleep 0.05
  done
  return 1
}

cmd_fault() {
  local name=$1 dir=$2 check
  [[ -r $dir/env ]] || die "no lab in $dir"
  load_env "$dir"
  local here=sip:$CARRIER_IP:$CARRIER_SIP
  find_asterisk || die "no Asterisk yet: run scripts/lab setup"
  case $name in
    wrong-password)
      set_trunk "$dir" "s/^password = .*/password = wrong/"
      check=(password_is "$dir" wrong) ;;
    right-password | trunk-back | endpoint-back)
      set_trunk "$dir" -e ''
      asterisk_cli pbx "$dir" 'pjsip qualify novofon' >/dev/null
      check=(trunk_ok "$dir") ;;
    trunk-auth-instead-of-outbound-auth)
      # of the endpoint only: the registration keeps its own
      set_trunk "$dir" '/^type = endpoint/,/^\[/s/^outbound_auth = /auth = /'
      check=(shape_is "$dir" "InAuth $here") ;;
    trunk-gone)
      set_trunk "$dir" "s/^contact = .*/contact = sip:$CARRIER_IP:9/"
      check=(shape_is "$dir" "OutAuth sip:$CARRIER_IP:9") ;;
    trunk-nowhere) # no host can have this address, and the kernel says so at once
      set_trunk "$dir" "s/^contact = .*/contact = sip:255.255.255.255:5060/"
      check=(shape_is "$dir" "OutAuth sip:255.255.255.255:5060") ;;
    endpoint-missing)
      set_trunk "$dir" '/^type = endpoint/,/^\[/{/^\[/!d}; 0,/^\[novofon\]$/{/^\[novofon\]$/d}'
      check=(shape_is "$dir" none) ;;
    no-outgoing) set_outgoing "$dir" <<<'; nothing' && check=(outgoing_is "$dir" none) ;;
    plain-outgoing) plain_outgoing | set_outgoing "$dir" && check=(outgoing_is "$dir" plain) ;;
    outgoing) set_outgoing "$dir" <"$dir/pbx/etc/extensions_outgoing.good" && check=(outgoing_is "$dir" ours) ;;
    pbx-kill | pbx-start | pbx-restart)
      stop_or_start_pbx "$name" "$dir"
      say "$name: done"
      return ;;
    pbx-freeze) signal_to pbx STOP ;;
    pbx-thaw) signal_to pbx CONT ;;
    carrier-freeze) signal_to front STOP ;;
    carrier-thaw) signal_to front CONT ;;
  esac
  wait_for 10 "$dir" "${check[@]}" || die "$name did not take effect; the trunk now: $(trunk_shape "$dir")"
  say "$name: done"
}
