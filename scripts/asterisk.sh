#!/usr/bin/env bash
# The Asterisk Call Management API (the API for enterprises, port 8018) as a service. See --help.
# shellcheck source-path=SCRIPTDIR
set -uo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"
# shellcheck source=lib/service.sh
. "$HERE/lib/service.sh"

usage() {
  t "Использование: $0 start|stop|restart|reload|status|logs|test

  start     запустить и дождаться, пока /health ответит; запущенный остаётся как есть
  stop      остановить и дождаться конца: разговоры предприятий на их хостах продолжаются, звонки самого бота
            получают service.stop_timeout секунд
  restart   stop и start
  reload    перечитать настройки, не прерывая звонков
  status    что работает; код выхода 0 — работает, 3 — нет, 1 — работает, но не отвечает
  logs      последние строки журнала (в терминале — и дальше)
  test [URL]  проверить API, не звоня: локально или по адресу, например https://bot.example.org.
            С CLIENT_ID=... в окружении проверяется и этот ключ

Где работает systemd и установлена novofon-bot.service, управляет ею; иначе — отдельным процессом, его журнал
asterisk_service.log лежит рядом с базой звонков (store.url). Сервис — это novofon-bot: вместе с этим API он
держит и основной (all.sh).

  NOVOFON_BOT_CONFIG     настройки (/etc/novofon-bot/config.toml); если заданы, systemd не используется
  NOVOFON_BOT            программа
  ASTERISK_SERVICE_LOG   журнал процесса
" "Usage: $0 start|stop|restart|reload|status|logs|test

  start     start it and wait until /health answers; one that runs stays as it is
  stop      stop it and wait for its end: talks of enterprises go on at their hosts, the bot's own calls get
            service.stop_timeout seconds
  restart   stop and start
  reload    read the configuration again; calls go on
  status    what runs; exit status 0 it runs, 3 it doesn't, 1 it runs and does not answer
  logs      the last lines of its log (on a terminal also what comes next)
  test [URL]  try the API without placing a call: here, or at an address such as https://bot.example.org.
            With CLIENT_ID=... in the environment this secret is tried too

Where systemd runs and has novofon-bot.service, that is what is managed; elsewhere a process, whose log
asterisk_service.log lies beside the calls (store.url). The service is novofon-bot: with this API it serves the
main one too (all.sh).

  NOVOFON_BOT_CONFIG     the configuration (/etc/novofon-bot/config.toml); if it is set, systemd is not used
  NOVOFON_BOT            the program
  ASTERISK_SERVICE_LOG   the log of the process
"
  tell_language
}

status() {
  local pid answer why
  if [[ -n $OTHER ]]; then
    pid=$OTHER
    tell_other
  elif ! pid=$(service_pid); then
    printf '✗ %s\n' "$(t "не работает: $0 start" "it does not run: $0 start")"
    tell_strangers
    return "$NOT_RUNNING"
  fi
  need_office
  if ! office_answers; then
    bad "процесс есть (pid $pid), но $OFFICE_API/health не отвечает: $0 logs" \
      "there is a process (pid $pid), but $OFFICE_API/health does not answer: $0 logs"
    return 1
  fi
  good "работает (pid $pid): $OFFICE_API" "it runs (pid $pid): $OFFICE_API"
  answer=$(ask "$OFFICE_API/api/status")
  why=$(field "$answer" database_error)
  if [[ -z $why ]]; then
    note "база предприятий: $(in_russian "$(field "$answer" database)")" "database of enterprises: $(field "$answer" database)"
  else
    bad "база предприятий недоступна: $why" "the database of enterprises is away: $why"
  fi
  note "способ: $(field "$answer" method), живых звонков: $(field "$answer" live_calls)" \
    "way: $(field "$answer" method), live calls: $(field "$answer" live_calls)"
  if [[ $MODE == systemd && -z $OTHER ]]; then
    note "журнал: journalctl -u novofon-bot" "log: journalctl -u novofon-bot"
  elif [[ -n $LOG ]]; then
    note "журнал: $LOG" "log: $LOG"
  fi
}

# field JSON NAME: a plain value
field() { sed -n "s/.*\"$2\":\(\"\(\([^\"\\\\]\|\\\\.\)*\)\"\|\([0-9]*\)\).*/\2\4/p" <<<"${1%$'\n'*}" | sed 's/\\\(.\)/\1/g'; }

# in_russian WORD: a word of the API's answers
in_russian() { case $1 in connected) echo подключена ;; disconnected) echo 'не подключена' ;; *) echo "$1" ;; esac; }

# expect RUSSIAN ENGLISH STATUS WORDS URL [CURL-OPTION...]: a request, and what must come back
expect() {
  local russian=$1 english=$2 status=$3 words=$4 url=$5 answer got why
  # Where nobody answers, once is enough.
  [[ -z $SILENT ]] || return 0
  shift 5
  answer=$(ask "$url" "$@")
  got=${answer##*$'\n'} answer=${answer%$'\n'*}
  if [[ $got == "$status" && $answer == *"$words"* ]]; then
    good "$russian" "$english"
    return
  fi
  FAILED=1
  why=$(field "$answer"$'\n' database_error)
  answer=${answer//$'\n'/ }
  answer=${answer:0:300}
  if [[ $got == 000 ]]; then
    SILENT=1
    bad "$url не отвечает: $answer" "$url does not answer: $answer"
  elif [[ -n $why ]]; then
    bad "$russian: база предприятий недоступна: $why" "$english: the database of enterprises is away: $why"
  else
    bad "$russian: ждали $status и $words, получили $got и $answer" "$english: expected $status and $words, got $got and $answer"
  fi
}

# Only what places no call: a secret of 128 random bits is nobody's.
try_api() {
  local base=$1 secret
  FAILED='' SILENT=''
  if [[ $base == "$OFFICE_API" ]]; then
    expect "/health: сервис отвечает" "/health: the service answers" 200 '"service":"asterisk-call-management"' "$base/health"
  fi
  expect "/api/status: база подключена" "/api/status: the database is connected" 200 '"database":"connected"' "$base/api/status"
  expect "без параметров — 422" "422 without parameters" 422 '"loc":["query","code"]' "$base/api/makecallexternal"
  secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  expect "чужой clientId — 401" "401 for a clientId of nobody" 401 '{"detail":"Invalid clientId"}' \
    "$base/api/makecallexternal?code=150&phone=%2B375296254070&clientId=$secret"
  expect "то же для monitor" "the same for monitor" 401 '{"detail":"Invalid clientId"}' \
    "$base/api/monitor?action=09&target=150&monitor_from=151&clientId=$secret"
  if [[ -n ${CLIENT_ID:-} ]]; then
    # On standard input, not among the arguments, which every user of the machine can see.
    expect "CLIENT_ID — ключ предприятия" "CLIENT_ID is the secret of an enterprise" 200 '"calls":[' \
      "$base/api/calls?limit=1" -K - <<<"header = \"Authorization: Bearer ${CLIENT_ID//[^[:graph:]]/}\""
  fi
  [[ -z $FAILED ]]
}

test_service() {
  local base=${1:-}
  if [[ -z $base ]]; then
    if [[ -z $OTHER ]] && ! service_pid >/dev/null && ! office_answers; then
      die 1 "сервис не работает, проверять нечего. Запустите: $0 start" "it does not run, so there is nothing to try. Start it: $0 start"
    fi
    service_pid >/dev/null || note "этим скриптом сервис не запущен; проверяется $OFFICE_API" "it was not started by this script; what is tried is $OFFICE_API"
    base=$OFFICE_API
  fi
  if try_api "${base%/}"; then
    good "всё в порядке" "all is well"
  else
    die 1 "не всё в порядке: docs/office.ru.md, «Если что-то не так»" "not all is well: docs/office.md, \"Troubleshooting\""
  fi
}

case ${1:-} in
  start | stop | restart | reload | status | logs) (($# == 1)) || { usage >&2; exit "$USAGE"; } ;;
  test) (($# <= 2)) || { usage >&2; exit "$USAGE"; } ;;
  -h | --help | help) usage; exit ;;
  *) usage >&2; exit "$USAGE" ;;
esac

if [[ $1 == test && -n ${2:-} ]]; then
  # Somewhere else: what is set up here does not matter.
  need_curl
  OFFICE_API=''
  test_service "$2"
  exit
fi
look_around
case $1 in
  start) need_config; need_office; need_curl; start_service ;;
  stop) stop_service ;;
  restart) need_config; need_office; need_curl; stop_service && start_service ;;
  reload) need_config; reload_service ;;
  status) need_sight; need_curl; status ;;
  logs) show_logs ;;
  test) need_config; need_office; need_curl; test_service ;;
esac
