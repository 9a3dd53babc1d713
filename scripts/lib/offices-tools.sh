# shellcheck shell=bash
# Part of scripts/offices: sshd, ssh, sshpass, PostgreSQL and nginx, of the machine or unpacked into .lab/tools.
# Installing the servers would start them on an operator's machine; unpacked, they only lie there.

LAB_TOOLS=${LAB_TOOLS:-$LAB_HOME/tools}
# "command package", one a line.
OFFICES_TOOLS='sshd openssh-server
ssh openssh-client
ssh-keygen openssh-client
sshpass sshpass
postgres postgresql
psql postgresql-client
nginx nginx'
# What the packages bring along for installing, and the JIT compiler of PostgreSQL, which nobody here needs.
OFFICES_NOT='^(libllvm|libz3|perl|libperl|liberror|lib.*-perl|ssl-cert|init-system-helpers|debconf|ucf|adduser|locales|runit|libc-l10n|logrotate|sysstat|cron|lsb-|libnginx|iproute|systemd|sysvinit|procps)'

# tool NAME: where it is. PostgreSQL's own folder before /usr/bin, where Debian has wrappers in Perl.
tool() {
  local dir
  for dir in $(pg_folders "$1") /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin "$LAB_TOOLS/usr/bin" "$LAB_TOOLS/usr/sbin"; do
    [[ ! -x $dir/$1 ]] || { echo "$dir/$1"; return 0; }
  done
  return 1
}

pg_folders() {
  case $1 in
    postgres | initdb | psql | pg_ctl) printf '%s\n' /usr/lib/postgresql/*/bin "$LAB_TOOLS"/usr/lib/postgresql/*/bin | sort -rV ;;
  esac
}

# The libraries that came with the unpacked programs, for those only.
tool_libraries() {
  [[ $1 != "$LAB_TOOLS"/* ]] || { compgen -G "$LAB_TOOLS/lib/*-linux-gnu*"; compgen -G "$LAB_TOOLS/usr/lib/*-linux-gnu*"; } | paste -sd :
}

# with_tool NAME ARGUMENT...: runs it
with_tool() {
  local path libraries
  path=$(tool "$1") || die "no $1 yet: run scripts/offices setup"
  libraries=$(tool_libraries "$path")
  shift
  if [[ -n $libraries ]]; then LD_LIBRARY_PATH=$libraries "$path" "$@"; else "$path" "$@"; fi
}

missing_tools() {
  local name package
  while read -r name package; do
    tool "$name" >/dev/null || echo "$package"
  done <<<"$OFFICES_TOOLS" | sort -u
}

# fetch_tools PACKAGE...: with those of their dependencies that the machine lacks, in the machine's own
# versions, since they are loaded beside the machine's own libc.
fetch_tools() {
  local tmp=$LAB_TOOLS.tmp names
  rm -rf "$tmp"
  mkdir -p "$tmp/debs" "$tmp/unpacked"
  say "downloading $* (under a minute)"
  (cd "$tmp/debs" && download_missing "$@") >"$tmp/apt.log" 2>&1 || {
    # Old lists of packages name files that the archive no longer has.
    { if ((EUID == 0)); then apt-get -q update; else sudo -n apt-get -q update; fi
      cd "$tmp/debs" && download_missing "$@"; } >>"$tmp/apt.log" 2>&1
  } || die "could not download $*: $(tail -n 3 "$tmp/apt.log"). Install them from your distribution."
  names=("$tmp"/debs/*.deb)
  printf '%s\0' "${names[@]}" | xargs -0 -P 4 -I{} dpkg-deb -x {} "$tmp/unpacked"
  chmod -R a+rX "$tmp/unpacked"
  # Beside what an earlier run has brought: another program may be missing now.
  mkdir -p "$LAB_TOOLS"
  cp -a --remove-destination "$tmp/unpacked/." "$LAB_TOOLS/"
  rm -rf "$tmp"
}

download_missing() {
  local names
  names=$(apt-get -s -o Debug::NoLocking=1 -o APT::Install-Recommends=false -y install "$@" |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vE "$OFFICES_NOT") || return
  # shellcheck disable=SC2086 # a list of packages
  apt-get -q download -o APT::Sandbox::User= $names
}

offices_setup() {
  local missing
  use_asterisk "${LAB_ASTERISK:-any}"
  cmd_setup
  mkdir -p "$LAB_HOME"
  exec 8>"$LAB_TOOLS.lock"
  flock 8 # two checkouts or two terminals at once: the second waits and finds it done
  mapfile -t missing < <(missing_tools)
  ((${#missing[@]} == 0)) || fetch_tools "${missing[@]}"
  mapfile -t missing < <(missing_tools)
  ((${#missing[@]} == 0)) || die "there is no ${missing[*]}, even after unpacking into $LAB_TOOLS"
  exec 8>&-
  say "ready: $(with_tool ssh -V 2>&1 | sed 's/[, ].*//'), $(with_tool postgres --version), $(with_tool nginx -v 2>&1 | sed 's/.*: //')"
}

offices_possible() {
  ((EUID == 0)) || die "it needs root: each sshd has a mount namespace and a password file of its own (try: sudo scripts/offices ...)"
  unshare --mount --pid --fork true 2>/dev/null ||
    die "it needs the right to make mount and process namespaces, which this machine's root has not (a container without CAP_SYS_ADMIN?)"
}

# What "up" cannot do without, told before anything is started.
require_tools() {
  local missing
  offices_possible
  find_asterisk || die "no Asterisk yet: run scripts/offices setup"
  mapfile -t missing < <(missing_tools)
  ((${#missing[@]} == 0)) || die "no ${missing[*]} yet: run scripts/offices setup"
}
