//! One request and one answer, whatever carries them. It owns percent-encoding and the reading of an answer:
//! is it Asterisk that speaks, and what did it say. It must not know transports.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::AriError;

/// A request relative to `/ari/`.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Without the leading slash, already encoded: `channels/ID?reason=normal`.
    pub(super) uri: String,
    pub(super) json: Option<String>,
    /// It goes by HTTP: the answer may be larger than a websocket message may be.
    pub(super) large_answer: bool,
    /// Why it cannot be sent at all.
    flaw: Option<&'static str>,
    has_query: bool,
}

impl Request {
    pub(super) fn new(method: Method, path: &[&str]) -> Self {
        // An empty or dotted segment would name another resource than the one that was meant.
        let flawed = path.iter().any(|part| matches!(*part, "" | "." | ".."));
        let uri = path.iter().map(|part| encode(part)).collect::<Vec<_>>().join("/");
        let flaw = flawed.then_some("an id in it is empty or made of dots");
        Self { method, uri, json: None, large_answer: false, flaw, has_query: false }
    }

    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.uri.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.uri.push_str(&encode(name));
        self.uri.push('=');
        self.uri.push_str(&encode(value));
        self
    }

    pub(super) fn json(mut self, body: &impl serde::Serialize) -> Self {
        self.json = Some(serde_json::to_string(body).expect("bodies are structs of strings and numbers"));
        self
    }

    pub(super) fn large_answer(mut self) -> Self {
        self.large_answer = true;
        self
    }

    /// How errors and logs name it.
    pub(super) fn what(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    pub(super) fn check(&self) -> Result<(), AriError> {
        match self.flaw {
            Some(flaw) => Err(self.not_sent(flaw)),
            None => Ok(()),
        }
    }

    pub(super) fn not_sent(&self, why: impl Into<String>) -> AriError {
        AriError::NotSent { what: self.what(), why: why.into() }
    }

    pub(super) fn uncertain(&self, why: impl Into<String>) -> AriError {
        AriError::Uncertain { what: self.what(), why: why.into() }
    }

    /// The answer as a document.
    pub(super) fn document<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, AriError> {
        self.accept(&answer)?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            self.uncertain(format!("its answer (status {}) is not ARI: {error}", answer.status))
        })
    }

    /// The answer of a request that has nothing to tell but success.
    pub(super) fn done(&self, answer: Answer) -> Result<(), AriError> {
        self.accept(&answer)?;
        let body = answer.body.trim_ascii();
        if body.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
            return Ok(());
        }
        Err(self.uncertain(format!("its answer (status {}) is not ARI", answer.status)))
    }

    fn accept(&self, answer: &Answer) -> Result<(), AriError> {
        let status = answer.status;
        if (200..300).contains(&status) {
            return Ok(());
        }
        // Only Asterisk's own words prove that it was Asterisk that said no, and not something between.
        match refusal_message(&answer.body) {
            Some(message) if (400..600).contains(&status) => {
                Err(AriError::Refused { what: self.what(), status, message })
            }
            _ => Err(self.uncertain(format!("the answer has status {status} and is not Asterisk's"))),
        }
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Everything but the unreserved characters of RFC 3986 as %XX. A space is %20, which Asterisk reads the same in
/// paths and in queries (a plus sign it does not).
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a String takes every write"),
        }
    }
    out
}

fn refusal_message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        message: Option<String>,
        error: Option<String>,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let text = refusal.message.or(refusal.error)?;
    // It goes to logs and to a timeline: one line, of a length that a person reads.
    Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Certainty;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn everything_in_an_address_is_encoded() {
        let request = Request::new(Method::GET, &["channels", "a/b;2?x=%#&é"]).query("v", "CHANNEL(x) +1");
        assert_eq!(request.uri, "channels/a%2Fb%3B2%3Fx%3D%25%23%26%C3%A9?v=CHANNEL%28x%29%20%2B1");
        assert_eq!(request.query("w", "").uri.rsplit_once('&').unwrap().1, "w=");
    }

    #[test]
    fn ids_that_would_name_another_resource_are_never_sent() {
        for id in ["", ".", ".."] {
            let error = Request::new(Method::DELETE, &["channels", id]).check().unwrap_err();
            assert_eq!(error.certainty(), Certainty::NotSent, "{id:?}");
        }
        assert!(Request::new(Method::DELETE, &["channels", "..."]).check().is_ok());
    }

    #[test]
    fn only_asterisks_own_words_are_a_refusal() {
        let request = Request::new(Method::POST, &["channels"]);
        let certainty = |status, body| request.done(answer(status, body)).unwrap_err().certainty();
        assert_eq!(certainty(500, r#"{"message":"Allocation failed"}"#), Certainty::Refused);
        assert_eq!(certainty(500, r#"{"error":"Internal Server Error"}"#), Certainty::Refused);
        assert_eq!(certainty(500, "<html>502</html>"), Certainty::MaybeSent);
        assert_eq!(certainty(502, ""), Certainty::MaybeSent);
        assert_eq!(certainty(404, r#"{"detail":"x"}"#), Certainty::MaybeSent);
        assert_eq!(certainty(302, r#"{"message":"moved"}"#), Certainty::MaybeSent);
        assert_eq!(certainty(200, "<html>log in</html>"), Certainty::MaybeSent);
        request.done(answer(204, "")).unwrap();
        request.done(answer(200, "{}")).unwrap();
    }

    #[test]
    fn a_success_that_is_no_document_is_uncertain() {
        let request = Request::new(Method::POST, &["channels"]);
        let read = |body| request.document::<super::super::Channel>(answer(200, body));
        assert_eq!(read("<html>").unwrap_err().certainty(), Certainty::MaybeSent);
        assert_eq!(read("{}").unwrap_err().certainty(), Certainty::MaybeSent);
        assert_eq!(read(r#"{"id":"1","name":"Local/1"}"#).unwrap().id, "1");
    }

    #[test]
    fn the_refusal_is_one_short_line() {
        let long = format!(r#"{{"message":"a\nb{}"}}"#, "x".repeat(1000));
        let text = refusal_message(long.as_bytes()).unwrap();
        assert!(text.starts_with("a bx") && text.len() == 300);
    }
}
