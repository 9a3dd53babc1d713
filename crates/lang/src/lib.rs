//! The languages the program speaks, and how it learns which one somebody wants.
//!
//! Pure: the environment and headers are arguments. The texts themselves stand where they are used.

mod phrases;
mod text;

use std::fmt;
use std::str::FromStr;

pub use phrases::system_in_russian;
pub use text::{Text, Told};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    #[default]
    En,
    Ru,
}

impl Lang {
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ru];

    /// The language of a person at the command line: `--lang`, else the first of NOVOFON_BOT_LANG, LC_ALL,
    /// LC_MESSAGES and LANG that is set and not empty. What is neither Russian nor English is answered in
    /// English.
    pub fn of_user(flag: Option<Lang>, variable: impl Fn(&str) -> Option<String>) -> Lang {
        let from_environment = || {
            ["NOVOFON_BOT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
                .into_iter()
                .find_map(|name| variable(name).filter(|locale| !locale.is_empty()))
                .and_then(|locale| Lang::of_tag(&locale))
        };
        flag.or_else(from_environment).unwrap_or_default()
    }

    /// The one of our languages that an `Accept-Language` header prefers (RFC 9110, 12.5.4). `None` if it
    /// names neither, or nothing but `*`: then the configuration decides.
    pub fn of_accept_language(header: &str) -> Option<Lang> {
        let ranges = header.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            Some((Lang::of_tag(tag.trim())?, quality(parameters)?))
        });
        let mut best: Option<(Lang, u16)> = None;
        for (lang, quality) in ranges {
            // Of two equals the first: the header's own order is the best guess.
            if quality > best.map_or(0, |(_, quality)| quality) {
                best = Some((lang, quality));
            }
        }
        best.map(|(lang, _)| lang)
    }

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ru => "ru",
        }
    }

    /// The language of a locale or a language tag: `ru`, `ru_RU.UTF-8`, `ru-RU`. C and POSIX are English.
    fn of_tag(tag: &str) -> Option<Lang> {
        let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or(tag);
        match primary.to_ascii_lowercase().as_str() {
            "en" | "c" | "posix" => Some(Lang::En),
            "ru" => Some(Lang::Ru),
            _ => None,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A value of `--lang` that names none of our languages.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language of this program: use en or ru")]
pub struct UnknownLang(String);

impl Told for UnknownLang {
    fn told(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Ru => format!("языка `{}` программа не знает: укажите en или ru", self.0),
        }
    }
}

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, UnknownLang> {
        Lang::of_tag(text).ok_or_else(|| UnknownLang(text.to_owned()))
    }
}

/// The weight in thousandths, 1000 if none is given; `None` if it is malformed.
fn quality(parameters: &str) -> Option<u16> {
    match parameters.trim().split_once('=') {
        None => parameters.trim().is_empty().then_some(1000),
        Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
            let weight: f32 = value.trim().parse().ok()?;
            (0.0..=1.0).contains(&weight).then_some((weight * 1000.0).round() as u16)
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = &'static [(&'static str, &'static str)];

    #[test]
    fn the_users_language() {
        let cases: [(Option<Lang>, Variables, Lang); 10] = [
            (None, &[], Lang::En),
            (None, &[("LANG", "ru_RU.UTF-8")], Lang::Ru),
            (None, &[("LANG", "de_DE.UTF-8")], Lang::En),
            (None, &[("LANG", "ru_RU.UTF-8"), ("LC_MESSAGES", "C.UTF-8")], Lang::En),
            (None, &[("LANG", "en_US"), ("LC_MESSAGES", "ru")], Lang::Ru),
            (None, &[("LC_MESSAGES", "en_US"), ("LC_ALL", "ru_RU.KOI8-R")], Lang::Ru),
            (None, &[("LC_ALL", ""), ("LANG", "ru_RU")], Lang::Ru),
            (None, &[("LC_ALL", "en_US"), ("NOVOFON_BOT_LANG", "RU")], Lang::Ru),
            (Some(Lang::En), &[("NOVOFON_BOT_LANG", "ru")], Lang::En),
            (None, &[("LANG", "rue_UA")], Lang::En),
        ];
        for (flag, variables, expected) in cases {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(Lang::of_user(flag, variable), expected, "{flag:?} {variables:?}");
        }
    }

    #[test]
    fn accept_language() {
        let cases = [
            ("ru", Some(Lang::Ru)),
            ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", Some(Lang::Ru)),
            ("en;q=0.4, ru;q=0.5", Some(Lang::Ru)),
            ("ru;q=0.4, en", Some(Lang::En)),
            ("ru, en", Some(Lang::Ru)),
            ("en, ru", Some(Lang::En)),
            ("de, ru; Q = 0.1", Some(Lang::Ru)),
            ("ru;q=0, en;q=0.1", Some(Lang::En)),
            ("ru;q=0", None),
            ("*", None),
            ("de, fr;q=0.5", None),
            ("", None),
            ("ru;q=abc", None),
            ("ru;q=2, en;q=nan", None),
            (",,;;=", None),
        ];
        for (header, expected) in cases {
            assert_eq!(Lang::of_accept_language(header), expected, "{header}");
        }
    }

    #[test]
    fn a_flag_is_parsed() {
        assert_eq!("ru".parse(), Ok(Lang::Ru));
        assert_eq!("en-GB".parse(), Ok(Lang::En));
        let error = "de".parse::<Lang>().unwrap_err();
        assert_eq!(error.to_string(), "`de` is not a language of this program: use en or ru");
        assert_eq!(Lang::Ru.to_string().parse(), Ok(Lang::Ru));
    }
}
