//! What a client tells about its call for itself: a JSON object that comes back as it was given.
//!
//! Order, digits and escapes stay; only the white space between is dropped, because followers get it on one line.
//! What two readers could read in two ways (a name given twice, a number that no float holds) is refused.

use std::{fmt, fmt::Write as _, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Answers hold it in objects and lists of their own, and many readers of JSON take 128 levels at most.
const MOST_LEVELS: usize = 64;

/// A JSON object, on one line. Cheap to clone.
#[derive(Clone)]
pub struct Metadata(Arc<RawValue>);

impl Metadata {
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// What two objects with the same values have in common: members in the order of their names, texts with the
    /// same escapes. Digits are not touched.
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(self.as_str().len());
        // It was looked through when it was made; one that an earlier version stored may have more levels.
        match canonical(&self.0, usize::MAX, &mut text) {
            Ok(()) => text,
            Err(_) => self.as_str().to_owned(),
        }
    }

    /// One that was stored.
    pub fn of_store(text: &str) -> Result<Self, serde_json::Error> {
        let raw = RawValue::from_string(text.to_owned())?;
        Ok(Metadata(raw.into()))
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(de::Error::custom("expected a JSON object"));
        }
        canonical(&raw, MOST_LEVELS, &mut String::new()).map_err(de::Error::custom)?;
        let raw = RawValue::from_string(compact(raw.get())).map_err(de::Error::custom)?;
        Ok(Metadata(raw.into()))
    }
}

/// JSON without the white space between its tokens.
fn compact(json: &str) -> String {
    let (mut in_text, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        let is_kept = in_text || !c.is_ascii_whitespace();
        in_text = if is_escaped || *c != '"' { in_text } else { !in_text };
        is_escaped = in_text && *c == '\\' && !is_escaped;
        is_kept
    };
    json.chars().filter(is_kept).collect()
}

/// Writes a value in its canonical form, or says what is wrong with it.
fn canonical(raw: &RawValue, levels: usize, out: &mut String) -> Result<(), String> {
    let json = raw.get();
    let words = |error: serde_json::Error| error.to_string();
    match json.as_bytes().first() {
        Some(b'{' | b'[') if levels == 0 => {
            return Err(format!("more than {MOST_LEVELS} levels of objects and lists"));
        }
        Some(b'{') => {
            let Members(mut members) = serde_json::from_str(json).map_err(words)?;
            members.sort_by(|a, b| a.0.cmp(&b.0));
            if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let name: String = pair[0].0.chars().take(40).collect();
                return Err(format!("the member {name:?} is given twice"));
            }
            out.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write!(out, "{}:", serde_json::Value::String(name)).expect("a String takes every write");
                canonical(value, levels - 1, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).map_err(words)?;
            out.push('[');
            for (index, item) in items.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                canonical(item, levels - 1, out)?;
            }
            out.push(']');
        }
        // This refuses half of a surrogate pair.
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(words)?;
            write!(out, "{}", serde_json::Value::String(text)).expect("a String takes every write");
        }
        Some(b'-' | b'0'..=b'9') if !json.parse::<f64>().is_ok_and(f64::is_finite) => {
            return Err("a number is too large".to_owned());
        }
        _ => out.push_str(json),
    }
    Ok(())
}

/// The members of an object, in the order in which they are given.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> Result<Metadata, String> {
        serde_json::from_str(json).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn it_comes_back_as_it_was_given() {
        let cases = [
            (r#"{"z":1,"a":2}"#, r#"{"z":1,"a":2}"#),
            ("{ \"z\" : 1 ,\r\n\t\"a b\\\" \\\\\" : [ 1 , 2 ] }", r#"{"z":1,"a b\" \\":[1,2]}"#),
            (r#"{"n":123456789012345678901234567890}"#, r#"{"n":123456789012345678901234567890}"#),
            (
                r#"{"n":0.10000000000000000000001,"m":-0,"e":1E2}"#,
                r#"{"n":0.10000000000000000000001,"m":-0,"e":1E2}"#,
            ),
            (r#"{"\u0061\/":"\u043b \ud83d\ude00 \u2028"}"#, r#"{"\u0061\/":"\u043b \ud83d\ude00 \u2028"}"#),
            ("{}", "{}"),
        ];
        for (json, expected) in cases {
            let metadata = given(json).expect(json);
            assert_eq!(metadata.as_str(), expected);
            assert_eq!(serde_json::to_string(&metadata).expect("JSON"), expected);
            assert_eq!(Metadata::of_store(expected).expect("as it was stored"), metadata);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let cases = [
            ("[]".to_owned(), "expected a JSON object"),
            ("7".to_owned(), "expected a JSON object"),
            (r#"{"a":1,"b":2,"a":1}"#.to_owned(), "the member \"a\" is given twice"),
            (r#"{"o":[{"a":1,"\u0061":2}]}"#.to_owned(), "the member \"a\" is given twice"),
            (r#"{"a":1e999}"#.to_owned(), "a number is too large"),
            (r#"{"a":"\ud800"}"#.to_owned(), "hex escape"),
            (deep(64), "more than 64 levels"),
            (deep(100_000), "more than 64 levels"),
            (r#"{"a":01}"#.to_owned(), "invalid number"),
        ];
        for (json, expected) in cases {
            let error = given(&json).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        assert!(given(&deep(63)).is_ok());
    }

    #[test]
    fn the_canonical_form_is_that_of_the_values() {
        let canonical = |json: &str| given(json).expect(json).canonical();
        let text = r#"{"b":{"d":3,"c":[1,{"y":0,"x":"л"}]},"a":null}"#;
        assert_eq!(canonical(text), r#"{"a":null,"b":{"c":[1,{"x":"л","y":0}],"d":3}}"#);
        assert_eq!(canonical(r#"{ "a" : "\u0061\/" }"#), canonical(r#"{"a":"a/"}"#));
        // Beyond what a float can tell apart.
        let number = |last| canonical(&format!("{{\"n\":1234567890123456789012345678{last}}}"));
        assert_ne!(number(1), number(2));
    }
}
