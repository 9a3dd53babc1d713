//! Reads a body as JSON, and says in both languages what is wrong with it and where. Knows no resource.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{error::ApiError, extract::short};
use lang::{Text, say};

/// 1C and PHP files saved by Windows' editors begin so. The bot whose place this one takes passed it over too.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // JSON is UTF-8 (RFC 8259). What programs of Windows send else is not broken, and the hint is another one.
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let place = place(&good, good.lines().count().max(1), good.len());
        ApiError::InvalidJson(say!(
            "it is not UTF-8 ({place}): send it in UTF-8, not in windows-1251 or UTF-16",
            "оно не в UTF-8 ({place}): пришлите его в UTF-8, а не в windows-1251 или UTF-16",
            place = place
        ))
    })?;
    // serde would take an array for a struct, field by field.
    if text.trim_start().starts_with(|c: char| matches!(c, '[' | '"' | '0'..='9' | '-')) {
        let detail = say!(
            "the body must be a JSON object, as {{\"phone\": \"+79522675444\"}}",
            "тело запроса — объект JSON, например {{\"phone\": \"+79522675444\"}}"
        );
        return Err(ApiError::InvalidField { field: None, detail });
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        problem(text, &path, &error.into_inner())
    })?;
    json.end().map_err(|error| problem(text, "", &error))?;
    Ok(value)
}

fn problem(body: &str, path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    let words = text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words);
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            let place = place(body, error.line(), error.column());
            ApiError::InvalidJson(say!(
                "{words} {place}",
                "{words} ({place})",
                words = syntax(words),
                place = place
            ))
        }
        Category::Data => {
            if let Some(rest) = words.strip_prefix("unknown field `")
                && let Some((field, expected)) = rest.rsplit_once("`, expected ")
            {
                let fields = expected.strip_prefix("one of ").unwrap_or(expected).replace(" or ", ", ");
                return ApiError::UnknownField {
                    field: short(field),
                    hint: say!("Expected {expected}.", "Есть поля {fields}."),
                };
            }
            if let Some(rest) = words.strip_prefix("missing field `") {
                return ApiError::MissingField { field: rest.trim_end_matches('`').to_owned() };
            }
            let field = Some(path).filter(|path| !path.is_empty() && *path != ".").map(short);
            let words = data(&short(words));
            let detail = match &field {
                Some(field) => say!("`{field}`: {told}", "`{field}`: {told}", told = words),
                None => words,
            };
            ApiError::InvalidField { field, detail }
        }
    }
}

/// serde_json counts bytes, a person signs.
fn place(body: &str, line: usize, column: usize) -> Text {
    let before = body.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let end =
        (0..=column.min(before.len())).rev().find(|&end| before.is_char_boundary(end)).unwrap_or_default();
    let column = before[..end].chars().count();
    say!("at line {line} column {column}", "строка {line}, знак {column}")
}

/// What serde_json 1.0 says of a text that is no JSON.
fn syntax(words: &str) -> Text {
    const WORDS: [(&str, &str); 20] = [
        ("EOF while parsing a list", "конец тела посреди списка"),
        ("EOF while parsing an object", "конец тела посреди объекта"),
        ("EOF while parsing a string", "конец тела посреди текста в кавычках"),
        ("EOF while parsing a value", "конец тела там, где нужно значение"),
        ("expected `:`", "нужно `:`"),
        ("expected `,` or `]`", "нужно `,` или `]`"),
        ("expected `,` or `}`", "нужно `,` или `}`"),
        ("expected ident", "такого слова нет: без кавычек пишут только true, false и null"),
        ("expected value", "нужно значение"),
        ("expected `\"`", "нужны кавычки \""),
        ("invalid escape", "после \\ такого знака быть не может"),
        ("invalid number", "неверное число"),
        ("number out of range", "слишком большое число"),
        (
            "control character (\\u0000-\\u001F) found while parsing a string",
            "перенос строки или другой управляющий знак внутри кавычек: его пишут как \\n",
        ),
        ("key must be a string", "имя поля пишут в двойных кавычках"),
        ("lone leading surrogate in hex escape", "половина знака после \\u"),
        ("unexpected end of hex escape", "половина знака после \\u"),
        ("trailing comma", "лишняя запятая"),
        ("trailing characters", "лишнее после конца объекта"),
        ("recursion limit exceeded", "слишком много вложенных скобок"),
    ];
    let ru = WORDS.iter().find(|(en, _)| *en == words).map_or(words, |(_, ru)| ru);
    Text { en: words.to_owned(), ru: ru.to_owned() }
}

/// What serde says of JSON that is not what was wanted: `what was found, expected something`.
fn data(words: &str) -> Text {
    if let Some(field) = words.strip_prefix("duplicate field ") {
        return say!("{words}", "поле задано дважды: {field}");
    }
    let Some((found, wanted)) = words.rsplit_once(", expected ") else { return syntax(words) };
    const FOUND: [(&str, &str); 10] = [
        ("invalid type: integer ", "здесь число "),
        ("invalid type: floating point ", "здесь дробное число "),
        ("invalid type: string ", "здесь текст "),
        ("invalid type: boolean ", "здесь "),
        ("invalid type: null", "здесь null"),
        ("invalid type: map", "здесь объект"),
        ("invalid type: sequence", "здесь список"),
        ("invalid value: floating point ", "не подходит "),
        ("invalid value: ", "не подходит "),
        ("unknown variant ", "такого слова нет: "),
    ];
    const WANTED: [(&str, &str); 4] = [
        ("a string", "нужен текст в кавычках"),
        ("a map", "нужен объект"),
        ("whole seconds", "нужны целые секунды без кавычек"),
        ("a boolean", "нужно true или false"),
    ];
    let found_ru = FOUND.iter().find_map(|(en, ru)| Some(format!("{ru}{}", found.strip_prefix(en)?)));
    let wanted_ru = match WANTED.iter().find(|(en, _)| *en == wanted) {
        Some((_, ru)) => (*ru).to_owned(),
        None if wanted.starts_with("struct ") => "нужен объект".to_owned(),
        None => {
            format!("нужно {}", wanted.strip_prefix("one of ").unwrap_or(wanted).replace(" or ", " или "))
        }
    };
    let found_ru = found_ru.unwrap_or_else(|| found.to_owned());
    let quotes = if wanted == "a string" { " in quotes" } else { "" };
    say!("{words}{quotes}", "{found_ru}, {wanted_ru}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::extract::Seconds;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its errors are looked at")]
    struct Body {
        phone: String,
        wait_timeout: Option<Seconds>,
        inner: Option<BTreeMap<String, u8>>,
    }

    fn error(text: &str) -> (String, Option<String>, String) {
        let problem = read::<Body>(text.as_bytes()).expect_err(text).problem();
        (problem.code, problem.field, problem.detail)
    }

    #[test]
    fn what_is_wrong_with_a_body_is_named() {
        let cases = [
            ("", "invalid_json", None, "line 1 column 0"),
            ("{\"phone\": \"1\",\n}", "invalid_json", None, "line 2 column 1"),
            ("{\"phone\": \"1\"} x", "invalid_json", None, "trailing characters"),
            ("{\"phone\": \"\u{fffd}", "invalid_json", None, "EOF"),
            ("{}", "missing_field", Some("phone"), "`phone` is missing"),
            ("{\"phone\": 7}", "invalid_field", Some("phone"), "expected a string"),
            ("{\"phone\": \"1\", \"fone\": 1}", "unknown_field", Some("fone"), "no field `fone`"),
            ("{\"phone\": \"1\", \"phone\": \"2\"}", "invalid_field", None, "duplicate field `phone`"),
            (
                "{\"phone\": \"1\", \"wait_timeout\": 1.5}",
                "invalid_field",
                Some("wait_timeout"),
                "whole seconds",
            ),
            ("{\"phone\": \"1\", \"inner\": {\"a\": 300}}", "invalid_field", Some("inner.a"), "300"),
            ("[\"1\"]", "invalid_field", None, "JSON object"),
            ("\"1\"", "invalid_field", None, "JSON object"),
            ("null", "invalid_field", None, "expected struct"),
        ];
        for (text, code, field, detail) in cases {
            let found = error(text);
            assert_eq!((found.0.as_str(), found.1.as_deref()), (code, field), "{text}: {found:?}");
            assert!(found.2.contains(detail), "{text}: {found:?}");
        }
        let long = format!("{{\"{}\": 1}}", "x".repeat(5000));
        assert!(error(&long).2.len() < 400);
        assert!(read::<Body>(b"{\"phone\": \"1\", \"wait_timeout\": 30.0}").is_ok());
    }

    fn in_russian(body: &[u8]) -> String {
        let error = read::<Body>(body).expect_err("it is wrong");
        crate::api::russian::problem(&error, error.problem()).detail
    }

    #[test]
    fn what_is_wrong_is_told_in_russian_to_the_last_word() {
        for (body, told) in [
            ("{\"phone\": 79005550486}", "`phone`: здесь число `79005550486`, нужен текст в кавычках"),
            ("{\"phone\": null}", "`phone`: здесь null, нужен текст в кавычках"),
            (
                "{'phone': '1'}",
                "тело запроса — не JSON: имя поля пишут в двойных кавычках (строка 1, знак 2)",
            ),
            ("{\"phone\": \"Пётр\",\n \"inner\"}", "тело запроса — не JSON: нужно `:` (строка 2, знак 9)"),
            ("{\"phone\": \"Пётр\" \"x\"}", "тело запроса — не JSON: нужно `,` или `}` (строка 1, знак 18)"),
            (
                "{\"phone\": \"1",
                "тело запроса — не JSON: конец тела посреди текста в кавычках (строка 1, знак 12)",
            ),
            (
                "{\"phone\": \"\\ud83d\"}",
                "тело запроса — не JSON: половина знака после \\u (строка 1, знак 18)",
            ),
            (
                "{\"phone\": \"1\", \"wait_timeout\": \"30\"}",
                "`wait_timeout`: здесь текст \"30\", нужны целые секунды без кавычек",
            ),
        ] {
            assert_eq!(in_russian(body.as_bytes()), told, "{body}");
        }
        let error = read::<Body>("{\"fone\": \"1\"}".as_bytes()).expect_err("no such field");
        let hint = crate::api::russian::problem(&error, error.problem()).hint;
        assert_eq!(hint.as_deref(), Some("Есть поля `phone`, `wait_timeout`, `inner`."));
    }

    #[test]
    fn what_windows_sends() {
        assert!(read::<Body>("\u{feff}{\"phone\": \"1\"}".as_bytes()).is_ok(), "a byte order mark");
        let windows_1251 = b"{\"phone\": \"1\",\n \"inner\": {\"\xe8\xec\xff\": 1}}";
        let error = read::<Body>(windows_1251).expect_err("not UTF-8");
        assert_eq!(error.problem().code, "invalid_json");
        assert!(error.problem().detail.contains("not UTF-8 (at line 2"), "{}", error.problem().detail);
        assert!(in_russian(windows_1251).contains("пришлите его в UTF-8"));
        let utf_16 = b"\xff\xfe{\0\"\0";
        assert!(in_russian(utf_16).contains("не в UTF-8 (строка 1, знак 0)"), "{}", in_russian(utf_16));
    }

    #[test]
    fn each_word_of_serde_json_is_known() {
        for body in [
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":[1 2]}",
            "{\"a\":1 2}",
            "{\"a\":tru}",
            "{\"a\":\"\\x\"}",
            "{\"a\":01}",
            "{\"a\":1e999}",
            "{\"a\":\"\n\"}",
            "{a}",
            "{\"a\":1,}",
            "{} x",
            "{\"a\":-}",
            "{\"a\":[1,]}",
            "{\"a\":\"\\ud800\"}",
        ] {
            let mut json = serde_json::Deserializer::from_str(body);
            let error = match serde_json::Value::deserialize(&mut json) {
                Ok(_) => json.end().expect_err(body),
                Err(error) => error,
            };
            let ApiError::InvalidJson(text) = problem(body, "", &error) else { panic!("{body}: {error}") };
            assert!(
                !text.ru.is_ascii()
                    && text.ru.split(" (строка").next().is_some_and(|words| !words.is_ascii()),
                "{body}: {}",
                text.ru
            );
        }
    }
}
