//! Letters of another alphabet that look like Latin ones: nobody sees them, and the name that they stand in is another one.
//!
//! Knows nothing of keys and files.

use lang::{Text, say};

/// Cyrillic and Greek letters, and the Latin ones that they look like.
const TWINS: [(&str, &str); 2] = [
    ("авсеһіјкмнорԛѕтухԝАВСЕНІЈКМОРЅТХУԚԜ", "abcehijkmhopqstyxwABCEHIJKMOPSTXYQW"),
    ("αιορντυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aiopvtuxABEZHIKMNOPTYX"),
];

/// The Latin letter that this one looks like.
fn twin(sign: char) -> Option<char> {
    TWINS.iter().find_map(|(alien, latin)| {
        alien.chars().zip(latin.chars()).find(|(alien, _)| *alien == sign).map(|(_, latin)| latin)
    })
}

/// The word as it was meant, and the first letter in it that is none of ours; `None` where all are.
pub(super) fn meant(word: &str) -> Option<(String, char)> {
    let first = word.chars().find(|sign| twin(*sign).is_some())?;
    Some((word.chars().map(|sign| twin(sign).unwrap_or(sign)).collect(), first))
}

/// What is wrong with a letter, for a text that goes on with where it is.
pub(super) fn named(sign: char) -> Text {
    let code = u32::from(sign);
    let (script, ru) = match sign {
        '\u{370}'..='\u{3ff}' => ("Greek", "греческая"),
        _ => ("Cyrillic", "русская"),
    };
    match twin(sign) {
        Some(latin) => say!(
            "the letter `{sign}` is {script} (U+{code:04X}) and only looks like the Latin `{latin}`",
            "буква `{sign}` {ru} (U+{code:04X}), а нужна латинская `{latin}`"
        ),
        None => say!(
            "the letter `{sign}` (U+{code:04X}) is not Latin",
            "буква `{sign}` (U+{code:04X}) не латинская"
        ),
    }
}

/// The first letter of a text that hides in a Latin word: `russi` with a Cyrillic `а` at its end.
pub(super) fn hidden(text: &str) -> Option<char> {
    let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
    words.into_iter().find_map(|word| {
        let is_latin = word.contains(|sign: char| sign.is_ascii_alphabetic());
        // A word of another alphabet altogether is what somebody wrote.
        let (as_meant, sign) = meant(word).filter(|_| is_latin)?;
        as_meant.is_ascii().then_some(sign)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_hides_is_found() {
        for (alien, latin) in TWINS {
            assert_eq!(alien.chars().count(), latin.len(), "{alien}");
            assert!(latin.is_ascii() && !alien.contains(|sign: char| sign.is_ascii()), "{alien} {latin}");
        }
        assert_eq!(meant("диал"), Some(("диaл".to_owned(), 'а')));
        assert_eq!(meant("dial.аllоw"), Some(("dial.allow".to_owned(), 'а')));
        assert_eq!(meant("dial.allow"), None);
        let cases = [
            ("russiа", Some('а')),
            ("PJSIP/nоvofon", Some('о')),
            ("россия", None),
            ("crm и сайт", None),
            ("russia", None),
        ];
        for (text, found) in cases {
            assert_eq!(hidden(text), found, "{text}");
        }
    }
}
