# shellcheck shell=bash source-path=SCRIPTDIR
# What scripts/quickstart and scripts/test share: what a fresh machine needs, the build, the bot as a
# process. The caller has set ROOT (the checkout), `say` and `die`.

# The names that scripts/lib/lab-setup.sh goes by.
export LAB_HOME=${LAB_HOME:-$ROOT/.lab}
# shellcheck disable=SC2034 # used there
LAB_ROOT=$ROOT LAB_ROOTFS=${LAB_ROOTFS:-$LAB_HOME/rootfs}
# shellcheck source=lab-setup.sh
. "$ROOT/scripts/lib/lab-setup.sh"
# shellcheck source=bots.sh
. "$ROOT/scripts/lib/bots.sh"

VENV=$ROOT/.venv
SCHEMATHESIS='schemathesis>=4.32,<5'

# Everything that is missing, in one go, so that apt is asked at most once.
# need build|test|fuzz|flood...: the lab's packages, and for "build" a C compiler, for "test" the tests' tools, for
# "asterisk_16" the archive's keys, for "fuzz" a C++ compiler.
install_needed() {
  local missing kind
  mapfile -t missing < <(
    missing_packages "$(find_asterisk || echo keyring)"
    for kind in "$@"; do "missing_for_$kind"; done
  )
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
}

# The oldest Asterisk is unpacked whatever the system has.
missing_for_asterisk_16() { [[ -e $LAB_KEYRING ]] || (use_asterisk 16; find_asterisk) || echo debian-archive-keyring; }

missing_for_build() { command -v cc >/dev/null || printf '%s\n' gcc libc6-dev; }

# libFuzzer is written in C++.
missing_for_fuzz() { command -v c++ >/dev/null || printf '%s\n' g++; }

# Debian's Python comes without what makes a venv; another Python has it.
missing_for_flood() { python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv; }

missing_for_test() {
  command -v shellcheck >/dev/null || echo shellcheck
  [[ -x $VENV/bin/schemathesis ]] || missing_for_flood
}

find_cargo() {
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null ||
    die 'no cargo: install Rust with rustup (https://rustup.rs; the cargo of Debian 12 is too old) and run this again.'
}

# cargo-nextest comes with no Debian package: built once (2 to 4 minutes), kept by cargo.
install_nextest() {
  command -v cargo-nextest >/dev/null || cargo install --quiet --locked cargo-nextest
}

# In a folder of the checkout; the machine's Python stays as it is.
install_schemathesis() {
  [[ -x $VENV/bin/schemathesis ]] && "$VENV/bin/schemathesis" --version >/dev/null 2>&1 && return
  rm -rf "$VENV"
  python3 -m venv "$VENV" && "$VENV/bin/pip" install --quiet --disable-pip-version-check "$SCHEMATHESIS"
}

# build_bot FILE: what cargo tells about the build goes to FILE, its progress to stderr.
build_bot() {
  cargo build --locked --manifest-path "$ROOT/Cargo.toml" --bin novofon-bot \
    --message-format=json-render-diagnostics >"$1"
}

# built_bot FILE: the path of the program
built_bot() { sed -n 's/.*"executable":"\([^"]*\/novofon-bot\)".*/\1/p' "$1" | tail -n 1; }

# ports_free IP:PORT/udp|tcp...: can all of them be bound?
ports_free() {
  "$(python)" - "$@" <<'PY'
import socket, sys
for wish in sys.argv[1:]:
    address, kind = wish.split("/")
    ip, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as s:
        if kind == "tcp":  # as servers do it: a connection of the past is no hindrance
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((ip, int(port)))
        except OSError:
            sys.exit(1)
PY
}

# free_port FIRST LAST: the first TCP port of 127.0.0.1 that can be listened on
free_port() {
  local port
  for ((port = $1; port <= $2; port++)); do
    ports_free "127.0.0.1:$port/tcp" && echo "$port" && return
  done
  return 1
}

# Picks addresses on loopback for the lab in DIR: FIRST (127.0.0.FIRST and the next) or later ones, and
# other ports where somebody listens on all addresses. Exports LAB_*, which "scripts/lab up" goes by.
pick_addresses() { # DIR FIRST
  local dir=$1 n pbx carrier shift
  if [[ -r $dir/env ]] && "$ROOT/scripts/lab" status "$dir" >/dev/null 2>&1; then
    keep_addresses "$dir"
    return
  fi
  "$ROOT/scripts/lab" down "$dir" >/dev/null 2>&1 || true
  for shift in 0 10000 20000; do
    for n in "$2" $((100 + $2)) $((150 + $2)) $((200 + $2)); do
      pbx=127.0.0.$n carrier=127.0.0.$((n + 1))
      export LAB_PBX_IP=$pbx LAB_PBX_SIP=$((5060 + shift)) LAB_PBX_HTTP=$((8088 + shift))
      export LAB_CARRIER_IP=$carrier LAB_CARRIER_SIP=$((5060 + shift)) LAB_CARRIER_BACK=$((5062 + shift))
      export LAB_CARRIER_HTTP=$((8089 + shift))
      if ports_free "$pbx:$LAB_PBX_SIP/udp" "$pbx:$LAB_PBX_HTTP/tcp" "$carrier:$LAB_CARRIER_SIP/udp" \
        "$carrier:$LAB_CARRIER_BACK/udp" "$carrier:$LAB_CARRIER_HTTP/tcp"; then
        return 0
      fi
    done
  done
  return 1
}

# A running lab stays where it is.
keep_addresses() {
  local name ASTERISK=any # which labs of former versions did not write down
  # shellcheck disable=SC1091
  . "$1/env"
  for name in ASTERISK PBX_IP PBX_SIP PBX_HTTP CARRIER_IP CARRIER_SIP CARRIER_BACK CARRIER_HTTP; do
    export "LAB_$name=${!name}"
  done
}

# Picks addresses for the offices in DIR: four in a row from 127.0.3.FIRST, or later ones, or other ports.
# Exports OFFICES_*, which "scripts/offices up" goes by.
pick_offices() { # DIR FIRST
  local dir=$1 n shift office wishes
  export OFFICES_FIRST OFFICES_SHIFT
  if [[ -r $dir/env ]] && "$ROOT/scripts/offices" status "$dir" >/dev/null 2>&1; then
    { read -r OFFICES_FIRST; read -r OFFICES_SHIFT; } < <("$ROOT/scripts/offices" settings "$dir" JUNE_IP OFFICES_SHIFT_NOW)
    return
  fi
  [[ ! -r $dir/env ]] || "$ROOT/scripts/offices" down "$dir" >/dev/null 2>&1 || true
  for shift in 0 10000 20000; do
    for n in "$2" $((60 + $2)) $((120 + $2)) $((180 + $2)); do
      wishes=("127.0.3.$((n + 2)):$((5060 + shift))/udp" "127.0.3.$((n + 3)):$((5432 + shift))/tcp")
      for office in "$n" $((n + 1)); do
        wishes+=("127.0.3.$office:$((5060 + shift))/udp" "127.0.3.$office:$((5061 + shift))/udp" "127.0.3.$office:$((5059 + shift))/tcp"
          "127.0.3.$office:$((5038 + shift))/tcp" "127.0.3.$office:$((8088 + shift))/tcp")
      done
      if ports_free "${wishes[@]}"; then
        OFFICES_FIRST=127.0.3.$n OFFICES_SHIFT=$shift
        return 0
      fi
    done
  done
  return 1
}

# The bot of DIR as a process: the one that runs with DIR's configuration, whoever has started it.
bot_pid() {
  local pids
  pids=$(bots_of "$1/bot.toml")
  [[ -n $pids ]] && printf '%s\n' "${pids%%$'\n'*}"
}

# start_bot DIR URL: from $BIN, in a session of its own; returns when it is ready.
start_bot() {
  local dir=$1 url=$2 pid until
  (
    exec 7>&- # the lock of the caller
    exec setsid "$BIN" serve --config "$dir/bot.toml"
  ) >>"$dir/bot.log" 2>&1 </dev/null &
  until=$((SECONDS + 30))
  pid=$!
  disown "$pid"
  until curl -fsS --noproxy '*' --max-time 2 -o /dev/null "$url/health/ready" 2>/dev/null; do
    ((SECONDS < until)) && kill -0 "$pid" 2>/dev/null || return 1
    sleep 0.1
  done
}

stop_bot() {
  local pid tries=0
  if pid=$(bot_pid "$1"); then
    kill "$pid" 2>/dev/null || true
    # It hangs up live calls after service.stop_timeout, and writes what is to be written.
    while readlink "/proc/$pid/exe" >/dev/null && ((tries++ < 100)); do sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  fi
}

# bot_config DIR LISTEN [LINE...]: the configuration of a bot on the lab in DIR, for our eyes only
bot_config() {
  local dir=$1 listen=$2
  shift 2
  # shellcheck disable=SC1091
  . "$dir/env"
  (
    umask 077
    cat >"$dir/bot.toml.tmp" <<CONF
[http]
listen = "$listen"
[ari]
url = "$PBX_ARI_URL"
username = "$PBX_ARI_USER"
password = "$PBX_ARI_PASSWORD"
[trunk]
caller_id = "$CALLER_ID"
[service]
stop_timeout = 3
[store]
url = "sqlite://$dir/bot.db"
CONF
    (($# == 0)) || printf '%s\n' "$@" >>"$dir/bot.toml.tmp"
  )
  mv "$dir/bot.toml.tmp" "$dir/bot.toml"
}
