# shellcheck shell=bash disable=SC2034 # LAB_PROCESSES is what wait_for goes by
# Part of scripts/offices: breaking it on purpose, and repairing it. Each command ends when its effect is
# there, and can be given twice.

# A fault's own deeds are no failure of the lab.
until_true() { # SECONDS DIR COMMAND...
  local LAB_PROCESSES=()
  wait_for "$@"
}

# office_fault DIR OFFICE: what all of them begin with; two at once would be in each other's way
office_fault() {
  is_office "${2:-}"
  exec 9>"$1/lock"
  flock 9
}

do_host_down() { # DIR OFFICE
  office_fault "$@"
  stop_sshd "$1" "$2"
  kill_asterisk "$1" "$2" KILL
}

do_host_up() { # DIR OFFICE
  office_fault "$@"
  pid_of "$2-sshd" "$1" >/dev/null || start_sshd "$1" "$2"
  start_asterisk_again "$1" "$2"
}

kill_asterisk() { # DIR OFFICE SIGNAL
  local pid
  if pid=$(pid_of "$2" "$1"); then
    [[ $3 == KILL ]] || kill -CONT "$pid"
    kill -"$3" "$pid"
    wait_for_end "$pid" || die "the Asterisk of $2 did not end"
  fi
  rm -f "$1/$2.pid"
}

start_asterisk_again() { # DIR OFFICE
  local LAB_PROCESSES=("$2") LAB_ASTERISKS=("$2")
  pid_of "$2" "$1" >/dev/null || start_office_asterisk "$1" "$2"
  wait_for 60 "$1" booted "$1" || die "the Asterisk of $2 did not start"
  # It remembers where its phones were, unless it was killed too soon; they say it again either way.
  local desk on=()
  for desk in "${DESKS[@]}"; do is_switched_off "$1" "$2-$desk" || on+=("$desk"); done
  ((${#on[@]} == 0)) || register_phones "$1" "$2" 604800 "${on[@]}" || die "the phones of $2 do not register"
}

is_switched_off() { phones_cli "$1" "database get phones $2" | grep -q 'Value: off'; }

do_asterisk_stop() { office_fault "$@"; kill_asterisk "$1" "$2" TERM; }

do_asterisk_kill() { office_fault "$@"; kill_asterisk "$1" "$2" KILL; }

do_asterisk_start() { office_fault "$@"; start_asterisk_again "$1" "$2"; }

do_asterisk_freeze() { signal_asterisk "$1" "$2" STOP; }

do_asterisk_thaw() { signal_asterisk "$1" "$2" CONT; }

signal_asterisk() { # DIR OFFICE SIGNAL
  local dir=$1 check=()
  office_fault "$@"
  signal_to "$2" "$3"
  until_true 10 "$dir" "${check[@]}" || die "the Asterisk of $2 did not take the signal $3"
}

# All of it stands still: what connects is accepted by the kernel, and hears nothing.
do_ssh_hang() { office_fault "$@"; signal_sshd "$1" "$2" STOP all; }

do_ssh_hang_new() { office_fault "$@"; signal_sshd "$1" "$2" STOP listener; }

do_ssh_thaw() { office_fault "$@"; signal_sshd "$1" "$2" CONT all; }

signal_sshd() { # DIR OFFICE SIGNAL all|listener
  local process inner
  while read -r process inner; do
    [[ $4 == all || $inner == 1 ]] || continue
    kill -"$3" "$process" 2>/dev/null || continue
    if [[ $3 == STOP ]]; then until_true 10 "$1" stopped_or_gone "$process"; else until_true 10 "$1" awake_or_gone "$process"; fi ||
      die "the sshd of $2 did not take the signal $3"
  done < <(sshd_processes "$1" "$2")
}

stopped_or_gone() { ! lives "$1" || is_stopped "$1"; }

awake_or_gone() { ! lives "$1" || is_awake "$1"; }

# Its connections are cut: every process but the listener.
do_ssh_drop() { # DIR OFFICE
  local process inner
  office_fault "$@"
  while read -r process inner; do
    [[ $inner == 1 ]] || kill -KILL "$process" 2>/dev/null || true
  done < <(sshd_processes "$1" "$2")
  until_true 10 "$1" no_sessions "$1" "$2" || die "sshd of $2 still has connections"
}

no_sessions() { [[ -z $(sshd_processes "$1" "$2" | awk '$2 != 1') ]]; }

restart_sshd() { # DIR OFFICE
  stop_sshd "$1" "$2"
  start_sshd "$1" "$2"
}

do_ssh_newkey() { # DIR OFFICE
  office_fault "$@"
  new_host_keys "$1/$2-ssh"
  write_known_hosts "$2" "$1/$2-ssh"
  restart_sshd "$1" "$2"
}

do_ssh_password() { # DIR OFFICE [PASSWORD]
  office_fault "$@"
  printf '%s' "${3:-$(setting "$2" SSH_PASSWORD)}" | set_shadow "$1/$2-ssh"
}

do_ssh_nosocket() { office_fault "$@"; set_streamlocal "$1" "$2" no; }

do_ssh_socket() { office_fault "$@"; set_streamlocal "$1" "$2" yes; }

set_streamlocal() { # DIR OFFICE yes|no
  sed -i "s/^AllowStreamLocalForwarding .*/AllowStreamLocalForwarding $3/" "$1/$2-ssh/sshd_config"
  restart_sshd "$1" "$2"
}

do_ami_on() { door "$1" "${2:-}" AMI_PORT open; }

do_ami_off() { door "$1" "${2:-}" AMI_PORT shut; }

do_ari_on() { door "$1" "${2:-}" HTTP open; }

do_ari_off() { door "$1" "${2:-}" HTTP shut; }

do_ami_drop() { door "$1" "${2:-}" AMI_PORT cut; }

do_ari_drop() { door "$1" "${2:-}" HTTP cut; }

# Not by its configuration and a reload: 22.10.1 then cancels the thread that lets connections in, and where one
# comes in at that moment a lock stays taken. It reloads nothing any more, and neither AMI nor ARI can be had.
door() { # DIR OFFICE AMI_PORT|HTTP cut|shut|open
  local pid
  office_fault "$@"
  pid=$(pid_of "$2" "$1") || die "the Asterisk of $2 does not run"
  "$(python)" "$LAB_LIB/sockets.py" "$4" "$pid" "$(setting "$2" "$3")" >/dev/null
}
