//! What a key may do: the words for it, and how they are written in the configuration.
//!
//! Which request needs which right is the API's matter.

use lang::{Text, say};
use std::fmt;

/// One right of a key. Others join later, for control over live calls, routes and set-up; a word that is not
/// here is refused, so that no key gets less or more than its writer meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Place calls, hang up and delete one's own.
    Call,
    /// See one's own calls and what happens in them.
    Read,
    /// See every client's calls, those of the offices too.
    ReadAll,
    /// Everything, others' calls included.
    Admin,
}

impl Right {
    pub const ALL: [Self; 4] = [Self::Call, Self::Read, Self::ReadAll, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Read => "read",
            Self::ReadAll => "read-all",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rights of a key; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// Those of a key of before, which names none, and of this machine's own.
    pub const ADMIN: Self = Self::of(&[Right::Admin]);
    /// Those of a new key.
    pub const OWN: Self = Self::of(&[Right::Call, Right::Read]);

    const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < rights.len() {
            bits |= 1 << rights[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether this is among what the key may do: `admin` may do everything, and who reads all reads his own.
    pub fn allow(self, right: Right) -> bool {
        let has = |right: Right| self.0 & (1 << right as u8) != 0;
        has(right) || has(Right::Admin) || right == Right::Read && has(Right::ReadAll)
    }

    /// The words, as in "call,read". The error says which word is none.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, Text> {
        let known = || Right::ALL.map(Right::as_str).join(", ");
        let mut rights = Vec::new();
        for word in words.map(str::trim) {
            // It is shown only if it looks like a word: a key that stands in the wrong place must not be.
            let is_word = (1..=20).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte));
            let told = || {
                let known = known();
                match is_word {
                    true => {
                        say!("`{word}` is no right; there are {known}", "права `{word}` нет; есть {known}")
                    }
                    false => say!("that is no right; there are {known}", "это не право; есть {known}"),
                }
            };
            let right = Right::ALL.into_iter().find(|right| right.as_str() == word);
            rights.push(right.ok_or_else(told)?);
        }
        match rights.as_slice() {
            [] => Err(say!(
                "`rights` is empty: a key has at least one of {}",
                "`rights` пуст: у ключа есть хотя бы одно из прав {}",
                known()
            )),
            rights => Ok(Self::of(rights)),
        }
    }
}

/// As it is written: "call,read".
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Right::ALL.iter().filter(|right| self.0 & (1 << **right as u8) != 0);
        f.write_str(&words.map(|right| right.as_str()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(text: &str) -> Rights {
        Rights::parse(text.split(',')).expect(text)
    }

    #[test]
    fn what_each_word_allows() {
        use Right::{Admin, Call, Read, ReadAll};
        for (text, allowed) in [
            ("call", vec![Call]),
            ("read", vec![Read]),
            ("call,read", vec![Call, Read]),
            ("read-all", vec![Read, ReadAll]),
            ("admin", vec![Call, Read, ReadAll, Admin]),
        ] {
            let found: Vec<Right> =
                Right::ALL.into_iter().filter(|right| rights(text).allow(*right)).collect();
            assert_eq!(found, allowed, "{text}");
        }
        assert_eq!(rights("read,call"), Rights::OWN);
        assert_eq!(Rights::OWN.to_string(), "call,read");
    }

    #[test]
    fn a_word_that_is_none_is_told_with_those_there_are() {
        let error = |text: &str| Rights::parse(text.split(',')).expect_err(text).en;
        assert_eq!(error("call,route"), "`route` is no right; there are call, read, read-all, admin");
        assert!(error("Hunter2Hunter2Hunter2").starts_with("that is no right"));
        assert!(error("").starts_with("that is no right"));
        assert!(Rights::parse(std::iter::empty()).expect_err("empty").en.starts_with("`rights` is empty"));
    }
}
