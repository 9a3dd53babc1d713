//! What can be seen of an office's call at its host, by whatever way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::Reason;

/// One side of an office's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The phone of the extension that calls.
    Desk,
    /// The number's.
    Phone,
    /// The phone of the extension that listens: the one leg of a monitoring.
    Listener,
}

impl Leg {
    /// Whether states and outcomes are said of it.
    pub fn is_main(self) -> bool {
        self != Leg::Desk
    }
}

/// What a leg was seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Created,
    Ringing,
    /// Audio before an answer.
    EarlyMedia,
    Up,
    /// This side asked for the end.
    HungUp,
    /// Somebody at the PBX ended the leg.
    HungUpHere,
    /// A `Dial` of this leg has ended; the word is Asterisk's.
    DialEnded(String),
    /// Its channel is gone. Q.850 cause and the SIP status, where the host tells them.
    Gone {
        cause: Option<u16>,
        sip: Option<u16>,
    },
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub leg: Leg,
    /// Name of the channel, as `PJSIP/150-0000002a`.
    pub channel: String,
    pub seen: Seen,
}

/// Why a host did not take an order. It was certainly not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFailure {
    pub reason: Reason,
    /// For people, without secrets.
    pub why: String,
}
