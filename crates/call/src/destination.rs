//! Which numbers may be called: prefixes in E.164 form, and the word `russia`.
//!
//! `+7` is not one country: Kazakhstan and Abkhazia share it, and some of its codes are billed to the caller. The word
//! stands for Russia without these; a prefix that is written stands for all that begins with it.

use std::fmt;

/// The word for Russia proper.
pub const RUSSIA: &str = "russia";

/// A Russian number, `+7` and ten digits. What is longer is no such: 8-10-852-... is Hong Kong in Russia's own notation,
/// and libphonenumber takes some of these for a Russian toll-free number of 14 digits.
const RUSSIAN_LENGTH: usize = 12;

/// What begins with +7 and is not meant by [`RUSSIA`], and what it is. The numbering plans of Russia and Kazakhstan; that
/// 803 and 809 are premium rates is what libphonenumber's plan of Russia says, of 801 and 802 tariff lists say it. There
/// 808 are personal numbers, which lead wherever their owner wants, so that their price is not Russia's. 810 is
/// the way abroad, 850 and 998 are South Ossetia's, 954 is a satellite network's.
const NOT_RUSSIA: [(&str, Excluded); 13] = [
    ("+7810", Excluded::Abroad),
    ("+7850", Excluded::SouthOssetia),
    ("+7998", Excluded::SouthOssetia),
    ("+7954", Excluded::Satellite),
    ("+7801", Excluded::Premium),
    ("+7802", Excluded::Premium),
    ("+76", Excluded::Kazakhstan),
    ("+77", Excluded::Kazakhstan),
    ("+7840", Excluded::Abkhazia),
    ("+7940", Excluded::Abkhazia),
    ("+7803", Excluded::Premium),
    ("+7808", Excluded::Personal),
    ("+7809", Excluded::Premium),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excluded {
    Kazakhstan,
    Abkhazia,
    SouthOssetia,
    Satellite,
    Abroad,
    Premium,
    Personal,
}

impl fmt::Display for Excluded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Excluded::Kazakhstan => "Kazakhstan",
            Excluded::Abkhazia => "Abkhazia",
            Excluded::SouthOssetia => "South Ossetia",
            Excluded::Satellite => "a satellite network",
            Excluded::Abroad => "Russia's way abroad",
            Excluded::Premium => "a premium rate, which the caller pays for",
            Excluded::Personal => "a personal number, which may lead anywhere",
        })
    }
}

/// Why a number may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forbidden {
    /// Nothing allows it.
    NoPrefix,
    /// `russia` would, but for this exception: the prefix and what it is.
    Exception(&'static str, Excluded),
}

/// The destinations of `dial.allow`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations(Vec<String>);

impl Destinations {
    /// Prefixes as `+7495`, and `russia`; whether they are such is the configuration's matter.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    /// `number` in E.164 form.
    ///
    /// # Errors
    /// Why it may not be called.
    pub fn permits(&self, number: &str) -> Result<(), Forbidden> {
        if self.0.iter().any(|word| word != RUSSIA && number.starts_with(word.as_str())) {
            return Ok(());
        }
        if !number.starts_with("+7") || !self.0.iter().any(|word| word == RUSSIA) {
            return Err(Forbidden::NoPrefix);
        }
        match NOT_RUSSIA.iter().find(|(prefix, _)| number.starts_with(prefix)) {
            Some((prefix, what)) => Err(Forbidden::Exception(prefix, *what)),
            None if number.len() != RUSSIAN_LENGTH => Err(Forbidden::NoPrefix),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Destinations {
        Destinations::new(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn russia_is_not_all_of_seven() {
        let russia = of(&[RUSSIA]);
        for number in ["+79522675444", "+74951234567", "+78005553535", "+78041234567", "+78122345678"] {
            assert_eq!(russia.permits(number), Ok(()), "{number}");
        }
        for (number, prefix, what) in [
            ("+77012345678", "+77", Excluded::Kazakhstan),
            ("+76001234567", "+76", Excluded::Kazakhstan),
            ("+78402345678", "+7840", Excluded::Abkhazia),
            ("+79402345678", "+7940", Excluded::Abkhazia),
            ("+78092345678", "+7809", Excluded::Premium),
            ("+78032345678", "+7803", Excluded::Premium),
            ("+78022345678", "+7802", Excluded::Premium),
            ("+78081234567", "+7808", Excluded::Personal),
            ("+79981234567", "+7998", Excluded::SouthOssetia),
            ("+79541012345", "+7954", Excluded::Satellite),
            ("+781085221234567", "+7810", Excluded::Abroad),
        ] {
            assert_eq!(russia.permits(number), Err(Forbidden::Exception(prefix, what)), "{number}");
            assert_eq!(of(&["+7"]).permits(number), Ok(()), "a written prefix means all of it: {number}");
            assert_eq!(of(&[RUSSIA, prefix]).permits(number), Ok(()), "{number}");
        }
        assert_eq!(
            russia.permits("+749512345678"),
            Err(Forbidden::NoPrefix),
            "no Russian number is that long"
        );
        assert_eq!(russia.permits("+375296254070"), Err(Forbidden::NoPrefix));
        assert_eq!(of(&["+7495"]).permits("+77012345678"), Err(Forbidden::NoPrefix));
        assert_eq!(of(&[]).permits("+79522675444"), Err(Forbidden::NoPrefix));
    }
}
