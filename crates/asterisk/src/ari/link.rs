//! What the listener hears of the events connection.

use super::event::Event;
use crate::Received;

/// What the listener hears, in this order: `Up`, then events, then one `Down`, and so on; a `Down` comes first when
/// Asterisk is away at the start.
#[derive(Debug)]
pub enum Link {
    /// Connected, filtered and subscribed. Events since the last `Down` are lost: ask for what Asterisk has now.
    /// `generation` counts connections from 1.
    Up {
        /// As Asterisk calls itself: `22.10.1+dfsg+~cs6.17.60671434-1`.
        asterisk_version: String,
        /// Which connection this is.
        generation: u64,
    },
    /// Lost, or could not be made at the start. Said once; tries go on.
    Down {
        /// What happened and what to do about it, for people.
        reason: String,
    },
    /// Still not connected, now for another reason.
    StillDown {
        /// As in [`Link::Down`].
        reason: String,
    },
    /// Up, but something that was asked for is not there; tried again from time to time.
    Degraded {
        /// What is missing and what to do about it, for people.
        what: String,
    },
    /// What was [`Link::Degraded`] is well again.
    Restored,
    /// An event, and when it was read. Those of one connection come in Asterisk's order.
    Event(Box<Event>, Received),
    /// A frame that is no event this client can read. The connection goes on.
    Undecodable {
        /// What is wrong with it; at most 200 characters.
        why: String,
    },
}
