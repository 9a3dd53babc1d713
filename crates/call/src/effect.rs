//! What a machine wishes for. The runner carries it out; a failure comes back as an input.

use super::{CallRecord, Entry};

/// An originate, complete but for the trunk's context, which is the runner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    pub number: String,
    pub near_channel: String,
    pub far_channel: String,
    pub caller_id: Option<String>,
    /// Seconds; Asterisk's own bound, a little longer than ours, for the case that we are dead.
    pub timeout: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write the record and the new entries. With `intent`, say [`super::Input::IntentStored`]
    /// once they are on disk.
    Store {
        record: Box<CallRecord>,
        entries: Vec<Entry>,
        intent: bool,
    },
    Originate(Originate),
    /// Hang up our half, and Asterisk cancels the trunk leg with it; or a trunk leg that was taken from our half.
    Hangup {
        channel: String,
    },
    Play {
        channel: String,
        playback: String,
        media: String,
    },
    /// Ask Asterisk what it has of this call; the answer is [`super::Input::Found`].
    Look {
        playback: Option<String>,
    },
    /// Ask Asterisk whether it tells all that it was asked to tell; the answer is [`super::Input::HearingTested`].
    TestHearing,
    /// From now on this channel's events belong to this call. With the name of a channel that is not of the
    /// trunk's endpoint, Asterisk must be asked to tell of it.
    Watch {
        trunk_channel: String,
        name: Option<String>,
    },
    /// The call has ended: free its slot.
    Ended,
}
