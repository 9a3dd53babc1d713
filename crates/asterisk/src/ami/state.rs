//! What the handles, the supervisor and its connections have in common: who needs the connection, whether there is one, and
//! who listens. It must not know actions.

use std::sync::Arc;

use tokio::sync::watch;

use super::error::AmiError;
use super::interest::Classes;
use super::line::{Ids, Line};
use super::model::ChannelRow;
use super::subscription::{AmiLink, CAPACITY};
use super::target::AmiTarget;
use crate::Looks;
use crate::feed::Feed;

/// Whether there is a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmiState {
    /// Nobody needs it. The next action wakes it.
    Asleep,
    /// For the first time since it slept or was up; an action waits for it.
    Connecting,
    /// `asterisk_version` is `None` when the user may not ask for it (`write` lacks `reporting`).
    Up {
        /// As Asterisk calls itself: `22.10.1+dfsg+~cs6.17.60671434-1`.
        asterisk_version: Option<String>,
        /// Which connection this is, counted from 1.
        generation: u64,
    },
    /// Tries go on while somebody needs it.
    Down {
        /// What happened and what to do about it, for people.
        reason: String,
        /// Asterisk was reached, and does not let this user in.
        denied: bool,
    },
    /// It was stopped, and never comes back.
    Stopped,
}

/// What the supervisor tells the handles.
#[derive(Debug, Clone)]
pub(super) struct LinkState {
    pub(super) state: AmiState,
    /// Present when up.
    pub(super) line: Option<Line>,
}

/// Of one manager interface, for handles, supervisor and connections alike.
pub(super) struct Common {
    pub(super) target: AmiTarget,
    pub(super) feed: Arc<Feed<AmiLink>>,
    pub(super) looks: Looks<Arc<[ChannelRow]>, AmiError>,
    pub(super) ids: Arc<Ids>,
}

impl Common {
    pub(super) fn new(target: AmiTarget) -> Self {
        let feed = Arc::new(Feed::new(CAPACITY));
        Self { target, feed, looks: Looks::default(), ids: Arc::new(Ids::new()) }
    }

    /// Which events Asterisk is to send: what the connection itself and its subscribers need.
    pub(super) fn classes(&self) -> Classes {
        self.feed.fold(Classes::OWN, Classes::with)
    }
}

/// Keeps the connection up as long as it lives.
#[derive(Debug)]
pub(super) struct Hold(Arc<watch::Sender<usize>>);

impl Hold {
    pub(super) fn new(wish: &Arc<watch::Sender<usize>>) -> Self {
        wish.send_modify(|holds| *holds += 1);
        Self(wish.clone())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.send_modify(|holds| *holds -= 1);
    }
}
