//! What is seen of a leg, of whatever kind of call: one fact for each thing, with the leg's role and its attempt.
//!
//! In the timeline the trunk's leg has words of its own; those of every other leg name its role.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Causes, Role, Source, Status};

/// Which leg it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegRef {
    /// Number of its attempt; `None` in what older releases wrote.
    pub attempt: Option<u16>,
    pub role: Role,
    /// Name of its channel: of a new one, and where several were dialed for its side.
    pub channel: Option<String>,
}

/// What it was seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Created {
        sip_call_id: Option<String>,
    },
    Ringing,
    /// Audio before an answer.
    EarlyMedia,
    Up,
    /// It is in a bridge with another channel of the call.
    Joined,
    /// It is so no more.
    Left,
    /// This side asked for the end, or Asterisk did in its name. The causes that came with it, where they are told: those
    /// that Asterisk puts on the channel later may be its own.
    HungUp(Causes),
    /// Somebody at the PBX ended the leg.
    HungUpHere,
    /// A `Dial` of this leg has ended without an answer; the word is Asterisk's.
    DialEnded(String),
    /// Its channel is gone.
    Gone(Causes),
    /// Somebody at the PBX took it from the call (a transfer, a redirect, parking, a pick-up), and it lives on.
    TakenOver,
}

/// All values that the words have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Values {
    leg: Option<Role>,
    channel: Option<String>,
    sip_call_id: Option<String>,
    cause: Option<u16>,
    tech_cause: Option<u16>,
    dialstatus: Option<String>,
}

impl Seen {
    fn word(&self, role: Role) -> &'static str {
        let [of_trunk, of_other] = match self {
            Seen::Created { .. } => ["trunk_created", "leg_created"],
            Seen::Ringing => ["trunk_ringing", "leg_ringing"],
            Seen::EarlyMedia => ["trunk_early_media", "leg_early_media"],
            Seen::Up => ["trunk_up", "leg_up"],
            Seen::Joined => ["leg_joined"; 2],
            Seen::Left => ["leg_left"; 2],
            Seen::HungUp(_) => ["trunk_hangup", "leg_hung_up"],
            Seen::HungUpHere => ["trunk_hung_up_here", "leg_hung_up_here"],
            Seen::DialEnded(_) => ["dial_ended", "leg_dial_ended"],
            Seen::Gone(_) => ["trunk_destroyed", "leg_gone"],
            Seen::TakenOver => ["trunk_taken", "leg_taken_over"],
        };
        if role == Role::Trunk { of_trunk } else { of_other }
    }

    pub(super) fn source(&self, role: Role) -> Source {
        match self {
            _ if role != Role::Trunk => Source::Host,
            Seen::Ringing | Seen::EarlyMedia | Seen::Up | Seen::HungUp(_) => Source::Sip,
            _ => Source::Ari,
        }
    }

    /// The state that it proves.
    pub(super) fn proves(&self, role: Role) -> Option<Status> {
        match self {
            Seen::Ringing if role.is_main() => Some(Status::Ringing),
            Seen::EarlyMedia if role.is_main() => Some(Status::EarlyMedia),
            // The number alone is no conversation: its machine says when there is one.
            Seen::Up if matches!(role, Role::Trunk | Role::Listener) => Some(Status::Answered),
            _ => None,
        }
    }

    /// The word of the timeline, and its values if it has any.
    pub(super) fn parts(&self, leg: &LegRef) -> (String, Option<Value>) {
        let word = self.word(leg.role);
        let names_role = word.starts_with("leg_");
        let mut values = Map::new();
        let mut put = |name: &str, value: Value| values.insert(name.to_owned(), value);
        if names_role {
            put("leg", json!(leg.role));
        }
        if let Some(channel) = &leg.channel {
            put("channel", channel.as_str().into());
        }
        match self {
            Seen::Created { sip_call_id } if !names_role => {
                put("sip_call_id", sip_call_id.as_deref().into());
            }
            // Of another leg they are told when its channel is gone.
            Seen::HungUp(_) if names_role => {}
            Seen::HungUp(causes) | Seen::Gone(causes) => {
                put("cause", causes.cause.into());
                put("tech_cause", causes.tech_cause.into());
            }
            Seen::DialEnded(dialstatus) => {
                put("dialstatus", dialstatus.as_str().into());
            }
            _ => {}
        }
        (word.to_owned(), (!values.is_empty()).then_some(Value::Object(values)))
    }

    /// What a word and its values tell; `None` when it is no leg that they tell of.
    pub(super) fn read(event: &str, data: Option<&Value>, attempt: Option<u16>) -> Option<(LegRef, Self)> {
        let read = |data: &Value| Values::deserialize(data).ok();
        let values = data.map_or(Some(Values::default()), read)?;
        let causes = Causes { cause: values.cause, tech_cause: values.tech_cause };
        let seen = match event {
            "trunk_created" | "leg_created" if values.channel.is_some() => {
                Seen::Created { sip_call_id: values.sip_call_id }
            }
            "trunk_ringing" | "leg_ringing" => Seen::Ringing,
            "trunk_early_media" | "leg_early_media" => Seen::EarlyMedia,
            "trunk_up" | "leg_up" => Seen::Up,
            "leg_joined" => Seen::Joined,
            "leg_left" => Seen::Left,
            "trunk_hangup" | "leg_hung_up" => Seen::HungUp(causes),
            "trunk_hung_up_here" | "leg_hung_up_here" => Seen::HungUpHere,
            "dial_ended" | "leg_dial_ended" => Seen::DialEnded(values.dialstatus?),
            "trunk_destroyed" | "leg_gone" => Seen::Gone(causes),
            "trunk_taken" | "leg_taken_over" => Seen::TakenOver,
            _ => return None,
        };
        let role = if event.starts_with("leg_") { values.leg? } else { Role::Trunk };
        Some((LegRef { attempt, role, channel: values.channel }, seen))
    }
}
