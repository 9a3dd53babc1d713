#!/usr/bin/env bash
# All services of novofon-bot at once. See --help.
# shellcheck source-path=SCRIPTDIR
set -uo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"
# shellcheck source=lib/service.sh
. "$HERE/lib/service.sh"

usage() {
  t "Использование: $0 start|stop|restart|reload|status

Все сервисы сразу. Это один процесс novofon-bot с двумя API: основным (http.listen) и API для предприятий
(office.listen; если задан office.database). Код выхода status: 0 — всё работает, 3 — не работает, 1 — что-то не
отвечает. Переменные окружения — те же, что у asterisk.sh (${0%/*}/asterisk.sh --help).
" "Usage: $0 start|stop|restart|reload|status

All services at once. That is one process, novofon-bot, with two APIs: the main one (http.listen) and the one for
enterprises (office.listen, where office.database is set). Exit status of status: 0 all runs, 3 it doesn't run, 1
something does not answer. The environment's variables are those of asterisk.sh (${0%/*}/asterisk.sh --help).
"
  tell_language
}

show_apis() {
  local code=0
  show_api "основной API" "main API" "$MAIN_API" main_answers || code=1
  if [[ -n $OFFICE_API ]]; then
    show_api "API для предприятий" "API for enterprises" "$OFFICE_API" office_answers || code=1
  else
    note "API для предприятий: не настроен (office.database)" "API for enterprises: not set up (office.database)"
  fi
  return "$code"
}

show_api() { # RUSSIAN ENGLISH URL TEST
  if "$4"; then good "$1: $3" "$2: $3"; else bad "$1: $3 не отвечает" "$2: $3 does not answer"; return 1; fi
}

status() {
  local pid
  if [[ -n $OTHER ]]; then
    tell_other
  elif pid=$(service_pid); then
    good "novofon-bot работает (pid $pid)" "novofon-bot runs (pid $pid)"
  else
    printf '✗ %s\n' "$(t "novofon-bot не работает: $0 start" "novofon-bot does not run: $0 start")"
    tell_strangers
    return "$NOT_RUNNING"
  fi
  show_apis
}

case ${1:-} in
  start | stop | restart | reload | status) (($# == 1)) || { usage >&2; exit "$USAGE"; } ;;
  -h | --help | help) usage; exit ;;
  *) usage >&2; exit "$USAGE" ;;
esac
look_around
case $1 in
  start) need_config; need_curl; start_service && show_apis ;;
  stop) stop_service ;;
  restart) need_config; need_curl; stop_service && start_service && show_apis ;;
  reload) need_config; reload_service ;;
  status) need_sight; need_curl; status ;;
esac
