//! Reads keys as Rust values and gathers everything that is wrong on the way.
//!
//! A bad value is noted and the default taken instead, so that reading goes on and finds the next one; with
//! any problem noted the whole configuration is refused in the end, and no such default is ever used.

use super::alien;
use super::error::{Problem, placed};
use super::layers::Layers;
use lang::{Text, say};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;
use toml::Value;
use url::{Position, Url};

pub(super) struct Reader<'a> {
    pub layers: &'a Layers,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Text>,
    /// What was asked for: a test compares it with default.toml.
    pub seen: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: Vec::new(), warnings: Vec::new(), seen: BTreeSet::new() }
    }

    /// The value of a key by `parse`, which says on failure what it expected.
    pub fn parsed<T>(&mut self, key: &'static str, parse: impl Fn(&Value) -> Result<T, Text>) -> T {
        self.seen.insert(key);
        let value = self.layers.value(key).expect("default.toml has every key that is read");
        parse(&value).unwrap_or_else(|expected| {
            self.problem(key, expected_but(&expected, &shown(key, &value)));
            let (section, name) = key.split_once('.').expect("a key has a section");
            parse(&self.layers.schema.defaults[section][name]).expect("a default is a good value")
        })
    }

    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<u32>, unit: &str) -> u32 {
        self.parsed(key, |value| {
            let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
            let (least, most, ru) = (range.start(), range.end(), in_russian(unit));
            let expected = || {
                say!("a whole number of {unit}, {least} to {most}", "целое число ({ru}) от {least} до {most}")
            };
            number.filter(|number| range.contains(number)).ok_or_else(expected)
        })
    }

    pub fn seconds(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Duration {
        Duration::from_secs(self.whole(key, range, "seconds").into())
    }

    pub fn number(&mut self, key: &'static str, range: RangeInclusive<f64>, unit: &str) -> f64 {
        self.parsed(key, |value| {
            let (least, most, ru) = (range.start(), range.end(), in_russian(unit));
            let expected =
                || say!("a number of {unit}, {least} to {most}", "число ({ru}) от {least} до {most}");
            number(value).filter(|number| range.contains(number)).ok_or_else(expected)
        })
    }

    pub fn flag(&mut self, key: &'static str) -> bool {
        self.parsed(key, |value| value.as_bool().ok_or_else(|| say!("true or false", "true или false")))
    }

    pub fn text(&mut self, key: &'static str) -> String {
        self.text_as(key, say!("text in quotes", "текст в кавычках"), |text| {
            Some(text.to_owned())
        })
    }

    /// A text that `parse` understands; `expected` names what that is.
    pub fn text_as<T>(&mut self, key: &'static str, expected: Text, parse: impl Fn(&str) -> Option<T>) -> T {
        self.parsed(key, |value| value.as_str().and_then(&parse).ok_or_else(|| expected.clone()))
    }

    /// The items of a list, each with its path.
    pub fn items(&mut self, key: &'static str) -> Vec<(String, Value)> {
        let items =
            self.parsed(key, |value| value.as_array().cloned().ok_or_else(|| say!("a list", "список")));
        items.into_iter().enumerate().map(|(index, item)| (format!("{key}[{index}]"), item)).collect()
    }

    /// Notes what is wrong with a key, or an item in it.
    pub fn problem(&mut self, path: impl Into<String>, text: Text) {
        let path = path.into();
        let origin = self.layers.origin(&path);
        self.problems.push(Problem::new(path, origin, text));
    }

    pub fn warning(&mut self, key: &str, text: &Text) {
        let origin = self.layers.origin(key);
        let placed = |text: &str| placed(Some(key), &origin, text);
        self.warnings.push(Text { en: placed(&text.en), ru: placed(&text.ru) });
    }
}

/// What was expected, and what stands there.
pub(super) fn expected_but(expected: &Text, found: &Text) -> Text {
    let text = say!("expected {a}, found {b}", "нужно: {a}; задано: {b}", a = *expected, b = *found);
    match alien::hidden(&found.en) {
        Some(sign) => say!("{a}; {b}", "{a}; {b}", a = text, b = alien::named(sign)),
        None => text,
    }
}

/// A unit of the keys.
fn in_russian(unit: &str) -> &str {
    match unit {
        "seconds" => "секунды",
        "calls" => "звонки",
        "calls per second" => "звонки в секунду",
        "calls per minute" => "звонки в минуту",
        "requests per minute" => "запросы в минуту",
        "bytes" => "байты",
        "days" => "дни",
        "connections" => "соединения",
        "commands" => "команды",
        other => other,
    }
}

/// Is the value of this key one that is never shown?
pub(super) fn is_secret(key: &str) -> bool {
    matches!(
        key,
        "ari.password"
            | "http.api_keys"
            | "office.database_password"
            | "office.ssh_password"
            | "office.ami_password"
            | "office.ari_password"
            // Its URL may have a password in it.
            | "office.database"
    )
}

/// A value in a message: short, and never a secret.
pub(super) fn shown(path: &str, value: &Value) -> Text {
    let key = path.split('[').next().unwrap_or(path);
    if is_secret(key) {
        return say!("a secret of type {}", "секрет типа {}", value.type_str());
    }
    if let Some(text) = value.as_str().filter(|_| key == "store.url") {
        return shown_store(text);
    }
    if let Some(text) = value.as_str().filter(|_| matches!(key, "ari.url" | "ari.username")) {
        return shown_ari(key, text);
    }
    // TOML would spread a text with line ends over several lines.
    let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
    Text::same(cut(&text))
}

/// What stands where the store's URL belongs, without a password that may be in it.
fn shown_store(text: &str) -> Text {
    let is_plain = text.starts_with("sqlite:") || !text.contains('@');
    match text.split_once("://") {
        None if !is_plain => say!("text that is no address", "текст, который не адрес"),
        Some((scheme, _)) if !is_plain => {
            let scheme = cut(scheme);
            say!("one that begins with \"{scheme}:\"", "адрес, который начинается с \"{scheme}:\"")
        }
        _ => Text::same(cut(&format!("{text:?}"))),
    }
}

/// What stands where Asterisk's address or user belongs, without a password that may be in it.
fn shown_ari(key: &str, text: &str) -> Text {
    if key == "ari.username" {
        return say!("one with such a character", "имя с таким знаком");
    }
    let Ok(url) = Url::parse(text) else {
        return say!("text that is no address", "текст, который не адрес");
    };
    match url.host_str().filter(|host| !host.is_empty()) {
        None => {
            let scheme = cut(url.scheme());
            say!("one that begins with \"{scheme}:\"", "адрес, который начинается с \"{scheme}:\"")
        }
        Some(_) if !url.username().is_empty() || url.password().is_some() => {
            say!("one with a user or password in it", "адрес с именем или паролем")
        }
        Some(_) if url.query().is_some() || url.fragment().is_some() => {
            say!("one with a query in it", "адрес с запросом после ?")
        }
        Some(_) => Text::same(cut(&format!("{:?}", &url[..Position::AfterPath]))),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A number, written with or without a point.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}
