# shellcheck shell=bash disable=SC2034,SC2016,SC2153 # what is found is used by the other parts
# Part of scripts/lab: getting an Asterisk onto the machine.

# Everything the lab and the tests need from the system: "command package", one a line.
LAB_PACKAGES='python3 python3
curl curl
flock util-linux
setpriv util-linux
dpkg-deb dpkg
xargs findutils'
# The archive's keys, needed only when Asterisk is fetched.
LAB_KEYRING=${LAB_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
# bookworm has no Asterisk; these suites have 22 LTS. The first that can be installed is taken.
LAB_SUITES=${LAB_SUITES:-sid testing}
# What "any" and "rootfs" mean, also after a DIR that was made with another.
LAB_ROOTFS_ANY=$LAB_ROOTFS LAB_SUITES_ANY=$LAB_SUITES
LAB_DEBS='asterisk asterisk-modules asterisk-core-sounds-en-wav asterisk-core-sounds-ru-wav'
# Raise it when what is unpacked below changes, so that old folders are made anew.
LAB_ROOTFS_RECIPE=1

missing_packages() {
  local command package
  while read -r command package; do
    command -v "$command" >/dev/null || echo "$package"
  done <<<"$LAB_PACKAGES" | sort -u
  [[ ${1:-} != keyring || -e $LAB_KEYRING ]] || echo debian-archive-keyring
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

apt_install() {
  local sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "missing packages: $*. Install them (apt-get install $*) and run this again."
    sudo=(sudo)
  fi
  say "$(in_language "installing $* (under a minute)" "ставлю пакеты: $* (меньше минуты)")"
  "${sudo[@]}" apt-get -q update >/dev/null
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends "$@" >/dev/null
}

# in_language ENGLISH RUSSIAN: for the lines that scripts/quickstart shows; it says which by LAB_LANG.
in_language() { if [[ ${LAB_LANG:-} == ru ]]; then printf '%s' "$2"; else printf '%s' "$1"; fi; }

# use_asterisk any|rootfs|16: which one is meant from here on
use_asterisk() {
  ASTERISK=$1
  case $ASTERISK in
    any | rootfs) LAB_ROOTFS=$LAB_ROOTFS_ANY LAB_SUITES=$LAB_SUITES_ANY ;;
    16) LAB_ROOTFS=$LAB_HOME/rootfs-16 LAB_SUITES=bullseye ;;
    *) die "LAB_ASTERISK is any, rootfs or 16, not: $ASTERISK" ;;
  esac
}

# Says where an Asterisk is: sets AST_KIND, AST_BIN (an array), AST_MODULES, AST_DATA, AST_SOUNDS.
# An Asterisk of the system is used only if it has all we need; its own configuration is not touched.
find_asterisk() {
  if [[ ${ASTERISK:-any} == any ]] && find_system_asterisk; then
    return 0
  fi
  find_rootfs_asterisk
}

find_system_asterisk() {
  local bin version
  bin=$(command -v asterisk || { [[ -x /usr/sbin/asterisk ]] && echo /usr/sbin/asterisk; }) || return 1
  AST_KIND=system AST_BIN=("$bin")
  version=$(asterisk_version)
  ((${version:-0} >= 16)) || return 1
  AST_MODULES=$(first_with chan_pjsip.so /usr/lib/*/asterisk/modules /usr/lib/asterisk/modules /usr/lib64/asterisk/modules) &&
    AST_DATA=$(first_with documentation /usr/share/asterisk /var/lib/asterisk) &&
    find_sounds "$AST_DATA/sounds" /var/lib/asterisk/sounds &&
    has_modules
}

asterisk_version() { "${AST_BIN[@]}" -V 2>/dev/null | sed -n 's/^Asterisk \(certified[-/]\)\?\([0-9]*\).*/\2/p'; }

find_rootfs_asterisk() {
  local root=$LAB_ROOTFS loader
  [[ -r $root/recipe && $(<"$root/recipe") == "$LAB_ROOTFS_RECIPE" ]] || return 1
  # /lib is a folder of its own in suites before the merged /usr
  loader=$(compgen -G "$root/usr/lib/*/ld-linux*.so.*" || compgen -G "$root/lib/*/ld-linux*.so.*") || return 1
  loader=${loader%%$'\n'*}
  local libs=${loader%/*}
  libs=$root/usr/lib/${libs##*/}
  AST_KIND=private
  # Debian's binary with Debian's own loader and libraries: no chroot, so no root and no mounts.
  AST_BIN=("$loader" --library-path "$libs:${loader%/*}:$root/usr/lib" "$root/usr/sbin/asterisk")
  AST_MODULES=$(first_with chan_pjsip.so "$libs/asterisk/modules" "$root/usr/lib/asterisk/modules") || return 1
  AST_DATA=$root/usr/share/asterisk
  find_sounds "$AST_DATA/sounds"
}

# first_with NAME DIR...: the first DIR that contains NAME
first_with() {
  local name=$1 dir
  shift
  for dir in "$@"; do
    [[ ! -e $dir/$name ]] || { echo "$dir"; return 0; }
  done
  return 1
}

# The system's own Python first: one in a home folder cannot be run by the lab's user.
python() { if [[ -x /usr/bin/python3 ]]; then echo /usr/bin/python3; else command -v python3; fi; }

# The English sounds are under "en" or under the voice's own name, depending on the packaging.
find_sounds() {
  local dir
  for dir in "$@"; do
    AST_SOUNDS=$(first_with hello-world.wav "$dir/en" "$dir"/en_* || first_with hello-world.gsm "$dir/en" "$dir"/en_*) && return 0
  done
  return 1
}

has_modules() {
  local module
  while read -r module; do
    [[ -e $AST_MODULES/$module || $module == res_websocket_client.so ]] || return 1
  done < <(needed_modules)
}

needed_modules() {
  sed -n 's/^load = //p' "$LAB_ROOT/asterisk-config/modules.conf"
}

# The mirror is the one this machine's own apt uses for Debian.
apt_mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian|Debian|//p' | head -n 1
}

# apt with lists and state of its own: the machine's packages and sources stay as they are.
private_apt() {
  local dir=$1
  shift
  apt-get -q -y -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
    -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null \
    -o APT::Install-Recommends=false -o APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User= \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

# download_asterisk DIR MIRROR SUITE
download_asterisk() {
  local dir=$1 mirror=$2 suite=$3
  rm -rf "$dir"
  mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
  : >"$dir/status"
  echo "deb [signed-by=$LAB_KEYRING] $mirror $suite main" >"$dir/sources.list"
  # shellcheck disable=SC2086 # a list of packages
  private_apt "$dir" update && private_apt "$dir" --download-only install $LAB_DEBS
}

fetch_asterisk() {
  local tmp=$LAB_ROOTFS.tmp mirror suite done=
  mirror=$(apt_mirror)
  [[ -n $mirror ]] || die "apt has no Debian source here. Install Asterisk 16 or newer from your distribution, with English sounds: it will be used."
  rm -rf "$tmp"
  mkdir -p "$tmp"
  for suite in $LAB_SUITES; do
    say "$(in_language "downloading Asterisk from Debian $suite (about 130 MB, 10 s to 2 min)" \
      "скачиваю Asterisk из Debian $suite (около 130 МБ, от 10 с до 2 мин)")"
    if download_asterisk "$tmp/apt" "$mirror" "$suite" >"$tmp/apt.log" 2>&1; then
      done=1
      break
    fi
    say "Debian $suite did not work: $(grep -m 1 -E '^(E|Err)' "$tmp/apt.log" || tail -n 1 "$tmp/apt.log")"
  done
  [[ -n $done ]] || die "could not download Asterisk; the last words of apt: $(tail -n 5 "$tmp/apt.log")"
  say "$(in_language 'unpacking (about 10 s, 320 MB)' 'распаковываю (около 10 с, 320 МБ)')"
  # Only unpacked: no script of a package runs, nothing is installed on the machine.
  mkdir "$tmp/root"
  find "$tmp/apt/cache/archives" -name '*.deb' -print0 | xargs -0 -P 4 -I{} dpkg-deb -x {} "$tmp/root"
  echo "$LAB_ROOTFS_RECIPE" >"$tmp/root/recipe"
  chmod -R a+rX "$tmp/root"
  rm -rf "$LAB_ROOTFS"
  mv "$tmp/root" "$LAB_ROOTFS"
  rm -rf "$tmp"
}

# A library that shows a process another time than the machine's, for tests of clocks that are stepped.
find_faketime() { first_with libfaketime.so.1 /usr/lib/*/faketime "$LAB_HOME"/faketime/usr/lib/*/faketime; }

# From the machine's own suite, because it is loaded into programs that use the machine's own libc.
fetch_faketime() {
  local dir=$LAB_HOME/faketime.tmp
  rm -rf "$dir"
  mkdir -p "$dir"
  (cd "$dir" && apt-get -q download -o APT::Sandbox::User= libfaketime >apt.log 2>&1) || {
    # Without the lists of packages there is nothing to download from.
    if ((EUID == 0)); then apt-get -q update; else sudo -n apt-get -q update; fi >"$dir/apt.log" 2>&1 || true
    (cd "$dir" && apt-get -q download -o APT::Sandbox::User= libfaketime >>apt.log 2>&1)
  } || die "could not download libfaketime: $(tail -n 3 "$dir/apt.log"). Install it from your distribution."
  dpkg-deb -x "$dir"/libfaketime_*.deb "$dir"
  rm -rf "$LAB_HOME/faketime"
  mv "$dir" "$LAB_HOME/faketime"
}

cmd_faketime() {
  mkdir -p "$LAB_HOME"
  exec 8>"$LAB_HOME/setup.lock"
  flock 8
  find_faketime >/dev/null || fetch_faketime
  echo "$(find_faketime || die "libfaketime was unpacked into $LAB_HOME/faketime, but it is not there")/libfaketime.so.1"
}

cmd_setup() {
  mkdir -p "$LAB_HOME"
  if [[ -z $(missing_packages) ]] && find_asterisk; then
    say "$(in_language "ready: Asterisk is there ($AST_KIND)" "готово: Asterisk есть ($AST_KIND)")"
    return 0
  fi
  install_packages
  if ! find_asterisk; then
    install_packages keyring
    exec 8>"$LAB_ROOTFS.lock"
    flock 8 # two checkouts or two terminals at once: the second waits and finds it done
    find_asterisk || fetch_asterisk
    exec 8>&-
    find_asterisk || die "Asterisk was unpacked into $LAB_ROOTFS but something is missing there"
  fi
  "${AST_BIN[@]}" -V >/dev/null || die "the Asterisk in $LAB_ROOTFS does not run on this machine"
  say "$(in_language ready готово): $("${AST_BIN[@]}" -V) ($AST_KIND)"
}
