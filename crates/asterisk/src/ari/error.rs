//! What a request that did not succeed means. A call must never be dialed twice and never be lost, so the three
//! kinds are told apart strictly; when in doubt it is [`AriError::Uncertain`].

use crate::Certainty;

/// A request did not succeed. Its text says what was asked, why it failed, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AriError {
    /// Not a byte of it left.
    #[error("could not send `{what}` to Asterisk: {why}; nothing was sent, it is safe to try again")]
    NotSent {
        /// Method and address without `/ari/`, such as `DELETE channels/ID?reason=normal`. Never a body.
        what: String,
        /// The cause, for people.
        why: String,
    },

    /// Asterisk read it and said no; `message` is its own text.
    #[error("Asterisk refused `{what}` with status {status}: {message}; {}", refusal_hint(*status))]
    Refused {
        /// As in [`AriError::NotSent`].
        what: String,
        /// The HTTP status, 400 to 599.
        status: u16,
        /// At most 300 characters, in one line.
        message: String,
    },

    /// It was written, or may have been, and no answer of Asterisk's came: a time-out, a lost connection, an answer
    /// of something that stands between.
    #[error(
        "it is unknown whether Asterisk carried out `{what}`: {why}; look at its channels before repeating it"
    )]
    Uncertain {
        /// As in [`AriError::NotSent`].
        what: String,
        /// The cause, for people.
        why: String,
    },
}

impl AriError {
    /// Whether it had an effect, and so whether it may be repeated.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::NotSent { .. } => Certainty::NotSent,
            Self::Refused { .. } => Certainty::Refused,
            Self::Uncertain { .. } => Certainty::MaybeSent,
        }
    }

    /// Asterisk says that it has no such channel, playback, endpoint or variable.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

fn refusal_hint(status: u16) -> &'static str {
    match status {
        401 => "check the ARI user and password against ari.conf",
        403 => "the ARI user needs read_only=no in ari.conf",
        404 => "Asterisk has no such thing, or no longer",
        409 => "it is in another state, or the id is taken",
        422 => "it names something that Asterisk does not have",
        _ => "Asterisk's own log says more",
    }
}
