//! Who follows what becomes durable: streams, waiting clients, pages. They are told by the writer itself, in the order of
//! `seq`, and never hold it up: one that lags reads what it missed from the store.
//!
//! The writer's own employer, which must miss nothing, is told by [`super::Notice`]s.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::{broadcast, watch};

use super::Store;
use call::{CallId, CallRecord, Entry};
use lang::Lang;

/// So many changes may wait for a follower.
pub const MAY_LAG: usize = 4096;

/// The steps of one call that became durable together.
#[derive(Debug)]
pub struct Change {
    /// As of the last of these steps.
    pub record: Arc<CallRecord>,
    /// The new entries, each with its place in the order of all entries: the id of a server-sent event.
    pub entries: Vec<(i64, Entry)>,
    told: [OnceLock<Vec<Bytes>>; Lang::ALL.len()],
}

impl Change {
    pub fn new(record: Arc<CallRecord>, entries: Vec<(i64, Entry)>) -> Self {
        Change { record, entries, told: Default::default() }
    }

    /// What followers of this language are told, a text for each entry: `tell` writes it for the first of them,
    /// because there may be hundreds.
    pub fn told(&self, lang: Lang, tell: impl FnOnce(&Self) -> Vec<Bytes>) -> &[Bytes] {
        self.told[lang as usize].get_or_init(|| tell(self))
    }
}

/// Those who follow, and the calls that have not ended.
#[derive(Debug)]
pub(super) struct Followers {
    open: RwLock<HashMap<CallId, watch::Sender<Arc<CallRecord>>>>,
    changes: broadcast::Sender<Arc<Change>>,
}

impl Followers {
    /// `open`: the calls that a former run left. `may_lag`: changes that may wait for a follower.
    pub fn new(open: Vec<CallRecord>, may_lag: usize) -> Self {
        let open = open.into_iter().map(|call| (call.id, watch::Sender::new(Arc::new(call))));
        Followers { open: RwLock::new(open.collect()), changes: broadcast::Sender::new(may_lag) }
    }

    pub fn tell(&self, change: &Arc<Change>) {
        let record = &change.record;
        {
            let mut open = self.open.write();
            if record.last.status.is_terminal() {
                if let Some(sender) = open.remove(&record.id) {
                    sender.send_replace(record.clone());
                }
            } else {
                match open.get(&record.id) {
                    Some(sender) => drop(sender.send_replace(record.clone())),
                    None => drop(open.insert(record.id, watch::Sender::new(record.clone()))),
                }
            }
        }
        // Nobody may be listening.
        let _ = self.changes.send(change.clone());
    }
}

impl Store {
    /// Follows one call that has not ended; the value is always what is on disk. The sender is dropped after the terminal
    /// record was sent.
    pub fn watch(&self, id: CallId) -> Option<watch::Receiver<Arc<CallRecord>>> {
        self.inner.followers.open.read().get(&id).map(watch::Sender::subscribe)
    }

    /// The last durable record of every call that has not ended.
    pub fn live_calls(&self) -> Vec<Arc<CallRecord>> {
        self.inner.followers.open.read().values().map(|call| call.borrow().clone()).collect()
    }

    /// All that becomes durable, as it does. A receiver that lags reads what it missed by
    /// [`timeline_after`](Self::timeline_after).
    pub fn follow(&self) -> broadcast::Receiver<Arc<Change>> {
        self.inner.followers.changes.subscribe()
    }
}
