//! What can be seen of an office's call at its host, by whatever way.

use crate::{Reason, Role};

/// What a leg was seen to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Created,
    Ringing,
    /// Audio before an answer.
    EarlyMedia,
    Up,
    /// It is in a bridge with another channel of the call.
    Joined,
    /// It is so no more.
    Left,
    /// This side asked for the end, or Asterisk did in its name. Q.850 cause and the SIP status that came with it, where the
    /// host tells them: those that Asterisk puts on the channel later may be its own.
    HungUp {
        cause: Option<u16>,
        sip: Option<u16>,
    },
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
    pub leg: Role,
    /// What the host knows the channel by as long as it lives: its Uniqueid.
    pub channel: String,
    /// Its name when it was first seen, as `PJSIP/150-0000002a`; a pick-up gives it another one.
    pub name: String,
    pub seen: Seen,
}

/// Why a host did not take an order. It was certainly not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFailure {
    pub reason: Reason,
    /// For people, without secrets.
    pub why: String,
}
