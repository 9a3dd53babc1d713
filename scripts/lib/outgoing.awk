# Reads a dialplan file and says, or does, what is needed for [outgoing]. Reads comments, blocks of
# comments (;-- --;) and section headers as Asterisk's own config.c does.
#   -v what=find       exit code 0 if the file has an [outgoing] of its own ((!) and (+) are not)
#   -v what=includes   prints the files that it includes
#   -v what=statements prints the extensions of [outgoing] in their order, each as
#                      "extension|application"; with -v located=1 and "|file:line" after it
#   -v what=show       the same, located, from the output of "dialplan show outgoing"
#   -v what=write      prints the file with the extensions of [outgoing] replaced by the lines of the
#                      file `shipped`; all other lines are printed as they came
# A last line without an end gets one. An unclosed block of comments ends with exit code 3: what is appended would be part of it.

# The line as Asterisk reads it: without comments and the white space around it.
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

function is_extension(text) { return tolower(text) ~ /^(exten|same)[ \t]*=/ }

# "exten => 100,1,Dial(x)" and, after it, "same => n(label),Hangup()".
function print_statement(text,    parts) {
  if (tolower(text) ~ /^exten/) {
    sub(/^[^=]*=>?[ \t]*/, "", text)
    extension = text; sub(/[ \t]*,.*/, "", extension)
    sub(/^[^,]*,/, "", text)
  } else sub(/^[^=]*=>?[ \t]*/, "", text)
  sub(/^[^,]*,[ \t]*/, "", text)
  print extension "|" text (located ? "|" base(FILENAME) ":" FNR : "")
}

# Asterisk names an included file as it was included.
function base(path) { sub(/.*\//, "", path); return path }

# "  '100' =>          1. Dial(x)                 [extensions.conf:10]"
function print_shown(line,    place) {
  if (line ~ /^ *'.*' =>/) { extension = line; sub(/^ *'/, "", extension); sub(/' =>.*/, "", extension) }
  if (line !~ /^ .* [0-9]+\. .*\[[^]]*\]$/) return
  sub(/^ *('.*' =>|\[[^]]*\])?[ \t]*[0-9]+\. /, "", line)
  place = line; sub(/.*\[/, "", place); sub(/\]$/, "", place)
  sub(/ *\[[^]]*\]$/, "", line)
  print extension "|" line "|" base(place)
}

# Asterisk's name of a section header, with "(...)" when it is a template or an addition.
function header(text,    name, options) {
  name = substr(text, 2); sub(/\].*/, "", name)
  options = text; sub(/^[^]]*\]/, "", options); gsub(/[ \t]/, "", options)
  return (options ~ /^\(/ && options ~ /[!+]/) ? name "(...)" : name
}

function print_section(    i) {
  for (i = 1; i <= shipped_lines; i++) printf "%s%s\n", shipped_line[i], eol
  written = 1
}

function drop_held_blanks(    i, kept) {
  for (i = 1; i <= held; i++) if (hold[i] !~ /^[ \t\r\n]*$/) hold[++kept] = hold[i]
  held = kept + 0
}

# What waits (comments, blank lines, directives) is printed before a line that follows them.
function flush_held(    i) {
  for (i = 1; i <= held; i++) printf "%s", hold[i]
  held = 0
}

BEGIN {
  depth = 0; found = 0; written = 0; held = 0; inside = 0
  if (what == "write") {
    while ((getline line < shipped) > 0) {
      text = line; gsub(/^[ \t]+|[ \t]+$/, "", text)
      shipped_line[++shipped_lines] = line
      if (text ~ /^;/) is_shipped_comment[text] = 1
    }
  }
}

what == "show" { sub(/\r$/, ""); print_shown($0); next }

{
  line = $0
  was_depth = depth
  text = bare(line)
  if (NR == 1 && line ~ /\r$/) eol = "\r"
  if (text ~ /^\[/) {
    name = header(text)
    leaves = inside
    inside = (name == "outgoing")
    if (inside) found = 1
    if (what == "write") {
      if (leaves && !written) print_section()
      flush_held()
    }
  } else if (inside && what == "statements" && is_extension(text)) {
    print_statement(text)
  }
  if (what == "includes" && text ~ /^#(include|tryinclude)[ \t]/) {
    file = text; sub(/^#[a-z]+[ \t]+/, "", file); gsub(/^["<]|[">]$/, "", file)
    print file
  }
  if (what != "write") next

  if (inside && text !~ /^\[/) {
    if (is_extension(text) && !was_depth && !depth) {
      # The comments above the first extension were about it: they stay above ours.
      if (!written) { flush_held(); print_section() }
      drop_held_blanks() # a gap between two of the old extensions
      next
    }
    comment = line; gsub(/^[ \t]+|[ \t\r]+$/, "", comment)
    if (!was_depth && comment in is_shipped_comment) next
    hold[++held] = line "\n"
    next
  }
  flush_held()
  printf "%s\n", line
}

END {
  if (what == "find") exit !found
  if (what == "write") {
    if (depth) exit 3
    if (inside && !written) print_section()
    flush_held()
    if (!found) {
      printf "%s\n[outgoing]%s\n", eol, eol
      print_section()
    }
  }
}
