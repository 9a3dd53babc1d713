//! What the floors above may ask of the engine. Cheap to clone; every method is safe to call from
//! any task, and none blocks the engine.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::settings::Settings;
use call::{CallId, CallRecord, CallRequest, Entry, Excluded};
use lang::Lang;

/// Entries of the timeline that have just become durable, with the record as it is after them.
#[derive(Debug)]
pub struct Change {
    pub record: Arc<CallRecord>,
    /// Each with its number in the global order: the id of a server-sent event.
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

/// An `Idempotency-Key` that belongs to the call being placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Name of the API key (or `""`): two clients may use the same word.
    pub scope: String,
    pub key: String,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
}

/// Why a call was not accepted. Nothing was dialed, and nothing will be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("calls to {0} are not allowed; `dial.allow` lists the prefixes that are")]
    NotAllowed(String),
    #[error("calls to {number} are not allowed: `russia` in `dial.allow` leaves out {prefix}, {what}")]
    LeftOut { number: String, prefix: &'static str, what: Excluded },
    #[error("{0} may not be shown to callees: it is neither `trunk.caller_id` nor one of `trunk.caller_ids`")]
    CallerId(String),
    #[error("this number was called a moment ago; the next call may come in {} s", .0.as_secs().max(1))]
    TooSoon(Duration),
    #[error("there is no scenario `{0}`")]
    NoScenario(String),
    #[error("{0} calls are waiting already")]
    QueueFull(usize),
    #[error("the store does not take the call: {0}")]
    Store(String),
    #[error("this bot has no Asterisk of its own: it serves the offices only")]
    NoAsterisk,
    #[error("the bot is stopping and takes no new calls")]
    Stopping,
}

/// What became of a request to hang up.
#[derive(Debug, Clone, PartialEq)]
pub enum HangupAnswer {
    /// The end was asked for; it shows in the call when it has come.
    Asked(Arc<CallRecord>),
    /// The call has ended before.
    Ended(Arc<CallRecord>),
    NotFound,
}

/// The events socket, as seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AriState {
    Up {
        version: String,
    },
    Down {
        reason: String,
        since: DateTime<Utc>,
    },
    /// The bot has no Asterisk of its own: it serves offices only.
    NotUsed,
}

/// Asterisk is there, and something about it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AriTrouble {
    /// It makes no channel for anybody.
    TakesNoCalls { since: DateTime<Utc> },
    /// What happens to calls may not be told.
    Deaf { what: String, since: DateTime<Utc> },
}

/// The store, as seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreState {
    Up,
    Down { reason: String, since: DateTime<Utc> },
}

/// One look at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineState {
    pub ari: AriState,
    /// Why calls can't be placed, or not be followed, though Asterisk is there.
    pub ari_trouble: Option<AriTrouble>,
    pub store: StoreState,
    /// Calls in `dialing`, `ringing`, `early_media` or `answered`.
    pub live: usize,
    pub queued: usize,
    pub stopping: bool,
}

/// What a handle asks of the engine. The receiver of a dropped `reply` is told that the engine stops.
pub enum Command {
    Place {
        request: Box<CallRequest>,
        idempotency: Option<IdempotencyKey>,
        reply: oneshot::Sender<Result<Arc<CallRecord>, PlaceError>>,
    },
    Hangup {
        id: CallId,
        /// Who asks, for the timeline.
        client: Option<String>,
        reply: oneshot::Sender<HangupAnswer>,
    },
    /// Cancels what waits in the queue; answered with how many, when that is on disk.
    Cancel {
        filter: CancelFilter,
        reply: oneshot::Sender<usize>,
    },
    /// From now on the engine goes by these settings. The trunk's endpoint must be the same.
    Reload {
        settings: Box<Settings>,
        done: oneshot::Sender<()>,
    },
    /// Answered by the engine's own task: it turns.
    Ping(oneshot::Sender<()>),
    Stop,
}

/// Which of the waiting calls are meant: all that fit everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelFilter {
    /// How the number begins, in E.164 form.
    pub prefix: Option<String>,
    /// The name of the API key that asked for it.
    pub client: Option<String>,
    /// They are only counted.
    pub dry_run: bool,
    /// Who cancels them, for the timeline.
    pub asked_by: Option<String>,
}

impl CancelFilter {
    pub fn takes(&self, request: &CallRequest) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| request.phone.as_str().starts_with(prefix.as_str()))
            && self.client.as_ref().is_none_or(|client| request.requested_by.as_ref() == Some(client))
    }
}

/// Live calls by id: each a channel with the last durable record.
pub type LiveCalls = Arc<RwLock<HashMap<CallId, watch::Sender<Arc<CallRecord>>>>>;

#[derive(Clone)]
pub struct EngineHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) live: LiveCalls,
    pub(super) changes: broadcast::Sender<Arc<Change>>,
    pub(super) state: watch::Receiver<EngineState>,
}

/// The other end of the handles: what the engine, or a stand-in for it, works with.
pub struct EnginePort {
    pub commands: mpsc::Receiver<Command>,
    pub live: LiveCalls,
    pub changes: broadcast::Sender<Arc<Change>>,
    pub state: watch::Sender<EngineState>,
}

/// A handle and its other end. `commands` and `changes`: how many of each may wait.
pub fn channel(state: EngineState, commands: usize, changes: usize) -> (EngineHandle, EnginePort) {
    let (command_sender, commands) = mpsc::channel(commands);
    let (change_sender, _) = broadcast::channel(changes);
    let (state_sender, state) = watch::channel(state);
    let live = LiveCalls::default();
    let handle =
        EngineHandle { commands: command_sender, live: live.clone(), changes: change_sender.clone(), state };
    (handle, EnginePort { commands, live, changes: change_sender, state: state_sender })
}

impl EngineHandle {
    /// Accepts a call. When this returns `Ok`, the call is on disk in `queued`.
    pub async fn place(
        &self,
        request: CallRequest,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Arc<CallRecord>, PlaceError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Place { request: Box::new(request), idempotency, reply };
        self.commands.send(command).await.map_err(|_| PlaceError::Stopping)?;
        answer.await.unwrap_or(Err(PlaceError::Stopping))
    }

    /// Asks for the end of a call that is not in a terminal state. `client`: who asks, for the timeline.
    pub async fn hangup(&self, id: CallId, client: Option<String>) -> HangupAnswer {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Hangup { id, client, reply }).await.is_err() {
            return HangupAnswer::NotFound;
        }
        answer.await.unwrap_or(HangupAnswer::NotFound)
    }

    /// Cancels what waits in the queue and says how much that was (or, with `dry_run`, would be). None of it is dialed
    /// after this, not even after a crash. `None` when the engine has ended.
    pub async fn cancel(&self, filter: CancelFilter) -> Option<usize> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Cancel { filter, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Follows one call that has not ended; the value is always what is on disk. The sender is
    /// dropped after the terminal record was sent.
    pub fn watch(&self, id: CallId) -> Option<watch::Receiver<Arc<CallRecord>>> {
        self.live.read().get(&id).map(watch::Sender::subscribe)
    }

    /// The last durable record of every call that has not ended.
    pub fn live_calls(&self) -> Vec<Arc<CallRecord>> {
        self.live.read().values().map(|call| call.borrow().clone()).collect()
    }

    /// All that becomes durable, as it does. A receiver that lags reads what it missed from the store.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    pub fn state(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// Changes what the engine goes by. Calls that are live keep their scenario and their limits.
    /// False when the engine has ended.
    pub async fn reload(&self, settings: Settings) -> bool {
        let (done, changed) = oneshot::channel();
        let command = Command::Reload { settings: Box::new(settings), done };
        self.commands.send(command).await.is_ok() && changed.await.is_ok()
    }

    /// Comes back when the engine's task has taken this up, as it would a call. False when it has ended.
    pub async fn ping(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Ping(reply)).await.is_ok() && answer.await.is_ok()
    }

    /// Takes no new calls any more, gives live ones their time, then hangs them up.
    pub async fn stop(&self) {
        let _ = self.commands.send(Command::Stop).await;
    }
}
