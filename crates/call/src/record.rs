//! The durable record of one call: what is stored, read back after a crash, and shown.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, AttemptId, EndedBy, Outcome, Reason, Request};

/// A call's id. UUIDv7, so ids sort by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Uuid);

impl CallId {
    /// Of a call that has no other, as an office's: it is never ordered again.
    pub fn only_attempt(self) -> AttemptId {
        AttemptId::first(self)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CallId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(CallId)
    }
}

/// A call. Its state and its outcome are those of its last attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    pub id: CallId,
    /// Which kind of call it is, and what was asked for.
    pub request: Request,
    pub created_at: DateTime<Utc>,
    /// Attempts that are over while the call goes on, in their order.
    pub earlier: Vec<Attempt>,
    /// The one that is under way, was the last, or is still to come: what ends a call that waits ends it, too.
    pub last: Attempt,
    /// `completed`, `interrupted` or `sound_failed`; `None` when the scenario never began.
    pub scenario_result: Option<String>,
    /// Steps of the scenario that were begun: a restarted bot goes on with the last of them.
    pub scenario_steps: u32,
    /// Who asked for the end, and why, once somebody did: a restarted bot goes on with the hang-up.
    pub hangup: Option<(EndedBy, Reason)>,
}

impl CallRecord {
    pub fn new(id: CallId, request: impl Into<Request>, created_at: DateTime<Utc>) -> Self {
        CallRecord {
            id,
            request: request.into(),
            created_at,
            earlier: Vec::new(),
            last: Attempt::to_come(),
            scenario_result: None,
            scenario_steps: 0,
            hangup: None,
        }
    }

    /// The attempt that is under way, was the last, or will be the first.
    pub fn attempt_id(&self) -> AttemptId {
        AttemptId { call: self.id, number: self.last.number.max(1) }
    }

    /// Whether an attempt is under way, or was the last thing of a call that has ended.
    pub fn has_current_attempt(&self) -> bool {
        usize::from(self.last.number) > self.earlier.len()
    }

    /// An attempt is under way.
    pub fn is_at_work(&self) -> bool {
        !self.last.status.is_terminal() && self.has_current_attempt()
    }

    /// Another attempt begins: its intent is to be stored. What an earlier one came to is told by that one.
    pub fn begin_attempt(&mut self, at: DateTime<Utc>) {
        let Attempt { number, status, .. } = self.last;
        let number = number.saturating_add(1);
        self.last = Attempt { number, status, dialed_at: Some(at), ..Attempt::to_come() };
    }

    /// The attempt is over, and the call goes on without one.
    pub fn leave_attempt(&mut self, outcome: Outcome, at: DateTime<Utc>) {
        let mut over = self.last.clone();
        over.status = outcome.status;
        over.end(outcome, at);
        self.earlier.push(over);
    }

    /// All attempts in their order, the one that is under way or was the last at the end.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.earlier.iter().chain(self.has_current_attempt().then_some(&self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OutgoingCall, Reached, Status};

    #[test]
    fn a_further_attempt_has_no_marks_of_the_one_before() {
        let at = DateTime::UNIX_EPOCH;
        let request = OutgoingCall {
            phone: "+79522675444".parse().expect("E.164"),
            caller_id: None,
            scenario: "default".into(),
            ring_timeout: 30,
            max_duration: 120,
            custom_metadata: None,
            requested_by: None,
        };
        let mut call = CallRecord::new(CallId(Uuid::from_u128(7)), request, at);
        assert!(call.attempts().next().is_none() && !call.is_at_work(), "in the queue");
        call.begin_attempt(at);
        let last = &mut call.last;
        (last.ringing_at, last.sip_call_id, last.trunk_channel) =
            (Some(at), Some("abc".into()), Some("1700000000.7".into()));
        assert!(call.is_at_work());
        let refused = Outcome {
            status: Status::Failed,
            reason: Reason::AsteriskRefused,
            ended_by: EndedBy::Pbx,
            sip_code: None,
            sip_text: None,
            q850_cause: None,
            reached: Reached::None,
        };
        call.leave_attempt(refused, at);
        assert!(!call.is_at_work(), "between two");
        call.begin_attempt(at);
        assert_eq!(call.attempt_id().number, 2);
        let told = |attempt: &Attempt| (attempt.number, attempt.ringing_at, attempt.sip_call_id.clone());
        let attempts: Vec<_> = call.attempts().map(told).collect();
        assert_eq!(attempts, [(1, Some(at), Some("abc".into())), (2, None, None)]);
        assert_eq!(call.last.trunk_channel, None);
    }
}
