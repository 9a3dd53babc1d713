//! Which keys there are and of what type: read from `default.toml`, the only list of them.
//!
//! Knows no values but the defaults, and nothing of what they mean.

use super::alien;
use super::file::{self, Lines};
use lang::{Text, say};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The first layer, shipped as the commented example too.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The prefix of our environment variables.
pub const ENV_PREFIX: &str = "NOVOFON_BOT_";

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Whole,
    Number,
    Flag,
    List,
}

/// The keys, their types and defaults.
pub(super) struct Schema {
    pub defaults: Table,
    pub lines: Lines,
    kinds: BTreeMap<String, Kind>,
}

impl Schema {
    pub fn builtin() -> Self {
        let (defaults, lines) = file::parse(DEFAULT_TOML).expect("a test proves that default.toml is TOML");
        let mut kinds = BTreeMap::new();
        for (section, keys) in &defaults {
            for (key, value) in keys.as_table().into_iter().flatten().filter(|_| section != "scenarios") {
                kinds.insert(format!("{section}.{key}"), kind(value));
            }
        }
        Self { defaults, lines, kinds }
    }

    /// The type of a key; `None` for one that doesn't exist.
    pub fn kind(&self, key: &str) -> Option<Kind> {
        match key.strip_prefix("scenarios.").and_then(|rest| rest.strip_suffix(".steps")) {
            Some(name) => is_scenario_name(name).then_some(Kind::List),
            None => self.kinds.get(key).copied(),
        }
    }

    /// All keys but those of `scenarios`, by name.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    pub fn is_section(&self, name: &str) -> bool {
        self.defaults.contains_key(name)
    }

    /// What the writer of an unknown key may have meant.
    pub fn suggestion(&self, unknown: &str) -> Text {
        alien_or(unknown, |unknown| self.near(unknown))
    }

    fn near(&self, unknown: &str) -> Text {
        let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
        let namesakes: Vec<&str> = self.keys().filter(|key| last(key) == last(unknown)).collect();
        match nearest(unknown, self.keys()) {
            _ if namesakes.len() > 1 => {
                let (en, ru) = (namesakes.join("` or `"), namesakes.join("` или `"));
                say!("did you mean `{en}`?", "имелся в виду `{ru}`?")
            }
            Some(key) => say!("did you mean `{key}`?", "имелся в виду `{key}`?"),
            None => say!("see default.toml for the keys there are", "все ключи — в default.toml"),
        }
    }

    /// The same for a section. One with sections in it is of scenarios: nothing else is named by its writer.
    pub fn section_suggestion(&self, unknown: &str, inner: Option<&str>) -> Text {
        alien_or(unknown, |unknown| {
            let sections = self.sections().into_iter();
            match nearest(unknown, sections.filter(|name| inner.is_none() || *name == "scenarios")) {
                Some(section) => {
                    let whole = inner.map_or(section.to_owned(), |inner| format!("{section}.{inner}"));
                    say!("did you mean [{whole}]?", "имелась в виду [{whole}]?")
                }
                None => say!("the sections are {}", "есть секции {}", self.sections().join(", ")),
            }
        })
    }

    /// The same for the environment, in the environment's own spelling.
    pub fn variable_suggestion(&self, unknown: &str) -> Text {
        alien_or(unknown, |unknown| self.near_variable(unknown))
    }

    fn near_variable(&self, unknown: &str) -> Text {
        let names: Vec<String> = self.keys().map(variable).collect();
        match nearest(unknown, names.iter().map(String::as_str)) {
            Some(name) => say!("did you mean {name}?", "имелась в виду {name}?"),
            None => say!(
                "keys are written {ENV_PREFIX}<SECTION>__<KEY>, as in {ENV_PREFIX}ARI__PASSWORD",
                "ключи пишутся {ENV_PREFIX}<СЕКЦИЯ>__<КЛЮЧ>, например {ENV_PREFIX}ARI__PASSWORD"
            ),
        }
    }

    fn sections(&self) -> Vec<&str> {
        self.defaults.keys().map(String::as_str).collect()
    }
}

/// A hint for a name; one with letters that only look like Latin ones is told of these, for the right name looks the same.
fn alien_or(unknown: &str, hint: impl Fn(&str) -> Text) -> Text {
    match alien::meant(unknown) {
        Some((meant, sign)) => {
            let (named, hint) = (alien::named(sign), hint(&meant));
            say!("{named}; {hint}", "{named}; {hint}", named = named, hint = hint)
        }
        None => hint(unknown),
    }
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Letters that survive a way through an environment variable's name.
pub(super) fn is_scenario_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(allowed) && !name.contains("__")
}

/// The known name nearest to `unknown`: the same last part in another section, else the fewest changed
/// letters, as long as that is less than a third of them.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let known: Vec<&str> = known.collect();
    let mut namesakes = known.iter().filter(|name| last(name) == last(unknown));
    if let (Some(name), None) = (namesakes.next(), namesakes.next()) {
        return Some(name);
    }
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&unknown.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| distance * 3 <= name.len().max(unknown.len()))
        .min()
        .map(|(_, name)| name)
}

fn kind(default: &Value) -> Kind {
    match default {
        Value::Integer(_) => Kind::Whole,
        Value::Float(_) => Kind::Number,
        Value::Boolean(_) => Kind::Flag,
        Value::Array(_) => Kind::List,
        Value::String(_) | Value::Datetime(_) | Value::Table(_) => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_from_the_defaults() {
        let schema = Schema::builtin();
        let cases = [
            ("http.listen", Some(Kind::Text)),
            ("dial.ring_timeout", Some(Kind::Whole)),
            ("dial.calls_per_second", Some(Kind::Number)),
            ("ari.rest_over_socket", Some(Kind::Flag)),
            ("dial.allow", Some(Kind::List)),
            ("scenarios.welcome.steps", Some(Kind::List)),
            ("scenarios.Welcome.steps", None),
            ("scenarios.welcome.loops", None),
            ("dial", None),
            ("dial.nothing", None),
        ];
        for (key, expected) in cases {
            assert_eq!(schema.kind(key), expected, "{key}");
        }
    }

    #[test]
    fn the_nearest_key_is_near() {
        let schema = Schema::builtin();
        let cases = [
            ("dial.ring_timout", "did you mean `dial.ring_timeout`?"),
            ("dial.max_concurent", "did you mean `dial.max_concurrent`?"),
            ("dial.listen", "did you mean `http.listen` or `office.listen`?"),
            ("allow", "did you mean `dial.allow`?"),
            ("tts.voice", "see default.toml for the keys there are"),
        ];
        for (unknown, expected) in cases {
            assert_eq!(schema.suggestion(unknown).en, expected, "{unknown}");
        }
        assert_eq!(schema.section_suggestion("htttp", None).en, "did you mean [http]?");
        assert_eq!(schema.section_suggestion("scenaros", Some("x")).en, "did you mean [scenarios.x]?");
        assert!(
            schema.section_suggestion("nothing_alike", None).en.starts_with("the sections are ari, dial")
        );
        let alien = schema.variable_suggestion("NOVOFON_BOT_DIАL__ALLOW").en;
        assert!(alien.contains("`А` is Cyrillic (U+0410)"), "{alien}");
        assert_eq!(
            schema.suggestion("dial.аllow").ru,
            "буква `а` русская (U+0430), а нужна латинская `a`; имелся в виду `dial.allow`?"
        );
        assert_eq!(
            schema.variable_suggestion("NOVOFON_BOT_DIAL_ALLOW").en,
            "did you mean NOVOFON_BOT_DIAL__ALLOW?"
        );
    }
}
