# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts that read it
# Part of scripts/asterisk.sh and scripts/all.sh: the bot as a service. On systemd, where it runs and has the
# unit, else as a process of the user's own. The caller has read lib/asterisk.sh and set HERE to its folder.

UNIT=novofon-bot.service
# The unit has a bot and a configuration; who names another one means a process beside it.
OWN_CONFIG=${NOVOFON_BOT_CONFIG:+yes}
START_PATIENCE=60
LINES_OF_LOG=100
# Exit codes of the LSB, which service managers know.
USAGE=2 NO_RIGHTS=4 NOT_INSTALLED=5 NOT_CONFIGURED=6 NOT_RUNNING=3 NOTHING_RUNS=7

good() { printf '✓ %s\n' "$(t "$1" "$2")"; }
bad() { printf '✗ %s\n' "$(t "$1" "$2")" >&2; }
note() { printf '  %s\n' "$(t "$1" "$2")"; }
# die CODE RUSSIAN ENGLISH
die() { bad "$2" "$3"; exit "$1"; }

has() { has_command "$1"; }

on_systemd() {
  [[ -z $OWN_CONFIG && -d /run/systemd/system ]] && has systemctl &&
    [[ $(systemctl show --property LoadState --value "$UNIT" 2>/dev/null) == loaded ]]
}

need_bot() {
  find_bot || die "$NOT_INSTALLED" "нет программы ${NOVOFON_BOT:-novofon-bot}: соберите её (cargo build --release --locked) или укажите NOVOFON_BOT=/путь/novofon-bot" \
    "there is no program ${NOVOFON_BOT:-novofon-bot}: build it (cargo build --release --locked), or name it: NOVOFON_BOT=/path/novofon-bot"
}

# What the bot itself makes of its configuration, into IN_FORCE; if that fails, CONFIG_ERROR has its words.
read_config() {
  local variables=() errors code=0
  if [[ $MODE == systemd ]]; then
    # The unit's settings, but for its credentials: they are there only while it runs.
    mapfile -t variables < <(systemctl show --property Environment --value "$UNIT" 2>/dev/null |
      xargs -n 1 printf '%s\n' 2>/dev/null | grep '^NOVOFON_BOT_' | grep -v '_FILE=')
  fi
  errors=$(mktemp)
  IN_FORCE=$(env "${variables[@]}" NOVOFON_BOT_LANG="$(language)" "$BOT" check-config 2>"$errors") || code=1
  CONFIG_ERROR=$(grep -Ev '^(warning|предупреждение): ' "$errors")
  rm -f "$errors"
  return "$code"
}

# The program's words for it, in both languages.
may_not_read() { [[ $CONFIG_ERROR == *'Permission denied'* || $CONFIG_ERROR == *': нет прав'* ]]; }

# in_force SECTION KEY DEFAULT: a value of a line `key = value  # where from`; what the file says, when the bot
# would not take it whole: it can be stopped all the same
in_force() {
  local value
  if [[ -n $IN_FORCE ]]; then
    awk -v section="[$1]" -v key="$2" '
      /^\[/ { at = $0 }
      at == section && $1 == key && $2 == "=" {
        sub(/^[^=]*= /, ""); sub(/  # .*/, ""); gsub(/^"|"$/, ""); print; exit
      }' <<<"$IN_FORCE"
  else
    value=$(bot_value "$1" "$2")
    printf '%s' "${value:-$3}"
  fi
}

# How this machine reaches what listens on all addresses.
url_of() {
  local address=$1
  address=${address/#0.0.0.0:/127.0.0.1:}
  printf 'http://%s' "${address/#\[::\]:/[::1]:}"
}

need_config() {
  need_bot
  [[ -z $IN_FORCE ]] || return 0
  if may_not_read; then
    die "$NO_RIGHTS" "настройки $BOT_CONFIG прочитать нельзя: запустите через sudo" "no right to read $BOT_CONFIG: run this with sudo"
  fi
  printf '%s\n' "$CONFIG_ERROR" >&2
  die "$NOT_CONFIGURED" "исправьте настройки ($BOT_CONFIG; другой файл — NOVOFON_BOT_CONFIG=/путь/config.toml), затем повторите" \
    "put the configuration right ($BOT_CONFIG; another file by NOVOFON_BOT_CONFIG=/path/config.toml), then try again"
}

# For a look, one that is not whole will do; one that may not be read tells nothing.
need_sight() {
  ! may_not_read || need_config
  [[ ! -e $PID_FILE || -r $PID_FILE ]] || die "$NO_RIGHTS" "нет прав читать $PID_FILE: запустите через sudo" \
    "no right to read $PID_FILE: run this with sudo"
}

need_office() {
  [[ -n $OFFICE_API ]] || die "$NOT_CONFIGURED" "API для предприятий не настроен: в $BOT_CONFIG нужен office.database (docs/office.ru.md)" \
    "the API for enterprises is not set up: $BOT_CONFIG needs office.database (docs/office.md)"
}

# A process leaves its number, its log and its lock beside the store, which has one bot only.
choose_folder() {
  local url
  url=$(in_force store url sqlite:///var/lib/novofon-bot/bot.db)
  # With PostgreSQL there is no file: beside the configuration, and for the service's in its own folder.
  if [[ $url == postgres* ]]; then
    url=/var/lib/novofon-bot/bot.db
    [[ $BOT_CONFIG == "$CONFIG_OF_SERVICE" ]] || url=$(dirname "$BOT_CONFIG")/bot.db
  fi
  url=${url#sqlite:}
  FOLDER=$(dirname "${url#//}")
  PID_FILE=$FOLDER/novofon-bot.pid
  LOG=${ASTERISK_SERVICE_LOG:-$FOLDER/asterisk_service.log}
}

need_folder() {
  [[ -d $FOLDER ]] || die "$NOT_CONFIGURED" "нет папки $FOLDER для базы звонков (store.url), журнала и номера процесса: sudo install -d -o \"\$USER\" -m 700 $FOLDER" \
    "there is no folder $FOLDER for the calls (store.url), the log and the number of the process: sudo install -d -o \"\$USER\" -m 700 $FOLDER"
  [[ -w $FOLDER ]] || die "$NO_RIGHTS" "нет прав на запись в $FOLDER: запустите через sudo или от имени владельца" \
    "no right to write to $FOLDER: run this with sudo, or as its owner"
}

# give FILE: what root makes here is the folder's owner's, who may run this next time
give() { ((EUID != 0)) || chown --reference="$FOLDER" -- "$1" 2>/dev/null || true; }

# Starting and stopping, one at a time.
lock() {
  exec 9>>"$FOLDER/novofon-bot.lock" || die "$NO_RIGHTS" "нет прав на запись в $FOLDER/novofon-bot.lock: запустите через sudo" \
    "no right to write $FOLDER/novofon-bot.lock: run this with sudo"
  give "$FOLDER/novofon-bot.lock"
  flock -w 90 9 || die 1 "другой запуск или остановка ещё не закончились ($FOLDER/novofon-bot.lock)" \
    "another start or stop is still at it ($FOLDER/novofon-bot.lock)"
}

# When a process was started, in ticks since the boot: with its number that is no other process. Nothing for
# one that is dead, be its parent slow to notice.
birth_of() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} == [ZX] ]] || printf '%s' "${fields[19]}"
}

# The number of our process, if it lives: a number in a file may be anybody's by now.
bot_pid() {
  local pid='' birth=''
  { read -r pid; read -r birth; } 2>/dev/null <"$PID_FILE"
  [[ $pid =~ ^[1-9][0-9]*$ && -n $birth && $(birth_of "$pid") == "$birth" ]] &&
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q ' serve\b' && printf '%s' "$pid"
}

# Of the same configuration, and started another way: by quickstart, by hand, as a service. Nobody says that it does not
# run, or starts a second one; whoever started it stops it.
find_other() {
  local pid ours
  OTHER='' STOP_OTHER=''
  ours=$(service_pid)
  while read -r pid; do
    [[ $pid != "$ours" ]] || continue
    OTHER=$pid STOP_OTHER=$(how_to_stop "$pid" "$BOT_CONFIG") LOG=$(log_of "$pid")
  done < <(bots_of "$BOT_CONFIG")
}

tell_other() {
  good "novofon-bot работает (pid $OTHER, настройки $BOT_CONFIG), его запустили не этим скриптом. Остановить: $STOP_OTHER" \
    "novofon-bot runs (pid $OTHER, configuration $BOT_CONFIG); it was started another way. To stop it: $STOP_OTHER"
}

# What else runs here, for one who looks for it and has named no configuration, or another.
tell_strangers() {
  local pid user config
  while read -r pid user config; do
    note "работает другой бот: pid $pid, пользователь $user, настройки $config. О нём: NOVOFON_BOT_CONFIG=$config $0 status" \
      "another bot runs: pid $pid, user $user, configuration $config. About it: NOVOFON_BOT_CONFIG=$config $0 status"
  done < <(all_bots)
}

tell_stopped() {
  good "уже остановлен" "it is stopped already"
  tell_strangers
}

service_pid() {
  local pid
  if [[ $MODE == systemd ]]; then
    pid=$(systemctl show --property MainPID --value "$UNIT" 2>/dev/null)
    [[ ${pid:-0} != 0 ]] && printf '%s' "$pid"
  else
    bot_pid
  fi
}

# ask URL [CURL-OPTION...]: the answer, and on a last line its status ("000" when there is none)
ask() {
  local url=$1
  shift
  curl -sS --noproxy '*' --max-time 10 -H "Accept-Language: $(language)" -w '\n%{http_code}' "$@" "$url" 2>&1
}

need_curl() { has curl || die "$NOT_INSTALLED" "нет curl: apt-get install curl" "there is no curl: apt-get install curl"; }

main_answers() { [[ $(ask "$MAIN_API/health/live") == *$'\n'200 ]]; }
office_answers() { [[ $(ask "$OFFICE_API/health") == *'"service":"asterisk-call-management"'*$'\n'200 ]]; }
all_answer() { main_answers && { [[ -z $OFFICE_API ]] || office_answers; }; }

listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Nobody else may have our ports.
need_ports() {
  local url address port who
  for url in "$MAIN_API" $OFFICE_API; do
    address=${url#http://} port=${url##*:}
    address=${address%:*}
    listens "${address//[\[\]]/}" "$port" || continue
    who=''
    ! has ss || who=$(ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, pid \2/p' | head -n 1)
    who=${who:+ (${who//\"/})}
    die 1 "порт $port на $address занят другой программой$who: остановите её или задайте другой (http.listen, office.listen)" \
      "port $port of $address is taken by another program$who: stop it, or set another one (http.listen, office.listen)"
  done
}

# Waits until it answers; fails when it has ended instead.
until_it_answers() { # PID
  local until=$((SECONDS + START_PATIENCE))
  until all_answer; do
    [[ -n $(birth_of "$1") ]] && ((SECONDS < until)) || return
    sleep 0.2
  done
}

# In a session of its own: it outlives this terminal, and its Ctrl-C is not for the bot.
start_process() {
  local pid
  need_folder
  lock
  if pid=$(bot_pid); then
    good "уже работает (pid $pid)" "it runs already (pid $pid)"
    return
  fi
  need_ports
  (umask 077 && : >>"$LOG") 2>/dev/null || die "$NO_RIGHTS" "нет прав на запись в журнал $LOG" "no right to write the log $LOG"
  give "$LOG"
  (
    exec 9>&-
    umask 077
    # Before the program begins: a kill between the two loses nobody.
    pid=$BASHPID
    printf '%s\n%s\n' "$pid" "$(birth_of "$pid")" >"$PID_FILE.new" && give "$PID_FILE.new" && mv -f "$PID_FILE.new" "$PID_FILE"
    exec setsid "$BOT" serve
  ) >>"$LOG" 2>&1 </dev/null &
  pid=$!
  disown "$pid"
  if until_it_answers "$pid"; then
    good "запущен (pid $pid), журнал: $LOG" "started (pid $pid), its log: $LOG"
  elif [[ -n $(birth_of "$pid") ]]; then
    die 1 "работает (pid $pid), но за $START_PATIENCE с не ответил: смотрите $LOG" \
      "it runs (pid $pid), but did not answer within $START_PATIENCE s: see $LOG"
  else
    rm -f "$PID_FILE"
    tail -n 5 "$LOG" | sed 's/^/  | /' >&2
    die 1 "не запустился; последние строки журнала $LOG — выше" "it did not start; the last lines of $LOG are above"
  fi
}

# Live calls get service.stop_timeout, then all is written; so long it is waited for.
stop_process() {
  local pid until patience
  [[ -d $FOLDER ]] || { tell_stopped; return; }
  need_folder
  lock
  if ! pid=$(bot_pid); then
    rm -f "$PID_FILE"
    tell_stopped
    return
  fi
  kill "$pid" 2>/dev/null || [[ -z $(birth_of "$pid") ]] ||
    die "$NO_RIGHTS" "нет прав остановить процесс $pid: запустите через sudo" "no right to stop process $pid: run this with sudo"
  patience=$(($(in_force service stop_timeout 20) + 30))
  until=$((SECONDS + patience))
  while [[ -n $(birth_of "$pid") ]]; do
    ((SECONDS < until)) || die 1 "процесс $pid не закончил работу за $patience с: смотрите $LOG; kill -KILL $pid звонков не теряет, следующий запуск их подхватит" \
      "process $pid has not ended within $patience s: see $LOG; kill -KILL $pid loses no calls, the next start takes them up"
    sleep 0.1
  done
  rm -f "$PID_FILE"
  good "остановлен" "stopped"
}

# run_systemctl VERB: with the journal's last lines, if it fails
run_systemctl() {
  local said
  said=$(systemctl --no-ask-password "$1" "$UNIT" 2>&1) && return
  printf '%s\n' "$said" | sed 's/^/  | /' >&2
  if ((EUID != 0)) && [[ $said =~ [Aa]uthentication|[Aa]ccess\ denied|[Pp]ermission ]]; then
    die "$NO_RIGHTS" "нет прав: запустите через sudo" "no right to do this: run it with sudo"
  fi
  journalctl --unit "$UNIT" --lines 5 --no-pager --output cat 2>/dev/null | sed 's/^/  | /' >&2
  die 1 "systemctl $1 $UNIT не удалось: journalctl -u novofon-bot" "systemctl $1 $UNIT failed: journalctl -u novofon-bot"
}

start_unit() {
  local pid
  if [[ $(systemctl is-active "$UNIT") == active ]]; then
    good "уже работает (pid $(service_pid), $UNIT)" "it runs already (pid $(service_pid), $UNIT)"
    return
  fi
  run_systemctl start
  pid=$(service_pid)
  until_it_answers "$pid" || die 1 "запущен, но не отвечает: journalctl -u novofon-bot" "started, but it does not answer: journalctl -u novofon-bot"
  good "запущен (pid $pid, $UNIT)" "started (pid $pid, $UNIT)"
}

stop_unit() {
  if [[ $(systemctl is-active "$UNIT") =~ ^(inactive|failed)$ ]]; then
    tell_stopped
    return
  fi
  # It returns when the process has ended.
  run_systemctl stop
  good "остановлен" "stopped"
}

# The words of the bot's log that end a reload, good and bad.
RELOADED='configuration read again'
KEPT='the old one stays in force'

# SIGHUP, and then what the bot says of it.
reload_process() {
  local pid before said='' until=$((SECONDS + 30))
  pid=${OTHER:-$(bot_pid)}
  [[ -n $pid ]] || die "$NOTHING_RUNS" "не работает: $0 start" "it does not run: $0 start"
  [[ -n $LOG ]] || die 1 "журнал процесса $pid — не файл, и его ответа отсюда не видно. Перечитать настройки: kill -HUP $pid" \
    "the log of process $pid is no file, so its answer can't be seen from here. To have the configuration read again: kill -HUP $pid"
  before=$(stat -c %s "$LOG" 2>/dev/null || echo 0)
  kill -HUP "$pid" 2>/dev/null || die "$NO_RIGHTS" "нет прав на процесс $pid: запустите через sudo" "no right to signal process $pid: run this with sudo"
  until [[ $said == *"$RELOADED"* || $said == *"$KEPT"* ]]; do
    [[ -n $(birth_of "$pid") ]] || die 1 "процесс $pid закончил работу: смотрите $LOG" "process $pid has ended: see $LOG"
    ((SECONDS < until)) || die 1 "процесс $pid не ответил за 30 с: смотрите $LOG" "process $pid said nothing within 30 s: see $LOG"
    sleep 0.1
    said=$(tail -c "+$((before + 1))" "$LOG" 2>/dev/null)
  done
  tell_reload "$said"
}

reload_unit() {
  local since
  [[ $(systemctl is-active "$UNIT") == active ]] || die "$NOTHING_RUNS" "не работает: $0 start" "it does not run: $0 start"
  since=$(date '+%Y-%m-%d %H:%M:%S')
  # It returns when the new configuration holds, or the old one stays.
  run_systemctl reload
  tell_reload "$(journalctl --unit "$UNIT" --since "$since" --no-pager --output cat 2>/dev/null)"
}

tell_reload() { # LOG
  grep -F -e "$RELOADED" -e "$KEPT" -e 'need a restart' <<<"$1" | sed -E 's/.*(configuration read again|the new configuration|these have changed)/  | \1/' | tail -n 5
  [[ $1 != *"$KEPT"* ]] || die 1 "новые настройки не приняты, действуют старые" "the new configuration was not taken, the old one stays"
  good "настройки перечитаны" "the configuration was read again"
}

# What every command begins with.
look_around() {
  MODE=process IN_FORCE='' CONFIG_ERROR='' OFFICE_API=''
  ! on_systemd || MODE=systemd
  ! find_bot || read_config || true
  MAIN_API=$(url_of "$(in_force http listen 127.0.0.1:8080)")
  [[ -z $(in_force office database '') ]] || OFFICE_API=$(url_of "$(in_force office listen 127.0.0.1:8018)")
  choose_folder
  find_other
}

start_service() {
  if [[ -n $OTHER ]]; then tell_other; elif [[ $MODE == systemd ]]; then start_unit; else start_process; fi
}
reload_service() { if [[ $MODE == systemd && -z $OTHER ]]; then reload_unit; else reload_process; fi; }
stop_service() {
  [[ -z $OTHER ]] || die 1 "novofon-bot работает (pid $OTHER, настройки $BOT_CONFIG), но его запустили не этим скриптом. Остановить: $STOP_OTHER" \
    "novofon-bot runs (pid $OTHER, configuration $BOT_CONFIG), but it was started another way. To stop it: $STOP_OTHER"
  if [[ $MODE == systemd ]]; then stop_unit; else stop_process; fi
}

show_logs() {
  local follow=()
  # For a person it goes on; for a program it ends.
  [[ ! -t 1 ]] || follow=(-f)
  if [[ $MODE == systemd && -z $OTHER ]]; then
    exec journalctl --unit "$UNIT" --lines "$LINES_OF_LOG" --no-pager "${follow[@]}"
  fi
  [[ -n $LOG ]] || die 1 "журнал процесса $OTHER — не файл: смотрите там, где его запустили" \
    "the log of process $OTHER is no file: look where it was started"
  [[ -e $LOG ]] || die 1 "журнала $LOG ещё нет: сервис здесь не запускали" "there is no log $LOG yet: nothing was started here"
  [[ -r $LOG ]] || die "$NO_RIGHTS" "нет прав читать $LOG: запустите через sudo" "no right to read $LOG: run this with sudo"
  # By name: it may be rotated.
  exec tail -n "$LINES_OF_LOG" "${follow[@]/-f/-F}" "$LOG"
}
