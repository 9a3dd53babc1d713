//! What an action that did not succeed means. A call must never be placed twice and never be lost, so the three
//! kinds are told apart strictly; when in doubt it is [`AmiError::MaybeTaken`].

use crate::Certainty;

/// An action did not succeed. Its text says which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmiError {
    /// Not a byte of it left.
    #[error(
        "could not send the action `{what}` to Asterisk: {why}; nothing was sent, it is safe to try again"
    )]
    NotSent {
        /// The action's name, such as `Originate`. Never its values.
        what: String,
        /// The cause, for people.
        why: String,
    },

    /// Asterisk read it and said no; `message` is its own text.
    #[error("Asterisk refused the action `{what}`: {message}; {}", refusal_hint(message))]
    Refused {
        /// As in [`AmiError::NotSent`].
        what: String,
        /// Such as `Permission denied` or `No such channel`; at most 300 characters, in one line.
        message: String,
    },

    /// It was written, or may have been, and no answer came, or one that can't be read.
    #[error(
        "it is unknown whether Asterisk carried out the action `{what}`: {why}; look at its channels before repeating it"
    )]
    MaybeTaken {
        /// As in [`AmiError::NotSent`].
        what: String,
        /// The cause, for people.
        why: String,
    },
}

impl AmiError {
    /// Whether it had an effect, and so whether it may be repeated.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::NotSent { .. } => Certainty::NotSent,
            Self::Refused { .. } => Certainty::Refused,
            Self::MaybeTaken { .. } => Certainty::MaybeSent,
        }
    }

    /// Asterisk has no channel of that name or unique id, or no longer (its words in 16.28 and 22.10.1).
    pub fn is_no_such_channel(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message == NO_SUCH_CHANNEL)
    }

    /// The user lacks the `write` class that the action needs.
    pub fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message == PERMISSION_DENIED)
    }
}

const NO_SUCH_CHANNEL: &str = "No such channel";
const PERMISSION_DENIED: &str = "Permission denied";

fn refusal_hint(message: &str) -> &'static str {
    match message {
        NO_SUCH_CHANNEL => "it has ended, or has another name",
        PERMISSION_DENIED => {
            "the user in manager.conf needs write=originate,call,reporting (and command for console commands)"
        }
        "Extension does not exist." => "its context in the dialplan has no such extension",
        _ => "Asterisk's own log says more",
    }
}
