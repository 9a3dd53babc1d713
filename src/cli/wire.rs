//! What the daemon's API answers, as far as the command line shows it.
//!
//! Every text in here may come from a carrier or from whoever answers at the address, and goes to a
//! terminal: a [`Clean`] can't hold a control character. `--json` shows the answer itself, see [`json_line`].

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use call::{EndedBy, Fact, Reached, Reason, Status};

/// A text that is safe to write to a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Clean(String);

impl Clean {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Clean {
    fn from(text: String) -> Self {
        Clean(clean(&text))
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A word of ours, or one of a newer daemon's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    Known(T),
    New(Clean),
}

impl<T: Copy> Word<T> {
    pub fn known(&self) -> Option<T> {
        match self {
            Word::Known(word) => Some(*word),
            Word::New(_) => None,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Known(word) => f.pad(&word.to_string()),
            Word::New(word) => word.fmt(f),
        }
    }
}

impl Word<Status> {
    pub fn is_terminal(&self) -> bool {
        self.known().is_some_and(Status::is_terminal)
    }
}

/// A call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct View {
    pub id: Uuid,
    pub phone: Clean,
    pub status: Word<Status>,
    pub reason: Option<Word<Reason>>,
    pub hint: Option<Clean>,
    pub reached: Option<Word<Reached>>,
    pub ended_by: Option<Word<EndedBy>>,
    pub sip_code: Option<u16>,
    pub sip_text: Option<Clean>,
    pub q850_cause: Option<u16>,
    pub created_at: DateTime<Utc>,
    pub dialed_at: Option<DateTime<Utc>>,
    pub ringing_at: Option<DateTime<Utc>>,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ring_seconds: Option<f64>,
    pub talk_seconds: Option<f64>,
    pub caller_id: Option<Clean>,
    pub scenario: Option<Clean>,
    pub scenario_result: Option<Clean>,
    pub novofon_call_id: Option<Clean>,
    custom_metadata: Option<Value>,
    /// A daemon of an older release tells none.
    #[serde(default)]
    pub attempts: Vec<AttemptView>,
    pub office: Option<OfficeView>,
}

/// One try of a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AttemptView {
    number: u16,
    status: Word<Status>,
    reason: Option<Word<Reason>>,
}

/// What makes a call an enterprise's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct OfficeView {
    /// `call` or `monitor`.
    kind: Clean,
    /// Of a monitoring.
    mode: Option<Clean>,
    pub enterprise: Clean,
    pub enterprise_name: Clean,
    pub host: Clean,
    pub extension: Clean,
    pub way: Option<Clean>,
}

impl OfficeView {
    /// `call`, or how much the listener takes part: `spy`, `whisper`, `barge`.
    pub fn kind(&self) -> &str {
        self.mode.as_ref().unwrap_or(&self.kind).as_str()
    }
}

impl View {
    pub fn has_ended(&self) -> bool {
        self.status.is_terminal() || self.ended_at.is_some()
    }

    /// What the carrier said: `401 Unauthorized`.
    pub fn carrier_said(&self) -> Option<String> {
        let code = self.sip_code?;
        Some(match self.sip_text.as_ref().map(Clean::as_str).filter(|text| !text.is_empty()) {
            Some(text) => format!("{code} {text}"),
            None => code.to_string(),
        })
    }

    /// What became of each attempt, where there were several: `1 failed asterisk_refused, 2 completed hung_up`.
    pub fn attempts(&self) -> Option<String> {
        let told = self.attempts.iter().map(|attempt| {
            let reason = attempt.reason.as_ref().map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{} {}{reason}", attempt.number, attempt.status)
        });
        (self.attempts.len() > 1).then(|| told.collect::<Vec<_>>().join(", "))
    }

    pub fn metadata(&self) -> Option<String> {
        self.custom_metadata.as_ref().map(json_line)
    }
}

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub source: Clean,
    pub event: Clean,
    pub text: Clean,
    pub status: Option<Word<Status>>,
    data: Option<Value>,
    attempt: Option<u16>,
}

impl Entry {
    /// The fact that it tells, when it is one of this version's.
    pub fn fact(&self) -> Option<Fact> {
        Fact::read(self.event.as_str(), self.data.as_ref(), self.attempt)
    }
}

/// The data of a server-sent event.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    pub call_id: Uuid,
    #[serde(flatten)]
    pub entry: Entry,
    /// With entries that led to a state.
    pub call: Option<View>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Timeline {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct List {
    pub total: u64,
    pub calls: Vec<Told<View>>,
    pub next_cursor: Option<String>,
}

/// How many waiting calls were, or would be, canceled.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Canceled {
    pub canceled: u64,
}

/// A refusal (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    pub status: u16,
    pub title: Clean,
    pub detail: Clean,
    pub code: Clean,
    pub hint: Option<Clean>,
}

/// What was read, with the JSON that it was read from.
#[derive(Debug, Clone)]
pub struct Told<T> {
    pub value: T,
    pub json: Value,
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Told<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let value = T::deserialize(&json).map_err(serde::de::Error::custom)?;
        Ok(Told { value, json })
    }
}

/// One line of JSON that a terminal can show: what JSON itself lets through unescaped is escaped too.
pub fn json_line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match c {
            // Outside of strings JSON is ASCII without control characters, so this is within one.
            c if is_unsafe(c) => {
                let mut units = [0; 2];
                line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => line.push(c),
        }
    }
    line
}

/// The text with every character that steers a terminal, or turns its writing round, made visible.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { clean.extend(c.escape_unicode()) } else { clean.push(c) }
    }
    clean
}

fn is_unsafe(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\r\n\u{7f}\u{9b}31m\u{202e}b";

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        let shown = clean(HOSTILE);
        assert_eq!(shown, r"a\u{1b}[2J\u{d}\u{a}\u{7f}\u{9b}31m\u{202e}b");
        assert_eq!(clean("Занято – été 📞"), "Занято – été 📞");
    }

    #[test]
    fn a_json_line_is_safe_and_says_the_same() {
        let value = json!({"sip_text": HOSTILE});
        let line = json_line(&value);
        assert!(!line.chars().any(is_unsafe), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).expect("still JSON"), value);
    }

    #[test]
    fn words_of_a_newer_daemon_are_read() {
        let word = |text: &str| serde_json::from_value::<Word<Status>>(json!(text)).expect("a text");
        assert!(word("busy").is_terminal());
        assert_eq!(word("early_media").known(), Some(Status::EarlyMedia));
        assert_eq!(word("on\u{1b}hold").to_string(), r"on\u{1b}hold");
        assert_eq!(format!("[{:<6}]", word("busy")), "[busy  ]");
    }
}
