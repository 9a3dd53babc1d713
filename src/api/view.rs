//! A call as clients see it: the original bot's names first, then all of calls.md.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use call::{
    Attempt, AttemptId, CallRecord, EndedBy, Metadata, MonitorMode, Reached, Reason, Status, WayKind, What,
    hint, hint_of,
};
use lang::Lang;

/// The scenario of a call that has none: clients expect a text.
const NO_SCENARIO: &str = "office";

/// One call. Times are RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = example)]
pub struct CallView {
    pub id: Uuid,
    /// E.164; of an enterprise's call the number as it was dialed, or the extension that is listened to.
    pub phone: String,
    pub status: Status,
    /// When it was dialed; before that, when it was accepted.
    #[serde(serialize_with = "time")]
    pub start_time: DateTime<Utc>,
    /// Null until the call has ended.
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub end_time: Option<DateTime<Utc>>,
    /// Whole seconds from the answer to the end, 0 without an answer; null until the call has ended, and when nobody
    /// saw the end of an answered one.
    #[schema(required)]
    pub duration: Option<u64>,
    /// `completed`, `interrupted` or `sound_failed`; null when the scenario never began.
    #[schema(required)]
    pub scenario_result: Option<String>,
    /// The SIP Call-ID of the trunk leg: what the carrier's support asks for.
    #[schema(required)]
    pub novofon_call_id: Option<String>,
    /// Why a call that has ended was not completed: its reason, the carrier's words and the hint.
    #[schema(required)]
    pub error_message: Option<String>,
    /// One stable word; null until the call has ended.
    #[schema(required)]
    pub reason: Option<Reason>,
    /// What to do about it, in the language of `Accept-Language` (ru, en); null until the call has ended.
    #[schema(required)]
    pub hint: Option<String>,
    pub reached: Reached,
    #[schema(required)]
    pub ended_by: Option<EndedBy>,
    /// The carrier's final SIP status; null when it said nothing.
    #[schema(required)]
    pub sip_code: Option<u16>,
    #[schema(required)]
    pub sip_text: Option<String>,
    /// Of the trunk leg; null when there was none.
    #[schema(required)]
    pub q850_cause: Option<u16>,
    #[serde(serialize_with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub dialed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub ringing_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub answered_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Seconds of ringing or early media; null also when nobody saw their end.
    #[schema(required)]
    pub ring_seconds: Option<f64>,
    /// Seconds from the answer to the end; null also when nobody saw the end.
    #[schema(required)]
    pub talk_seconds: Option<f64>,
    /// What is shown to the callee. While it waits, what the request asks for; null is the trunk's own then, of the
    /// moment when it is dialed. Null afterwards leaves it to the dialplan.
    #[schema(required)]
    pub caller_id: Option<String>,
    pub scenario: String,
    /// Seconds.
    pub ring_timeout: u32,
    /// Seconds.
    pub max_duration: u32,
    /// As given by the client, but for white space.
    #[schema(required, value_type = Option<Object>)]
    pub custom_metadata: Option<Metadata>,
    /// The tries of this call, in their order; what the call itself says is what the last one came to. Empty while it is
    /// queued. There is more than one where Asterisk refused an earlier one and nothing had been dialed.
    pub attempts: Vec<AttemptView>,
    /// Only for calls of an enterprise at its own Asterisk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub office: Option<OfficeView>,
}

/// One try of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Also the id of its channel at Asterisk (`UNIQUEID`): the call's id for the first, `<call>.2` for the second.
    #[schema(example = "019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f")]
    pub id: String,
    /// From 1.
    pub number: u16,
    pub status: Status,
    pub reached: Reached,
    #[schema(required)]
    pub reason: Option<Reason>,
    #[schema(required)]
    pub ended_by: Option<EndedBy>,
    #[schema(required)]
    pub sip_code: Option<u16>,
    #[schema(required)]
    pub sip_text: Option<String>,
    #[schema(required)]
    pub q850_cause: Option<u16>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub dialed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub ringing_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub answered_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time_or_null")]
    #[schema(required)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Seconds of ringing or early media; null also when nobody saw their end.
    #[schema(required)]
    pub ring_seconds: Option<f64>,
    /// Seconds from the answer to the end; null also when nobody saw the end.
    #[schema(required)]
    pub talk_seconds: Option<f64>,
    /// The SIP Call-ID of its trunk leg.
    #[schema(required)]
    pub novofon_call_id: Option<String>,
}

impl AttemptView {
    fn of(call: &CallRecord, attempt: &Attempt) -> Self {
        AttemptView {
            id: AttemptId { call: call.id, number: attempt.number }.to_string(),
            number: attempt.number,
            status: attempt.status,
            reached: attempt.reached,
            reason: attempt.reason,
            ended_by: attempt.ended_by,
            sip_code: attempt.sip_code,
            sip_text: attempt.sip_text.clone(),
            q850_cause: attempt.q850_cause,
            dialed_at: attempt.dialed_at,
            ringing_at: attempt.ringing_at,
            answered_at: attempt.answered_at,
            ended_at: attempt.ended_at,
            ring_seconds: attempt.ring_seconds,
            talk_seconds: attempt.talk_seconds,
            novofon_call_id: attempt.sip_call_id.clone(),
        }
    }
}

/// What makes a call an enterprise's: a click-to-call, or a monitoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfficeView {
    #[schema(example = "call")]
    pub kind: OfficeWord,
    /// How much the listener takes part; null for a call.
    #[schema(required)]
    pub mode: Option<MonitorMode>,
    #[schema(example = "0367")]
    pub enterprise: String,
    #[schema(example = "june")]
    pub enterprise_name: String,
    pub host: String,
    /// Whose phone is called first: the caller's, or the listener's.
    #[schema(example = "150")]
    pub extension: String,
    /// Both sides are, or were, really connected; for a monitoring: the listener's phone was picked up.
    pub connected: bool,
    /// How the host was spoken to; null until it took the order.
    #[schema(required)]
    pub way: Option<WayKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfficeWord {
    Call,
    Monitor,
}

impl OfficeView {
    fn of(call: &CallRecord) -> Option<Self> {
        let office = call.request.office()?;
        let (kind, mode) = match office.what {
            What::Dial(_) => (OfficeWord::Call, None),
            What::Listen { mode, .. } => (OfficeWord::Monitor, Some(mode)),
        };
        Some(OfficeView {
            kind,
            mode,
            enterprise: office.tenant.number.clone(),
            enterprise_name: office.tenant.name.clone(),
            host: office.host.clone(),
            extension: office.extension.to_string(),
            connected: call.last.answered_at.is_some(),
            way: call.last.way,
        })
    }
}

impl CallView {
    pub fn new(call: &CallRecord, lang: Lang) -> Self {
        let (request, own, last) = (&call.request, call.request.outgoing(), &call.last);
        let has_ended = last.status.is_terminal();
        let hint = hint_of(call, lang);
        CallView {
            id: call.id.0,
            phone: request.phone().to_owned(),
            status: last.status,
            start_time: last.dialed_at.unwrap_or(call.created_at),
            end_time: last.ended_at,
            duration: match (has_ended, last.talk_seconds) {
                (false, _) => None,
                (true, Some(seconds)) => Some(seconds.max(0.0) as u64),
                (true, None) => last.answered_at.is_none().then_some(0),
            },
            scenario_result: call.scenario_result.clone(),
            novofon_call_id: last.sip_call_id.clone(),
            error_message: error_message(call, lang),
            reason: last.reason,
            hint: hint.map(str::to_owned),
            reached: last.reached,
            ended_by: last.ended_by,
            sip_code: last.sip_code,
            sip_text: last.sip_text.clone(),
            q850_cause: last.q850_cause,
            created_at: call.created_at,
            dialed_at: last.dialed_at,
            ringing_at: last.ringing_at,
            answered_at: last.answered_at,
            ended_at: last.ended_at,
            ring_seconds: last.ring_seconds,
            talk_seconds: last.talk_seconds,
            caller_id: own.and_then(|own| own.caller_id.clone()),
            scenario: own.map_or(NO_SCENARIO, |own| &own.scenario).to_owned(),
            ring_timeout: request.ring_timeout(),
            max_duration: request.max_duration(),
            custom_metadata: own.and_then(|own| own.custom_metadata.clone()),
            attempts: call.attempts().map(|attempt| AttemptView::of(call, attempt)).collect(),
            office: OfficeView::of(call),
        }
    }
}

/// `trunk_auth_failed: 401 Unauthorized – The carrier refused ...`
fn error_message(call: &CallRecord, lang: Lang) -> Option<String> {
    let last = &call.last;
    if !last.status.is_terminal() || last.status == Status::Completed {
        return None;
    }
    let Some(reason) = last.reason else { return Some(last.status.to_string()) };
    let said = [last.sip_code.map(|code| code.to_string()), last.sip_text.clone()];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let hint = hint(reason, lang);
    Some(match said.is_empty() {
        true => format!("{reason} – {hint}"),
        false => format!("{reason}: {} – {hint}", said.join(" ")),
    })
}

pub(super) fn text_of(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn time<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text_of(at))
}

pub(super) fn time_or_null<S: Serializer>(at: &Option<DateTime<Utc>>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, s),
        None => s.serialize_none(),
    }
}

fn example() -> Value {
    serde_json::json!({
        "id": "019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f",
        "phone": "+79522675444",
        "status": "failed",
        "start_time": "2026-11-21T09:30:00.012Z",
        "end_time": "2026-11-21T09:30:00.087Z",
        "duration": 0,
        "scenario_result": null,
        "novofon_call_id": "3b1f0a52-5c0e-4d6b-8f10-2f6f6b8e7a11",
        "error_message": format!("trunk_auth_failed: 401 Unauthorized – {}", hint(Reason::TrunkAuthFailed, Lang::En)),
        "reason": "trunk_auth_failed",
        "hint": hint(Reason::TrunkAuthFailed, Lang::En),
        "reached": "trying",
        "ended_by": "carrier",
        "sip_code": 401,
        "sip_text": "Unauthorized",
        "q850_cause": 21,
        "created_at": "2026-11-21T09:30:00.004Z",
        "dialed_at": "2026-11-21T09:30:00.012Z",
        "ringing_at": null,
        "answered_at": null,
        "ended_at": "2026-11-21T09:30:00.087Z",
        "ring_seconds": null,
        "talk_seconds": null,
        "caller_id": null,
        "scenario": "default",
        "ring_timeout": 60,
        "max_duration": 3600,
        "custom_metadata": {"order": 17},
        "attempts": [example_of_an_attempt()]
    })
}

fn example_of_an_attempt() -> Value {
    serde_json::json!({
        "id": "019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f",
        "number": 1,
        "status": "failed",
        "reached": "trying",
        "reason": "trunk_auth_failed",
        "ended_by": "carrier",
        "sip_code": 401,
        "sip_text": "Unauthorized",
        "q850_cause": 21,
        "dialed_at": "2026-11-21T09:30:00.012Z",
        "ringing_at": null,
        "answered_at": null,
        "ended_at": "2026-11-21T09:30:00.087Z",
        "ring_seconds": null,
        "talk_seconds": null,
        "novofon_call_id": "3b1f0a52-5c0e-4d6b-8f10-2f6f6b8e7a11"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use call::{CallId, OutgoingCall};

    fn record() -> CallRecord {
        let request = OutgoingCall {
            phone: "+79522675444".parse().expect("E.164"),
            caller_id: None,
            scenario: "default".into(),
            ring_timeout: 60,
            max_duration: 3600,
            custom_metadata: None,
            requested_by: None,
        };
        let at = DateTime::from_timestamp(1_790_000_000, 4_500_000).expect("in range");
        CallRecord::new(CallId(Uuid::from_u128(7)), request, at)
    }

    #[test]
    fn the_example_is_a_call() {
        let view: CallView = serde_json::from_value(example()).expect("the example has all members");
        assert_eq!(serde_json::to_value(&view).expect("JSON"), example());
    }

    #[test]
    fn a_live_call_has_no_end() {
        let view = CallView::new(&record(), Lang::En);
        assert_eq!((view.end_time, view.duration), (None, None));
        assert_eq!((&view.error_message, &view.hint), (&None, &None));
        assert_eq!(view.start_time, view.created_at);
        let json = serde_json::to_value(&view).expect("JSON");
        assert_eq!(json["start_time"], "2026-09-21T14:13:20.004Z");
        assert_eq!(json["custom_metadata"], Value::Null);
    }

    #[test]
    fn the_error_message_tells_the_carriers_words() {
        let mut call = record();
        call.last.status = Status::Failed;
        call.last.reason = Some(Reason::TrunkAuthFailed);
        (call.last.sip_code, call.last.sip_text) = (Some(401), Some("Unauthorized".into()));
        let message = |call: &CallRecord| CallView::new(call, Lang::En).error_message;
        assert!(
            message(&call)
                .is_some_and(|m| m.starts_with("trunk_auth_failed: 401 Unauthorized – The carrier"))
        );
        (call.last.sip_code, call.last.sip_text) = (None, None);
        assert!(message(&call).is_some_and(|m| m.starts_with("trunk_auth_failed – The carrier")));
        call.last.status = Status::Completed;
        call.last.talk_seconds = Some(12.9);
        assert_eq!(message(&call), None);
        assert_eq!(CallView::new(&call, Lang::Ru).duration, Some(12));
    }

    #[test]
    fn a_talk_whose_end_nobody_saw_has_no_length() {
        let mut call = record();
        let duration = |call: &CallRecord| CallView::new(call, Lang::En).duration;
        assert_eq!(duration(&call), None);
        call.last.status = Status::Failed;
        assert_eq!(duration(&call), Some(0), "nobody answered");
        (call.last.status, call.last.answered_at) = (Status::Completed, Some(call.created_at));
        assert_eq!(duration(&call), None, "somebody did");
    }
}
