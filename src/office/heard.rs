//! What a host tells by itself, in words that are the same for AMI and ARI: the two wires turn their events and lists into
//! these, and `events` finds out whose they are.

use super::events::State;

/// A channel as an event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRef {
    pub id: String,
    pub name: String,
}

/// What a host told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A channel was made. AMI tells it of every one.
    Created(ChannelRef),
    /// One channel dials another.
    Dial {
        caller: ChannelRef,
        peer: ChannelRef,
        dial: Dial,
    },
    /// An originate dials it.
    Originated {
        channel: ChannelRef,
        dial: Dial,
    },
    Ringing(ChannelRef),
    Up(ChannelRef),
    /// It entered a bridge.
    Joined {
        channel: ChannelRef,
        bridge: String,
    },
    /// It left that bridge.
    Left {
        channel: ChannelRef,
        bridge: String,
    },
    /// The far side of the channel ended it; with its cause and SIP status, where they are told.
    HungUp {
        channel: ChannelRef,
        cause: Option<u16>,
        sip: Option<u16>,
    },
    /// Somebody at the PBX asked for its end.
    HungUpHere(ChannelRef),
    /// With a SIP status, which is the far side's only if that asked for the end: else Asterisk made it up.
    Gone {
        channel: ChannelRef,
        cause: Option<u16>,
        sip: Option<u16>,
        /// As it was then, where that is told.
        state: Option<State>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dial {
    Begin,
    Ringing,
    Progress,
    Answer,
    /// With Asterisk's word.
    Ended(String),
}

/// A channel of a call as it stands, seen in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub channel: ChannelRef,
    /// It is the extension's phone, by its name.
    pub is_desk: bool,
    pub is_ringing: bool,
    pub is_up: bool,
    /// It was dialed, or is half of a Local channel; not so whoever runs an application of the dialplan by himself.
    pub is_dialed: bool,
    /// The bridge that it is in.
    pub bridge: Option<String>,
}

impl Standing {
    /// What a channel that was dialed runs, by Asterisk's word: `AppDial`, `AppQueue`, or nothing.
    pub fn is_of_dialed(application: &str) -> bool {
        application.is_empty() || application.starts_with("App")
    }
}
