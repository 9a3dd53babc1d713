# shellcheck shell=bash disable=SC2034 # what is set here is used by the scripts that read it
# Part of the scripts for a machine with Asterisk: its folder, its console, the language of messages,
# and what the bot's configuration says. Needs nothing but bash, coreutils, sed and awk.

ASTERISK_ETC=${ASTERISK_ETC:-/etc/asterisk}
CONFIG_OF_SERVICE=/etc/novofon-bot/config.toml
BOT_CONFIG=${NOVOFON_BOT_CONFIG:-$CONFIG_OF_SERVICE}

LANGUAGE_OF_MESSAGES=${NOVOFON_BOT_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}
LANGUAGE_OF_MESSAGES=${LANGUAGE_OF_MESSAGES,,}
# Bytes are bytes from here on: a comment in any encoding is carried over as it is.
export LC_ALL=C

# shellcheck source=SCRIPTDIR/bots.sh
. "$(dirname "${BASH_SOURCE[0]}")/bots.sh"

# t RUSSIAN ENGLISH: the one of them that the user reads
t() { if [[ $LANGUAGE_OF_MESSAGES == ru* ]]; then printf '%s' "$1"; else printf '%s' "$2"; fi; }

# The end of each --help.
tell_language() {
  t "
Язык — по первой заданной из NOVOFON_BOT_LANG, LC_ALL, LC_MESSAGES и LANG. Через sudo: sudo NOVOFON_BOT_LANG=ru $0
" "
The language is that of the first of NOVOFON_BOT_LANG, LC_ALL, LC_MESSAGES and LANG that is set. By sudo:
sudo NOVOFON_BOT_LANG=en $0
"
}

# The same for the program: LC_ALL says C by now.
language() { if [[ $LANGUAGE_OF_MESSAGES == ru* ]]; then printf ru; else printf en; fi; }

# Sets BOT: the one that is named, else that of this checkout, or of the system.
find_bot() {
  local file
  BOT=
  if [[ -n ${NOVOFON_BOT:-} ]]; then
    file=$(command -v "$NOVOFON_BOT") && [[ ! -d $file ]] && BOT=$(readlink -f "$file")
    return
  fi
  for file in "$HERE/../target/release/novofon-bot" "$(command -v novofon-bot)" /usr/local/bin/novofon-bot \
    "$HERE/../../../bin/novofon-bot" \
    "$HERE/../target/debug/novofon-bot" "$HERE/../novofon-bot"; do
    if [[ -n $file && -x $file && ! -d $file ]]; then
      BOT=$(readlink -f "$file")
      return
    fi
  done
  return 1
}

# ASTERISK_CLI is a program, or a command with words of its own ("docker exec pbx asterisk").
if [[ -n ${ASTERISK_CLI:-} && -x ${ASTERISK_CLI:-} ]]; then
  ASTERISK_COMMAND=("$ASTERISK_CLI")
else
  read -ra ASTERISK_COMMAND <<<"${ASTERISK_CLI:-asterisk}"
fi

# One command of Asterisk's console. A console that hangs must not hang the script.
asterisk_cli() { timeout 20 "${ASTERISK_COMMAND[@]}" -rx "$1" 2>&1; }

# A host with only `lo`, or without its locale, has warnings before the answer.
asterisk_answers() { [[ $'\n'$(asterisk_cli 'core show version') == *$'\nAsterisk '* ]]; }

# toml_value SECTION KEY: a text of the bot's configuration; nothing when it has none or can't be read
toml_value() {
  [[ -r $BOT_CONFIG ]] || return 0
  awk -v section="$1" -v key="$2" '
    /^[ \t]*\[/ { at = $0; sub(/^[ \t]*\[[ \t]*/, "", at); sub(/[ \t]*\].*/, "", at); next }
    {
      name = $0; sub(/^[ \t]*/, "", name)
      if (index(name, "=") == 0) next
      value = substr(name, index(name, "=") + 1); sub(/[ \t]*=.*/, "", name); gsub(/[ \t"]/, "", name)
      if (!((at == section && name == key) || (at == "" && name == section "." key))) next
      sub(/^[ \t]*/, "", value); mark = substr(value, 1, 1)
      if (mark == "\047") { value = substr(value, 2); sub(/\047.*/, "", value) }
      else if (mark == "\"") {
        rest = substr(value, 2); value = ""
        while (rest != "" && substr(rest, 1, 1) != "\"") {
          if (substr(rest, 1, 1) == "\\") rest = substr(rest, 2)
          value = value substr(rest, 1, 1); rest = substr(rest, 2)
        }
      } else next
      found = value
    }
    END { printf "%s", found }' "$BOT_CONFIG"
}

# bot_value SECTION KEY: as the bot would take it, the environment first
bot_value() {
  local variable
  variable=$(tr '[:lower:]' '[:upper:]' <<<"NOVOFON_BOT_${1}__$2")
  if [[ -n ${!variable+set} ]]; then printf '%s' "${!variable}"; else toml_value "$1" "$2"; fi
}
