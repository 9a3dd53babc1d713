# shellcheck shell=bash disable=SC2034 # AS and LAB_PROCESSES are what lab-run.sh goes by
# Part of scripts/offices: a real sshd for each office, in namespaces of its own: its root has another
# password than this machine's, /var/run/asterisk is its office's, and ending one process ends its sessions.

write_ssh() { # DIR OFFICE
  local dir=$1 office=$2 base=$1/$2-ssh password
  mkdir -p "$base"/{bin,home}
  chmod 755 "$base" "$base/bin"
  [[ -e $base/host_ed25519 ]] || new_host_keys "$base"
  [[ -e $base/client_key ]] || with_tool ssh-keygen -q -t ed25519 -N '' -C "office $office" -f "$base/client_key"
  cp "$base/client_key.pub" "$base/authorized_keys"
  write_known_hosts "$office" "$base"
  # root lives here, so that this machine's own /root is neither read nor written.
  sed "s|^root:.*|root:x:0:0:root:$base/home:/bin/bash|" /etc/passwd >"$base/passwd"
  grep -q '^sshd:' "$base/passwd" || echo 'sshd:x:22022:65534::/run/sshd:/usr/sbin/nologin' >>"$base/passwd"
  chmod 644 "$base/passwd"
  password=$(setting "$office" SSH_PASSWORD)
  printf '%s' "${password:-}" | set_shadow "$base"
  # What a shell finds as "asterisk": with the paths, and so the words, of a usual host.
  sed 's|^astrundir => .*|astrundir => /var/run/asterisk|' "$dir/$office/etc/asterisk.conf" >"$base/asterisk.conf"
  { echo '#!/bin/sh'
    printf 'exec'; printf ' %q' "${AST_BIN[@]}" -C "$base/asterisk.conf"; echo ' "$@"'; } >"$base/bin/asterisk"
  chmod 755 "$base/bin/asterisk"
  write_sshd_config "$office" "$base" "$(<"$base/streamlocal")"
}

new_host_keys() { # FOLDER
  local kind pids=() pid
  rm -f "$1"/host_*
  for kind in 'ed25519' 'ecdsa' 'rsa -b 2048'; do
    # shellcheck disable=SC2086 # a kind and its size
    with_tool ssh-keygen -q -t $kind -N '' -C host -f "$1/host_${kind%% *}" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
}

write_known_hosts() { # OFFICE FOLDER
  local key
  for key in "$2"/host_*.pub; do
    printf '[%s]:%s %s\n' "$(setting "$1" IP)" "$(setting "$1" SSH_PORT)" "$(cut -d ' ' -f 1,2 "$key")"
  done >"$2/known_hosts"
}

# The password comes on stdin. The file is written where it lies, for it is mounted into a namespace.
set_shadow() { # FOLDER
  local hash
  # Debian always has this much of Perl.
  if command -v perl >/dev/null; then hash=$(perl -e 'print crypt(<STDIN>, "\$6\$" . $ARGV[0])' "$(random)"); else hash=$(openssl passwd -6 -stdin); fi
  printf 'root:%s:19000:0:99999:7:::\n' "$hash" >"$1/shadow.new"
  chmod 600 "$1/shadow.new"
  cat "$1/shadow.new" >"$1/shadow"
  rm "$1/shadow.new"
}

# MaxStartups and MaxSessions are left as OpenSSH has them, so that their limits are met here too.
write_sshd_config() { # OFFICE FOLDER yes|no
  cat >"$2/sshd_config" <<CONF
Port $(setting "$1" SSH_PORT)
ListenAddress $(setting "$1" IP)
HostKey "$2/host_ed25519"
HostKey "$2/host_ecdsa"
HostKey "$2/host_rsa"
PidFile none
PermitRootLogin yes
PasswordAuthentication yes
PubkeyAuthentication yes
KbdInteractiveAuthentication no
AuthorizedKeysFile "$2/authorized_keys"
StrictModes no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
AllowStreamLocalForwarding $3
SetEnv "PATH=$2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONF
  # OpenSSH 9.8 and newer: parts of their own, and penalties for failures, which tests make on purpose.
  local part
  for part in session auth; do
    [[ ! -x $LAB_TOOLS/usr/lib/openssh/sshd-$part || $(tool sshd) != "$LAB_TOOLS"/* ]] ||
      printf 'Sshd%sPath "%s"\n' "${part^}" "$LAB_TOOLS/usr/lib/openssh/sshd-$part" >>"$2/sshd_config"
  done
  if with_tool sshd -G -f "$2/sshd_config" -o PerSourcePenalties=no >/dev/null 2>&1; then echo 'PerSourcePenalties no' >>"$2/sshd_config"; fi
}

start_sshd() { # DIR OFFICE
  local dir=$1 office=$2 path AS=() LAB_PROCESSES=("$2-sshd")
  path=$(tool sshd)
  start "$office-sshd" "$dir" unshare --mount --propagation private --pid --fork --kill-child \
    "$LAB_ROOT/scripts/offices" inside-sshd "$dir/$office-ssh" "$dir/$office/run" "$path" "$(tool_libraries "$path")"
  wait_for 20 "$dir" answers "$(setting "$office" IP)" "$(setting "$office" SSH_PORT)" ||
    die "the sshd of $office did not start: $(tail -n 3 "$dir/$office-sshd.out")"
}

# In the namespaces. /run is an empty one, with what sshd and the console look for; /var/log is nobody's.
inside_sshd() { # FOLDER RUN SSHD LIBRARIES
  local base=$1 run=$2 path=$3 libraries=$4
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -m 755 /run/sshd
  ln -s "$run" /run/asterisk
  [[ -L /var/run ]] || mount --bind /run /var/run
  mount -t tmpfs -o mode=755 tmpfs /var/log
  mount --bind "$base/passwd" /etc/passwd
  mount --bind "$base/shadow" /etc/shadow
  [[ -z $libraries ]] || export LD_LIBRARY_PATH=$libraries
  unset "${!LAB_@}" "${!OFFICES_@}"
  # The last words stand for DIR in the list of processes, by which "down" knows it.
  exec "$path" -D -e -f "$base/sshd_config"
}

# Is a TCP port listened on?
answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# All processes of an office's sshd: those in its process namespace, each with its number there. Number 1
# is the listener.
sshd_processes() { # DIR OFFICE
  local parent space process
  parent=$(pid_of "$2-sshd" "$1") && space=$(readlink "/proc/$parent/ns/pid_for_children") || return 0
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/ns/pid" 2>/dev/null) != "$space" ]] ||
      sed -n 's/^NSpid:\t\([0-9]*\)\t.*\<\([0-9]*\)$/\1 \2/p' "$process/status" 2>/dev/null || true
  done
}

# Kills it with all its sessions: the kernel ends a process namespace with its first process.
stop_sshd() { # DIR OFFICE
  local parent process processes
  if parent=$(pid_of "$2-sshd" "$1"); then
    mapfile -t processes < <(sshd_processes "$1" "$2" | cut -d ' ' -f 1)
    kill -KILL "$parent" 2>/dev/null || true
    for process in "$parent" "${processes[@]}"; do wait_for_end "$process" || die "the sshd of $2 did not end"; done
  fi
  rm -f "$1/$2-sshd.pid"
}

# By password, as the service of old did it.
do_ssh() { # DIR OFFICE COMMAND...
  local office=${2:-}
  is_office "$office"
  shift 2
  SSHPASS=$(setting "$office" SSH_PASSWORD) with_tool sshpass -e "$(tool ssh)" -F none -p "$(setting "$office" SSH_PORT)" \
    -o UserKnownHostsFile="$(setting "$office" KNOWN_HOSTS)" -o ConnectTimeout=10 -o PubkeyAuthentication=no \
    -o LogLevel=ERROR "root@$(setting "$office" IP)" "$@"
}
