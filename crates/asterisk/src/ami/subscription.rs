//! What a subscriber hears. It owns the words and the promises about their order; how they come about, `feed` knows.

use std::sync::Arc;

use super::event::Event;
use super::interest::Interest;
use super::model::ChannelRow;
use super::state::Hold;
use crate::Received;
use crate::feed::{Feed, Listener, Told};

/// So many links wait for a subscriber; most are events of some hundred bytes.
pub(super) const CAPACITY: usize = 4096;

/// What a subscriber hears, in this order: `Up`, a `Snapshot`, then events, and one `Down` when the connection is lost.
///
/// **What is in a snapshot and what comes behind it.** A snapshot is a list that was asked for since the `Up`, on the
/// same connection as the events. Events that are read since it was asked for come behind it, so what happened to a channel
/// is in the list, or in an event behind it, or in both: applied in their order to the snapshot, the events give what
/// Asterisk has. Measured on 16.28 and 22.10.1 during storms of calls, with some hundred lists: of 7,700 and 7,200
/// listed channels each had the bridge and the end that an unbroken record of events gave it.
///
/// `Up` is told when Asterisk is asked for all that this subscriber wants to hear of: from then on nothing is missed, and who
/// acts on it need not wait for the snapshot.
///
/// Further snapshots come after an event that is [`AmiLink::Tainted`], at most one a second, and after each
/// [`AmiLink::Lost`]. Each replaces all that was known. To a user of whom an [`AmiLink::Unseen`] has told that he may not ask,
/// none comes as long as the connection lasts.
#[derive(Debug, Clone)]
pub enum AmiLink {
    /// Let in. Events since the last `Down` are lost. `generation` counts connections from 1.
    Up {
        /// `None` when the user may not ask for it (`write` lacks `reporting` and `system`).
        asterisk_version: Option<String>,
        /// Which connection this is.
        generation: u64,
    },
    /// What Asterisk has.
    Snapshot(Snapshot),
    /// There is no snapshot: the user may not ask for it (`write` lacks `reporting`, `system` and `call`), or it did not
    /// come. In the second case it is asked for again; events come without it meanwhile.
    Unseen {
        /// Why, for people.
        why: String,
    },
    /// An event, and when it was read. Those of one connection come in Asterisk's order.
    Event(Arc<Event>, Received),
    /// An event that is not as it should be, or far too long.
    Undecodable {
        /// What is wrong with it; nothing of its text but the names of its type and of a field.
        why: String,
    },
    /// A message is not as Asterisk writes it: somebody may have forged what follows it.
    Tainted {
        /// What is wrong with it; nothing of its text.
        why: String,
        /// It was an event, and is missed: who keeps a state of what the events tell must not rely on it before the next
        /// `Snapshot`, which is asked for. False: it was a row of a list, which tells nothing new. No snapshot follows, and
        /// nothing is missed but what a `Doubtful` behind it names.
        is_event: bool,
    },
    /// An event that may be forged and was dropped; it names these unique ids. It comes after a `Tainted`, until Asterisk has
    /// answered something that was asked since: ask for what Asterisk has now of the calls that are named.
    Doubtful {
        /// Whatever it has under a name that ends in `Uniqueid` or `Linkedid`. A forger may have written these too.
        ids: Vec<String>,
    },
    /// This subscriber was too slow: its queue was full, and what came until it was empty was not kept. A snapshot follows.
    Lost {
        /// So many links.
        count: u64,
    },
    /// Lost, or could not be made. Said once; tries go on while somebody needs the connection.
    Down {
        /// What happened and what to do about it, for people.
        reason: String,
    },
    /// Still not connected, now for another reason.
    StillDown {
        /// As in [`AmiLink::Down`].
        reason: String,
    },
}

/// What Asterisk had at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of which connection.
    pub generation: u64,
    /// All its channels, as [`Ami::channels`](super::Ami::channels) lists them.
    pub channels: Arc<[ChannelRow]>,
}

impl Told for AmiLink {
    type Interest = Interest;
    type Snapshot = Snapshot;

    fn lost(count: u64) -> Self {
        Self::Lost { count }
    }

    fn snapshot(snapshot: Snapshot) -> Self {
        Self::Snapshot(snapshot)
    }

    fn is_snapshot(&self) -> bool {
        matches!(self, Self::Snapshot(_))
    }

    fn unseen(why: String) -> Self {
        Self::Unseen { why }
    }
}

/// One who listens, given by [`Ami::subscribe`](super::Ami::subscribe). As long as it lives the connection is kept up,
/// and made anew when it is lost.
///
/// At most 4096 links wait in it. One that does not listen keeps nobody else from hearing: it is told what it lost
/// ([`AmiLink::Lost`]) when it listens again.
pub struct Subscription {
    listener: Listener<AmiLink>,
    _hold: Hold,
}

impl Subscription {
    pub(super) fn new(feed: Arc<Feed<AmiLink>>, interest: Interest, hold: Hold) -> Self {
        Self { listener: Listener::join(feed, interest), _hold: hold }
    }

    /// The next link; `None` when the client was stopped. It may be given up at any moment and loses nothing by that.
    pub async fn next(&mut self) -> Option<AmiLink> {
        self.listener.next().await
    }
}
