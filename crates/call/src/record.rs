//! The durable record of one call: what is stored, read back after a crash, and shown.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Attempt, AttemptId, DialString, EndedBy, Metadata, OfficeCall, Outcome, Reached, Reason, Status,
};

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

/// What was asked for, with the defaults filled in but for the caller id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRequest {
    pub phone: DialString,
    /// The number to show to the callee: as it was asked for, while the call waits; then the trunk's own where none was.
    /// `None` leaves it to the dialplan.
    pub caller_id: Option<String>,
    /// Name of the scenario that runs on answer.
    pub scenario: String,
    /// Seconds from `dialing` to our giving up.
    pub ring_timeout: u32,
    /// Seconds from the answer to our hanging up.
    pub max_duration: u32,
    /// A JSON object of the client's, returned as given.
    pub custom_metadata: Option<Metadata>,
    /// Name of the API key that asked.
    pub requested_by: Option<String>,
}

/// A call. Its state and outcome are those of its last attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub id: CallId,
    pub request: CallRequest,
    /// What makes it an office's call; `None` for one of the bot's own.
    pub office: Option<Box<OfficeCall>>,
    /// Attempts that were begun: the intent of so many is on disk.
    pub attempt: u16,
    /// Those that are over while the call goes on, in their order.
    pub earlier: Vec<Attempt>,
    pub status: Status,
    pub reached: Reached,
    pub reason: Option<Reason>,
    pub ended_by: Option<EndedBy>,
    pub sip_code: Option<u16>,
    pub sip_text: Option<String>,
    pub q850_cause: Option<u16>,
    pub created_at: DateTime<Utc>,
    pub dialed_at: Option<DateTime<Utc>>,
    pub ringing_at: Option<DateTime<Utc>>,
    pub answered_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Seconds of ringing or early media, by the monotonic clock; `None` also when nobody saw their end.
    pub ring_seconds: Option<f64>,
    /// Seconds from the answer to the end, by the monotonic clock; `None` also when nobody saw the end.
    pub talk_seconds: Option<f64>,
    /// `completed`, `interrupted` or `sound_failed`; `None` when the scenario never began.
    pub scenario_result: Option<String>,
    /// Steps of the scenario that were begun: a restarted bot goes on with the last of them.
    pub scenario_steps: u32,
    /// The SIP Call-ID of the trunk leg: what the carrier's support asks for.
    pub sip_call_id: Option<String>,
    /// Asterisk's id of the trunk channel; with it a restarted bot finds the leg again.
    pub trunk_channel: Option<String>,
    /// Who asked for the end, once somebody did: a restarted bot goes on with the hang-up.
    pub hangup_by: Option<EndedBy>,
    pub hangup_reason: Option<Reason>,
}

impl CallRecord {
    pub fn new(id: CallId, request: CallRequest, created_at: DateTime<Utc>) -> Self {
        CallRecord {
            id,
            request,
            office: None,
            attempt: 0,
            earlier: Vec::new(),
            status: Status::Queued,
            reached: Reached::None,
            reason: None,
            ended_by: None,
            sip_code: None,
            sip_text: None,
            q850_cause: None,
            created_at,
            dialed_at: None,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            ring_seconds: None,
            talk_seconds: None,
            scenario_result: None,
            scenario_steps: 0,
            sip_call_id: None,
            trunk_channel: None,
            hangup_by: None,
            hangup_reason: None,
        }
    }

    /// The attempt that is under way, was the last, or will be the first.
    pub fn attempt_id(&self) -> AttemptId {
        AttemptId { call: self.id, number: self.attempt.max(1) }
    }

    /// Whether an attempt is under way, or was the last thing of a call that has ended.
    pub fn has_current_attempt(&self) -> bool {
        usize::from(self.attempt) > self.earlier.len()
    }

    /// An attempt is under way.
    pub fn is_at_work(&self) -> bool {
        !self.status.is_terminal() && self.has_current_attempt()
    }

    /// Another attempt begins: its intent is to be stored.
    pub fn begin_attempt(&mut self, at: DateTime<Utc>) {
        self.attempt = self.attempt.saturating_add(1);
        self.dialed_at = Some(at);
        // What an earlier one came to is told by that one.
        (self.ringing_at, self.answered_at) = (None, None);
        (self.sip_call_id, self.trunk_channel) = (None, None);
    }

    /// The attempt is over, and the call goes on without one.
    pub fn leave_attempt(&mut self, outcome: &Outcome, at: DateTime<Utc>) {
        let over = Attempt {
            status: outcome.status,
            reached: outcome.reached,
            reason: Some(outcome.reason),
            ended_by: Some(outcome.ended_by),
            sip_code: outcome.sip_code,
            sip_text: outcome.sip_text.clone(),
            q850_cause: outcome.q850_cause,
            ended_at: Some(at),
            ..self.current_attempt()
        };
        self.earlier.push(over);
    }

    /// All attempts in their order, the one that is under way or was the last at the end.
    pub fn attempts(&self) -> Vec<Attempt> {
        let current = self.has_current_attempt().then(|| self.current_attempt());
        self.earlier.iter().cloned().chain(current).collect()
    }

    fn current_attempt(&self) -> Attempt {
        Attempt {
            number: self.attempt,
            status: self.status,
            reached: self.reached,
            reason: self.reason,
            ended_by: self.ended_by,
            sip_code: self.sip_code,
            sip_text: self.sip_text.clone(),
            q850_cause: self.q850_cause,
            dialed_at: self.dialed_at,
            ringing_at: self.ringing_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            ring_seconds: self.ring_seconds,
            talk_seconds: self.talk_seconds,
            sip_call_id: self.sip_call_id.clone(),
            trunk_channel: self.trunk_channel.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_attempt_has_no_marks_of_the_one_before() {
        let at = DateTime::UNIX_EPOCH;
        let request = CallRequest {
            phone: "+79522675444".parse().expect("E.164"),
            caller_id: None,
            scenario: "default".into(),
            ring_timeout: 30,
            max_duration: 120,
            custom_metadata: None,
            requested_by: None,
        };
        let mut call = CallRecord::new(CallId(Uuid::from_u128(7)), request, at);
        assert!(call.attempts().is_empty() && !call.is_at_work(), "in the queue");
        call.begin_attempt(at);
        (call.ringing_at, call.sip_call_id, call.trunk_channel) =
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
        call.leave_attempt(&refused, at);
        assert!(!call.is_at_work(), "between two");
        call.begin_attempt(at);
        assert_eq!(call.attempt_id().number, 2);
        let told = |attempt: &Attempt| (attempt.number, attempt.ringing_at, attempt.sip_call_id.clone());
        let attempts: Vec<_> = call.attempts().iter().map(told).collect();
        assert_eq!(attempts, [(1, Some(at), Some("abc".into())), (2, None, None)]);
        assert_eq!(call.trunk_channel, None);
    }
}
