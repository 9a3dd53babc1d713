//! The states of a call and their order. A step back is impossible by construction: see
//! [`Status::may_become`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The state of a call. The first five are its life, the others are ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted and durably stored; nothing was sent to Asterisk.
    Queued,
    /// The intent to dial is durably stored.
    Dialing,
    /// The trunk leg itself rings.
    Ringing,
    /// The trunk leg sent audio before an answer (183).
    EarlyMedia,
    /// The trunk leg is up.
    Answered,
    /// It was answered, and ended.
    Completed,
    /// 486, 600 or cause 17.
    Busy,
    /// It rang until somebody's time was over.
    NoAnswer,
    /// The callee declined.
    Rejected,
    /// Phone off or out of reach: refused without any ringing.
    Unavailable,
    /// It could not be placed; `reason` says which part failed.
    Failed,
    /// Somebody asked for its end before an answer.
    Canceled,
    /// It was (or may have been) dialed, and its end could not be learned.
    Unknown,
}

impl Status {
    pub const ALL: [Status; 13] = [
        Status::Queued,
        Status::Dialing,
        Status::Ringing,
        Status::EarlyMedia,
        Status::Answered,
        Status::Completed,
        Status::Busy,
        Status::NoAnswer,
        Status::Rejected,
        Status::Unavailable,
        Status::Failed,
        Status::Canceled,
        Status::Unknown,
    ];

    pub fn is_terminal(self) -> bool {
        self > Status::Answered
    }

    /// Steps may be skipped, none goes back, and an end is final.
    pub fn may_become(self, next: Status) -> bool {
        !self.is_terminal() && next > self
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Dialing => "dialing",
            Status::Ringing => "ringing",
            Status::EarlyMedia => "early_media",
            Status::Answered => "answered",
            Status::Completed => "completed",
            Status::Busy => "busy",
            Status::NoAnswer => "no_answer",
            Status::Rejected => "rejected",
            Status::Unavailable => "unavailable",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
            Status::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no state of a call.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a call status")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Status::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_goes_back_and_an_end_is_final() {
        for from in Status::ALL {
            for to in Status::ALL {
                if from.may_become(to) {
                    assert!(!from.is_terminal() && !to.may_become(from), "{from} -> {to}");
                }
            }
        }
        assert!(Status::Queued.may_become(Status::Answered), "steps may be skipped");
        assert!(!Status::EarlyMedia.may_become(Status::Ringing));
    }

    #[test]
    fn every_word_is_read_back() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("up".parse::<Status>().is_err());
    }
}
