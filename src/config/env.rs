//! The environment's layer: `NOVOFON_BOT_<SECTION>__<KEY>`, each value read by the type of its key.
//!
//! figment's own reader guesses types (`+7` would be the number 7, `12345` no password); this one knows them.

use super::error::{Origin, Problem};
use super::schema::{ENV_PREFIX, Kind, Schema};
use lang::{Text, say};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The file's path.
pub(super) const CONFIG: &str = "NOVOFON_BOT_CONFIG";

/// Variables with our prefix that are no keys: the file's path, and what the command line reads.
const OTHERS: [&str; 5] =
    [CONFIG, "NOVOFON_BOT_LANG", "NOVOFON_BOT_LOG", "NOVOFON_BOT_URL", "NOVOFON_BOT_API_KEY"];

/// What the environment says.
#[derive(Default)]
pub(super) struct Environment {
    pub table: Table,
    /// The variable of each key that it sets.
    pub names: BTreeMap<String, String>,
    pub problems: Vec<Problem>,
}

/// Our part of the process's environment, for [`Config::load`](super::Config::load). What isn't UTF-8 is kept
/// with replacement characters, which `load` refuses.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
}

/// The variables with our prefix; all others are passed over.
pub(super) fn read<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>, schema: &Schema) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(ENV_PREFIX).filter(|_| !OTHERS.contains(&name)) else { continue };
        let key = rest.to_lowercase().replace("__", ".");
        let problem = |text| Problem::new(key.as_str(), Origin::Environment(name.to_owned()), text);
        let Some(kind) = schema.kind(&key) else {
            let text = say!(
                "there is no such key; {hint}",
                "такого ключа нет; {hint}",
                hint = schema.variable_suggestion(name)
            );
            environment.problems.push(problem(text));
            continue;
        };
        match coerce(value, kind) {
            Ok(value) => {
                insert(&mut environment.table, &key, value);
                environment.names.insert(key, name.to_owned());
            }
            Err(expected) => {
                environment.problems.push(problem(say!("expected {it}", "нужно: {it}", it = expected)));
            }
        }
    }
    environment.problems.sort_by(|a, b| a.key.cmp(&b.key));
    environment
}

/// The value as a key of this type has it, or what was expected.
fn coerce(text: &str, kind: Kind) -> Result<Value, Text> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(say!("UTF-8 text", "текст в UTF-8"));
    }
    let word = text.trim();
    match kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Whole => word.parse().map(Value::Integer).map_err(|_| say!("a whole number", "целое число")),
        Kind::Number => {
            let number = word.parse().ok().filter(|number: &f64| number.is_finite());
            number.map(Value::Float).ok_or_else(|| say!("a number", "число"))
        }
        Kind::Flag => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Value::Boolean(true)),
            "false" | "no" | "off" | "0" => Ok(Value::Boolean(false)),
            _ => Err(say!("true or false", "true или false")),
        },
        Kind::List if word.starts_with('[') => match format!("v = {word}").parse::<Table>() {
            Ok(mut table) if table.len() == 1 => table.remove("v").ok_or_else(|| say!("a list", "список")),
            _ => Err(say!(
                "a list: items between commas, or a TOML array",
                "список: значения через запятую или массив TOML"
            )),
        },
        Kind::List => {
            let items = word.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
    }
}

/// `a.b.c = value`, making the tables on the way.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        read(variables.iter().copied(), &Schema::builtin())
    }

    #[test]
    fn a_value_is_read_by_the_type_of_its_key() {
        let cases = [
            ("DIAL__ALLOW", "+7,+375", "dial.allow = ['+7', '+375']"),
            ("DIAL__ALLOW", " +7 , ", "dial.allow = ['+7']"),
            ("DIAL__ALLOW", "+7", "dial.allow = ['+7']"),
            ("DIAL__ALLOW", "", "dial.allow = []"),
            ("DIAL__ALLOW", "['+7', \"+44\"]", "dial.allow = ['+7', '+44']"),
            ("ARI__PASSWORD", "12345", "ari.password = '12345'"),
            ("ARI__PASSWORD", " true", "ari.password = ' true'"),
            ("ARI__PASSWORD", "[x]", "ari.password = '[x]'"),
            ("TRUNK__CALLER_ID", "+74951234567", "trunk.caller_id = '+74951234567'"),
            ("DIAL__RING_TIMEOUT", " 30 ", "dial.ring_timeout = 30"),
            ("DIAL__CALLS_PER_SECOND", "2", "dial.calls_per_second = 2.0"),
            ("DIAL__CALLS_PER_SECOND", "0.5", "dial.calls_per_second = 0.5"),
            ("ARI__REST_OVER_SOCKET", "No", "ari.rest_over_socket = false"),
            ("ARI__REST_OVER_SOCKET", "1", "ari.rest_over_socket = true"),
            (
                "SCENARIOS__WELCOME_BACK__STEPS",
                "[{play='sound:a'}]",
                "scenarios.welcome_back.steps = [{play='sound:a'}]",
            ),
        ];
        for (name, value, expected) in cases {
            let read = environment(&[(&format!("NOVOFON_BOT_{name}"), value)]);
            assert_eq!(read.problems, [], "{name}={value}");
            assert_eq!(read.table, expected.parse::<Table>().unwrap(), "{name}={value}");
        }
    }

    #[test]
    fn bad_values_and_unknown_names_are_told() {
        let cases = [
            ("DIAL__RING_TIMEOUT", "60s", "`dial.ring_timeout`: expected a whole number"),
            ("DIAL__RING_TIMEOUT", "", "`dial.ring_timeout`: expected a whole number"),
            ("DIAL__CALLS_PER_SECOND", "nan", "`dial.calls_per_second`: expected a number"),
            ("ARI__REST_OVER_SOCKET", "maybe", "`ari.rest_over_socket`: expected true or false"),
            ("DIAL__ALLOW", "[1", "`dial.allow`: expected a list: items between commas, or a TOML array"),
            (
                "DIAL__ALLOW",
                "[]\nw = 1",
                "`dial.allow`: expected a list: items between commas, or a TOML array",
            ),
            ("ARI__PASSWORD", "\u{fffd}", "`ari.password`: expected UTF-8 text"),
            (
                "ARI__PASWORD",
                "x",
                "`ari.pasword`: there is no such key; did you mean NOVOFON_BOT_ARI__PASSWORD?",
            ),
            (
                "ARI_PASSWORD",
                "x",
                "`ari_password`: there is no such key; did you mean NOVOFON_BOT_ARI__PASSWORD?",
            ),
            (
                "TTS",
                "x",
                "`tts`: there is no such key; \
                 keys are written NOVOFON_BOT_<SECTION>__<KEY>, as in NOVOFON_BOT_ARI__PASSWORD",
            ),
        ];
        for (name, value, expected) in cases {
            let read = environment(&[(&format!("NOVOFON_BOT_{name}"), value)]);
            let told: Vec<String> = read.problems.iter().map(Problem::to_string).collect();
            assert_eq!(told, [format!("NOVOFON_BOT_{name}: {expected}")]);
            assert!(read.table.is_empty(), "{name}={value}");
        }
    }

    #[test]
    fn other_variables_are_passed_over() {
        let read = environment(&[
            ("PATH", "/bin"),
            ("NOVOFON_API_KEY", "x"),
            ("NOVOFON_BOT_CONFIG", "/x"),
            ("NOVOFON_BOT_LANG", "ru"),
            ("NOVOFON_BOT_LOG", "debug"),
            ("NOVOFON_BOT_URL", "http://x"),
            ("NOVOFON_BOT_API_KEY", "x"),
        ]);
        assert!(read.table.is_empty() && read.problems.is_empty());
    }

    #[test]
    fn variables_of_one_section_add_up() {
        let read = environment(&[("NOVOFON_BOT_ARI__USERNAME", "u"), ("NOVOFON_BOT_ARI__PASSWORD", "p")]);
        assert_eq!(read.table, "ari = { username = 'u', password = 'p' }".parse().unwrap());
        assert_eq!(read.names["ari.username"], "NOVOFON_BOT_ARI__USERNAME");
    }
}
