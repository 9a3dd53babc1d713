//! The same key and the same request give the same call, however often and however simultaneously
//! they are sent.
//!
//! The store remembers a key together with its call, in one transaction. Here is what it can't know:
//! which keys belong to requests that are still in progress, and what makes two requests the same.

use std::{collections::HashSet, sync::Arc};

use axum::http::HeaderMap;
use parking_lot::Mutex;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use lang::say;

pub const HEADER: &str = "idempotency-key";

const LONGEST_KEY: usize = 255;

/// The header's key, if there is one.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bad = |detail| ApiError::InvalidHeader { name: "Idempotency-Key", detail };
    if values.next().is_some() {
        return Err(bad(say!("is given twice", "задан дважды")));
    }
    let is_good = |key: &&str| {
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match value.to_str().ok().filter(is_good) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(bad(say!(
            "must have 1 to 255 visible ASCII characters",
            "должен иметь от 1 до 255 видимых знаков ASCII"
        ))),
    }
}

/// SHA-256 of what was asked: of its values, not of how they were written.
pub fn fingerprint(asked: &impl Serialize) -> [u8; 32] {
    // Whatever order members have in the body: a struct's is fixed, and that of metadata is canonical.
    let canonical = serde_json::to_vec(asked).expect("a parsed request can be written as JSON");
    Sha256::digest(canonical).into()
}

/// The keys of requests in progress.
#[derive(Default)]
pub struct InProgress(Mutex<HashSet<(String, String)>>);

/// Holds a key; dropped, whatever ends the request, it lets go.
pub struct Held {
    of: Arc<InProgress>,
    key: (String, String),
}

impl InProgress {
    /// `None` when a request with this key is in progress.
    pub fn hold(self: &Arc<Self>, scope: &str, key: &str) -> Option<Held> {
        let key = (scope.to_owned(), key.to_owned());
        self.0.lock().insert(key.clone()).then(|| Held { of: self.clone(), key })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn one_request_holds_a_key_at_a_time() {
        let in_progress = Arc::new(InProgress::default());
        let first = in_progress.hold("crm", "k").expect("free");
        assert!(in_progress.hold("crm", "k").is_none());
        assert!(in_progress.hold("site", "k").is_some(), "another client's key");
        drop(first);
        assert!(in_progress.hold("crm", "k").is_some());
    }

    #[test]
    fn the_order_of_members_makes_no_difference() {
        let read = |text: &str| fingerprint(&serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(read(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#), read(r#"{"b":{"d":3,"c":2},"a":1}"#));
        assert_ne!(fingerprint(&json!({"a": 1})), fingerprint(&json!({"a": "1"})));
    }

    #[test]
    fn keys_are_visible_ascii() {
        let key = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, axum::http::HeaderValue::from_bytes(value).expect("a header"));
            key_of(&headers).map_err(|e| e.problem().code)
        };
        assert_eq!(key(b"order-17"), Ok(Some("order-17".to_owned())));
        assert_eq!(key(&[b'x'; 255]).map(|key| key.map(|key| key.len())), Ok(Some(255)));
        for bad in [&b""[..], b"two words", "ключ".as_bytes(), &[b'x'; 256]] {
            assert_eq!(key(bad), Err("invalid_header".to_owned()), "{bad:?}");
        }
        assert_eq!(key_of(&HeaderMap::new()).ok(), Some(None));
    }
}
