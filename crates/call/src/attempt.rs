//! One try of a call by one way: its id, and what became of it.
//!
//! A call has as many as were begun; all but the last are over. Their ids name the channels at Asterisk. It knows
//! nothing of why another one is made.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CallId, EndedBy, Outcome, Reached, Reason, Status, WayKind};

/// An attempt's id and, at the same time, the id of its channel: the call's for the first one, `<call>.2` for the second.
/// It is never used for a second dial, for the number is on disk before anything is sent. Made of the call's id, so that
/// one `grep` in Asterisk's log finds all of a call, and a channel tells its call without a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId {
    pub call: CallId,
    /// From 1.
    pub number: u16,
}

impl AttemptId {
    pub fn first(call: CallId) -> Self {
        AttemptId { call, number: 1 }
    }

    /// Our half of the Local channel: the one that enters Stasis.
    pub fn near_channel(self) -> String {
        self.to_string()
    }

    /// The other half, which runs the dialplan.
    pub fn far_channel(self) -> String {
        format!("{self};2")
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)?;
        if self.number == 1 { Ok(()) } else { write!(f, ".{}", self.number) }
    }
}

/// It names no attempt of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no attempt's id: those are a UUID, from the second on with a point and the number")]
pub struct NoAttempt;

impl FromStr for AttemptId {
    type Err = NoAttempt;

    fn from_str(text: &str) -> Result<Self, NoAttempt> {
        let (call, number) = match text.split_once('.') {
            Some((call, number)) => (call, number.parse().ok().filter(|number| *number > 1)),
            None => (text, Some(1)),
        };
        let id =
            call.parse::<Uuid>().ok().zip(number).map(|(call, number)| Self { call: CallId(call), number });
        // Other spellings of it would be other channels.
        id.filter(|id| id.to_string() == text).ok_or(NoAttempt)
    }
}

/// What one try came to. The call's own state and outcome are those of its last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1; 0 of one that is still to come.
    pub number: u16,
    pub status: Status,
    pub reached: Reached,
    pub reason: Option<Reason>,
    pub ended_by: Option<EndedBy>,
    pub sip_code: Option<u16>,
    pub sip_text: Option<String>,
    pub q850_cause: Option<u16>,
    pub dialed_at: Option<DateTime<Utc>>,
    pub ringing_at: Option<DateTime<Utc>>,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Seconds of ringing or early media, by the monotonic clock; `None` also when nobody saw their end.
    pub ring_seconds: Option<f64>,
    /// Seconds from the answer to the end, by the monotonic clock; `None` also when nobody saw the end.
    pub talk_seconds: Option<f64>,
    /// The SIP Call-ID of the trunk leg: what the carrier's support asks for.
    pub sip_call_id: Option<String>,
    /// Asterisk's id of the trunk channel; with it a restarted bot finds the leg again.
    pub trunk_channel: Option<String>,
    /// The way that an enterprise's host took the order by; `None` before it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<WayKind>,
    /// The host's own id of the call (its Linkedid), where it is not the call's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_id: Option<String>,
    /// The ids of the extension's and the number's channel, once they were connected: a later run hangs up no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<[String; 2]>,
}

impl Attempt {
    /// The call waits in the queue.
    pub fn to_come() -> Self {
        Attempt {
            number: 0,
            status: Status::Queued,
            reached: Reached::None,
            reason: None,
            ended_by: None,
            sip_code: None,
            sip_text: None,
            q850_cause: None,
            dialed_at: None,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            ring_seconds: None,
            talk_seconds: None,
            sip_call_id: None,
            trunk_channel: None,
            way: None,
            linked_id: None,
            sides: None,
        }
    }

    /// Its verdict. That the status is a step forward is the kernel's to see.
    pub(crate) fn end(&mut self, outcome: Outcome, at: DateTime<Utc>) {
        self.reached = outcome.reached;
        self.reason = Some(outcome.reason);
        self.ended_by = Some(outcome.ended_by);
        self.sip_code = outcome.sip_code;
        self.sip_text = outcome.sip_text;
        self.q850_cause = outcome.q850_cause;
        self.ended_at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_channels_and_back() {
        let call: CallId = "0193d0a0-0000-7000-8000-000000000001".parse().expect("a UUID");
        let first = AttemptId::first(call);
        assert_eq!(first.near_channel(), call.to_string(), "as in stores and channels of older releases");
        let third = AttemptId { call, number: 3 };
        assert_eq!(third.far_channel(), format!("{call}.3;2"));
        for id in [first, third] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        let others =
            ["", "x", "1700000000.7", &format!("{call}.1"), &format!("{call}.02"), &format!("{call};2")];
        for other in others {
            assert_eq!(other.parse::<AttemptId>(), Err(NoAttempt), "{other}");
        }
        assert_eq!(call.to_string().to_uppercase().parse::<AttemptId>(), Err(NoAttempt));
    }
}
