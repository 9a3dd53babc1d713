# The objects of pjsip.conf, for debug_call_issue.sh on a machine without the program: "type|name|file:line" of each
# section, templates (!) and additions (+) left out. A type that comes from a template counts.

# The line without comments; `;--` ... `--;` goes over several lines.
function bare(line,    out, i, c) {
  out = ""
  for (i = 1; i <= length(line); i++) {
    c = substr(line, i, 1)
    if (c != ";") { if (!depth) out = out c; continue }
    if (i > 1 && substr(line, i - 1, 1) == "\\") { if (!depth) out = substr(out, 1, length(out) - 1) c; continue }
    if (substr(line, i + 1, 2) == "--" && substr(line, i + 3, 1) != "-") { depth++; i += 2; continue }
    if (depth && i > 2 && substr(line, i - 2, 2) == "--") { depth--; continue }
    if (!depth) break
  }
  gsub(/^[ \t\r]+|[ \t\r]+$/, "", out)
  return out
}

function close_section() {
  if (name != "" && is_template && type != "") type_of[name] = type
  if (name != "" && !is_template && !adds && type != "") print type "|" name "|" place
  name = ""; type = ""
}

FNR == 1 { close_section(); depth = 0 }
{
  text = bare($0)
  if (text ~ /^\[[^]]*\]/) {
    close_section()
    name = substr(text, 2); sub(/\].*/, "", name)
    options = ""
    if (text ~ /^\[[^]]*\]\(/) { options = text; sub(/^[^]]*\]\(/, "", options); sub(/\).*/, "", options) }
    place = FILENAME ":" FNR
    is_template = adds = 0
    count = split(options, option, ",")
    for (i = 1; i <= count; i++) {
      if (option[i] == "!") is_template = 1
      else if (option[i] ~ /^\+/) adds = 1
      else if (option[i] in type_of) type = type_of[option[i]]
    }
  } else if (name != "" && tolower(text) ~ /^type[ \t]*=/) {
    type = text; sub(/^[^=]*=>?[ \t]*/, "", type)
  }
}
END { close_section() }
