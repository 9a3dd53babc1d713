#!/usr/bin/env bash
# Creates or updates [outgoing], the way out of novofon-bot's calls, in Asterisk's dialplan.
# See --help. Everything else in the file stays byte for byte as it was.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"
SHIPPED=$HERE/../asterisk-config/extensions_outgoing.conf
SHIPPED_CALLER_ID=+79675558164
SHIPPED_TRUNK=novofon

say() { printf '%s\n' "$*"; }
die() { printf '✗ %s\n' "$*" >&2; exit 1; }

usage() {
  t "Использование: sudo bash fix_outgoing_dialplan.sh [НОМЕР]

Создаёт или обновляет секцию [outgoing] в extensions.conf: номер (Caller ID), Dial через транк и
сообщение боту о том, что ответил оператор. Транк — trunk.endpoint из настроек бота, иначе тот, через который
[outgoing] звонит сейчас, если Asterisk его знает, иначе $SHIPPED_TRUNK. Затем перезагружает dialplan и проверяет его. Если Asterisk
его не принял, всё возвращается как было. Повторный запуск ничего не меняет.

  НОМЕР           Caller ID; иначе NOVOFON_BOT_TRUNK__CALLER_ID, иначе trunk.caller_id из настроек бота,
                  иначе тот, что этот скрипт записал раньше, иначе $SHIPPED_CALLER_ID
  ASTERISK_ETC    папка настроек Asterisk (/etc/asterisk)
  ASTERISK_CLI    команда Asterisk (asterisk), например \"docker exec pbx asterisk\"
" "Usage: sudo bash fix_outgoing_dialplan.sh [NUMBER]

Creates or updates [outgoing] in extensions.conf: the caller id, Dial through the trunk, and the report to
the bot of what the carrier said. The trunk is trunk.endpoint of the bot's configuration, else the one that
[outgoing] dials through now if Asterisk has it, else $SHIPPED_TRUNK. Then reloads the dialplan and looks whether it is there. If
Asterisk refuses it, all is put back. A second run changes nothing.

  NUMBER          the caller id; else NOVOFON_BOT_TRUNK__CALLER_ID, else trunk.caller_id of the bot's
                  configuration, else the one that this script wrote before, else $SHIPPED_CALLER_ID
  ASTERISK_ETC    Asterisk's configuration folder (/etc/asterisk)
  ASTERISK_CLI    Asterisk's command (asterisk), for example \"docker exec pbx asterisk\"
"
}

# The number that callees see. A name around it ("Bot" <+7...>) is not for the dialplan.
choose_caller_id() {
  local from
  if [[ -n ${1:-} ]]; then
    CALLER_ID=$1 from=$(t "из аргумента" "the argument")
  else
    CALLER_ID=$(bot_value trunk caller_id) from=$(t "из настроек бота" "the bot's configuration")
    [[ $CALLER_ID != *'<'*'>'* ]] || { CALLER_ID=${CALLER_ID#*<}; CALLER_ID=${CALLER_ID%%>*}; }
    [[ -n $CALLER_ID ]] || { CALLER_ID=$(written_before) from=$(t "прежний" "as before"); }
    [[ -n $CALLER_ID ]] || CALLER_ID=$SHIPPED_CALLER_ID from=$(t "по умолчанию" "the default")
  fi
  CALLER_ID=${CALLER_ID//[ ()-]/}
  [[ $CALLER_ID =~ ^\+?[0-9]{3,15}$ ]] ||
    die "$(t "Caller ID «$CALLER_ID» ($from) — не номер. Нужен номер вашего аккаунта, например $SHIPPED_CALLER_ID" \
      "the caller id '$CALLER_ID' ($from) is not a number; it must be one of your account, as in $SHIPPED_CALLER_ID")"
  say "Caller ID: $CALLER_ID ($from)"
}

# The number in an [outgoing] of ours: a run without an argument must not take it back.
# shellcheck disable=SC2016 # the dialplan has its own ${}
written_before() { statements "$REAL" | sed -n 's/.*?${NOVOFON_CALLER_ID}:\(+\{0,1\}[0-9]\{1,\}\))}).*/\1/p' | head -n 1; }

# The trunk that is dialed through.
choose_trunk() {
  local from endpoint before
  endpoint=$(bot_value trunk endpoint)
  before=$(statements "$REAL" | sed -n 's/.*|Dial(PJSIP\/[^@]*@\([^,)/]*\).*/\1/p' | head -n 1) || before=''
  if [[ -n $endpoint ]]; then
    TRUNK=${endpoint#PJSIP/} from=$(t "из настроек бота" "the bot's configuration")
  elif [[ $before =~ ^[A-Za-z0-9._-]+$ ]] && has_endpoint "$before"; then
    TRUNK=$before from=$(t "прежний" "as before")
  else
    TRUNK=$SHIPPED_TRUNK from=$(t "по умолчанию" "the default")
  fi
  [[ $TRUNK =~ ^[A-Za-z0-9._-]+$ ]] ||
    die "$(t "транк «$TRUNK» ($from) — не имя эндпоинта PJSIP, например PJSIP/$SHIPPED_TRUNK" \
      "the trunk '$TRUNK' ($from) is not the name of a PJSIP endpoint, as in PJSIP/$SHIPPED_TRUNK")"
  say "$(t "Транк" "Trunk"): $TRUNK ($from)"
}

# All of the answer is read: a grep that ends at the first match breaks the console's pipe, and that counts as a no.
has_endpoint() { asterisk_cli "pjsip show endpoint $1" | grep "^ *Endpoint: *$1[/ ]" >/dev/null; }

# The file that has [outgoing]: extensions.conf, or one that it includes; else extensions.conf.
choose_file() {
  local top=$ASTERISK_ETC/extensions.conf queue seen='' file pattern found
  [[ -e $top ]] || die "$(t "нет файла $top. Другая папка задаётся так: ASTERISK_ETC=/папка" \
    "there is no $top; another folder is given as ASTERISK_ETC=/folder")"
  FILE=$top queue=("$top")
  while ((${#queue[@]})); do
    file=${queue[0]} queue=("${queue[@]:1}")
    [[ -f $file && -r $file && $seen != *$'\n'"$file"$'\n'* ]] || continue
    seen+=$'\n'$file$'\n'
    if awk -v what=find -f "$HERE/lib/outgoing.awk" "$file"; then
      FILE=$file
      break
    fi
    while IFS= read -r pattern; do
      [[ $pattern == /* ]] || pattern=$ASTERISK_ETC/$pattern
      # Asterisk takes patterns too; a name without a match stays as it is and is passed over above.
      while IFS= read -r found; do queue+=("$found"); done < <(compgen -G "${pattern// /\\ }" || true)
    done < <(awk -v what=includes -f "$HERE/lib/outgoing.awk" "$file")
  done
  REAL=$(readlink -f "$FILE")
  [[ -f $REAL ]] || die "$(t "$FILE — не обычный файл" "$FILE is not a regular file")"
  # Whoever may write to the folder could point the link at any file of root's.
  if [[ -L $FILE && $(stat -c %u "$FILE") != 0 && $(stat -c %u "$FILE") != $(stat -c %u "$REAL") ]]; then
    die "$(t "$FILE — ссылка, и её владелец не владеет файлом $REAL: она не будет изменена" \
      "$FILE is a link whose owner does not own $REAL: it is not followed")"
  fi
  [[ -r $REAL && -w $REAL && -w ${REAL%/*} ]] ||
    die "$(t "нет прав на запись в $REAL: запустите через sudo" "no right to write $REAL: run this with sudo")"
}

# What must be in [outgoing], and what is.
expected() { statements "$STAGE/shipped"; }
statements() { awk -v what=statements -f "$HERE/lib/outgoing.awk" "$1"; }

# Does Asterisk have it now, from these very lines of the file? (When it refuses a file, the dialplan
# stays that it had, which may look the same.) Other extensions may be there: additions.
in_force() {
  local shown
  shown=$(asterisk_cli 'dialplan show outgoing') || return 1
  awk -v what=statements -v located=1 -f "$HERE/lib/outgoing.awk" "$FILE" | sort -s -t'|' -k1,1 >"$STAGE/wanted"
  awk -v what=show -f "$HERE/lib/outgoing.awk" <<<"$shown" |
    awk -F'|' 'NR == FNR { ours[$1]; next } $1 in ours' "$STAGE/wanted" - | sort -s -t'|' -k1,1 >"$STAGE/shown"
  # An Asterisk that does not tell the lines shows its loader instead: [pbx_config].
  if ! grep -q '|[^|]*:[0-9]*$' "$STAGE/shown"; then
    sed -i 's/|[^|]*$//' "$STAGE/wanted" "$STAGE/shown"
  fi
  diff "$STAGE/wanted" "$STAGE/shown" >"$STAGE/difference"
}

reload() { asterisk_cli 'dialplan reload' >"$STAGE/reload"; }

write_new() {
  local status=0
  awk -v what=write -v shipped="$STAGE/body" -f "$HERE/lib/outgoing.awk" "$REAL" >"$STAGE/new.text" || status=$?
  ((status != 3)) || die "$(t "в $FILE не закрыт комментарий «;--»: закройте его («--;») и повторите" \
    "$FILE has a comment ';--' that is never closed: close it ('--;') and run this again")"
  ((status == 0)) || die "awk: $status"
  # A last line without an end stays without one.
  if [[ -s $REAL && -n $(tail -c 1 "$REAL") && $(tail -n 1 "$REAL") == "$(tail -n 1 "$STAGE/new.text")" ]]; then
    truncate -s -1 "$STAGE/new.text"
  fi
  [[ $(statements "$STAGE/new.text") == "$(expected)" ]] ||
    die "$(t "секцию [outgoing] в $FILE не удалось понять; ничего не изменено" \
      "[outgoing] in $FILE is written in a way that this script does not understand; nothing was changed")"
}

# place SOURCE: puts its bytes where the file is, in one step, with the owner, mode and ACL of the file
place() {
  cp --attributes-only --preserve=all "$STAGE/old" "$STAGE/place"
  cat "$1" >"$STAGE/place"
  mv -fT "$STAGE/place" "$REAL"
}

put_back() {
  place "$STAGE/old"
  # The times too: nothing happened to this file.
  touch -r "$STAGE/old" "$REAL"
  rm -f "$BACKUP"
  WRITTEN=
  reload || true
}

cleanup() {
  local status=$?
  trap - EXIT
  if [[ -n ${WRITTEN:-} ]]; then
    put_back
    printf '✗ %s\n' "$(t "прервано: $FILE возвращён как был" "interrupted: $FILE was put back")" >&2
  fi
  [[ -z ${STAGE:-} ]] || rm -rf "$STAGE"
  exit "$status"
}

refused() {
  local reasons
  reasons=$(sed -n 's/^[<>] //p' "$STAGE/difference" | head -n 4)
  put_back
  die "$(t "Asterisk не принял [outgoing]: всё возвращено как было. Отличия:" \
    "Asterisk did not take [outgoing]: all was put back. What differs:")
${reasons:-$(cat "$STAGE/reload")}
$(t "Ищите вторую секцию [outgoing] в файлах #include и ошибки в журнале Asterisk" \
    "Look for a second [outgoing] in included files, and for errors in Asterisk's log")"
}

main() {
  case ${1:-} in
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
  esac
  [[ -r $SHIPPED ]] || die "$(t "нет $SHIPPED: скрипту нужна папка asterisk-config рядом с папкой scripts" \
    "there is no $SHIPPED: this script needs the folder asterisk-config beside scripts")"
  choose_file
  choose_caller_id "${1:-}"
  asterisk_answers || die "$(t "Asterisk не отвечает (${ASTERISK_COMMAND[*]} -rx): ничего не изменено. Запустите его: systemctl start asterisk; если нужны права, запустите скрипт через sudo" \
    "Asterisk does not answer (${ASTERISK_COMMAND[*]} -rx): nothing was changed. Start it: systemctl start asterisk; if rights are missing, run this with sudo")"

  choose_trunk

  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  # In the same folder, so that the last step is a rename; a name that nobody can guess or pre-empt.
  STAGE=$(mktemp -d "${REAL%/*}/.novofon-outgoing.XXXXXXXX")
  sed -n '/^\[outgoing\]/,$p' "$SHIPPED" | sed "s/:$SHIPPED_CALLER_ID)/:$CALLER_ID)/; s/@$SHIPPED_TRUNK,/@$TRUNK,/" >"$STAGE/shipped"
  sed 1d "$STAGE/shipped" >"$STAGE/body"

  # Two nothings are equal too: an awk that does not work must not look like a file that is right.
  [[ -n $(expected) ]] || die "$(t "не удалось прочитать $SHIPPED (awk работает?): ничего не изменено" \
    "$SHIPPED can't be read (does awk work?): nothing was changed")"
  if [[ $(statements "$REAL") == "$(expected)" ]]; then
    if in_force; then
      say "✓ $(t "[outgoing] в $FILE уже такая, и Asterisk её знает: ничего не изменено" \
        "[outgoing] in $FILE is so already, and Asterisk has it: nothing was changed")"
      return
    fi
    reload
    in_force || die "$(t "[outgoing] в $FILE верна, но Asterisk показывает другое: ищите вторую секцию [outgoing] в файлах #include" \
      "[outgoing] in $FILE is right, but Asterisk shows another: look for a second [outgoing] in included files")
$(sed -n 's/^[<>] //p' "$STAGE/difference" | head -n 4)"
    say "✓ $(t "файл не изменён; dialplan перезагружен: Asterisk теперь знает [outgoing]" \
      "the file was not changed; the dialplan was reloaded, and Asterisk has [outgoing] now")"
    return
  fi

  cp --preserve=all "$REAL" "$STAGE/old"
  write_new
  BACKUP=$ASTERISK_ETC/${REAL##*/}.$(date +%Y%m%d-%H%M%S).bak
  [[ ! -e $BACKUP ]] || BACKUP=${BACKUP%.bak}-$$.bak
  cp --preserve=all "$STAGE/old" "$STAGE/backup"
  # A rename, unlike a copy, follows no link that somebody put there.
  mv -fT "$STAGE/backup" "$BACKUP"
  WRITTEN=yes
  place "$STAGE/new.text"
  reload || refused
  in_force || refused
  WRITTEN=
  say "✓ $(t "[outgoing] записана в $FILE" "[outgoing] was written to $FILE")"
  say "✓ $(t "dialplan перезагружен и проверен (dialplan show outgoing)" "the dialplan was reloaded and verified (dialplan show outgoing)")"
  say "  $(t "прежний файл: $BACKUP" "the file as it was: $BACKUP")"
}

main "$@"
