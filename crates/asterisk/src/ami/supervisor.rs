//! Keeps one connection while somebody needs it: connects, says that it is up, and when it is lost says so once and
//! tries again. It owns the order of these steps; it must not know what the events mean.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::common::Common;
use super::loss::Loss;
use super::session::Session;
use super::state::{AmiState, LinkState};
use super::subscription::AmiLink;
use crate::backoff::Backoff;
use crate::link::{News, Told};

/// Of one manager interface.
pub(super) struct Supervisor {
    common: Arc<Common>,
    stop: CancellationToken,
    state: watch::Sender<LinkState>,
    wanted: watch::Receiver<usize>,
    generation: u64,
    /// This Asterisk does not tell this user that it has booted.
    boots_silently: bool,
    told: Told,
}

impl Supervisor {
    /// It sleeps. `wanted`: so many need the connection.
    pub(super) fn new(
        common: Arc<Common>,
        state: watch::Sender<LinkState>,
        wanted: watch::Receiver<usize>,
        stop: CancellationToken,
    ) -> Self {
        let told = Told::default();
        Self { common, stop, state, wanted, generation: 0, boots_silently: false, told }
    }

    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.keep_connected() => {}
            // A moment later than the connection's own goodbye, for the steps that do not look at `stop`.
            () = async { stop.cancelled().await; sleep(Duration::from_secs(1)).await } => {}
        }
        self.show(AmiState::Stopped);
        self.common.feed.close();
        tracing::debug!("the AMI supervisor has ended");
    }

    async fn keep_connected(&mut self) {
        let mut backoff = Backoff::new(self.common.target.backoff_min, self.common.target.backoff_max);
        loop {
            if !self.sleep_until_wanted().await {
                return;
            }
            let loss = self.session().await;
            if loss.is_final() {
                return;
            }
            if matches!(loss, Loss::Idle) {
                self.common.feed.rest();
                backoff.reset();
                continue;
            }
            self.show(AmiState::Down { reason: loss.to_string(), denied: loss.is_refusal() });
            if self.told.was_stable() {
                backoff.reset();
            }
            self.tell_loss(&loss);
            let mut wait = backoff.next_wait();
            if loss.is_refusal() {
                wait += self.common.target.refused_wait;
            }
            // It is waited for even when nobody needs the connection any more: the next who does must not try sooner.
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// False when it is over.
    async fn sleep_until_wanted(&mut self) -> bool {
        if *self.wanted.borrow_and_update() == 0 {
            self.show(AmiState::Asleep);
            if !matches!(self.told, Told::Nothing) {
                tracing::debug!(address = %self.common.target.address(), "the AMI connection sleeps");
                self.told = Told::Nothing;
                // Why it was down is old by the time that somebody needs it.
                self.common.feed.rest();
            }
        }
        let wanted = tokio::select! {
            () = self.stop.cancelled() => false,
            // An error: no handle is left that could want it.
            wanted = self.wanted.wait_for(|holds| *holds > 0) => wanted.is_ok(),
        };
        wanted && self.wanted.has_changed().is_ok() && !self.stop.is_cancelled()
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
        tracing::debug!(address = %self.common.target.address(), asterisk = ?version, generation, "the AMI connection is up");
        self.told = Told::up();
        self.common.feed.up(AmiLink::Up { asterisk_version: version.clone(), generation });
        let state = AmiState::Up { asterisk_version: version, generation };
        self.state.send_replace(LinkState { state, line: Some(session.line()) });
        let wanted = self.wanted.clone();
        tokio::select! {
            loss = session.run(&self.common, generation, &self.stop) => loss,
            // Nobody shall find the connection of this session after it is gone.
            () = async { unneeded(wanted, self.common.target.idle).await; self.show(AmiState::Asleep) } => Loss::Idle,
        }
    }

    async fn open(&mut self) -> Result<Session, Loss> {
        tracing::debug!(address = %self.common.target.address(), username = %self.common.target.username, "connecting to AMI");
        let mut session = Session::open(&self.common).await?;
        if !session.has_fully_booted() && !self.boots_silently {
            session.wait_fully_booted(self.common.target.boot_wait).await?;
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

    fn tell_loss(&mut self, loss: &Loss) {
        let reason = loss.to_string();
        let address = self.common.target.address();
        let link = match self.told.lose(&reason) {
            News::Nothing => {
                tracing::debug!(%address, %reason, "still no AMI connection");
                return;
            }
            News::StillDown => {
                tracing::debug!(%address, %reason, "still no AMI connection, for another reason");
                AmiLink::StillDown { reason: reason.clone() }
            }
            News::Down => {
                tracing::debug!(%address, %reason, "no AMI connection; trying again while it is needed");
                AmiLink::Down { reason: reason.clone() }
            }
        };
        self.common.feed.down(&link, Some(AmiLink::Down { reason }));
    }
}

/// Returns when nobody has needed the connection for so long, and at this moment still nobody does: an action takes its
/// hold before it is written, so what is written never falls asleep.
async fn unneeded(mut wanted: watch::Receiver<usize>, idle: Option<Duration>) {
    let Some(idle) = idle else {
        // Until no handle is left.
        while wanted.changed().await.is_ok() {}
        return;
    };
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
