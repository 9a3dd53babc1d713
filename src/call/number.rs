//! A phone number in E.164, the only form in which a number goes further than the API.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A valid number: `+` and 8 to 15 digits (ITU-T E.164). It holds nothing that a dialplan, a URL
/// or a log line could misread.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("the number is empty; give it as +79522675444")]
    Empty,
    #[error("`{0}` is no phone number; give it in full, as +79522675444")]
    NotANumber(String),
    #[error("`{0}` has the form of a number, but no such number can exist; check its digits")]
    Impossible(String),
    #[error("`{0}` carries an extension, which can't be dialed; leave it out")]
    Extension(String),
    #[error("`{0}` is no region; give an ISO 3166 code such as RU")]
    Region(String),
}

/// Longest text that is looked at: no number is longer, whatever its punctuation.
const LONGEST: usize = 40;

impl PhoneNumber {
    /// Reads what a person would write: `8 (952) 267-54-44`, `79522675444`, `+79522675444`.
    /// `region` (ISO 3166) tells how to read a number without `+`.
    pub fn parse(text: &str, region: &str) -> Result<Self, NumberError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NumberError::Empty);
        }
        let shown = || text.chars().take(LONGEST).collect::<String>();
        let digit_like = |c: char| c.is_ascii_digit() || " +-().\u{a0}".contains(c);
        if text.chars().count() > LONGEST || !text.chars().all(digit_like) {
            return Err(NumberError::NotANumber(shown()));
        }
        let region: phonenumber::country::Id =
            region.parse().map_err(|_| NumberError::Region(region.to_owned()))?;
        let number = phonenumber::parse(Some(region), text).map_err(|_| NumberError::NotANumber(shown()))?;
        if number.extension().is_some() {
            return Err(NumberError::Extension(shown()));
        }
        if !phonenumber::is_valid(&number) {
            return Err(NumberError::Impossible(shown()));
        }
        number.format().mode(phonenumber::Mode::E164).to_string().parse()
    }

    /// E.164 with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of the prefixes (`+7`, `+375`) begins this number.
    pub fn starts_with_any<'a>(&self, prefixes: impl IntoIterator<Item = &'a str>) -> bool {
        prefixes.into_iter().any(|prefix| self.0.starts_with(prefix))
    }
}

impl FromStr for PhoneNumber {
    type Err = NumberError;

    /// Strict E.164, as stored.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or_else(|| NumberError::NotANumber(text.to_owned()))?;
        if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NumberError::NotANumber(text.to_owned()));
        }
        Ok(PhoneNumber(text.to_owned()))
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = NumberError;

    fn try_from(text: String) -> Result<Self, NumberError> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, NumberError> {
        PhoneNumber::parse(text, "RU").map(String::from)
    }

    #[test]
    fn one_number_written_in_many_ways() {
        for text in [
            "+79522675444",
            "79522675444",
            "89522675444",
            "8 (952) 267-54-44",
            "+7 952 267 54 44",
            " 8-952-267-54-44 ",
            "9522675444",
            "8\u{a0}952\u{a0}2675444",
        ] {
            assert_eq!(parsed(text).as_deref(), Ok("+79522675444"), "{text}");
        }
    }

    #[test]
    fn other_countries_need_their_plus() {
        assert_eq!(parsed("+375296254070").as_deref(), Ok("+375296254070"));
        assert_eq!(parsed("+1 650-253-0000").as_deref(), Ok("+16502530000"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        assert_eq!(parsed(""), Err(NumberError::Empty));
        assert_eq!(parsed("   "), Err(NumberError::Empty));
        for text in [
            "hello",
            "+7952267544a",
            "+79522675444;ext=12",
            "79522675444&SIP/100",
            "+79522675444@outgoing",
            "+7952267\n5444",
            "٨٩٥٢٢٦٧٥٤٤٤",
            "+",
            "+7",
            "112",
            "+7952267544",
            "+795226754441",
            "00000000000",
            &"9".repeat(5000),
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stored_numbers_are_strict() {
        assert!("79522675444".parse::<PhoneNumber>().is_err());
        assert!("+7952 2675444".parse::<PhoneNumber>().is_err());
        assert!(serde_json::from_str::<PhoneNumber>("\"+79522675444\"").is_ok());
        assert!(serde_json::from_str::<PhoneNumber>("\"100\"").is_err());
    }

    #[test]
    fn prefixes() {
        let number: PhoneNumber = "+79522675444".parse().expect("E.164");
        assert!(number.starts_with_any(["+375", "+7"]));
        assert!(!number.starts_with_any(["+375"]));
        assert!(!number.starts_with_any([]));
    }
}
