//! The durable record of one call: what is stored, read back after a crash, and shown.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DialString, EndedBy, Metadata, OfficeCall, Reached, Reason, Status};

/// A call's id and, at the same time, the id of its ARI channel. UUIDv7, so ids sort by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Uuid);

impl CallId {
    /// Our half of the Local channel: the one that enters Stasis.
    pub fn near_channel(self) -> String {
        self.0.to_string()
    }

    /// The other half, which runs the dialplan.
    pub fn far_channel(self) -> String {
        format!("{};2", self.0)
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

/// What was asked for, with every default already filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRequest {
    pub phone: DialString,
    /// The number to show to the callee; `None` leaves it to the dialplan.
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    pub id: CallId,
    pub request: CallRequest,
    /// What makes it an office's call; `None` for one of the bot's own.
    pub office: Option<Box<OfficeCall>>,
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
}
