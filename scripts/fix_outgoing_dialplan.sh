#!/usr/bin/env bash
# Creates or updates [outgoing], the way out of novofon-bot's calls, in Asterisk's dialplan. A thin front of
# `novofon-bot dialplan fix`, which does it. See --help.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"

die() { printf '✗ %s\n' "$*" >&2; exit 1; }

usage() {
  t "Использование: sudo bash fix_outgoing_dialplan.sh [НОМЕР] [--dry-run] [--yes]

Создаёт или обновляет секцию [outgoing] в extensions.conf: номер (Caller ID), Dial через транк и
сообщение боту о том, что ответил оператор. Транк — trunk.endpoint из настроек бота, иначе тот, через который
[outgoing] звонит сейчас, если Asterisk его знает, иначе novofon. Показывает, что изменится, в терминале спрашивает,
затем перезагружает dialplan и проверяет его. Если Asterisk его не принял, всё возвращается как было. Повторный запуск
ничего не меняет. Ваши собственные extension остаются; чужие файлы (FreePBX) не меняются. Всё это делает
novofon-bot dialplan fix; другие его ключи (novofon-bot dialplan fix --help) можно дать и здесь.

  НОМЕР           Caller ID; иначе NOVOFON_BOT_TRUNK__CALLER_ID, иначе trunk.caller_id из настроек бота,
                  иначе тот, что этот скрипт записал раньше, иначе +79675558164 из примера
  --dry-run       только показать, что изменится
  --yes           не спрашивать
  ASTERISK_ETC    папка настроек Asterisk (/etc/asterisk)
  ASTERISK_CLI    команда Asterisk (asterisk), например \"docker exec pbx asterisk\"
  NOVOFON_BOT     программа novofon-bot, если её не найти
" "Usage: sudo bash fix_outgoing_dialplan.sh [NUMBER] [--dry-run] [--yes]

Creates or updates [outgoing] in extensions.conf: the caller id, Dial through the trunk, and the report to
the bot of what the carrier said. The trunk is trunk.endpoint of the bot's configuration, else the one that
[outgoing] dials through now if Asterisk has it, else novofon. Shows what would change, asks in a terminal,
then reloads the dialplan and looks whether it is there. If Asterisk refuses it, all is put back. A second run
changes nothing. Extensions of your own stay; files that are not yours (FreePBX's) are not changed. All this
is done by novofon-bot dialplan fix; its other options (novofon-bot dialplan fix --help) may be given here too.

  NUMBER          the caller id; else NOVOFON_BOT_TRUNK__CALLER_ID, else trunk.caller_id of the bot's
                  configuration, else the one that this script wrote before, else the example's +79675558164
  --dry-run       only show what would change
  --yes           don't ask
  ASTERISK_ETC    Asterisk's configuration folder (/etc/asterisk)
  ASTERISK_CLI    Asterisk's command (asterisk), for example \"docker exec pbx asterisk\"
  NOVOFON_BOT     the program novofon-bot, if it is not found
"
  tell_language
}

arguments=()
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') shift $(($# > 0)) ;;
  -*) ;;
  *) arguments=(--caller-id="$1"); shift ;;
esac
# Without a terminal there is nobody to ask, and this script has always written then.
[[ -t 0 || " $* " == *' --yes '* ]] || arguments+=(--yes)

find_bot || die "$(t "нет программы ${NOVOFON_BOT:-novofon-bot}, а [outgoing] пишет она: ничего не изменено. Соберите её (cargo build --release --locked), установите (sudo scripts/install) или укажите: NOVOFON_BOT=/путь/novofon-bot" \
  "there is no program ${NOVOFON_BOT:-novofon-bot}, which writes [outgoing]: nothing was changed. Build it (cargo build --release --locked), install it (sudo scripts/install), or name it: NOVOFON_BOT=/path/novofon-bot")"
"$BOT" dialplan --help >/dev/null 2>&1 || die "$(t "$BOT старее этого скрипта (нет команды dialplan): ничего не изменено. Соберите её заново: cargo build --release --locked" \
  "$BOT is older than this script (it has no command dialplan): nothing was changed. Build it anew: cargo build --release --locked")"

export ASTERISK_ETC NOVOFON_BOT_CONFIG=$BOT_CONFIG
code=0
NOVOFON_BOT_LANG=$(language) "$BOT" dialplan fix "${arguments[@]}" "$@" || code=$?
# It was asked wrongly, and the program has told how: then what this script takes.
((code != 2)) || { printf '\n'; usage; } >&2
exit "$code"
