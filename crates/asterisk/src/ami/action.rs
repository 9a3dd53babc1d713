//! What is asked of Asterisk, as text for the wire. It owns the rule that no value ever becomes a second line:
//! values are checked, never escaped. It must not know connections.

use std::fmt;

use crate::secret::Secret;

/// Asterisk 16.28 and 22.10.1 read a line of 1022 bytes and misread a longer one (measured).
pub(super) const MAX_LINE: usize = 1022;

/// With more lines than this the same versions give no answer at all (measured).
pub(super) const MAX_LINES: usize = 128;

/// An action in the making. A field that cannot be written makes the whole action impossible to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
    flaw: Option<Flaw>,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Plain(String),
    Hidden(Secret),
}

impl Value {
    fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Hidden(secret) => secret.expose(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => text.fmt(f),
            Self::Hidden(secret) => secret.fmt(f),
        }
    }
}

/// Why an action cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("`{0}` is no name of a field")]
    Name(&'static str),
    #[error("the value of `{0}` has a line break or another control character")]
    Control(&'static str),
    #[error("the value of `{0}` makes a line of over {MAX_LINE} bytes, which Asterisk does not read")]
    Long(&'static str),
    #[error("it has over {MAX_LINES} lines, which Asterisk does not read")]
    Many,
    #[error("{0}")]
    Meaning(&'static str),
}

impl Action {
    /// An action without fields yet. The name is Asterisk's: `Originate`, `CoreShowChannels`. One that is no name
    /// is told when it is sent, as every flaw: by [`AmiError::NotSent`](super::AmiError::NotSent).
    pub fn new(name: &'static str) -> Self {
        let flaw = (!is_name(name)).then_some(Flaw::Name(name));
        Self { name, fields: Vec::new(), flaw }
    }

    /// Adds a field; the same name may be added again.
    ///
    /// A value with a control character, or of more than 1022 bytes with its name, is one that cannot be written:
    /// Asterisk 16.28 and 22.10.1 would read it as something else (measured). So is a field `ActionID`.
    pub fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        self.field(name, Value::Plain(value.into()))
    }

    pub(super) fn with_some(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn with_secret(self, name: &'static str, value: Secret) -> Self {
        self.field(name, Value::Hidden(value))
    }

    /// Marks it as one that must not be sent, unless the condition holds.
    pub(super) fn only_if(mut self, fit: bool, meaning: &'static str) -> Self {
        if !fit {
            self.flaw.get_or_insert(Flaw::Meaning(meaning));
        }
        self
    }

    fn field(mut self, name: &'static str, value: Value) -> Self {
        let text = value.as_str();
        let flaw = if !is_name(name) || name.eq_ignore_ascii_case("ActionID") {
            Some(Flaw::Name(name))
        } else if !is_plain(text) {
            Some(Flaw::Control(name))
        } else if name.len() + 2 + text.len() > MAX_LINE {
            Some(Flaw::Long(name))
        } else {
            None
        };
        self.flaw = self.flaw.or(flaw);
        self.fields.push((name, value));
        self
    }

    /// How errors and logs name it: without values, which may be long or private.
    pub(super) fn what(&self) -> &'static str {
        self.name
    }

    pub(super) fn check(&self) -> Result<(), Flaw> {
        match &self.flaw {
            Some(flaw) => Err(flaw.clone()),
            // `Action` and `ActionID` come besides.
            None if self.fields.len() + 2 > MAX_LINES => Err(Flaw::Many),
            None => Ok(()),
        }
    }

    /// The text for the wire. Only for an action that was checked.
    pub(super) fn text(&self, action_id: &str) -> String {
        let mut text = format!("Action: {}\r\nActionID: {action_id}\r\n", self.name);
        for (name, value) in &self.fields {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value.as_str());
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text
    }
}

/// No control characters, of which the line breaks are two.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.len() <= 64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ami::wire::Framer;

    #[test]
    fn an_action_is_what_asterisk_reads() {
        let action = Action::new("Originate").with("Channel", "Local/150@inoffice").with("Variable", "A=ж");
        action.check().unwrap();
        assert_eq!(
            action.text("7"),
            "Action: Originate\r\nActionID: 7\r\nChannel: Local/150@inoffice\r\nVariable: A=ж\r\n\r\n"
        );
    }

    #[test]
    fn what_would_be_another_line_is_never_sent() {
        for value in ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0", "a\u{1b}[0m", "a\u{85}b"] {
            let error = Action::new("Hangup").with("Channel", value).check().unwrap_err();
            assert_eq!(error, Flaw::Control("Channel"), "{value:?}");
        }
        for name in ["", "A: b", "A\r\nB", "Ключ", "ActionID", "actionid", "-a"] {
            assert!(Action::new("Ping").with(name, "x").check().is_err(), "{name:?}");
            assert!(name.eq_ignore_ascii_case("ActionID") || Action::new(name).check().is_err(), "{name:?}");
        }
        // A later field that is fine does not mend it.
        assert!(Action::new("Ping").with("A", "\n").with("B", "b").check().is_err());
    }

    #[test]
    fn what_asterisk_would_misread_is_never_sent() {
        let fits = "x".repeat(MAX_LINE - "Data: ".len());
        Action::new("Originate").with("Data", fits.clone()).check().unwrap();
        let error = Action::new("Originate").with("Data", fits + "x").check().unwrap_err();
        assert_eq!(error, Flaw::Long("Data"));
        let lines = |count| (0..count).fold(Action::new("Ping"), |action, _| action.with("Variable", "a=b"));
        lines(MAX_LINES - 2).check().unwrap();
        assert_eq!(lines(MAX_LINES - 1).check(), Err(Flaw::Many));
    }

    #[test]
    fn a_secret_is_on_the_wire_and_nowhere_else() {
        let action = Action::new("Login").with_secret("Secret", Secret::new("s3cret"));
        assert!(action.text("1").contains("Secret: s3cret\r\n"));
        assert!(!format!("{action:?}").contains("s3cret"));
    }

    proptest! {
        /// Whatever the value is: it is refused, or it arrives as it was and alone.
        #[test]
        fn a_value_never_becomes_two(value in any::<String>(), other in "\\PC*[\r\n]+\\PC*") {
            for value in [value, other] {
                let action = Action::new("Ping").with("X", value.clone());
                if action.check().is_err() {
                    continue;
                }
                let mut framer = Framer::default();
                framer.buffer().extend_from_slice(action.text("1").as_bytes());
                let block = framer.block().unwrap().unwrap();
                prop_assert_eq!(block.fields().count(), 3);
                prop_assert_eq!(block.field("X"), Some(value.as_str()));
                prop_assert_eq!(framer.block().unwrap(), None);
            }
        }
    }
}
