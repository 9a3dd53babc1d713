# shellcheck shell=bash disable=SC2034 # names that scripts/lib/lab-run.sh goes by
# Part of scripts/offices: starting, stopping and telling how it is.

# For what comes from scripts/lab. Phones and offices first, so that a call's end is seen by somebody.
LAB_ASTERISKS=("${OFFICES[@]}" phones)
LAB_PROCESSES=("${OFFICES[@]/%/-sshd}" phones front "${OFFICES[@]}" pg)

start_office_asterisk() { # DIR NAME
  choose_user "$1"
  start "$2" "$1" "${AST_BIN[@]}" -C "$1/$2/etc/asterisk.conf" -f
}

offices_up() {
  local dir=$1 begin=${EPOCHREALTIME/./} before name
  exec 9>"$dir/lock"
  flock 9
  [[ $dir != /run/* && $dir != /var/run/* && $dir != /var/log/* && $dir != /mnt/* ]] ||
    die "not in $dir: an office's sshd sees other folders there"
  load_env "$dir"
  before=${ADDRESSES:-}
  default_office_env "$dir"
  require_tools
  if [[ $before == "$ADDRESSES" ]] && offices_healthy "$dir"; then
    say "already up: $(offices_summary "$dir")"
    return 0
  fi
  stop_offices "$dir"
  rm -f "$dir"/*.out "$dir"/*/log/messages.log
  rm -rf "$dir/heard"
  mkdir -p "$dir/heard"
  write_office_env "$dir"
  write_phones "$dir"
  for name in "${OFFICES[@]}"; do write_office "$dir" "$name"; done
  start_everything "$dir" || { stop_offices "$dir"; exit 1; }
  wait_for 60 "$dir" booted "$dir" || offices_failed "$dir" "an Asterisk did not start"
  settle_phones "$dir" || offices_failed "$dir" "the phones do not register"
  say "up in $(((${EPOCHREALTIME/./} - begin) / 1000)) ms: $(offices_summary "$dir")"
}

# All at once: two cores have enough to do while one waits for another's disk.
start_everything() { # DIR
  local dir=$1 name pids=() pid code=0
  choose_user "$dir"
  ((${#AS[@]} == 0)) || chown -R nobody:nogroup "$dir/heard"
  for name in phones "${OFFICES[@]}"; do start_office_asterisk "$dir" "$name"; done
  start_front "$dir"
  for name in "${OFFICES[@]}"; do
    (mkdir -p "$dir/$name-ssh" && echo yes >"$dir/$name-ssh/streamlocal" && write_ssh "$dir" "$name" && start_sshd "$dir" "$name") &
    pids+=($!)
  done
  (write_pg "$dir" && start_pg "$dir" && fill_pg "$dir") &
  pids+=($!)
  for pid in "${pids[@]}"; do wait "$pid" || code=$?; done
  return "$code"
}

# What an Asterisk cannot be made to do behind a trunk: an SDP that can't be used, a 487 that nobody asked for.
start_front() { # DIR
  rm -f "$1/phones/run/front.ready"
  CARRIER_PASSWORD=$JUNE_PHONE_PASSWORD start front "$1" "$(python)" "$LAB_LIB/carrier.py" --ip "$PHONES_IP" --port "$FRONT_SIP" \
    --back "$PHONES_SIP" --user front --log "$1/phones/log/front.log" --numbers "$NUMBERS" \
    --ready "$1/phones/run/front.ready"
  wait_for 10 "$1" test -e "$1/phones/run/front.ready" || offices_failed "$1" "the carrier's front did not start"
}

# Every phone answers after 300 ms, and every office knows where its phones are.
settle_phones() { # DIR
  local dir=$1 office desk
  for office in "${OFFICES[@]}"; do
    for desk in "${DESKS[@]}"; do set_phone "$dir" "$office-$desk" answer 300; done
    register_phones "$dir" "$office" 604800 "${DESKS[@]}" || return 1
  done
}

offices_failed() {
  local dir=$1
  tail -n 5 "$dir"/*.out "$dir"/*/log/messages.log >&2 2>/dev/null || true
  stop_offices "$dir"
  die "the offices did not come up: $2 (logs: $dir/*.out, $dir/*/log/messages.log). Is another lab on the same addresses?"
}

offices_healthy() { # DIR
  local name
  for name in "${LAB_PROCESSES[@]}"; do pid_of "$name" "$1" >/dev/null || return 1; done
  booted "$1" && pg_answers "$1"
}

offices_summary() {
  local office
  for office in "${OFFICES[@]}"; do
    printf '%s %s (ssh %s, AMI %s, ARI %s), ' "$office" "$(setting "$office" IP)" "$(setting "$office" SSH_PORT)" \
      "$(setting "$office" AMI_PORT)" "$(setting "$office" HTTP)"
  done
  echo "PostgreSQL $PG_IP:$PG_PORT, settings in $1/env"
}

stop_offices() { # DIR
  local name pid
  for name in "${OFFICES[@]}"; do
    stop_sshd "$1" "$name"
    if pid=$(pid_of "$name" "$1"); then kill -CONT "$pid"; fi
  done
  stop_pg "$1"
  stop_all "$1"
}

offices_down() {
  exec 9>"$1/lock"
  flock 9
  stop_offices "$1"
  say "down: $1"
}

offices_status() {
  local dir=$1 name bad=0
  open_office_env "$dir"
  for name in "${LAB_PROCESSES[@]}"; do
    pid_of "$name" "$dir" >/dev/null || { say "not running: $name"; bad=1; }
  done
  ((bad == 0)) || die "not all of it runs (scripts/offices up $dir)"
  say "running: $(offices_summary "$dir")"
}

do_cli() { # DIR OFFICE|phones COMMAND
  [[ ${2:-} == phones ]] || is_office "${2:-}"
  [[ -n ${3:-} ]] || die "usage: scripts/offices cli DIR OFFICE|phones 'COMMAND'"
  asterisk_cli "$2" "$1" "$3"
}
