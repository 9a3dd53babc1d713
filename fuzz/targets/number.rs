//! Phone numbers as people type them: what is taken is E.164, and reading it again changes nothing.
#![no_main]

use call::{NumberError, PhoneNumber};
use libfuzzer_sys::fuzz_target;

const REGIONS: [&str; 8] = ["RU", "BY", "KZ", "US", "DE", "GB", "IT", "ZZ"];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let region = REGIONS[usize::from(*first) % REGIONS.len()];
    match PhoneNumber::parse(text, region) {
        Ok(number) => {
            check(&number);
            assert!(!text.contains('+') || is_as_typed(text, &number), "{text:?} became {number}");
            for other in REGIONS.into_iter().filter(|region| *region != "ZZ") {
                let again = PhoneNumber::parse(number.as_str(), other);
                assert_eq!(again.as_ref(), Ok(&number), "{text:?} in {region}, read again in {other}");
            }
        }
        Err(error) => {
            assert!(error.to_string().chars().count() < 200, "{error}");
            assert!(region != "ZZ" || !matches!(error, NumberError::Impossible(_)), "{error}");
        }
    }
    if let Ok(number) = text.parse::<PhoneNumber>() {
        assert_eq!(number.as_str(), text);
        check(&number);
    }
});

/// A number given with its country code is dialed digit by digit, but for a trunk prefix after the code.
fn is_as_typed(text: &str, number: &PhoneNumber) -> bool {
    let typed: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = &number.as_str()[1..];
    let mut codes = (1..=3).filter(|length| typed.get(..*length) == digits.get(..*length));
    codes.any(|code| typed[code..].ends_with(&digits[code..]) && typed.len() - digits.len() <= 2)
}

fn check(number: &PhoneNumber) {
    let text = number.to_string();
    let digits = text.strip_prefix('+').expect("E.164 begins with a plus");
    assert!((8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()), "{text}");
    assert_eq!(text.parse().as_ref(), Ok(number), "as it is stored");
    let json = serde_json::to_string(number).expect("a text");
    assert_eq!(serde_json::from_str::<PhoneNumber>(&json).expect("as it was written"), *number);
}
