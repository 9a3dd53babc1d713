//! What a line of the timeline tells: one fact, with its stable word, its values for programs and its
//! sentence in English. From word and values a reader makes the fact again, in its own language.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EndedBy, LegRef, Outcome, Reason, Seen, Source, Status, WayKind};

/// Written as a word and its values, [`Fact::parts`]; both are the API's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Fact {
    /// `from`: the name of the client's key.
    Accepted {
        from: Option<String>,
    },
    IntentStored,
    OriginateNotSent {
        why: String,
    },
    /// It had certainly not left, and leaves now.
    OriginateAgain,
    OriginateRefused {
        http_status: u16,
        message: String,
    },
    OriginateUncertain {
        why: String,
    },
    /// An attempt is over, and the call waits for its next.
    AttemptOver {
        number: u16,
        reason: Reason,
    },
    /// A further attempt: its intent is stored.
    AttemptBegun {
        number: u16,
    },
    /// What was seen of a leg.
    #[serde(skip)]
    Leg {
        leg: LegRef,
        seen: Seen,
    },
    /// Somebody at the PBX hung up our side of the call.
    HungUpHere,
    /// Somebody at the PBX picked up the ringing call: `channel` is his, and the trunk leg is gone.
    PickedUpHere {
        channel: String,
    },
    Redirected {
        to: String,
        followed: bool,
    },
    /// The dialplan's own report. `dialstatus`: of its last `Dial`; absent in a report of one leg of several.
    /// `channel`: whose words they are.
    Report {
        sip_code: Option<u16>,
        sip_text: Option<String>,
        cause: Option<u16>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dialstatus: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<String>,
    },
    AnswerUnproven,
    RingTimeout {
        seconds: u32,
    },
    /// `seconds`: of talk, when it was the longest allowed. `client`: whose wish it was, by the name of his key.
    HangupAsked {
        by: EndedBy,
        reason: Reason,
        seconds: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
    SoundPlayed {
        media: String,
        seconds: f64,
    },
    SoundFailed {
        media: String,
        why: String,
    },
    /// It is over, and when was not seen.
    SoundEnded {
        media: String,
    },
    RequestFailed {
        what: Asked,
        why: String,
    },
    NotFound,
    GaveUp,
    /// `dialed`: Asterisk is asked for the call; else it waits on in the queue.
    Restarted {
        dialed: bool,
    },
    /// An office's call: its enterprise's Asterisk took the order to place it.
    OrderTaken {
        way: WayKind,
    },
    OrderRefused {
        why: String,
    },
    OrderUncertain {
        why: String,
    },
    /// The two sides talk with others, and were not hung up.
    Apart,
    /// What happens at the host can't be seen for a time.
    SightLost {
        why: String,
    },
    Ended {
        status: Status,
        reason: Reason,
        ended_by: EndedBy,
        sip_code: Option<u16>,
        sip_text: Option<String>,
    },
}

/// What was asked of Asterisk for a call, besides its one originate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    Hangup,
    Channels,
}

impl Fact {
    pub fn ended(outcome: &Outcome) -> Self {
        Fact::Ended {
            status: outcome.status,
            reason: outcome.reason,
            ended_by: outcome.ended_by,
            sip_code: outcome.sip_code,
            sip_text: outcome.sip_text.clone(),
        }
    }

    /// The fact that a word and its values tell of this attempt; `None` when they are no fact of this version's.
    pub fn read(event: &str, data: Option<&Value>, attempt: Option<u16>) -> Option<Self> {
        if let Some((leg, seen)) = Seen::read(event, data, attempt) {
            return Some(Fact::Leg { leg, seen });
        }
        let read = |data: Value| serde_json::from_value(json!({"event": event, "data": data})).ok();
        // A fact whose values are all left out was written without any.
        read(data.cloned().unwrap_or_default()).or_else(|| read(json!({})).filter(|_| data.is_none()))
    }

    /// Its word, and its values if it has any.
    pub fn parts(&self) -> (String, Option<Value>) {
        if let Fact::Leg { leg, seen } = self {
            return seen.parts(leg);
        }
        match serde_json::to_value(self).expect("a fact has plain fields") {
            Value::Object(mut fields) => match fields.remove("event") {
                Some(Value::String(event)) => {
                    let data = fields.remove("data");
                    (event, data.filter(|data| data.as_object().is_none_or(|values| !values.is_empty())))
                }
                _ => unreachable!("serde writes the tag as a text"),
            },
            _ => unreachable!("serde writes a tagged value as an object"),
        }
    }

    /// The attempt that it names; any other is of the one that is under way.
    pub fn attempt(&self) -> Option<u16> {
        match self {
            Fact::Leg { leg, .. } => leg.attempt,
            Fact::AttemptOver { number, .. } | Fact::AttemptBegun { number } => Some(*number),
            _ => None,
        }
    }

    pub fn source(&self) -> Source {
        match self {
            Fact::Accepted { .. } | Fact::HangupAsked { by: EndedBy::Api, .. } => Source::Api,
            Fact::IntentStored | Fact::AttemptBegun { .. } => Source::Store,
            Fact::Leg { leg, seen } => seen.source(leg.role),
            Fact::Redirected { .. } => Source::Sip,
            Fact::Report { .. } => Source::Dialplan,
            Fact::OrderTaken { .. }
            | Fact::OrderRefused { .. }
            | Fact::OrderUncertain { .. }
            | Fact::Apart
            | Fact::SightLost { .. } => Source::Host,
            Fact::OriginateNotSent { .. }
            | Fact::OriginateRefused { .. }
            | Fact::OriginateUncertain { .. }
            | Fact::HungUpHere
            | Fact::PickedUpHere { .. }
            | Fact::SoundPlayed { .. }
            | Fact::SoundFailed { .. }
            | Fact::SoundEnded { .. }
            | Fact::RequestFailed { .. }
            | Fact::NotFound => Source::Ari,
            Fact::OriginateAgain
            | Fact::AttemptOver { .. }
            | Fact::AnswerUnproven
            | Fact::RingTimeout { .. }
            | Fact::HangupAsked { .. }
            | Fact::GaveUp
            | Fact::Restarted { .. }
            | Fact::Ended { .. } => Source::Bot,
        }
    }

    /// The state that it proves.
    pub fn proves(&self) -> Option<Status> {
        Some(match self {
            Fact::Accepted { .. } => Status::Queued,
            Fact::IntentStored => Status::Dialing,
            Fact::Leg { leg, seen } => return seen.proves(leg.role),
            Fact::Ended { status, .. } => *status,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_makes_the_fact_again() {
        for fact in [
            Fact::Accepted { from: Some("crm".into()) },
            Fact::IntentStored,
            Fact::HangupAsked {
                by: EndedBy::Limit,
                reason: Reason::MaxDuration,
                seconds: Some(600),
                client: None,
            },
            Fact::HangupAsked {
                by: EndedBy::Api,
                reason: Reason::HungUp,
                seconds: None,
                client: Some("отдел".into()),
            },
            Fact::RequestFailed { what: Asked::Hangup, why: "500".into() },
        ] {
            let (event, data) = fact.parts();
            assert_eq!(Fact::read(&event, data.as_ref(), Some(1)), Some(fact));
        }
    }

    #[test]
    fn what_is_no_fact_of_ours_is_not_made_one() {
        assert_eq!(Fact::read("teleported", None, None), None);
        assert_eq!(Fact::read("report", Some(&json!({"dialstatus": 7})), None), None);
        // A field of a newer version does not hide what is known.
        let newer = json!({"seconds": 60, "tone": "high"});
        assert_eq!(Fact::read("ring_timeout", Some(&newer), None), Some(Fact::RingTimeout { seconds: 60 }));
    }
}
