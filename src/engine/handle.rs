//! What the floors above may ask of the engine. Cheap to clone; every method is safe to call from
//! any task, and none blocks the engine.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot, watch};

use super::settings::Settings;
use call::{CallId, CallRecord, Excluded, OutgoingCall};

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
        request: Box<OutgoingCall>,
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
    pub fn takes(&self, request: &OutgoingCall) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| request.phone.as_str().starts_with(prefix.as_str()))
            && self.client.as_ref().is_none_or(|client| request.requested_by.as_ref() == Some(client))
    }
}

#[derive(Clone)]
pub struct EngineHandle {
    /// `None`: nobody dials here.
    pub(super) commands: Option<mpsc::Sender<Command>>,
    pub(super) state: watch::Receiver<EngineState>,
}

/// The other end of the handles: what the engine, or a stand-in for it, works with.
pub struct EnginePort {
    pub commands: mpsc::Receiver<Command>,
    pub state: watch::Sender<EngineState>,
}

/// A handle and its other end. `commands`: how many may wait.
pub fn channel(state: EngineState, commands: usize) -> (EngineHandle, EnginePort) {
    let (command_sender, commands) = mpsc::channel(commands);
    let (state_sender, state) = watch::channel(state);
    (EngineHandle { commands: Some(command_sender), state }, EnginePort { commands, state: state_sender })
}

impl EngineHandle {
    /// Of a bot for offices alone: there is no engine, and no call of its own is taken.
    pub fn nobody() -> Self {
        let state = EngineState {
            ari: AriState::NotUsed,
            ari_trouble: None,
            store: StoreState::Up,
            live: 0,
            queued: 0,
            stopping: false,
        };
        EngineHandle { commands: None, state: watch::channel(state).1 }
    }

    /// Accepts a call. When this returns `Ok`, the call is on disk in `queued`.
    pub async fn place(
        &self,
        request: OutgoingCall,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Arc<CallRecord>, PlaceError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Place { request: Box::new(request), idempotency, reply };
        let commands = self.commands.as_ref().ok_or(PlaceError::NoAsterisk)?;
        commands.send(command).await.map_err(|_| PlaceError::Stopping)?;
        answer.await.unwrap_or(Err(PlaceError::Stopping))
    }

    /// Asks for the end of a call that is not in a terminal state. `client`: who asks, for the timeline.
    pub async fn hangup(&self, id: CallId, client: Option<String>) -> HangupAnswer {
        let (reply, answer) = oneshot::channel();
        if !self.send(Command::Hangup { id, client, reply }).await {
            return HangupAnswer::NotFound;
        }
        answer.await.unwrap_or(HangupAnswer::NotFound)
    }

    /// Cancels what waits in the queue and says how much that was (or, with `dry_run`, would be). None of it is dialed
    /// after this, not even after a crash. `None` when the engine has ended.
    pub async fn cancel(&self, filter: CancelFilter) -> Option<usize> {
        if self.commands.is_none() {
            return Some(0);
        }
        let (reply, answer) = oneshot::channel();
        self.send(Command::Cancel { filter, reply }).await;
        answer.await.ok()
    }

    pub fn state(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// Changes what the engine goes by. Calls that are live keep their scenario and their limits.
    /// False when the engine has ended.
    pub async fn reload(&self, settings: Settings) -> bool {
        let (done, changed) = oneshot::channel();
        let command = Command::Reload { settings: Box::new(settings), done };
        self.commands.is_none() || self.send(command).await && changed.await.is_ok()
    }

    /// Comes back when the engine's task has taken this up, as it would a call. False when it has ended.
    pub async fn ping(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.commands.is_none() || self.send(Command::Ping(reply)).await && answer.await.is_ok()
    }

    /// Takes no new calls any more, gives live ones their time, then hangs them up.
    pub async fn stop(&self) {
        self.send(Command::Stop).await;
    }

    /// False when nobody takes it.
    async fn send(&self, command: Command) -> bool {
        match &self.commands {
            Some(commands) => commands.send(command).await.is_ok(),
            None => false,
        }
    }
}
