# shellcheck shell=bash
# Part of the scripts that deal with bots: which of them run on this machine, of which configuration, and how each is
# stopped. Needs nothing but bash, coreutils, findutils, sed and /proc.

# The bots that run, of whichever way they were started: "PID USER CONFIGURATION", one a line. Without root's rights only
# one's own.
all_bots() {
  local folder pid arguments config n
  while read -r folder; do
    pid=${folder#/proc/}
    { mapfile -d '' -t arguments <"$folder/cmdline"; } 2>/dev/null || continue
    [[ " ${arguments[*]} " == *' serve '* ]] || continue
    config=$(tr '\0' '\n' 2>/dev/null <"$folder/environ" | sed -n 's/^NOVOFON_BOT_CONFIG=//p' | head -n 1) || true
    for ((n = 1; n < ${#arguments[@]}; n++)); do
      case ${arguments[n]} in
        --config) config=${arguments[n + 1]:-} ;;
        --config=*) config=${arguments[n]#*=} ;;
      esac
    done
    config=${config:-/etc/novofon-bot/config.toml}
    [[ $config == /* ]] || config=$(readlink "$folder/cwd")/$config || continue
    printf '%s %s %s\n' "$pid" "$(stat -c %U "$folder" 2>/dev/null)" "$config"
  done < <(find /proc/[0-9]* -maxdepth 1 -name exe \( -lname '*/novofon-bot' -o -lname '*/novofon-bot (deleted)' \) -printf '%h\n' 2>/dev/null)
}

unit_pid() { ! has_command systemctl || systemctl show --property MainPID --value novofon-bot.service 2>/dev/null || true; }

has_command() { command -v "$1" >/dev/null 2>&1; }

# Those beside the service of systemd.
running_bots() {
  local unit pid user config
  unit=$(unit_pid)
  all_bots | while read -r pid user config; do [[ $pid == "$unit" ]] || printf '%s %s %s\n' "$pid" "$user" "$config"; done
}

# bots_of CONFIGURATION: the numbers of those that run with this file, however its path is written
bots_of() {
  local pid _ config
  while read -r pid _ config; do
    [[ ! /proc/$pid/root$config -ef $1 ]] || printf '%s\n' "$pid"
  done < <(all_bots)
}

# how_to_stop PID CONFIGURATION: the command, by what has started it
how_to_stop() {
  local folder checkout
  folder=$(dirname "$(readlink -f "$2")")
  checkout=${folder%/.lab/quickstart}
  if [[ $1 == "$(unit_pid)" ]]; then
    printf 'sudo systemctl stop novofon-bot'
  elif [[ $folder == */.lab/quickstart && -x $checkout/scripts/quickstart ]]; then
    printf '%s/scripts/quickstart --stop' "$checkout"
  else
    printf 'kill %s' "$1"
  fi
}

# log_of PID: the file that a bot writes its log to; nothing where that is no file
log_of() {
  local file
  file=$(readlink "/proc/$1/fd/2" 2>/dev/null) || true
  [[ $file != /* || ! -f $file ]] || printf '%s\n' "$file"
}
