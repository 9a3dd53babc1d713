//! Keeps one connection while somebody needs it: connects, says that it is up, and when it is lost says so once and
//! tries again. It owns the order of these steps; it must not know what the events mean.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::client::{Ami, AmiState, LinkState};
use super::event::Event;
use super::line::Ids;
use super::loss::Loss;
use super::session::Session;
use super::target::{AmiTarget, TargetError};
use crate::backoff::Backoff;
use crate::link::{News, Received, Told};

/// Events that wait for the listener. When it is full, the connection is not read until there is room.
const LINK_CAPACITY: usize = 4096;

/// What the listener hears, in this order: `Up`, then events, then one `Down` or `Asleep`, and so on.
#[derive(Debug)]
pub enum AmiLink {
    /// Let in. Events since the last `Down` or `Asleep` are lost: ask for what Asterisk has now. `generation` counts
    /// connections from 1.
    Up {
        /// `None` when the user may not ask for it (`write` lacks `reporting` and `system`).
        asterisk_version: Option<String>,
        /// Which connection this is.
        generation: u64,
    },
    /// An event, and when it was read. Those of one connection come in Asterisk's order.
    Event(Box<Event>, Received),
    /// An event that is not as it should be, or far too long.
    Undecodable {
        /// What is wrong with it; nothing of its text but the names of its type and of a field.
        why: String,
    },
    /// A message is not as Asterisk writes it: somebody may have forged what follows it.
    Tainted {
        /// What is wrong with it; nothing of its text.
        why: String,
    },
    /// An event that may be forged and was dropped; it names these unique ids. It comes after a `Tainted`, until Asterisk has
    /// answered something that was asked since: ask for what Asterisk has now of the calls that are named.
    Doubtful {
        /// Whatever it has under a name that ends in `Uniqueid` or `Linkedid`. A forger may have written these too.
        ids: Vec<String>,
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
    /// Closed because nobody needs it.
    Asleep,
}

/// Starts a supervisor, which sleeps until the first action or [`Ami::hold`], and ends when `stop` is cancelled or
/// the listener is dropped.
///
/// At most 4096 links wait for the listener; then the connection is not read until it takes some, and is given up
/// after [`AmiTarget::listener_patience`].
///
/// # Errors
/// The target can never work. That Asterisk is away is no error.
///
/// # Panics
/// Outside of a Tokio runtime.
pub fn connect(
    target: AmiTarget,
    stop: CancellationToken,
) -> Result<(Ami, mpsc::Receiver<AmiLink>), TargetError> {
    target.check()?;
    let target = Arc::new(target);
    let (state, seen) = watch::channel(LinkState { state: AmiState::Asleep, line: None });
    let (wish, wanted) = watch::channel(usize::from(target.idle.is_none()));
    let ami = Ami::new(target.clone(), seen, Arc::new(wish));
    let (links, listener) = mpsc::channel(LINK_CAPACITY);
    let supervisor = Supervisor {
        target,
        stop,
        links,
        state,
        wanted,
        ids: Arc::new(Ids::new()),
        generation: 0,
        boots_silently: false,
        told: Told::default(),
    };
    tokio::spawn(supervisor.run());
    Ok((ami, listener))
}

struct Supervisor {
    target: Arc<AmiTarget>,
    stop: CancellationToken,
    links: mpsc::Sender<AmiLink>,
    state: watch::Sender<LinkState>,
    wanted: watch::Receiver<usize>,
    ids: Arc<Ids>,
    generation: u64,
    /// This Asterisk does not tell this user that it has booted.
    boots_silently: bool,
    told: Told,
}

impl Supervisor {
    async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.keep_connected() => {}
            // A moment later than the connection's own goodbye, for the steps that do not look at `stop`.
            () = async { stop.cancelled().await; sleep(Duration::from_secs(1)).await } => {}
        }
        self.show(AmiState::Stopped);
        tracing::debug!("the AMI supervisor has ended");
    }

    async fn keep_connected(&mut self) {
        let mut backoff = Backoff::new(self.target.backoff_min, self.target.backoff_max);
        loop {
            if !self.sleep_until_wanted().await {
                return;
            }
            let loss = self.session().await;
            if loss.is_final() {
                return;
            }
            if matches!(loss, Loss::Idle) {
                backoff.reset();
                continue;
            }
            self.show(AmiState::Down { reason: loss.to_string(), denied: loss.is_refusal() });
            if self.told.was_stable() {
                backoff.reset();
            }
            if self.tell_loss(&loss).await.is_err() {
                return;
            }
            let mut wait = backoff.next_wait();
            if loss.is_refusal() {
                wait += self.target.refused_wait;
            }
            // It is waited for even when nobody needs the connection any more: the next who does must not try sooner.
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.links.closed() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// False when it is over.
    async fn sleep_until_wanted(&mut self) -> bool {
        if *self.wanted.borrow_and_update() == 0 {
            self.show(AmiState::Asleep);
            if !matches!(self.told, Told::Nothing) {
                tracing::debug!(address = %self.target.address(), "the AMI connection sleeps");
                self.told = Told::Nothing;
                if self.links.send(AmiLink::Asleep).await.is_err() {
                    return false;
                }
            }
        }
        let wanted = tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.links.closed() => false,
            // An error: no handle is left that could want it.
            wanted = self.wanted.wait_for(|holds| *holds > 0) => wanted.is_ok(),
        };
        wanted && !self.stop.is_cancelled()
    }

    /// One connection from beginning to end.
    async fn session(&mut self) -> Loss {
        if !self.told.is_down() {
            // Who asks now may wait for it; in a row of failed tries nobody shall.
            self.show(AmiState::Connecting);
        }
        let stop = self.stop.clone();
        let session = tokio::select! {
            () = stop.cancelled() => return Loss::Stopped,
            session = self.open() => match session {
                Ok(session) => session,
                Err(loss) => return loss,
            },
        };
        self.generation += 1;
        let (generation, version) = (self.generation, session.asterisk_version.clone());
        tracing::debug!(address = %self.target.address(), asterisk = ?version, generation, "the AMI connection is up");
        self.told = Told::up();
        let link = AmiLink::Up { asterisk_version: version.clone(), generation };
        if self.links.send(link).await.is_err() {
            return Loss::Unwatched;
        }
        let state = AmiState::Up { asterisk_version: version, generation };
        self.state.send_replace(LinkState { state, line: Some(session.line()) });
        let wanted = self.wanted.clone();
        tokio::select! {
            loss = session.run(&self.target, &self.links, &self.stop) => loss,
            // Nobody shall find the connection of this session after it is gone.
            () = async { unneeded(wanted, self.target.idle).await; self.show(AmiState::Asleep) } => Loss::Idle,
            () = self.links.closed() => Loss::Unwatched,
        }
    }

    async fn open(&mut self) -> Result<Session, Loss> {
        tracing::debug!(address = %self.target.address(), username = %self.target.username, "connecting to AMI");
        let mut session = Session::open(&self.target, self.ids.clone()).await?;
        if !session.has_fully_booted() && !self.boots_silently {
            session.wait_fully_booted(self.target.boot_wait).await?;
            self.boots_silently = true;
        }
        if session.has_fully_booted() {
            self.boots_silently = false;
        }
        Ok(session)
    }

    fn show(&self, state: AmiState) {
        self.state.send_replace(LinkState { state, line: None });
    }

    async fn tell_loss(&mut self, loss: &Loss) -> Result<(), mpsc::error::SendError<AmiLink>> {
        let reason = loss.to_string();
        let address = self.target.address();
        let link = match self.told.lose(&reason) {
            News::Nothing => {
                tracing::debug!(%address, %reason, "still no AMI connection");
                return Ok(());
            }
            News::StillDown => {
                tracing::debug!(%address, %reason, "still no AMI connection, for another reason");
                AmiLink::StillDown { reason }
            }
            News::Down => {
                tracing::debug!(%address, %reason, "no AMI connection; trying again while it is needed");
                AmiLink::Down { reason }
            }
        };
        self.links.send(link).await
    }
}

/// Returns when nobody has needed the connection for so long, and at this moment still nobody does: an action takes its
/// hold before it is written, so what is written never falls asleep.
async fn unneeded(mut wanted: watch::Receiver<usize>, idle: Option<Duration>) {
    let Some(idle) = idle else { return std::future::pending().await };
    loop {
        // An error: no handle is left, so nobody will ever need it.
        let _ = wanted.wait_for(|holds| *holds == 0).await;
        let needed =
            timeout(idle, wanted.wait_for(|holds| *holds > 0)).await.is_ok_and(|needed| needed.is_ok());
        if !needed && *wanted.borrow() == 0 {
            return;
        }
    }
}
