//! What is dialed as it stands: numbers as a dialplan reads them, and extensions.
//!
//! The types are the guard: a text that could mean something else to a shell, to Asterisk's console or to a
//! dialplan (`@`, `,`, `;`, a space, a line end) can't be one of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::PhoneNumber;

/// A text that can't be dialed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` can't be dialed: expected {expected}")]
pub struct NotDialable {
    /// No more of the text than helps to find it.
    shown: String,
    expected: &'static str,
}

impl NotDialable {
    fn new(text: &str, expected: &'static str) -> Self {
        NotDialable { shown: text.chars().take(40).collect::<String>().escape_debug().to_string(), expected }
    }
}

/// A number as it is dialed: a `+` or none, and 1 to 20 digits. E.164 numbers are such, and so are the local
/// forms (`80296254070`) and extensions that an enterprise's own dialplan reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DialString(String);

impl DialString {
    /// The form, for those who ask before they send.
    pub const PATTERN: &'static str = r"^\+?[0-9]{1,20}$";

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of the prefixes (`+7`, `+375`) begins this number.
    pub fn starts_with_any<'a>(&self, prefixes: impl IntoIterator<Item = &'a str>) -> bool {
        prefixes.into_iter().any(|prefix| self.0.starts_with(prefix))
    }
}

impl FromStr for DialString {
    type Err = NotDialable;

    fn from_str(text: &str) -> Result<Self, NotDialable> {
        if is_digits(text.strip_prefix('+').unwrap_or(text), 20) {
            Ok(DialString(text.to_owned()))
        } else {
            Err(NotDialable::new(text, "1 to 20 digits, with a `+` before them or not"))
        }
    }
}

/// An extension of an enterprise, the number of a phone inside: 1 to 10 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extension(String);

impl Extension {
    /// The form, for those who ask before they send.
    pub const PATTERN: &'static str = "^[0-9]{1,10}$";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Extension {
    type Err = NotDialable;

    fn from_str(text: &str) -> Result<Self, NotDialable> {
        match is_digits(text, 10) {
            true => Ok(Extension(text.to_owned())),
            false => Err(NotDialable::new(text, "an extension of 1 to 10 digits")),
        }
    }
}

fn is_digits(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl From<PhoneNumber> for DialString {
    fn from(number: PhoneNumber) -> Self {
        DialString(number.into())
    }
}

impl From<Extension> for DialString {
    fn from(extension: Extension) -> Self {
        DialString(extension.0)
    }
}

macro_rules! text {
    ($($name:ident)+) => { $(
        impl TryFrom<String> for $name {
            type Error = NotDialable;

            fn try_from(text: String) -> Result<Self, NotDialable> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

text!(DialString Extension);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dialplan_reads_is_dialed() {
        for text in ["+375296254070", "80296254070", "150", "0", "+1", &"9".repeat(20)] {
            assert_eq!(text.parse::<DialString>().map(String::from).as_deref(), Ok(text));
        }
        assert_eq!("150".parse::<Extension>().map(String::from).as_deref(), Ok("150"));
    }

    #[test]
    fn nothing_else_gets_through() {
        let long = "9".repeat(21);
        for text in [
            "",
            "+",
            "++1",
            "1+",
            " 150",
            "150 ",
            "150\n",
            "150\0",
            "15O",
            "٣",
            "１５０",
            "150@x",
            "150,2",
            "150;rm",
            "150&151",
            "*98",
            "#",
            "150/n",
            "$(id)",
            "`id`",
            "\"",
            "'",
            "-1",
            "1.5",
            "${EXTEN}",
            &long,
        ] {
            assert!(text.parse::<DialString>().is_err(), "{text:?}");
            assert!(text.parse::<Extension>().is_err(), "{text:?}");
        }
        assert!("+150".parse::<Extension>().is_err());
        assert!("12345678901".parse::<Extension>().is_err());
        let error = "a\nb".parse::<Extension>().expect_err("no extension").to_string();
        assert!(error.contains(r"`a\nb`") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn prefixes() {
        let number: DialString = "+79522675444".parse().expect("digits");
        assert!(number.starts_with_any(["+375", "+7"]));
        assert!(!number.starts_with_any(["+375"]));
        assert!(!number.starts_with_any([]));
    }
}
