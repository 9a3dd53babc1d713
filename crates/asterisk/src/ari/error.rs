//! What a request that did not succeed means. A call must never be dialed twice and never be lost, so the three
//! kinds are told apart strictly; when in doubt it is [`AriError::Uncertain`].

/// What is known about a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Not a byte of it left: it had no effect, and may be tried again.
    NotSent,
    /// Asterisk itself read it and said no: it had no effect.
    Refused,
    /// It may have been carried out. Ask Asterisk what it has before anything is repeated.
    MaybeSent,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AriError {
    #[error("could not send `{what}` to Asterisk: {why}; nothing was sent, it is safe to try again")]
    NotSent { what: String, why: String },

    /// `message` is Asterisk's own text.
    #[error("Asterisk refused `{what}` with status {status}: {message}; {}", refusal_hint(*status))]
    Refused { what: String, status: u16, message: String },

    #[error(
        "it is unknown whether Asterisk carried out `{what}`: {why}; look at its channels before repeating it"
    )]
    Uncertain { what: String, why: String },
}

impl AriError {
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
