//! The configuration file: its values, and on which line each of them stands.
//!
//! Finds what isn't TOML and what isn't a key, and takes the latter out, so that the rest can be judged beside it;
//! whether a value is good is not decided here.

use super::alien;
use super::error::{ConfigErrors, Problem};
use super::schema::{Schema, is_scenario_name, nearest};
use lang::{Text, say};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// The line (from 1) of each section, key and item: `dial`, `dial.allow`, `dial.allow[1]`,
/// `http.api_keys[0].name`.
pub(super) type Lines = BTreeMap<String, usize>;

/// A path that names a device or a log by mistake must not fill the memory.
const LONGEST: u64 = 1 << 20;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Nothing but keys that there are.
    pub table: Table,
    pub lines: Lines,
    /// What was left out, and why.
    pub unknown: Vec<Problem>,
}

/// The file at `path`; the error is about the file as a whole.
pub(super) fn read(path: &Path, schema: &Schema) -> Result<Checked, ConfigErrors> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    read.map_err(|error| {
        if path.is_symlink() && !path.exists() {
            let text = say!(
                "it is a link to a file that is not there; make that file, or name another by --config",
                "это ссылка на файл, которого нет; создайте его или назовите другой: --config"
            );
            return Problem::of_file(path, None, text);
        }
        let text = say!(
            "can't read the configuration: {error}; see --config",
            "конфигурация не читается: {error}; другой файл задаёт --config",
            error = error
        );
        Problem::of_file(path, None, text)
    })?;
    if text.len() as u64 > LONGEST {
        let problem = say!(
            "it is longer than {LONGEST} bytes: is it the right file? see --config",
            "он длиннее {LONGEST} байт: тот ли это файл? другой задаёт --config"
        );
        return Err(Problem::of_file(path, None, problem).into());
    }
    checked(&text, path, schema)
}

/// The text of a file, whose `path` is for messages. The text may hold secrets: no message quotes it.
pub(super) fn checked(text: &str, path: &Path, schema: &Schema) -> Result<Checked, ConfigErrors> {
    let (mut table, lines) = parse(text).map_err(|(line, message)| {
        let text = say!("this is not TOML: {message}", "это не TOML: {message}", message = message);
        Problem::of_file(path, line, text)
    })?;
    let mut problems = Vec::new();
    for (key, text) in unknown(&table, schema) {
        take_out(&mut table, &key);
        let mut problem = Problem::of_file(path, lines.get(&key).copied(), text);
        problem.key = Some(key);
        problems.push(problem);
    }
    problems.sort_by_key(|problem| problem.key.as_ref().and_then(|key| lines.get(key)).copied());
    Ok(Checked { table, lines, unknown: problems })
}

/// A section's name may have dots in it, so the whole is tried before its parts.
fn take_out(table: &mut Table, path: &str) {
    if table.remove(path).is_some() {
        return;
    }
    let dots = path.match_indices('.').map(|(at, _)| path.split_at(at));
    for (section, rest) in dots {
        if let Some(Value::Table(inner)) = table.get_mut(section) {
            return take_out(inner, &rest[1..]);
        }
    }
}

/// Values and lines, or the line and what is wrong there. The message never quotes the text, which may be a
/// secret.
pub(super) fn parse(text: &str) -> Result<(Table, Lines), (Option<usize>, Text)> {
    let line = |span: Range<usize>| 1 + text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
    let error = |error: toml::de::Error| {
        let line = error.span().map(line);
        let words = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        let odd = odd_sign(words).or_else(|| alien_key(words));
        (line, odd.unwrap_or_else(|| told(error.message())))
    };
    let tree = DeTable::parse(text).map_err(error)?;
    let mut lines = Lines::new();
    walk(tree.get_ref(), "", &mut |path, span| {
        lines.insert(path, line(span));
    });
    Ok((toml::from_str(text).map_err(error)?, lines))
}

/// What text processors and web pages put in the place of a plain sign, and nobody sees: the parser's words tell of something
/// else then.
fn odd_sign(line: &str) -> Option<Text> {
    for (index, sign) in unquoted(line) {
        match sign {
            '“' | '”' | '„' | '«' | '»' | '‘' | '’' => {
                let at = index + 1;
                return Some(say!(
                    "the quotes at column {at} are those of a text processor; write plain ones: \"",
                    "кавычки на месте {at} — из текстового редактора; нужны простые: \""
                ));
            }
            '\u{a0}' | '\u{2000}'..='\u{200f}' | '\u{202f}' | '\u{2060}' | '\u{feff}' => {
                let (at, code) = (index + 1, u32::from(sign));
                return Some(say!(
                    "there is an invisible sign (U+{code:04X}) at column {at}; write a plain space, or nothing",
                    "на месте {at} невидимый знак (U+{code:04X}); нужен простой пробел или ничего"
                ));
            }
            _ => {}
        }
    }
    None
}

/// The signs of a line that stand in no quotes, with their places, up to a comment.
fn unquoted(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let signs = line.chars().enumerate().map_while(move |(index, sign)| match (quote, sign) {
        (None, '#') => None,
        (None, '"' | '\'') => {
            quote = Some(sign);
            Some(None)
        }
        (Some(open), sign) => {
            quote = quote.filter(|_| open != sign);
            Some(None)
        }
        (None, sign) => Some(Some((index, sign))),
    });
    signs.flatten()
}

/// A key or a section's name with a letter of another alphabet in it, which mostly looks like a Latin one. What is quoted, and
/// what stands as a value, is none.
fn alien_key(line: &str) -> Option<Text> {
    let mut found = None;
    let is_header = line.trim_start().starts_with('[');
    for (index, sign) in unquoted(line) {
        match sign {
            '=' | ']' if found.is_some() && (sign == '=' || is_header) => {
                let (at, named) = (found?, alien::named(line.chars().nth(found? - 1)?));
                return Some(say!(
                    "at column {at} {named}; keys and sections are written in Latin letters",
                    "место {at}: {named}; ключи и секции пишутся латинскими буквами",
                    named = named
                ));
            }
            // The word before was no key.
            ',' | '{' | '}' | '=' | '[' | ']' => found = None,
            sign if sign.is_alphabetic() && !sign.is_ascii() => found = found.or(Some(index + 1)),
            _ => {}
        }
    }
    None
}

/// The parser's words, without what was found. It takes a word without quotes for the beginning of `nan` or of a number.
fn told(message: &str) -> Text {
    let message = message.trim().replace('\n', ", ");
    let russian = in_russian(&message);
    let of_no_quotes =
        ["invalid float", "invalid integer", "invalid boolean", "string values must be quoted"];
    match of_no_quotes.iter().any(|words| message.contains(words)) {
        true => say!(
            "{message}; a text must stand in quotes, as in key = \"text\"",
            "{russian}; текст пишут в кавычках: key = \"text\""
        ),
        false => Text { en: message, ru: russian },
    }
}

/// What people do wrong most often; the parser's other words stay.
fn in_russian(message: &str) -> String {
    const WORDS: [(&str, &str); 11] = [
        ("unexpected key or value", "лишнее после значения или секции"),
        ("invalid key", "неверное имя ключа"),
        ("invalid basic string", "у текста нет закрывающей кавычки"),
        ("string values must be quoted", "текст без кавычек"),
        ("duplicate key", "ключ задан дважды"),
        ("invalid table header", "неверное начало секции, нужно [секция]"),
        ("unclosed table", "секция не закрыта скобкой ]"),
        ("unclosed array", "список не закрыт скобкой ]"),
        ("key with no value", "у ключа нет значения, нужно key = значение"),
        ("invalid float", "это не число"),
        ("invalid integer", "это не целое число"),
    ];
    match WORDS.iter().find(|(en, _)| message.contains(en)) {
        Some((_, ru)) => format!("{ru} ({message})"),
        None => message.to_owned(),
    }
}

fn walk(table: &DeTable<'_>, path: &str, found: &mut impl FnMut(String, Range<usize>)) {
    for (key, value) in table {
        let path =
            if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        walk_value(value, &path, found);
        found(path, key.span());
    }
}

fn walk_value(value: &Spanned<DeValue<'_>>, path: &str, found: &mut impl FnMut(String, Range<usize>)) {
    match value.get_ref() {
        DeValue::Table(table) => walk(table, path, found),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                walk_value(item, &path, found);
                found(path, item.span());
            }
        }
        _ => {}
    }
}

/// What stands in the file and isn't a key, with the reason.
fn unknown(table: &Table, schema: &Schema) -> Vec<(String, Text)> {
    let mut unknown = Vec::new();
    for (section, keys) in table {
        let Some(keys) = keys.as_table() else {
            let text = if section == "scenarios" {
                no_scenario()
            } else if schema.is_section(section) {
                say!(
                    "this is a section: write [{section}] and its keys below",
                    "это секция: пишите [{section}], а её ключи — ниже"
                )
            } else {
                no_such_key(schema.suggestion(section))
            };
            unknown.push((section.clone(), text));
            continue;
        };
        if !schema.is_section(section) {
            let text = say!(
                "there is no such section; {hint}",
                "такой секции нет; {hint}",
                hint = schema.section_suggestion(section, inner_section(keys))
            );
            unknown.push((section.clone(), text));
        } else if section == "scenarios" {
            unknown.extend(keys.iter().flat_map(|(name, scenario)| unknown_in_scenario(name, scenario)));
        } else {
            let is_unknown = |key: &str| schema.kind(&format!("{section}.{key}")).is_none();
            unknown.extend(keys.iter().filter(|(key, _)| is_unknown(key)).map(|(key, value)| {
                let path = format!("{section}.{key}");
                let text = match value {
                    Value::Table(_) if section == "scenario" => {
                        say!(
                            "there is no such section; did you mean [scenarios.{key}]?",
                            "такой секции нет; имелась в виду [scenarios.{key}]?"
                        )
                    }
                    _ if section == "scenario" && key == "steps" => no_scenario(),
                    _ => no_such_key(schema.suggestion(&path)),
                };
                (path, text)
            }));
        }
    }
    unknown
}

/// The name of a section within this one: its only one.
fn inner_section(table: &Table) -> Option<&str> {
    let mut inner = table.iter();
    match (inner.next(), inner.next()) {
        (Some((name, Value::Table(_))), None) => Some(name),
        _ => None,
    }
}

fn no_scenario() -> Text {
    say!(
        "a scenario has a section with its name: write [scenarios.NAME] and `steps = [...]` below",
        "у сценария есть секция с его именем: пишите [scenarios.ИМЯ], а ниже — `steps = [...]`"
    )
}

fn no_such_key(hint: Text) -> Text {
    say!("there is no such key; {hint}", "такого ключа нет; {hint}", hint = hint)
}

fn unknown_in_scenario(name: &str, scenario: &Value) -> Vec<(String, Text)> {
    let path = format!("scenarios.{name}");
    if name == "steps" && !scenario.is_table() {
        return vec![(path, no_scenario())];
    }
    let Some(keys) = scenario.as_table().filter(|_| is_scenario_name(name)) else {
        let text = if is_scenario_name(name) {
            say!(
                "this is a section: write [{path}] and `steps = [...]` below",
                "это секция: пишите [{path}], а ниже — `steps = [...]`"
            )
        } else {
            say!(
                "a scenario's name has 1 to 64 of a-z, 0-9, _ and -, and no two _ in a row",
                "имя сценария — от 1 до 64 знаков a-z, 0-9, _ и -, без двух _ подряд"
            )
        };
        return vec![(path, text)];
    };
    let mut unknown: Vec<_> = (keys.keys().filter(|key| *key != "steps"))
        .map(|key| {
            let text = say!(
                "there is no such key; a scenario has only `steps`",
                "такого ключа нет; у сценария есть только `steps`"
            );
            (format!("{path}.{key}"), text)
        })
        .collect();
    // What is nearly `steps` has been told.
    let is_near = |key: &String| nearest(key, std::iter::once("steps")).is_some();
    if !keys.contains_key("steps") && !keys.keys().any(is_near) {
        let text = say!(
            "`steps` is missing: write steps = [{{ play = \"sound:hello-world\" }}]",
            "нет `steps`: пишите steps = [{{ play = \"sound:hello-world\" }}]"
        );
        unknown.push((path, text));
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        match checked(text, Path::new("bot.toml"), &Schema::builtin()) {
            Ok(checked) => checked.unknown.iter().map(|problem| format!("{problem}\n")).collect(),
            Err(errors) => errors.problems().iter().map(|problem| format!("{problem}\n")).collect(),
        }
    }

    #[test]
    fn lines_of_keys_and_items() {
        let (_, lines) =
            parse("# c\n[dial]\nallow = [\n  '+7',\n  '+375',\n]\n[[http.api_keys]]\nname='a'\n").unwrap();
        let cases = [
            ("dial", 2),
            ("dial.allow", 3),
            ("dial.allow[0]", 4),
            ("dial.allow[1]", 5),
            ("http.api_keys[0].name", 8),
        ];
        for (path, line) in cases {
            assert_eq!(lines.get(path), Some(&line), "{path} in {lines:?}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_told_with_its_line() {
        let cases = [
            ("[http]\nlisten = '127.0.0.1:1'", ""),
            ("[scenarios.welcome]\nsteps = []", ""),
            (
                "[dial]\nring_timout = 5\n[http]\n\nlisen = 1",
                "bot.toml:2: `dial.ring_timout`: there is no such key; did you mean `dial.ring_timeout`?\n\
                 bot.toml:5: `http.lisen`: there is no such key; did you mean `http.listen`?\n",
            ),
            ("\n[htp]\n", "bot.toml:2: `htp`: there is no such section; did you mean [http]?\n"),
            (
                "listen = ':1'",
                "bot.toml:1: `listen`: there is no such key; did you mean `http.listen` or `office.listen`?\n",
            ),
            ("http = 1", "bot.toml:1: `http`: this is a section: write [http] and its keys below\n"),
            (
                "[scenarios]\nA = 1\n[scenarios.b]\nsteps = []\nloop = 2\n[scenarios.c]",
                "bot.toml:2: `scenarios.A`: a scenario's name has 1 to 64 of a-z, 0-9, _ and -, and no two _ in a row\n\
                 bot.toml:5: `scenarios.b.loop`: there is no such key; a scenario has only `steps`\n\
                 bot.toml:6: `scenarios.c`: `steps` is missing: write steps = [{ play = \"sound:hello-world\" }]\n",
            ),
            (
                "[scenario.reminder]\nsteps = []\n",
                "bot.toml:1: `scenario.reminder`: there is no such section; did you mean [scenarios.reminder]?\n",
            ),
            (
                "[scenaros.reminder]\nsteps = []\n",
                "bot.toml:1: `scenaros`: there is no such section; did you mean [scenarios.reminder]?\n",
            ),
            (
                "[scenarios]\nsteps = []\n[scenario]\nsteps = []\n[scenarios.x]\nstep = []\n",
                "bot.toml:2: `scenarios.steps`: a scenario has a section with its name: write [scenarios.NAME] and `steps = [...]` below\n\
                 bot.toml:4: `scenario.steps`: a scenario has a section with its name: write [scenarios.NAME] and `steps = [...]` below\n\
                 bot.toml:6: `scenarios.x.step`: there is no such key; a scenario has only `steps`\n",
            ),
            (
                "[dial]\n\"аllow\" = []\n",
                "bot.toml:2: `dial.аllow`: there is no such key; the letter `а` is Cyrillic (U+0430) and only looks like the \
                 Latin `a`; did you mean `dial.allow`?\n",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(problems(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sign_that_nobody_sees_is_named() {
        for (text, expected) in [
            (
                "[http]\u{a0}\nlisten = ':1'",
                "bot.toml:1: this is not TOML: there is an invisible sign (U+00A0) at column 7",
            ),
            (
                "[http]\n\u{feff}listen = ':1'",
                "bot.toml:2: this is not TOML: there is an invisible sign (U+FEFF) at column 1",
            ),
            ("[ari]\npassword = “hunter2”", "bot.toml:2: this is not TOML: the quotes at column 12"),
            ("[ari]\nusername = «bot»", "bot.toml:2: this is not TOML: the quotes at column 12"),
        ] {
            let told = problems(text);
            assert!(told.starts_with(expected) && !told.contains("hunter2"), "{told}");
        }
        // Within a text, and in a comment, they are what they are.
        let told = problems("[ari]\nusername = \"«bot»\" x # «");
        assert!(!told.contains("quotes at"), "{told}");
        assert_eq!(problems("# «настройки»\n[ari]\nusername = '«bot»'"), "");
    }

    #[test]
    fn a_letter_of_another_alphabet_in_a_key_is_named() {
        for (text, expected) in [
            (
                "[dial]\nmax_сoncurrent = 5",
                "bot.toml:2: this is not TOML: at column 5 the letter `с` is Cyrillic (U+0441)",
            ),
            ("[diаl]", "bot.toml:1: this is not TOML: at column 4 the letter `а` is Cyrillic (U+0430)"),
            (
                "[scenarios.привет]",
                "bot.toml:1: this is not TOML: at column 12 the letter `п` (U+043F) is not Latin",
            ),
            (
                "[http]\napi_keys = [{ name = \"мы\", kеy = \"hunter2\" }]",
                "bot.toml:2: this is not TOML: at column 29 the letter `е` is Cyrillic (U+0435)",
            ),
        ] {
            let told = problems(text);
            assert!(told.starts_with(expected) && !told.contains("hunter2"), "{told}");
        }
        // Those of a value are what somebody wrote.
        for text in ["[ari]\nusername = имя", "[ari]\nusername 'имя'", "[http]\napi_keys = [{ name = имя }]"]
        {
            let told = problems(text);
            assert!(!told.contains("at column"), "{told}");
        }
    }

    #[test]
    fn broken_toml_is_told_with_its_line_and_without_its_text() {
        for text in ["[ari]\npassword = \"hunter2\n", "[ari]\npassword = hunter2", "[ari]\npassword hunter2"]
        {
            let told = problems(text);
            assert!(told.starts_with("bot.toml:2: this is not TOML: "), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        let told = problems("[dial]\nmin_gap = 1\nmin_gap = 2\n");
        assert!(told.starts_with("bot.toml:3: this is not TOML: duplicate key"), "{told}");
        let told = problems("[dial]\nmin_gap = 99999999999999999999\n");
        assert!(told.starts_with("bot.toml:2: this is not TOML: "), "{told}");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let errors = read(Path::new("/nonexistent/bot.toml"), &Schema::builtin()).unwrap_err();
        assert!(
            errors.to_string().contains("/nonexistent/bot.toml: can't read the configuration: No such file")
        );
        let errors = read(Path::new("/dev/zero"), &Schema::builtin()).unwrap_err();
        assert!(errors.to_string().contains("/dev/zero: it is longer than 1048576 bytes"), "{errors}");
    }
}
