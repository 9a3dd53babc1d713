//! A sentence in both languages, and what can tell itself in both.
//!
//! Pure. The sentences themselves stand where they are used; the log gets the English one.

use std::{fmt, io, time::Duration};

use super::{Lang, system_in_russian};

/// A sentence in each language. It shows itself in English, as the log has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    pub en: String,
    pub ru: String,
}

impl Text {
    pub fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Ru => &self.ru,
        }
    }

    /// What is the same in both languages: a word of a protocol, a program's own words. What the system says in it is
    /// told in Russian.
    pub fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Text { ru: system_in_russian(&en), en }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// So that a sentence can be what a command fails with.
impl std::error::Error for Text {}

/// Tells itself in either language.
pub trait Told {
    fn told(&self, lang: Lang) -> String;

    fn text(&self) -> Text {
        Text { en: self.told(Lang::En), ru: self.told(Lang::Ru) }
    }
}

impl Told for Text {
    fn told(&self, lang: Lang) -> String {
        self.of(lang).to_owned()
    }
}

impl Told for io::Error {
    fn told(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Ru => system_in_russian(&self.to_string()),
        }
    }
}

impl Told for Duration {
    fn told(&self, lang: Lang) -> String {
        let told = format!("{self:?}");
        match lang {
            Lang::En => told,
            Lang::Ru => system_in_russian(&told),
        }
    }
}

/// `say!("English {x}", "русский {x}")`: a [`Text`]. `say!("...{why}", "...{why}", why = error)` takes what is [`Told`] in its
/// language.
#[macro_export]
macro_rules! say {
    ($en:literal, $ru:literal $(,)?) => {
        $crate::Text { en: format!($en), ru: format!($ru) }
    };
    ($en:literal, $ru:literal, $($name:ident = $value:expr),+ $(,)?) => {{
        let (en, ru) = ($crate::Lang::En, $crate::Lang::Ru);
        $crate::Text {
            en: { $(let $name = $crate::Told::told(&$value, en);)+ format!($en) },
            ru: { $(let $name = $crate::Told::told(&$value, ru);)+ format!($ru) },
        }
    }};
    ($en:literal, $ru:literal, $value:expr) => {
        $crate::Text { en: format!($en, $value), ru: format!($ru, $value) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_have_a_russian() {
        for (number, ru) in
            [(2, "нет такого файла или папки"), (13, "нет прав"), (111, "в соединении отказано")]
        {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(error.told(Lang::Ru), ru);
            assert!(error.told(Lang::En).ends_with(&format!("(os error {number})")));
        }
        // What has no Russian stays as it is.
        assert_eq!(io::Error::other("odd").told(Lang::Ru), "odd");
        assert_eq!(Text::same("port 5: Permission denied (os error 13)").ru, "port 5: нет прав");
    }

    #[test]
    fn each_language_takes_its_own_of_what_is_inside() {
        let (path, inner) = ("/x", io::Error::from_raw_os_error(2));
        let text = say!("can't read {path}: {why}", "{path} не читается: {why}", why = inner);
        assert_eq!(text.ru, "/x не читается: нет такого файла или папки");
        assert_eq!(text.to_string(), "can't read /x: No such file or directory (os error 2)");
    }
}
