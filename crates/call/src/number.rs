//! A phone number in E.164, the only form in which a number goes further than the API.

use std::{fmt, str::FromStr};

use phonenumber::{Metadata, metadata::DATABASE};
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
    #[error(
        "`{0}` is no phone number: digits, spaces, dashes, brackets and a plus may stand in one, and no extension; give it \
         in full, as +79522675444"
    )]
    NotANumber(String),
    #[error("`{0}` has the form of a number, but no such number can exist; check its digits")]
    Impossible(String),
    #[error("`{0}` is no region; give an ISO 3166 code such as RU")]
    Region(String),
}

/// The longest code of a country (ITU-T E.164).
const LONGEST_COUNTRY_CODE: usize = 3;

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
        let digit_like = |c: char| c.is_ascii_digit() || c == '+' || is_filling(c);
        let inner_plus = text.trim_start_matches(|c: char| !c.is_ascii_digit()).contains('+');
        if text.chars().count() > LONGEST || !text.chars().all(digit_like) || inner_plus {
            return Err(NumberError::NotANumber(shown()));
        }
        let region = DATABASE.by_id(region).ok_or_else(|| NumberError::Region(region.to_owned()))?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let e164 = match text.contains('+') {
            true => international(&digits),
            false => abroad(&digits, region).unwrap_or_else(|| national(&digits, region)),
        };
        e164.ok_or_else(|| NumberError::Impossible(shown()))?.parse()
    }

    /// E.164 with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands between the digits and says nothing: also the dashes and spaces of typography, and the invisible marks that
/// come along when a number is copied from a contact or a document. Marks that show digits in another order than they stand
/// (right to left) are none of them: a person would see another number than the one that is dialed.
fn is_filling(c: char) -> bool {
    matches!(c,
        ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '\u{2212}' // no-break space, minus
        | '\u{2000}'..='\u{200a}' | '\u{202f}' // spaces of typography
        | '\u{2010}'..='\u{2015}' // hyphens and dashes
        | '\u{ad}' | '\u{200b}'..='\u{200e}' | '\u{2060}' | '\u{feff}' // of no width
        | '\u{202a}' | '\u{202c}' | '\u{2066}' | '\u{2068}' | '\u{2069}' // left to right, and its ends
    )
}

// The plans of the world come from the crate phonenumber; its parser does not serve: it takes the trunk prefix
// of the region (8 in Russia) off numbers of other countries, so that Munich's +49 89 522675444 became
// +49 9522675444, and off area codes that begin with it, so that St. Petersburg's +7 812 was no number.

/// What comes after a plus: a country code and a number of that plan, a trunk prefix between them or not, as in
/// +44 (0)20 7946 0018.
fn international(digits: &str) -> Option<String> {
    (1..=LONGEST_COUNTRY_CODE).filter(|length| *length < digits.len()).find_map(|length| {
        let (code, number) = digits.split_at(length);
        let plans = DATABASE.by_code(&code.parse::<u16>().ok()?).filter(|_| !code.starts_with('0'))?;
        let known = |number: &str| plans.iter().any(|plan| is_known(number, plan));
        let prefixes = plans.iter().filter_map(|plan| plan.national_prefix());
        let bare = prefixes.filter_map(|prefix| number.strip_prefix(prefix));
        let number = std::iter::once(number).chain(bare).find(|number| known(number))?;
        Some(format!("+{code}{number}"))
    })
}

/// A number after what the region dials to get abroad (8~10 in Russia); `None` when it does not begin so.
fn abroad(digits: &str, region: &Metadata) -> Option<Option<String>> {
    let prefix = region.international_prefix()?.find(digits).filter(|prefix| prefix.start() == 0)?;
    let rest = &digits[prefix.end()..];
    // Where the prefix may begin a number of the region too, the number decides. But Russia's toll-free numbers of 14
    // digits in libphonenumber's plan (8108...) are dialed by nobody, and begin as Hong Kong's 8-10-852-... do.
    let longest = if region.country_code() == 7 { 12 } else { usize::MAX };
    let own = national(digits, region).filter(|number| number.len() <= longest);
    (!rest.starts_with('0') && own.is_none()).then(|| international(rest))
}

/// A number of the region: bare, after the trunk prefix, or after the country code.
fn national(digits: &str, region: &Metadata) -> Option<String> {
    let code = region.country_code().to_string();
    let after = |prefix: &str| digits.strip_prefix(prefix);
    // What else people dial before a number there: 80 in Belarus, a carrier's code in Brazil.
    let others =
        region.national_prefix_for_parsing().filter(|_| region.national_prefix_transform_rule().is_none());
    let other = others.and_then(|regex| regex.find(digits)).filter(|found| found.start() == 0);
    let other = other.map(|found| &digits[found.end()..]);
    let readings = [Some(digits), region.national_prefix().and_then(after), other, after(&code)];
    let plans = DATABASE.by_code(&region.country_code())?;
    let known = |number: &&str| plans.iter().any(|plan| is_known(number, plan));
    readings.into_iter().flatten().find(known).map(|number| format!("+{code}{number}"))
}

/// Whether the plan has such numbers. What is only dialed inside it (112) is none.
fn is_known(number: &str, plan: &Metadata) -> bool {
    let all = plan.descriptors();
    let kinds = [
        all.fixed_line(),
        all.mobile(),
        all.toll_free(),
        all.premium_rate(),
        all.shared_cost(),
        all.voip(),
        all.personal_number(),
        all.pager(),
        all.uan(),
        all.voicemail(),
    ];
    all.general().is_match(number) && kinds.into_iter().flatten().any(|kind| kind.is_match(number))
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
            "+7 952 267–54–44",
            "8 (952) 267‑54‑44",
            "+7\u{202f}952\u{2009}267\u{2212}54\u{2014}44",
            "\u{202a}+79522675444\u{202c}",
            "\u{feff}+7952\u{ad}267\u{200b}5444\u{2069}",
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
    fn the_region_changes_nothing_about_a_number_with_its_country_code() {
        let numbers = [
            ("+49 89 522675444", "+4989522675444"),
            ("+39 030 123456", "+39030123456"),
            ("+7 812 234-56-78", "+78122345678"),
            ("+7 8 952 267-54-44", "+79522675444"),
            ("+7 701 234 56 78", "+77012345678"),
            ("+44 (0)20 7946 0018", "+442079460018"),
            ("+7 800 555-35-35", "+78005553535"),
            ("+800 1234 5678", "+80012345678"),
            ("+1 650 253 0000", "+16502530000"),
        ];
        for region in ["RU", "BY", "KZ", "US", "DE", "IT", "GB"] {
            for (text, expected) in numbers {
                let number = PhoneNumber::parse(text, region).map(String::from);
                assert_eq!(number.as_deref(), Ok(expected), "{text} in {region}");
            }
        }
        for (text, region, expected) in [
            ("8 10 49 89 522675444", "RU", Some("+4989522675444")),
            ("00 7 800 555-35-35", "DE", Some("+78005553535")),
            ("011 39 030 123456", "US", Some("+39030123456")),
            ("8 800 555-35-35", "RU", Some("+78005553535")),
            ("800 555-35-35", "RU", Some("+78005553535")),
            ("8 812 234-56-78", "RU", Some("+78122345678")),
            ("8 (843) 234-56-78", "RU", Some("+78432345678")),
            ("78122345678", "RU", Some("+78122345678")),
            ("8 10 7 952 267-54-44", "RU", Some("+79522675444")),
            ("80 29 625-40-70", "BY", Some("+375296254070")),
            ("(650) 253-0000", "US", Some("+16502530000")),
            ("1 650 253 0000", "US", Some("+16502530000")),
            ("030 123456", "IT", Some("+39030123456")),
            ("089 522675444", "DE", Some("+4989522675444")),
            ("8 952 +2675444", "RU", None),
        ] {
            let number = PhoneNumber::parse(text, region).map(String::from).ok();
            assert_eq!(number.as_deref(), expected, "{text} in {region}");
        }
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
            "＋７９５２２６７５４４４",
            "\u{202e}4445762259 7+",
            "\u{2067}+7 952 267 54 44\u{2069}",
            "+7 952 267 54 44 доб. 12",
            "+79522675444 / +79522675445",
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
}
