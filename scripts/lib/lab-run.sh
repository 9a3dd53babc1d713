# shellcheck shell=bash
# Part of scripts/lab: starting, stopping and asking.

# Which Asterisks there are (folders of DIR), and which processes, the first to be stopped first.
LAB_ASTERISKS=(pbx carrier)
LAB_PROCESSES=(front pbx carrier)

lab_dir() {
  local dir=${1:-$LAB_HOME/run}
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  # Asterisk's control socket is DIR/carrier/run/asterisk.ctl, and the kernel allows 107 bytes.
  ((${#dir} <= 80)) || die "the path $dir is too long for a socket (80 characters at most)"
  echo "$dir"
}

# As root everything runs as nobody, if nobody can reach the folders; else as whoever we are.
choose_user() {
  local dir=$1
  AS=()
  ((EUID == 0)) || return 0
  chmod a+x "$dir"
  if setpriv --reuid=nobody --regid=nogroup --clear-groups \
    test -x "$dir" -a -r "$AST_MODULES" -a -r "$LAB_LIB/carrier.py" 2>/dev/null &&
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$(python)" -c '' 2>/dev/null; then
    AS=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    chown -R nobody:nogroup "${LAB_ASTERISKS[@]/#/$dir/}"
  fi
}

# start NAME DIR COMMAND...: in a session of its own, so that Ctrl-C in the terminal spares it
start() {
  local name=$1 dir=$2
  shift 2
  (
    exec 8>&- 9>&- # the locks are ours, not the daemons'
    ulimit -n "$(max_files)" 2>/dev/null || true
    cd "$dir" || exit
    echo "$BASHPID" >"$dir/$name.pid" # before the start, so that a kill between the two loses nobody
    exec setsid "${AS[@]}" "$@"
  ) >>"$dir/$name.out" 2>&1 </dev/null &
  until [[ -s $dir/$name.pid ]]; do sleep 0.01; done
}

# The process of a pid file, only if it is really ours: after a reboot the number may be another's.
pid_of() {
  local pid
  [[ -r $2/$1.pid ]] && pid=$(<"$2/$1.pid") && [[ -n $pid ]] &&
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$2/" && echo "$pid"
}

# Does a process live? One that has ended and that nobody has asked about yet has no words.
lives() {
  local first=
  { IFS= read -r -d '' first <"/proc/$1/cmdline"; } 2>/dev/null
  [[ -n $first ]]
}

asterisk_cli() { # pbx|carrier DIR COMMAND
  "${AST_BIN[@]}" -C "$2/$1/etc/asterisk.conf" -rx "$3"
}

start_all() {
  local dir=$1
  start carrier "$dir" "${AST_BIN[@]}" -C "$dir/carrier/etc/asterisk.conf" -f
  CARRIER_PASSWORD=$TRUNK_PASSWORD start front "$dir" "$(python)" "$LAB_LIB/carrier.py" --ip "$CARRIER_IP" \
    --port "$CARRIER_SIP" --back "$CARRIER_BACK" --user "$TRUNK_LOGIN" --log "$CARRIER_LOG" --numbers "$NUMBERS" \
    --ready "$dir/carrier/ready"
  # The PBX last: a REGISTER or OPTIONS that finds nobody there is repeated seconds later.
  wait_for 10 "$dir" test -e "$dir/carrier/ready" || explain_failure "$dir" "the carrier's front did not start"
  start pbx "$dir" "${AST_BIN[@]}" -C "$dir/pbx/etc/asterisk.conf" -f
}

# wait_for SECONDS DIR COMMAND...: until it succeeds, or time is over, or one of ours is dead
wait_for() {
  local until=$((SECONDS + $1)) dir=$2 name
  shift 2
  until "$@"; do
    ((SECONDS < until)) || return 1
    for name in "${LAB_PROCESSES[@]}"; do
      [[ -e $dir/$name.pid ]] || continue
      pid_of "$name" "$dir" >/dev/null || { sleep 0.3; pid_of "$name" "$dir" >/dev/null || return 1; }
    done
    sleep 0.05
  done
}

booted() { # DIR: all have finished loading
  local name
  for name in "${LAB_ASTERISKS[@]}"; do
    [[ -S $1/$name/run/asterisk.ctl ]] &&
      asterisk_cli "$name" "$1" 'core waitfullybooted' 2>/dev/null | grep -q 'fully booted' || return 1
  done
}

trunk_is() { # DIR STATUS: of the trunk's contact: Avail, Unavail, NonQual
  asterisk_cli pbx "$1" 'pjsip show contacts' | grep -Eq "novofon/sip:.* $2"
}

registered() { asterisk_cli pbx "$1" 'pjsip show registrations' | grep -q 'novofon.* Registered'; }

explain_failure() {
  local dir=$1
  tail -n 5 "$dir"/*.out "$dir"/*/log/messages.log >&2 2>/dev/null || true
  stop_all "$dir"
  die "the lab did not come up: $2 (logs: $dir/*.out, $dir/*/log/messages.log). Is another lab on the same addresses?"
}

cmd_up() {
  local dir=$1 begin=${EPOCHREALTIME/./}
  exec 9>"$dir/lock"
  flock 9
  load_env "$dir"
  local before="${ASTERISK:-} ${PBX_IP:-} ${PBX_SIP:-} ${PBX_HTTP:-} ${CARRIER_IP:-} ${CARRIER_SIP:-} ${CARRIER_BACK:-} ${CARRIER_HTTP:-}"
  default_env "$dir"
  find_asterisk || die "no Asterisk yet: run scripts/lab setup"
  if [[ $before == "$ASTERISK $PBX_IP $PBX_SIP $PBX_HTTP $CARRIER_IP $CARRIER_SIP $CARRIER_BACK $CARRIER_HTTP" ]] && healthy "$dir"; then
    say "already up: $(summary "$dir")"
    return 0
  fi
  stop_all "$dir"
  rm -f "$dir"/*.out "$dir/carrier/ready" "$dir"/*/log/messages.log
  write_pbx "$dir"
  write_carrier "$dir"
  : >"$CARRIER_LOG"
  write_env "$dir"
  choose_user "$dir"
  start_all "$dir"
  wait_for 60 "$dir" booted "$dir" || explain_failure "$dir" "an Asterisk did not start"
  # By itself Asterisk sends its first OPTIONS at some moment of the first minute.
  asterisk_cli pbx "$dir" 'pjsip qualify novofon' >/dev/null
  wait_for 20 "$dir" trunk_is "$dir" Avail || explain_failure "$dir" "the trunk is not available"
  wait_for 20 "$dir" registered "$dir" || explain_failure "$dir" "the trunk is not registered"
  say "up in $(((${EPOCHREALTIME/./} - begin) / 1000)) ms: $(summary "$dir")"
}

summary() {
  echo "PBX $PBX_ARI_URL (SIP $PBX_IP:$PBX_SIP), carrier $CARRIER_IP:$CARRIER_SIP, settings in $1/env"
}

healthy() {
  pid_of pbx "$1" >/dev/null && pid_of carrier "$1" >/dev/null && pid_of front "$1" >/dev/null &&
    trunk_is "$1" Avail 2>/dev/null
}

stop_all() {
  local dir=$1 name pid pids=()
  for name in "${LAB_PROCESSES[@]}"; do
    if pid=$(pid_of "$name" "$dir"); then
      kill "$pid" 2>/dev/null || true
      pids+=("$pid")
    fi
    rm -f "$dir/$name.pid"
  done
  local tries=0
  for pid in "${pids[@]}"; do
    while lives "$pid" && ((tries++ < 60)); do sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

cmd_down() {
  exec 9>"$1/lock"
  flock 9
  stop_all "$1"
  say "down: $1"
}

cmd_status() {
  local dir=$1 name
  [[ -r $dir/env ]] || die "no lab in $dir"
  load_env "$dir"
  find_asterisk || die "no Asterisk yet: run scripts/lab setup"
  for name in pbx carrier front; do
    pid_of "$name" "$dir" >/dev/null || die "not running: $name (scripts/lab up)"
  done
  asterisk_cli pbx "$dir" 'pjsip show contacts' | sed -n 's/^ *Contact: *novofon/lab: trunk novofon/p'
  say "running: $(summary "$dir")"
}

cmd_cli() {
  local name=${1:-} dir='' command=${2:-}
  # With -rx before the command it stands for `asterisk`, where a console is asked for (doctor --cli, ASTERISK_CLI).
  if [[ ${3:-} == -rx ]]; then set -- "$1" "$2" "${4:-}"; fi
  if (($# >= 3)); then dir=$2 command=$3; fi
  [[ $name =~ ^(pbx|carrier)$ && -n $command ]] || die "usage: scripts/lab cli pbx|carrier [DIR] 'COMMAND'"
  dir=$(lab_dir "$dir")
  load_env "$dir"
  find_asterisk || die "no Asterisk yet: run scripts/lab setup"
  asterisk_cli "$name" "$dir" "$command"
}

cmd_calls() { cat "$1/carrier/calls.log"; }
