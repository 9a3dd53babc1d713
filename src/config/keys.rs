//! The API's keys: who may use it. They are kept as SHA-256 digests only, and compared in constant time.
//!
//! Knows how a key is written in the configuration; how it is presented over HTTP is the API's matter.

use super::rights::Rights;
use super::schema::nearest;
use sha2::{Digest, Sha256};
use std::fmt;
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;
use toml::{Table, Value};

use asterisk::secret::Secret;
use lang::{Text, say};

/// Shorter ones can be guessed over the network.
const SHORTEST_KEY: usize = 16;

/// The highest rate limit, requests per minute.
pub(super) const HIGHEST_RATE: u32 = 1_000_000;

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 64;

/// One key: its name, never its text.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub name: String,
    /// Requests per minute; `None` is no limit.
    pub rate_limit: Option<NonZeroU32>,
    pub rights: Rights,
    digest: [u8; 32],
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .field("rate_limit", &self.rate_limit)
            .field("rights", &self.rights.to_string())
            .finish_non_exhaustive()
    }
}

/// All keys. Empty: the API is open, and only on loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
    /// There is a file for keys: with none in it nobody is let in, where otherwise everybody would be.
    is_closed: bool,
}

impl ApiKeys {
    /// Without a key, and yet not open.
    pub(super) fn closed() -> Self {
        Self { keys: Vec::new(), is_closed: true }
    }

    /// Whether this very key is still there, with the same rights under the same name.
    pub fn has(&self, key: &ApiKey) -> bool {
        self.keys
            .iter()
            .any(|known| known.name == key.name && known.digest == key.digest && known.rights == key.rights)
    }

    /// Whose key this is. Every key is compared whatever the first ones say, each in constant time.
    pub fn identify(&self, presented: &str) -> Option<&ApiKey> {
        let digest = digest(presented);
        self.keys.iter().fold(None, |found, key| {
            let same = bool::from(key.digest.ct_eq(&digest));
            if same { Some(key) } else { found }
        })
    }

    /// Whether no key is needed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.is_closed
    }

    pub fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter()
    }

    /// Adds a key, whose name and digest must be new. The error says which isn't.
    pub(super) fn add(&mut self, key: ApiKey) -> Result<(), Text> {
        if self.keys.iter().any(|other| other.name == key.name) {
            return Err(say!(
                "a second key named `{}`: each needs a name of its own",
                "второй ключ с именем `{}`: имена не должны повторяться",
                key.name
            ));
        }
        if let Some(other) = self.keys.iter().find(|other| other.digest == key.digest) {
            return {
                let (one, two) = (&other.name, &key.name);
                Err(say!(
                    "`{one}` and `{two}` are the same key: each needs its own",
                    "`{one}` и `{two}` — один и тот же ключ: каждому нужен свой"
                ))
            };
        }
        self.keys.push(key);
        Ok(())
    }
}

/// A key as it is written in the configuration.
pub(super) struct Written {
    pub key: ApiKey,
    /// Its text stands there, not its hash.
    pub is_plain: bool,
    /// It names its rights; one of before, which doesn't, has all of them.
    pub has_rights: bool,
}

/// An item of `http.api_keys`. The error says what is wrong, without the key. `rate_limit` is for keys
/// without one.
pub(super) fn parse(item: &Value, rate_limit: u32) -> Result<Written, Text> {
    match item {
        Value::String(text) => parse_text(text, rate_limit),
        Value::Table(table) => parse_table(table, rate_limit),
        other => Err(say!(
            "expected {forms}, found {found}",
            "нужно {forms}, задано: {found}",
            forms = forms(),
            found = Text::same(other.type_str())
        )),
    }
}

fn forms() -> Text {
    say!(
        r#""name:key", "name:sha256:<hex>:rights=call,read" or {{ name = "crm", key = "..." or hash = "sha256:<hex>", rights = ["call", "read"], rate_limit = 120 }}"#,
        r#""имя:ключ", "имя:sha256:<hex>:rights=call,read" или {{ name = "crm", key = "..." или hash = "sha256:<hex>", rights = ["call", "read"], rate_limit = 120 }}"#
    )
}

/// "name:key" or "name:sha256:hex", as in the environment and in a file of keys. After a hash may come
/// ":rights=call,read" and ":rate_limit=120"; after a key, which may have any sign in it, nothing.
pub(super) fn parse_text(text: &str, rate_limit: u32) -> Result<Written, Text> {
    let (name, secret) = text.split_once(':').ok_or_else(|| {
        say!(
            "expected \"name:key\": the `:` after a name is missing",
            "нужно \"имя:ключ\": после имени нет `:`"
        )
    })?;
    let Some(rest) = secret.strip_prefix(HASH) else {
        return written(name, plain(secret)?, true, None, rate_limit);
    };
    let mut parts = rest.split(':');
    let digest = hash(&format!("{HASH}{}", parts.next().unwrap_or_default()))?;
    let (mut rights, mut limit) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("rights", words)) if rights.is_none() => rights = Some(Rights::parse(words.split(','))?),
            Some(("rate_limit", number)) if limit.is_none() => {
                limit = Some(number.parse().ok().filter(|number| *number <= HIGHEST_RATE).ok_or_else(rate)?);
            }
            _ => {
                return Err(say!(
                    "after the 64 hex digits come `:rights=call,read` and `:rate_limit=120`, each once",
                    "после 64 шестнадцатеричных цифр идут `:rights=call,read` и `:rate_limit=120`, каждое по разу"
                ));
            }
        }
    }
    written(name, digest, false, rights, limit.unwrap_or(rate_limit))
}

/// The line of a key in a file of keys.
pub(super) fn line_of(name: &str, key: &Secret, rights: Rights, rate_limit: Option<u32>) -> String {
    let hex: String = digest(key.expose()).iter().map(|byte| format!("{byte:02x}")).collect();
    let limit = rate_limit.map(|limit| format!(":rate_limit={limit}")).unwrap_or_default();
    format!("{name}:{HASH}{hex}:rights={rights}{limit}")
}

fn parse_table(table: &Table, rate_limit: u32) -> Result<Written, Text> {
    let text = |field: &str| match table.get(field) {
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or_else(|| say!("`{field}` must be text in quotes", "`{field}` — это текст в кавычках")),
        None => Ok(None),
    };
    const FIELDS: [&str; 5] = ["name", "key", "hash", "rights", "rate_limit"];
    if let Some(unknown) = table.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(match nearest(unknown, FIELDS.into_iter()) {
            Some(near) => say!(
                "there is no `{unknown}` in a key; did you mean `{near}`? expected {forms}",
                "у ключа нет `{unknown}`; имелось в виду `{near}`? нужно {forms}",
                forms = forms()
            ),
            None => say!(
                "there is no `{unknown}` in a key; expected {forms}",
                "у ключа нет `{unknown}`; нужно {forms}",
                forms = forms()
            ),
        });
    }
    let name = text("name")?.ok_or_else(|| {
        say!("`name` is missing: it is what logs show", "нет `name`: по нему ключ узнают в журнале")
    })?;
    let (digest, is_plain) = match (text("key")?, text("hash")?) {
        (Some(key), None) if key.starts_with(HASH) => {
            return Err(say!("write a hash as `hash`, not as `key`", "хеш пишут в `hash`, а не в `key`"));
        }
        (Some(key), None) => (plain(key)?, true),
        (None, Some(hex)) => (hash(hex)?, false),
        _ => return Err(say!("expected one of `key` and `hash`", "нужно одно из двух: `key` или `hash`")),
    };
    let rights = match table.get("rights") {
        None => None,
        Some(Value::Array(words)) if words.iter().all(Value::is_str) => {
            Some(Rights::parse(words.iter().filter_map(Value::as_str))?)
        }
        Some(_) => {
            return Err(say!(
                "`rights`: expected a list of words, as in [\"call\", \"read\"]",
                "`rights`: нужен список слов, например [\"call\", \"read\"]"
            ));
        }
    };
    let rate_limit = match table.get("rate_limit") {
        None => rate_limit,
        Some(value) => (value.as_integer())
            .and_then(|number| u32::try_from(number).ok().filter(|&number| number <= HIGHEST_RATE))
            .ok_or_else(rate)?,
    };
    written(name, digest, is_plain, rights, rate_limit)
}

fn rate() -> Text {
    say!(
        "`rate_limit`: expected requests per minute, 0 to {HIGHEST_RATE}",
        "`rate_limit`: нужно число запросов в минуту, от 0 до {HIGHEST_RATE}"
    )
}

fn written(
    name: &str,
    digest: [u8; 32],
    is_plain: bool,
    rights: Option<Rights>,
    rate_limit: u32,
) -> Result<Written, Text> {
    check_name(name)?;
    let rate_limit = NonZeroU32::new(rate_limit);
    let key = ApiKey { name: name.into(), rate_limit, rights: rights.unwrap_or(Rights::ADMIN), digest };
    Ok(Written { key, is_plain, has_rights: rights.is_some() })
}

/// A name is shown in logs and stands in the calls: letters of any script, and nothing that a terminal or a line
/// of the file would take for something else.
pub(super) fn check_name(name: &str) -> Result<(), Text> {
    let allowed = |c: char| c.is_alphanumeric() || "._- ".contains(c);
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count()) && name.trim() == name;
    if !fits || !name.chars().all(allowed) {
        let most = LONGEST_NAME;
        return Err(say!(
            "a key's name has 1 to {most} letters of any script, digits, `.`, `_`, `-` and spaces inside",
            "имя ключа — от 1 до {most} букв любого алфавита, цифр, `.`, `_`, `-` и пробелов внутри"
        ));
    }
    Ok(())
}

const HASH: &str = "sha256:";

fn plain(key: &str) -> Result<[u8; 32], Text> {
    // What can't be sent in a header can't be a key.
    if !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(say!(
            "a key has only Latin letters, digits and signs, no spaces",
            "в ключе только латинские буквы, цифры и знаки, без пробелов"
        ));
    }
    if key.len() < SHORTEST_KEY {
        return Err(say!(
            "a key has at least {SHORTEST_KEY} characters; `openssl rand -hex 24` makes one",
            "в ключе не меньше {SHORTEST_KEY} знаков; создать: `openssl rand -hex 24`"
        ));
    }
    Ok(digest(key))
}

fn hash(text: &str) -> Result<[u8; 32], Text> {
    let expected = || {
        say!(
            "expected `sha256:` and 64 hex digits; `printf %s KEY | sha256sum` makes them",
            "нужно `sha256:` и 64 шестнадцатеричные цифры; создать: `printf %s КЛЮЧ | sha256sum`"
        )
    };
    let hex = text.strip_prefix(HASH).filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or_else(expected)?;
    let mut digest = [0; 32];
    for (byte, index) in digest.iter_mut().zip((0..64).step_by(2)) {
        let pair = &hex[index..index + 2];
        // from_str_radix takes "+f" for 15.
        let value = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'));
        *byte = value.ok_or_else(expected)?;
    }
    Ok(digest)
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// printf %s 0123456789abcdef | sha256sum
    const HEX: &str = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

    fn item(text: &str) -> Result<Written, Text> {
        parse(&format!("v = {text}").parse::<Table>().unwrap()["v"], 600)
    }

    #[test]
    fn every_form_opens_the_same_door() {
        let forms = [
            (r#""crm:0123456789abcdef""#.to_owned(), true, Some(600)),
            (format!(r#""crm:sha256:{HEX}""#), false, Some(600)),
            (r#"{ name = "crm", key = "0123456789abcdef" }"#.to_owned(), true, Some(600)),
            (
                format!(r#"{{ name = "crm", hash = "sha256:{}", rate_limit = 12 }}"#, HEX.to_uppercase()),
                false,
                Some(12),
            ),
            (r#"{ name = "crm", key = "0123456789abcdef", rate_limit = 0 }"#.to_owned(), true, None),
        ];
        for (form, is_plain, rate_limit) in forms {
            let written = item(&form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(written.is_plain, is_plain, "{form}");
            let mut keys = ApiKeys::default();
            keys.add(item(r#""other:fedcba9876543210""#).unwrap().key).unwrap();
            keys.add(written.key).unwrap();
            let found = keys.identify("0123456789abcdef").unwrap_or_else(|| panic!("{form}"));
            assert_eq!(
                (found.name.as_str(), found.rate_limit.map(NonZeroU32::get)),
                ("crm", rate_limit),
                "{form}"
            );
            assert_eq!(keys.identify("fedcba9876543210").map(|key| key.name.as_str()), Some("other"));
            for wrong in ["0123456789abcdeF", "0123456789abcde", "", HEX, "crm:0123456789abcdef"] {
                assert_eq!(keys.identify(wrong), None, "{wrong}");
            }
        }
    }

    #[test]
    fn bad_keys_are_told_without_showing_them() {
        let cases = [
            (r#""hunter2-hunter2-hunter2""#, "the `:` after a name is missing"),
            (r#""crm:hunter2""#, "at least 16 characters"),
            (r#"{ name = "crm", key = "hunter2" }"#, "at least 16 characters"),
            (r#""crm:hunter2 hunter2 hunter2""#, "no spaces"),
            (r#"":hunter2-hunter2-hunter2""#, "a key's name has"),
            (r#"" crm:hunter2-hunter2-hunter2""#, "a key's name has"),
            (r#""c\u001brm:hunter2-hunter2-hunter2""#, "a key's name has"),
            (r#""c\u202erm:hunter2-hunter2-hunter2""#, "a key's name has"),
            (r#""crm:sha256:hunter2""#, "64 hex digits"),
            (r#"{ name = "crm", key = "sha256:hunter2" }"#, "write a hash as `hash`"),
            (r#"{ name = "crm", hash = "hunter2" }"#, "64 hex digits"),
            (r#"{ name = "crm" }"#, "one of `key` and `hash`"),
            (r#"{ name = "crm", key = "hunter2", hash = "x" }"#, "one of `key` and `hash`"),
            (r#"{ key = "hunter2-hunter2-hunter2" }"#, "`name` is missing"),
            (r#"{ name = "crm", key = 5 }"#, "`key` must be text"),
            (r#"{ name = "crm", secret = "hunter2" }"#, "there is no `secret` in a key"),
            (r#"{ name = "crm", key = "hunter2-hunter2-hunter2", rate_limit = -1 }"#, "0 to 1000000"),
            (r#"{ name = "crm", key = "hunter2-hunter2-hunter2", rights = "call" }"#, "a list of words"),
            (r#"{ name = "crm", key = "hunter2-hunter2-hunter2", rights = [] }"#, "`rights` is empty"),
            (
                r#"{ name = "crm", key = "hunter2-hunter2-hunter2", rights = ["reed"] }"#,
                "call, read, read-all, admin",
            ),
            ("5", "found integer"),
        ];
        for (form, expected) in cases {
            let error = item(form).err().unwrap_or_else(|| panic!("{form} was taken"));
            assert!(error.en.contains(expected), "{form}: {error}");
            assert!(!error.ru.contains("hunter2") && !error.en.contains("hunter2"), "{form}: {error}");
        }
        assert!(item(&format!(r#""crm:sha256:+{}""#, &HEX[1..])).is_err(), "a sign is no hex digit");
        let letters = format!(r#""crm:sha256:a{}a""#, "ж".repeat(31));
        assert!(item(&letters).is_err(), "64 bytes that can't be cut in pairs");
    }

    #[test]
    fn names_and_keys_are_used_once() {
        let mut keys = ApiKeys::default();
        keys.add(item(r#""crm:0123456789abcdef""#).unwrap().key).unwrap();
        let error = keys.add(item(r#""crm:fedcba9876543210""#).unwrap().key).unwrap_err();
        assert_eq!(error.en, "a second key named `crm`: each needs a name of its own");
        let error = keys.add(item(&format!(r#""site:sha256:{HEX}""#)).unwrap().key).unwrap_err();
        assert_eq!(error.en, "`crm` and `site` are the same key: each needs its own");
        assert_eq!(keys.iter().count(), 1);
    }

    #[test]
    fn debug_shows_the_name_only() {
        let mut keys = ApiKeys::default();
        assert!(keys.is_empty());
        keys.add(item(r#""crm:0123456789abcdef""#).unwrap().key).unwrap();
        let shown = r#"ApiKeys { keys: [ApiKey { name: "crm", rate_limit: Some(600), rights: "admin", .. }], is_closed: false }"#;
        assert_eq!(format!("{keys:?}"), shown);
    }

    #[test]
    fn a_key_of_before_has_all_rights_and_a_name_is_of_any_script() {
        let of = |text: &str| item(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for (form, name, rights, has_rights) in [
            (r#""crm:0123456789abcdef""#.to_owned(), "crm", "admin", false),
            // What looks like rights is part of a plain key, which may have any sign.
            (r#""crm:0123456789abcdef:rights=read""#.to_owned(), "crm", "admin", false),
            (
                format!(r#""Отдел продаж-2:sha256:{HEX}:rights=read,call""#),
                "Отдел продаж-2",
                "call,read",
                true,
            ),
            (
                format!(r#"{{ name = "отчёты", hash = "sha256:{HEX}", rights = ["read-all"] }}"#),
                "отчёты",
                "read-all",
                true,
            ),
        ] {
            let written = of(&form);
            assert_eq!((written.key.name.as_str(), written.has_rights), (name, has_rights), "{form}");
            assert_eq!(written.key.rights.to_string(), rights, "{form}");
        }
        assert!(item(&format!(r#""{}:0123456789abcdef""#, "ж".repeat(64))).is_ok());
        assert!(item(&format!(r#""{}:0123456789abcdef""#, "ж".repeat(65))).is_err());
        for bad in
            [":rights=", ":rights=call,route", ":rights=call:rights=read", ":rates=3", ":rate_limit=x", ":"]
        {
            assert!(item(&format!(r#""crm:sha256:{HEX}{bad}""#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_written_line_is_read_again() {
        let key = Secret::new("0123456789abcdef");
        let line = line_of("Касса 1", &key, Rights::OWN, Some(30));
        assert_eq!(line, format!("Касса 1:sha256:{HEX}:rights=call,read:rate_limit=30"));
        let read = parse_text(&line, 600).unwrap().key;
        assert_eq!((read.name.as_str(), read.rights), ("Касса 1", Rights::OWN));
        assert_eq!(read.rate_limit.map(NonZeroU32::get), Some(30));
        let mut keys = ApiKeys::closed();
        assert!(!keys.is_empty(), "a file for keys with none in it lets nobody in");
        keys.add(read.clone()).unwrap();
        assert!(keys.has(&read) && keys.identify("0123456789abcdef").is_some());
        let narrowed = parse_text(&line.replace("call,read", "read"), 600).unwrap().key;
        assert!(!keys.has(&narrowed));
    }
}
