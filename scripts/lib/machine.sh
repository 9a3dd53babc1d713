#!/usr/bin/env bash
# A machine with a real systemd, for tests of the service: this machine's own files below a layer that is
# thrown away, with processes, mounts, host name and control groups of its own. The network is shared, so
# that the lab's Asterisk is on its loopback. Nothing of it is left on this machine.
set -euo pipefail

SYSTEMD=/lib/systemd/systemd

die() { printf 'machine: %s\n' "$*" >&2; exit 1; }

usage() {
  cat <<'HELP'
Usage: scripts/lib/machine.sh possible       can there be one here? Needs root, systemd, and leave to mount
       scripts/lib/machine.sh up DIR         boots it; DIR is its folder on this machine, an empty one
       scripts/lib/machine.sh in DIR COMMAND...
                                             runs a command in it; this checkout is its /mnt/checkout,
                                             and DIR/share its /mnt/share
       scripts/lib/machine.sh down DIR
HELP
}

# The control groups of one machine, in a hierarchy that is mounted wherever this is run.
group() { printf '%s/machine-%s' "$1" "$(printf %s "$2" | cksum | cut -d ' ' -f 1)"; }

spaces() { unshare --mount --propagation private --fork "$@"; }

possible() {
  ((EUID == 0)) || die 'needs root'
  [[ -x $SYSTEMD ]] || die "there is no $SYSTEMD"
  command -v nsenter >/dev/null || die 'there is no nsenter'
  local try
  try=$(mktemp -d)
  # shellcheck disable=SC2016 # for the inner shell
  spaces --pid --cgroup bash -ec 'mount -t tmpfs tmpfs "$1"; mkdir "$1"/{upper,work,root,cgroup}
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
    mount -t cgroup2 cgroup2 "$1/cgroup"; mkdir "$1/cgroup/try-$$"; rmdir "$1/cgroup/try-$$"' - "$try" 2>&1 ||
    { rmdir "$try"; die 'namespaces, overlays or control groups are not for us here'; }
  rmdir "$try"
}

# In a mount namespace of its own; becomes the process that holds the machine.
launch() {
  local dir=$1 groups=$1/groups
  mkdir -p "$groups"
  mount -t cgroup2 cgroup2 "$groups"
  mkdir -p "$(group "$groups" "$dir")"
  echo $$ >"$(group "$groups" "$dir")/cgroup.procs"
  exec unshare --cgroup --pid --uts --ipc --fork --kill-child "$0" boot "$dir"
}

# The machine's first process, until systemd takes its place.
boot() {
  local dir=$1 root=$1/layer/root node checkout
  checkout=$(cd "$(dirname "$0")/../.." && pwd)
  umount "$dir/groups"
  mkdir "$dir/layer"
  mount -t tmpfs -o mode=755 tmpfs "$dir/layer"
  mkdir "$dir/layer/"{upper,work,root}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/layer/upper,workdir=$dir/layer/work" "$root"
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  mkdir "$root/dev/"{shm,pts}
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mkdir -p "$root/mnt/"{checkout,share}
  mount --bind "$checkout" "$root/mnt/checkout"
  mount --bind "$dir/share" "$root/mnt/share"
  # As after a fresh installation: no service of this machine's own, no novofon-bot, and an empty journal.
  rm -rf "$root"/etc/systemd/system/* "$root"/etc/rc?.d "$root"/var/log/journal "$root"/etc/fstab
  rm -rf "$root"/usr/bin/novofon-bot "$root"/etc/novofon-bot "$root"/var/lib/novofon-bot
  : >"$root/etc/machine-id"
  echo machine >"$root/etc/hostname"
  mkdir "$root/old"
  cd "$root"
  pivot_root . old
  umount -l /old
  rmdir /old
  # systemd hands credentials and private folders to services by mounts that spread.
  mount --make-rshared /
  # A container's systemd leaves devices, clock and kernel settings alone.
  exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin "$SYSTEMD" --unit=multi-user.target --show-status=no
}

# The process number of the machine's systemd, as this machine sees it.
init_of() { tr -d ' ' 2>/dev/null <"/proc/$1/task/$1/children"; }

# look TRIES PID DIR COMPLAINT: the next try, if there is one and the machine's holder lives
look() {
  ((TRIES++ < $1)) && kill -0 "$2" 2>/dev/null && sleep 0.05 && return
  cat "$3/out" >&2
  die "$4"
}

inside() {
  local dir=$1 init
  shift
  init=$(<"$dir/init")
  exec nsenter --target "$init" --mount --pid --cgroup --uts --ipc --root --wd "$@"
}

up() {
  local dir=$1 holder init
  TRIES=0
  mkdir -p "$dir/share"
  setsid unshare --mount --propagation private "$0" launch "$dir" >"$dir/out" 2>&1 </dev/null &
  holder=$!
  # unshare without --fork, setsid in a background job, launch: each becomes the next, one process.
  echo "$holder" >"$dir/pid"
  until init=$(init_of "$holder") && [[ -n $init && $(readlink "/proc/$init/exe") == */systemd ]]; do
    look 200 "$holder" "$dir" 'it did not boot'
  done
  echo "$init" >"$dir/init"
  until [[ $(inside "$dir" systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; do
    look 600 "$holder" "$dir" 'it is not up after 30 s'
  done
}

down() {
  local dir=$1 holder tries=0
  [[ -r $dir/pid ]] || return 0
  holder=$(<"$dir/pid")
  # With its holder the whole machine dies.
  if tr '\0' ' ' 2>/dev/null <"/proc/$holder/cmdline" | grep -qF -- "boot $dir"; then
    kill -KILL "$holder"
    while [[ -e /proc/$holder || -e /proc/$(<"$dir/init") ]] && ((tries++ < 100)); do sleep 0.05; done
  fi
  # shellcheck disable=SC2016 # for the inner shell
  spaces bash -c 'mount -t cgroup2 cgroup2 "$1/groups" && find "$2" -depth -type d -exec rmdir {} + 2>/dev/null' \
    - "$dir" "$(group "$dir/groups" "$dir")" || true
  rm -f "$dir/pid" "$dir/init"
}

case ${1:-} in
  possible) possible ;;
  up | launch | boot | down) "$1" "${2:?a folder}" ;;
  in) inside "${@:2}" ;;
  *) usage >&2; exit 2 ;;
esac
