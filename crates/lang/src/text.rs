//! A sentence in both languages, what can tell itself in both, and Russian words for what the system says.
//!
//! Pure. The sentences themselves stand where they are used; the log gets the English one.

use std::{fmt, io};

use super::Lang;

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

/// What the system, Rust's library and the clients of the network say, and its Russian.
const SYSTEM: &[(&str, &str)] = &[
    ("No such file or directory (os error 2)", "нет такого файла или папки"),
    ("entity not found", "нет такого файла или папки"),
    ("Permission denied (os error 13)", "нет прав"),
    ("Operation not permitted (os error 1)", "нет прав"),
    ("File exists (os error 17)", "такой файл уже есть"),
    ("Not a directory (os error 20)", "это не папка"),
    ("Is a directory (os error 21)", "это папка"),
    ("Too many open files (os error 24)", "открыто слишком много файлов"),
    ("No space left on device (os error 28)", "на диске нет места"),
    ("Read-only file system (os error 30)", "файловая система только для чтения"),
    ("Broken pipe (os error 32)", "соединение закрыто"),
    ("Too many levels of symbolic links (os error 40)", "ссылки ведут по кругу"),
    ("Address already in use (os error 98)", "порт уже занят"),
    ("Cannot assign requested address (os error 99)", "такого адреса у этой машины нет"),
    ("Network is unreachable (os error 101)", "сеть недоступна"),
    ("Connection reset by peer (os error 104)", "та сторона разорвала соединение"),
    ("Connection timed out (os error 110)", "ответа нет, время вышло"),
    ("Connection refused (os error 111)", "в соединении отказано"),
    ("No route to host (os error 113)", "до адреса нет пути"),
    ("failed to lookup address information: Name or service not known", "такого имени нет в DNS"),
    (
        "failed to lookup address information: No address associated with hostname",
        "у этого имени нет адреса в DNS",
    ),
    ("failed to lookup address information: Temporary failure in name resolution", "DNS не отвечает"),
    ("stream did not contain valid UTF-8", "это не текст в UTF-8"),
    ("connection closed before message completed", "соединение закрыто до конца ответа"),
    ("error sending request: client error (Connect): tcp connect error: ", ""),
    ("error sending request: client error (Connect): dns error: ", ""),
    ("error sending request: ", ""),
    ("operation timed out", "время ожидания вышло"),
    ("deadline has elapsed", "время ожидания вышло"),
    ("connection timed out", "ответа нет, время вышло"),
    ("timed out", "время ожидания вышло"),
    ("early eof", "соединение закрыто"),
    ("unexpected end of file", "соединение закрыто"),
];

/// The same text, with what the system says in it in Russian.
pub fn system_in_russian(text: &str) -> String {
    SYSTEM.iter().fold(text.to_owned(), |text, (en, ru)| match text.contains(en) {
        true => text.replace(en, ru),
        false => text,
    })
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
