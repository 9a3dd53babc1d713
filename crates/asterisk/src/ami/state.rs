//! Whether there is a connection, and who needs one. It must not know how it comes about.

use std::sync::Arc;

use tokio::sync::watch;

use super::line::Line;

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
