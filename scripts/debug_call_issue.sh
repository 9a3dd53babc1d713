#!/usr/bin/env bash
# Shows, in one go, what can be wrong when calls do not reach the phone. Changes nothing; secrets are
# masked, so that the output can be sent to somebody who helps. See --help.
# shellcheck source-path=SCRIPTDIR
set -uo pipefail

GIVEN_ASTERISK=${ASTERISK_ETC:-}${ASTERISK_CLI:-}
HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"
# Where the bot's own log lies; what it says by good and bad is said by those below.
# shellcheck source=lib/service.sh
. "$HERE/lib/service.sh"
LINES_OF_LOG=40

usage() {
  t "Использование: sudo bash debug_call_issue.sh [--config ФАЙЛ]

Показывает состояние Asterisk, PJSIP endpoints и регистрации, dialplan, ARI приложения, последние логи и
ошибки, затем запускает novofon-bot doctor. Ничего не меняет; пароли скрыты.

  --config ФАЙЛ   настройки бота, о котором речь (то же — NOVOFON_BOT_CONFIG, но sudo переменные не передаёт).
                  Без них — служба (/etc/novofon-bot/config.toml), а где её нет — единственный работающий бот,
                  например тот, что оставил scripts/quickstart --keep: тогда и его Asterisk

  ASTERISK_ETC    папка настроек Asterisk (/etc/asterisk)
  ASTERISK_CLI    команда Asterisk (asterisk), например \"docker exec pbx asterisk\"
" "Usage: sudo bash debug_call_issue.sh [--config FILE]

Shows the state of Asterisk, PJSIP endpoints and registrations, the dialplan, ARI applications, the last
logs and errors, then runs novofon-bot doctor. Changes nothing; passwords are masked.

  --config FILE   the configuration of the bot in question (NOVOFON_BOT_CONFIG does the same, but sudo does not
                  pass it on). Else the service (/etc/novofon-bot/config.toml), and where there is none the only
                  bot that runs, such as the one that scripts/quickstart --keep left: then its Asterisk, too

  ASTERISK_ETC    Asterisk's configuration folder (/etc/asterisk)
  ASTERISK_CLI    Asterisk's command (asterisk), for example \"docker exec pbx asterisk\"
"
  tell_language
}

title() { printf '\n== %s ==\n' "$(t "$1" "$2")"; }
good() { printf '✓ %s\n' "$(t "$1" "$2")"; }
bad() { BAD=1; printf '✗ %s\n' "$(t "$1" "$2")"; }

# Every secret that can be read here, one a line: wherever it turns up, it is masked.
secrets() {
  local file
  for file in "$ASTERISK_ETC"/*.conf "$ASTERISK_ETC"/*/*.conf; do
    [[ -f $file && -r $file ]] || continue
    sed -n 's/\r$//; s/^[ \t]*\(password\|secret\|md5_cred\|password_digest\|remotesecret\|dbpass\|refresh_token\|oauth_secret\)[ \t]*=>\{0,1\}[ \t]*//p' "$file" |
      sed 's/[ \t]*\(;.*\)\{0,1\}$//'
  done
  ari_password
  for file in "$BOT_CONFIG" "${CONFIGS[@]}"; do
    [[ ! -r $file ]] || sed -n 's/.*\(key\|password\)[ \t]*=[ \t]*"\([^"]*\)".*/\2/p' "$file"
  done
}

# Hides secrets by what they are (a password's line, an Authorization header, a URL's password) and by
# their very text. The list goes through the environment of awk, which other users can't see.
mask() {
  SECRETS=$SECRETS awk '
    function hide(line, secret,    at, out) {
      out = ""
      while ((at = index(line, secret)) > 0) {
        out = out substr(line, 1, at - 1) "***"
        line = substr(line, at + length(secret))
      }
      return out line
    }
    BEGIN { n = split(ENVIRON["SECRETS"], list, "\n") }
    {
      line = $0
      for (i = 1; i <= n; i++) if (length(list[i]) >= 4) line = hide(line, list[i])
      print line
      fflush()
    }' | sed -u -E \
    -e 's/((proxy-)?authorization|x-api-key|(www|proxy)-authenticate)([[:space:]]*[:=][[:space:]]*).*/\1\4***/I' \
    -e 's/\b((pass(word|wd)?|secret|md5_cred|password_digest|api_?keys?|token)(_digest)?["'\'']?[[:space:]]*[:=]>?[[:space:]]*).*/\1***/I' \
    -e 's/\b((response|nonce|cnonce|opaque)=)"?[^",[:space:]]+"?/\1***/Ig' \
    -e 's#\b([a-z]+:(//)?[^:@/[:space:]]+):[^@/[:space:]]+@#\1:***@#Ig'
}

ari_password() {
  local file
  file=$(bot_value ari password_file)
  if [[ -n $file && $file != /* ]]; then file=$(dirname "$BOT_CONFIG")/$file; fi
  if [[ -n $file && -r $file ]]; then head -n 1 "$file"; else bot_value ari password; fi
}

bot_is_configured() { [[ -n $(bot_value ari username) && -n $(ari_password) ]]; }

show_asterisk() {
  title "Статус Asterisk" "Asterisk"
  if has systemctl && [[ -d /run/systemd/system ]]; then
    printf 'systemctl is-active asterisk: %s\n' "$(systemctl is-active asterisk 2>&1)"
    printf 'systemctl is-active novofon-bot: %s\n' "$(systemctl is-active novofon-bot 2>&1)"
  fi
  if ! has "${ASTERISK_COMMAND[0]}"; then
    tell_missing
  elif asterisk_answers; then
    UP=1
    good "Asterisk отвечает" "Asterisk answers"
    asterisk_cli 'core show version'
    asterisk_cli 'core show uptime'
    asterisk_cli 'core show channels count'
  else
    local start='systemctl start asterisk'
    [[ -z $LAB_FOLDER ]] || start="${ASTERISK_COMMAND[0]%/lab}/quickstart --keep"
    bad "Asterisk не отвечает (${ASTERISK_COMMAND[*]} -rx). Запустите: $start; нет прав — запустите скрипт через sudo" \
      "Asterisk does not answer (${ASTERISK_COMMAND[*]} -rx). Start it: $start; if rights are missing, run this with sudo"
    asterisk_cli 'core show version' | head -n 3
  fi
}

# No program to ask: a fault, unless the bot is one for enterprises alone.
tell_missing() {
  local russian="Asterisk здесь не установлен (нет программы ${ASTERISK_COMMAND[0]})"
  local english="Asterisk is not installed here (there is no program ${ASTERISK_COMMAND[0]})"
  if [[ -n $(bot_value office database) && -z $(bot_value ari username) ]]; then
    good "$russian: боту только для предприятий он не нужен" "$english: a bot for enterprises alone needs none"
  else
    bad "$russian. Звонкам самого бота он нужен: установите его; если он на другой машине, запустите скрипт там, а если в контейнере — задайте ASTERISK_CLI. Боту только для предприятий он не нужен" \
      "$english. The bot's own calls need it: install it; if it is on another machine run this there, if in a container set ASTERISK_CLI. A bot for enterprises alone needs none"
  fi
}

# The files that Asterisk reads for pjsip.conf, each once.
pjsip_files() {
  local queue=("$ASTERISK_ETC/pjsip.conf") seen='' file pattern found
  while ((${#queue[@]})); do
    file=${queue[0]} queue=("${queue[@]:1}")
    [[ -f $file && -r $file && $seen != *$'\n'"$file"$'\n'* ]] || continue
    seen+=$'\n'$file$'\n'
    printf '%s\n' "$file"
    while IFS= read -r pattern; do
      [[ $pattern == /* ]] || pattern=$ASTERISK_ETC/$pattern
      while IFS= read -r found; do queue+=("$found"); done < <(compgen -G "${pattern// /\\ }" || true)
    done < <(sed -n 's/\r$//; s/^[ \t]*#\(try\)\{0,1\}include[ \t]\{1,\}["<]\{0,1\}\([^">;]*\).*/\2/p' "$file" | sed 's/[ \t]*$//')
  done
}

# The objects of pjsip.conf: "type|name|file:line" of each section that is no template and no addition.
pjsip_objects() {
  local files
  mapfile -t files < <(pjsip_files)
  ((${#files[@]})) || return 0
  awk -f "$HERE/lib/pjsip.awk" "${files[@]}"
}

# Works without the program too: what stands twice takes every trunk and phone away at the next restart.
show_duplicates() {
  local objects twice key places
  objects=$(pjsip_objects)
  twice=$(cut -d '|' -f 1,2 <<<"$objects" | sort | uniq -d)
  while IFS= read -r key; do
    [[ -n $key ]] || continue
    places=$(grep -F "$key|" <<<"$objects" | awk -F '|' -v key="$key" '($1 "|" $2) == key { printf "%s%s", sep, $3; sep = ", " }')
    bad "[${key#*|}] с type = ${key%%|*} записана в pjsip.conf дважды: $places. После перезапуска Asterisk не возьмёт ни одной секции ${key%%|*}, и у телефонов тоже. Оставьте одну" \
      "[${key#*|}] with type = ${key%%|*} stands twice in pjsip.conf: $places. After a restart Asterisk takes no ${key%%|*} at all, the phones' neither. Keep one of them"
  done <<<"$twice"
}

# What a name has in the files already.
objects_of() { pjsip_objects | awk -F '|' -v name="$1" '$2 == name { printf "%stype = %s (%s)", sep, $1, $3; sep = ", " }'; }

show_trunk() {
  local endpoint shown there
  endpoint=$(bot_value trunk endpoint)
  endpoint=${endpoint#*/}
  endpoint=${endpoint:-novofon}
  title "PJSIP endpoints" "PJSIP endpoints"
  asterisk_cli 'pjsip show endpoints' | sed -n '/^ Endpoint:  [^<]/,$p'
  shown=$(asterisk_cli "pjsip show endpoint $endpoint")
  if [[ $shown != *"Endpoint:  $endpoint"* ]]; then
    there=$(objects_of "$endpoint")
    if [[ -n $there ]]; then
      bad "в Asterisk нет endpoint $endpoint, а в файлах уже есть: $there. Добавьте только недостающее (образец — asterisk-config/pjsip_novofon.conf), вторую секцию того же типа не добавляйте" \
        "Asterisk has no endpoint $endpoint, and the files have already: $there. Add only what is missing (as in asterisk-config/pjsip_novofon.conf), no second section of a type"
    else
      bad "endpoint $endpoint нет в pjsip.conf: см. asterisk-config/pjsip_novofon.conf" \
        "there is no endpoint $endpoint in pjsip.conf: see asterisk-config/pjsip_novofon.conf"
    fi
  elif [[ $shown != *OutAuth:* ]]; then
    bad "у endpoint $endpoint нет outbound_auth: на 401 оператора никто не ответит. Замените auth на outbound_auth" \
      "endpoint $endpoint has no outbound_auth: nobody answers the carrier's 401. Replace auth by outbound_auth"
  else
    good "endpoint $endpoint есть, outbound_auth задан" "endpoint $endpoint is there, with outbound_auth"
  fi
  title "PJSIP контакты и регистрации" "PJSIP contacts and registrations"
  asterisk_cli 'pjsip show contacts'
  asterisk_cli 'pjsip show registrations'
}

show_dialplan() {
  local context shown
  context=$(bot_value trunk context)
  context=${context:-outgoing}
  shown=$(asterisk_cli "dialplan show $context")
  title "Dialplan [$context]" "Dialplan [$context]"
  printf '%s\n' "$shown"
  if [[ $shown == *'Dial('* ]]; then
    good "[$context] звонит через Dial" "[$context] dials"
  else
    bad "в [$context] нет Dial: запустите fix_outgoing_dialplan.sh" "[$context] does not dial: run fix_outgoing_dialplan.sh"
  fi
}

show_ari() {
  local url status body
  title "ARI приложения" "ARI applications"
  asterisk_cli 'ari show apps'
  asterisk_cli 'ari show users'
  if ! bot_is_configured || ! has curl; then
    printf '%s\n' "$(t "данные ARI из $BOT_CONFIG прочитать нельзя (нет файла, прав или curl): запрос к ARI пропущен" \
      "the bot's ARI credentials in $BOT_CONFIG can't be read (no file, no rights, or no curl): ARI is not asked")"
    return
  fi
  url=$(bot_value ari url)
  url=${url:-http://127.0.0.1:8088}
  # On standard input, not among the arguments, which every user of the machine can see.
  body=$(printf 'user = "%s:%s"\n' "$(quoted "$(bot_value ari username)")" "$(quoted "$(ari_password)")" |
    curl -sS -m 10 -K - -w '\n%{http_code}' "${url%/}/ari/applications" 2>&1)
  status=${body##*$'\n'}
  printf 'GET %s/ari/applications: %s\n%s\n' "${url%/}" "$status" "${body%$'\n'*}"
  case $status in
    200) good "ARI принимает пользователя бота" "ARI accepts the bot's user" ;;
    401) bad "ARI не принимает логин и пароль: сверьте ari.conf и настройки бота" "ARI refuses the user or the password: compare ari.conf with the bot's configuration" ;;
    *) bad "ARI не отвечает как надо: проверьте http.conf (enabled = yes) и ari.url" "ARI does not answer as it should: look at http.conf (enabled = yes) and ari.url" ;;
  esac
}

quoted() { local text=${1//\\/\\\\}; printf '%s' "${text//\"/\\\"}"; }

# Where Asterisk logs: asterisk.conf says, else the usual folder.
log_files() {
  local dir name
  dir=$(sed -n 's/^[ \t]*astlogdir[ \t]*=>\{0,1\}[ \t]*\([^ \t;\r]*\).*/\1/p' "$ASTERISK_ETC/asterisk.conf" 2>/dev/null | tail -n 1)
  for name in full messages messages.log; do
    [[ ! -f ${dir:-/var/log/asterisk}/$name ]] || printf '%s\n' "${dir:-/var/log/asterisk}/$name"
  done
}

# Whose logs, configuration and Asterisk are looked at: the bot whose configuration is named, else the service, else the
# only one that runs.
choose_bot() {
  local running pid user config
  ABOUT=''
  if [[ -n $OWN_CONFIG ]]; then
    ABOUT=$(t "настройки $BOT_CONFIG" "configuration $BOT_CONFIG")
  elif [[ -e $BOT_CONFIG || $(unit_pid) == [1-9]* ]]; then
    ABOUT=$(t "служба, настройки $BOT_CONFIG" "the service, configuration $BOT_CONFIG")
  else
    mapfile -t running <<<"$RUNNING"
    read -r pid user config <<<"${running[0]}"
    if ((${#running[@]} == 1)) && [[ -n $pid ]]; then
      BOT_CONFIG=$config
      export NOVOFON_BOT_CONFIG=$BOT_CONFIG
      ABOUT=$(t "единственный, который здесь работает: pid $pid, пользователь $user, настройки $BOT_CONFIG" \
        "the only one that runs here: pid $pid, user $user, configuration $BOT_CONFIG")
    fi
  fi
  use_its_lab
}

# The Asterisk of scripts/quickstart is not the machine's.
use_its_lab() {
  local folder
  LAB_FOLDER=''
  folder=$(dirname "$(readlink -f "$BOT_CONFIG")")
  [[ -z $GIVEN_ASTERISK && -d $folder/pbx/etc && -x ${folder%/.lab/*}/scripts/lab ]] || return 0
  LAB_FOLDER=$folder
  export ASTERISK_ETC=$folder/pbx/etc
  ASTERISK_COMMAND=("${folder%/.lab/*}/scripts/lab" cli pbx "$folder")
  export ASTERISK_CLI=${ASTERISK_COMMAND[*]}
}

is_service() { [[ $BOT_CONFIG == "$CONFIG_OF_SERVICE" || $BOT_CONFIG -ef $CONFIG_OF_SERVICE ]]; }

tell_bot() {
  local pid user config
  printf '%s: %s\n' "$(t "бот" "the bot")" "${ABOUT:-$(t "не выбран: службы нет (нет $BOT_CONFIG)" "none: there is no service (no $BOT_CONFIG)")}"
  [[ -z $ABOUT ]] || return 0
  [[ -n $RUNNING ]] || { note "и ни один бот не работает. Его настройки называет --config ФАЙЛ" "and no bot runs. --config FILE names its configuration"; return; }
  note "работают несколько; назовите один:" "several run; name one of them:"
  while read -r pid user config; do printf '    %s --config %s    # pid %s, %s\n' "$0" "$config" "$pid" "$user"; done <<<"$RUNNING"
}

# The bot's own logs where no systemd keeps them: what all.sh writes beside the store, and the file that it writes to
# as it runs.
bot_log_files() {
  local pid unit
  [[ -n $ABOUT ]] || return 0
  unit=$(unit_pid)
  {
    printf '%s\n' "$LOG"
    [[ -z $LAB_FOLDER ]] || printf '%s/bot.log\n' "$LAB_FOLDER"
    while read -r pid; do [[ $pid == "$unit" ]] || log_of "$pid"; done < <(bots_of "$BOT_CONFIG")
  } | awk '!seen[$0]++' | while IFS= read -r file; do [[ ! -f $file ]] || printf '%s\n' "$file"; done
}

# The service's, so it tells of no other bot.
bot_journal() { ! is_service || ! has journalctl || journalctl --quiet -u novofon-bot -n "$1" --no-pager 2>/dev/null; }

# What is wrong in standard input, a log named $1.
show_errors() {
  local found
  found=$(grep -aE 'ERROR|WARN|40[1347] |50[0-9] |Unauthorized|Forbidden|failed' | tail -n "$LINES_OF_LOG")
  printf -- '-- %s\n%s\n' "$1" "${found:-$(t "нет" "none")}"
}

# show_log FILE: its end now, and what is wrong in it for later
show_log() {
  printf -- '-- %s\n' "$1"
  if [[ -r $1 ]]; then
    tail -n "$LINES_OF_LOG" "$1" 2>&1
    ERRORS+=$(tail -n 5000 "$1" 2>/dev/null | show_errors "$1")$'\n'
  else
    bad "прочитать нельзя: запустите скрипт через sudo" "it can't be read: run this with sudo"
  fi
}

show_logs() {
  local file of_asterisk of_bot journal
  ERRORS=''
  title "Последние логи" "Last logs"
  mapfile -t of_asterisk < <(log_files)
  for file in "${of_asterisk[@]}"; do show_log "$file"; done
  ((${#of_asterisk[@]})) || note "журнал Asterisk не найден (logger.conf)" "no log of Asterisk was found (logger.conf)"
  mapfile -t of_bot < <(bot_log_files)
  for file in "${of_bot[@]}"; do show_log "$file"; done
  journal=$(bot_journal 2000)
  if [[ -n $journal ]]; then
    printf -- '-- journalctl -u novofon-bot\n'
    tail -n "$LINES_OF_LOG" <<<"$journal"
    ERRORS+=$(show_errors 'journalctl -u novofon-bot' <<<"$journal")$'\n'
  elif [[ -z $ABOUT ]]; then
    note "журнал novofon-bot: неизвестно, какого бота (см. начало)" "the log of novofon-bot: it is not known of which bot (see above)"
  elif ((${#of_bot[@]} == 0)) && is_service; then
    note "журнал novofon-bot не найден: нет ни $LOG, ни записей journalctl -u novofon-bot (или прав на них: sudo). Бот пишет в другое место? ASTERISK_SERVICE_LOG=/путь/журнал" \
      "no log of novofon-bot was found: there is no $LOG, and nothing in journalctl -u novofon-bot (or no right to read it: sudo). Is it elsewhere? ASTERISK_SERVICE_LOG=/path/log"
  elif ((${#of_bot[@]} == 0)); then
    note "журнал novofon-bot не найден: нет $LOG, и бот с этими настройками не работает или пишет не в файл. Бот пишет в другое место? ASTERISK_SERVICE_LOG=/путь/журнал. О другом боте — --config ФАЙЛ" \
      "no log of novofon-bot was found: there is no $LOG, and no bot of this configuration runs, or it writes to no file. Is it elsewhere? ASTERISK_SERVICE_LOG=/path/log. Of another bot: --config FILE"
  fi
  title "Ошибки" "Errors"
  printf '%s' "$ERRORS"
  ((${#of_asterisk[@]})) || note "Asterisk: неизвестно, его журнал не найден" "Asterisk: not known, its log was not found"
  [[ -n $journal ]] || ((${#of_bot[@]})) || note "novofon-bot: неизвестно, его журнал не найден" "novofon-bot: not known, its log was not found"
}

run_doctor() {
  title "novofon-bot doctor" "novofon-bot doctor"
  if [[ -z $ABOUT && -n $RUNNING ]]; then
    note "неизвестно, о каком боте (см. начало)" "it is not known of which bot (see above)"
  elif find_bot && "$BOT" doctor --help >/dev/null 2>&1; then
    NOVOFON_BOT_LANG=$(language) "$BOT" doctor 2>&1 || BAD=1
  else
    printf '%s\n' "$(t "программы ${NOVOFON_BOT:-novofon-bot} здесь нет: соберите её (cargo build --release --locked) или укажите NOVOFON_BOT=/путь/novofon-bot" \
      "there is no program ${NOVOFON_BOT:-novofon-bot} here: build it (cargo build --release --locked), or name it: NOVOFON_BOT=/path/novofon-bot")"
  fi
}

show_all() {
  BAD='' UP=''
  printf 'novofon-bot: %s, ASTERISK_ETC=%s, ASTERISK_CLI=%s\n' "$(date '+%F %T %z')" "$ASTERISK_ETC" "${ASTERISK_COMMAND[*]}"
  tell_bot
  show_asterisk
  # The files tell it, whether Asterisk runs or not.
  show_duplicates
  if [[ -n $UP ]]; then
    show_trunk
    show_dialplan
    show_ari
  fi
  show_logs
  run_doctor
  [[ -z $BAD ]]
}

while (($#)); do
  case $1 in
    --config) [[ -n ${2:-} ]] || { usage >&2; exit 2; }; BOT_CONFIG=$2 OWN_CONFIG=yes; shift ;;
    --config=?*) BOT_CONFIG=${1#*=} OWN_CONFIG=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ -z $OWN_CONFIG ]] || export NOVOFON_BOT_CONFIG=$BOT_CONFIG
# As the configuration's text says it: a bot that can't be run, or a program that is not here, has logs too.
IN_FORCE=''
RUNNING=$(all_bots 2>/dev/null)
choose_bot
choose_folder
mapfile -t CONFIGS < <(awk 'NF >= 3 { print $3 }' <<<"$RUNNING")
# The longest first: a secret that contains another is masked whole.
SECRETS=$(secrets 2>/dev/null | awk 'length($0) >= 4 && $0 != "YOUR_SIP_PASSWORD" { print length($0) "\t" $0 }' | sort -rnu | cut -f 2-)
show_all 2>&1 | mask
