#!/usr/bin/env bash
# Shows, in one go, what can be wrong when calls do not reach the phone. Changes nothing; secrets are
# masked, so that the output can be sent to somebody who helps. See --help.
# shellcheck source-path=SCRIPTDIR
set -uo pipefail

HERE=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/asterisk.sh
. "$HERE/lib/asterisk.sh"
LINES_OF_LOG=40

usage() {
  t "Использование: sudo bash debug_call_issue.sh

Показывает состояние Asterisk, PJSIP endpoints и регистрации, dialplan, ARI приложения, последние логи и
ошибки, затем запускает novofon-bot doctor. Ничего не меняет; пароли скрыты.

  ASTERISK_ETC    папка настроек Asterisk (/etc/asterisk)
  ASTERISK_CLI    команда Asterisk (asterisk), например \"docker exec pbx asterisk\"
" "Usage: sudo bash debug_call_issue.sh

Shows the state of Asterisk, PJSIP endpoints and registrations, the dialplan, ARI applications, the last
logs and errors, then runs novofon-bot doctor. Changes nothing; passwords are masked.

  ASTERISK_ETC    Asterisk's configuration folder (/etc/asterisk)
  ASTERISK_CLI    Asterisk's command (asterisk), for example \"docker exec pbx asterisk\"
"
}

title() { printf '\n== %s ==\n' "$(t "$1" "$2")"; }
good() { printf '✓ %s\n' "$(t "$1" "$2")"; }
bad() { BAD=1; printf '✗ %s\n' "$(t "$1" "$2")"; }

has() { command -v "$1" >/dev/null 2>&1; }

# Every secret that can be read here, one a line: wherever it turns up, it is masked.
secrets() {
  local file
  for file in "$ASTERISK_ETC"/*.conf "$ASTERISK_ETC"/*/*.conf; do
    [[ -f $file && -r $file ]] || continue
    sed -n 's/\r$//; s/^[ \t]*\(password\|secret\|md5_cred\|password_digest\|remotesecret\|dbpass\|refresh_token\|oauth_secret\)[ \t]*=>\{0,1\}[ \t]*//p' "$file" |
      sed 's/[ \t]*\(;.*\)\{0,1\}$//'
  done
  ari_password
  [[ ! -r $BOT_CONFIG ]] || sed -n 's/.*\(key\|password\)[ \t]*=[ \t]*"\([^"]*\)".*/\2/p' "$BOT_CONFIG"
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
  if asterisk_answers; then
    UP=1
    good "Asterisk отвечает" "Asterisk answers"
    asterisk_cli 'core show version'
    asterisk_cli 'core show uptime'
    asterisk_cli 'core show channels count'
  else
    bad "Asterisk не отвечает (${ASTERISK_COMMAND[*]} -rx). Запустите: systemctl start asterisk; нет прав — запустите скрипт через sudo" \
      "Asterisk does not answer (${ASTERISK_COMMAND[*]} -rx). Start it: systemctl start asterisk; if rights are missing, run this with sudo"
    asterisk_cli 'core show version' | head -n 3
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

show_logs() {
  local file any=''
  title "Последние логи" "Last logs"
  while IFS= read -r file; do
    any=1
    printf -- '-- %s\n' "$file"
    tail -n "$LINES_OF_LOG" "$file" 2>&1
  done < <(log_files)
  [[ -n $any ]] || printf '%s\n' "$(t "журнал Asterisk не найден (logger.conf)" "no log of Asterisk was found (logger.conf)")"
  if has journalctl; then
    printf -- '-- journalctl -u novofon-bot\n'
    journalctl -u novofon-bot -n "$LINES_OF_LOG" --no-pager 2>&1
  fi
  title "Ошибки" "Errors"
  {
    log_files | while IFS= read -r file; do tail -n 5000 "$file" 2>/dev/null; done
    ! has journalctl || journalctl -u novofon-bot -n 2000 --no-pager 2>/dev/null
  } | grep -aE 'ERROR|WARN|40[1347] |50[0-9] |Unauthorized|Forbidden|failed' | tail -n "$LINES_OF_LOG" ||
    printf '%s\n' "$(t "нет" "none")"
}

run_doctor() {
  title "novofon-bot doctor" "novofon-bot doctor"
  if find_bot && "$BOT" doctor --help >/dev/null 2>&1; then
    NOVOFON_BOT_LANG=$(language) "$BOT" doctor 2>&1 || BAD=1
  else
    printf '%s\n' "$(t "программы ${NOVOFON_BOT:-novofon-bot} здесь нет: соберите её (cargo build --release --locked) или укажите NOVOFON_BOT=/путь/novofon-bot" \
      "there is no program ${NOVOFON_BOT:-novofon-bot} here: build it (cargo build --release --locked), or name it: NOVOFON_BOT=/path/novofon-bot")"
  fi
}

show_all() {
  BAD='' UP=''
  printf 'novofon-bot: %s, ASTERISK_ETC=%s, ASTERISK_CLI=%s\n' "$(date '+%F %T %z')" "$ASTERISK_ETC" "${ASTERISK_COMMAND[*]}"
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

case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac
# The longest first: a secret that contains another is masked whole.
SECRETS=$(secrets 2>/dev/null | awk 'length($0) >= 4 && $0 != "YOUR_SIP_PASSWORD" { print length($0) "\t" $0 }' | sort -rnu | cut -f 2-)
show_all 2>&1 | mask
