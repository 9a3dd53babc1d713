//! The connection of a host over time: none yet, being made, there, lost, not to be tried for now. It owns these
//! states, their log lines, and that one attempt serves all who wait; it must not know commands.

use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::breaker::{Breaker, NotNow};
use super::connect::{Opened, open};
use super::connection::{Connection, Lease};
use super::error::{Fate, SshError, Stage};
use super::known_hosts::Stamp;
use super::target::SshTarget;

/// For people, and for health pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SshState {
    /// Nobody has used it yet.
    NeverConnected,
    /// An attempt is on its way.
    Connecting {
        /// Its beginning.
        since: DateTime<Utc>,
    },
    /// Logged in, and alive as far as is known.
    Connected {
        /// The login.
        since: DateTime<Utc>,
    },
    /// Closed because nobody used it; the next command connects again.
    Unused {
        /// When it was closed.
        since: DateTime<Utc>,
    },
    /// The next command tries again.
    Down {
        /// When the last good connection was lost, or the first of the failed attempts.
        since: DateTime<Utc>,
        /// What happened and what to do about it, for people.
        why: String,
    },
    /// Not tried before `until`.
    Paused {
        /// As in [`SshState::Down`].
        since: DateTime<Utc>,
        /// The end of the pause.
        until: DateTime<Utc>,
        /// As in [`SshState::Down`].
        why: String,
    },
    /// [`SshHost::close`](super::SshHost::close) was called; it stays so.
    Closed,
}

#[derive(Debug)]
pub(super) struct Link {
    target: Arc<SshTarget>,
    label: String,
    phase: Mutex<Phase>,
    closed: CancellationToken,
}

struct Phase {
    now: Now,
    breaker: Breaker,
    /// Of the file when a host key was refused: a changed file is a reason to try at once.
    refused_at: Option<Stamp>,
    connects: u64,
    /// Since when no attempt worked, and the last reason that was told loudly.
    down: Option<(DateTime<Utc>, &'static str)>,
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phase").field("breaker", &self.breaker).field("connects", &self.connects).finish()
    }
}

enum Now {
    Never,
    Connecting { since: DateTime<Utc>, outcome: watch::Receiver<Outcome> },
    Up(Arc<Connection>),
    Unused { since: DateTime<Utc> },
    Down { why: SshError },
    Closed,
}

/// `None` until the attempt is over.
type Outcome = Option<Result<Arc<Connection>, SshError>>;

impl Link {
    pub(super) fn new(target: Arc<SshTarget>) -> Arc<Self> {
        let phase = Phase {
            now: Now::Never,
            breaker: Breaker::new(target.limits.breaker.clone()),
            refused_at: None,
            connects: 0,
            down: None,
        };
        let label = target.label();
        Arc::new(Self { target, label, phase: Mutex::new(phase), closed: CancellationToken::new() })
    }

    /// A use of the connection, which is made when there is none.
    pub(super) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, SshError> {
        // A connection may end between its making and its use, once; a host that does that always is down.
        for _ in 0..2 {
            let mut outcome = match self.look()? {
                Look::Up(lease) => return Ok(lease),
                Look::Wait(outcome) => outcome,
            };
            let done = timeout_at(deadline, outcome.wait_for(Option::is_some)).await;
            let result = match done {
                Err(_) => return Err(self.late()),
                Ok(Ok(outcome)) => outcome.clone(),
                // The task died without a word; the next look starts another.
                Ok(Err(_)) => None,
            };
            if let Some(Err(error)) = result {
                return Err(error);
            }
            if let Some(Ok(connection)) = result
                && let Some(lease) = connection.lease()
            {
                return Ok(lease);
            }
        }
        Err(SshError::Lost {
            host: self.label.clone(),
            why: "it ended as soon as it was made".into(),
            fate: Fate::NotSent,
        })
    }

    fn look(self: &Arc<Self>) -> Result<Look, SshError> {
        let mut phase = self.phase.lock();
        match &phase.now {
            Now::Up(connection) => {
                if let Some(lease) = connection.lease() {
                    return Ok(Look::Up(lease));
                }
                let connection = connection.clone();
                self.leave(&mut phase, &connection);
            }
            Now::Connecting { outcome, .. }
                if outcome.has_changed().is_ok() || outcome.borrow().is_some() =>
            {
                phase.breaker.wait_for_probe().map_err(|not_now| self.paused(not_now))?;
                return Ok(Look::Wait(outcome.clone()));
            }
            Now::Closed => return Err(SshError::Closed { host: self.label.clone() }),
            // Its task died without a word, as a probe perhaps: nobody else will say how it went.
            Now::Connecting { .. } => phase.breaker.probe_now(Instant::now()),
            Now::Never | Now::Unused { .. } | Now::Down { .. } => {}
        }
        if phase.refused_at.is_some_and(|stamp| stamp != self.target.known_hosts.stamp()) {
            phase.refused_at = None;
            phase.breaker.probe_now(Instant::now());
        }
        phase.breaker.admit(Instant::now()).map_err(|not_now| self.paused(not_now))?;
        Ok(Look::Wait(self.start(&mut phase)))
    }

    /// The attempt is a task of its own, so it does not depend on the request that wanted it first.
    fn start(self: &Arc<Self>, phase: &mut Phase) -> watch::Receiver<Outcome> {
        let (tell, outcome) = watch::channel(None);
        phase.now = Now::Connecting { since: Utc::now(), outcome: outcome.clone() };
        let (link, target, closed) = (Arc::downgrade(self), self.target.clone(), self.closed.clone());
        tokio::spawn(async move {
            let begun = Instant::now();
            let opened = tokio::select! {
                opened = open(target.clone()) => opened,
                () = closed.cancelled() => Err(SshError::Closed { host: target.label() }),
            };
            // Without a link nobody waits, and the connection is dropped.
            if let Some(link) = link.upgrade() {
                tell.send_replace(Some(link.opened(opened, begun.elapsed())));
            }
        });
        outcome
    }

    fn opened(
        self: &Arc<Self>,
        opened: Result<Opened, SshError>,
        took: Duration,
    ) -> Result<Arc<Connection>, SshError> {
        let mut phase = self.phase.lock();
        if matches!(phase.now, Now::Closed) {
            return Err(SshError::Closed { host: self.label.clone() });
        }
        match opened {
            Ok(opened) => {
                phase.connects += 1;
                self.tell_up(&mut phase, &opened, took);
                let connection = Connection::new(opened, &self.target.limits);
                phase.breaker.connected();
                phase.now = Now::Up(connection.clone());
                tokio::spawn(watch_over(Arc::downgrade(self), connection.clone(), self.target.limits.idle));
                Ok(connection)
            }
            Err(error) => {
                self.fail(&mut phase, error.clone());
                Err(error)
            }
        }
    }

    fn fail(&self, phase: &mut Phase, error: SshError) {
        let pause = phase.breaker.failed(Instant::now(), &error);
        phase.refused_at = error.is_host_key().then(|| self.target.known_hosts.stamp());
        self.tell_failure(phase, &error, pause);
        phase.now = Now::Down { why: error };
    }

    /// The connection of the phase is of no more use. One that ended before it was of any is a failure to connect.
    fn leave(&self, phase: &mut Phase, connection: &Arc<Connection>) {
        let alive = connection.is_alive();
        connection.retire();
        if alive {
            // Worn out, or suspected; not the host's fault as far as is known.
            phase.now = Now::Unused { since: Utc::now() };
            return;
        }
        let why = connection.why();
        let error = SshError::Lost { host: self.label.clone(), why, fate: Fate::NotSent };
        if connection.works() {
            tracing::warn!(host = %self.label, why = %connection.why(), "the ssh connection is lost");
            phase.now = Now::Down { why: error };
            phase.down = Some((Utc::now(), ""));
        } else {
            self.fail(phase, error);
        }
    }

    /// Something was opened over the connection: whatever failed before is history.
    pub(super) fn works(&self) {
        let mut phase = self.phase.lock();
        if matches!(phase.now, Now::Up(_)) {
            phase.breaker.works();
        }
    }

    /// The next request gets another connection.
    pub(super) fn retire(&self, lease: &Lease, why: &str) {
        let mut phase = self.phase.lock();
        lease.retire();
        if matches!(&phase.now, Now::Up(current) if Arc::ptr_eq(current, lease)) {
            tracing::warn!(host = %self.label, why, "leaving this ssh connection; the next command gets a new one");
            let host = self.label.clone();
            phase.now = Now::Down { why: SshError::Lost { host, why: why.to_owned(), fate: Fate::NotSent } };
            phase.down = Some((Utc::now(), ""));
        }
    }

    pub(super) async fn close(&self, patience: Duration) {
        let before = std::mem::replace(&mut self.phase.lock().now, Now::Closed);
        self.closed.cancel();
        if let Now::Up(connection) = before {
            // A command that does not end in its own time is cut off.
            let _late = timeout(patience, connection.commands_done()).await;
            connection.close().await;
        }
    }

    pub(super) fn connects(&self) -> u64 {
        self.phase.lock().connects
    }

    /// Commands that could begin at once; as many as may be where there is no connection.
    pub(super) fn free_commands(&self) -> usize {
        match &self.phase.lock().now {
            Now::Up(connection) => connection.commands.size().saturating_sub(connection.commands.taken()),
            _ => self.target.limits.commands_at_once,
        }
    }

    /// Commands and sockets that are open in the present connection.
    pub(super) fn in_use(&self) -> (usize, usize) {
        match &self.phase.lock().now {
            Now::Up(connection) => (connection.commands.taken(), connection.sockets.taken()),
            _ => (0, 0),
        }
    }

    pub(super) fn state(&self) -> SshState {
        let phase = self.phase.lock();
        let since = phase.down.map_or_else(Utc::now, |(since, _)| since);
        if let Some((until, cause)) = phase.breaker.pause(Instant::now())
            && !matches!(phase.now, Now::Closed)
        {
            let left = TimeDelta::from_std(until - Instant::now()).unwrap_or_default();
            return SshState::Paused { since, until: Utc::now() + left, why: cause.to_string() };
        }
        match &phase.now {
            Now::Never => SshState::NeverConnected,
            Now::Connecting { since, .. } => SshState::Connecting { since: *since },
            Now::Up(connection) if connection.is_alive() => SshState::Connected { since: connection.since },
            Now::Up(connection) => SshState::Down { since: Utc::now(), why: connection.why() },
            Now::Unused { since } => SshState::Unused { since: *since },
            Now::Down { why } => SshState::Down { since, why: why.to_string() },
            Now::Closed => SshState::Closed,
        }
    }

    fn late(&self) -> SshError {
        let limit = self.target.limits.command;
        SshError::ConnectTimeout { host: self.label.clone(), limit, stage: Stage::Handshake }
    }

    fn paused(&self, NotNow { wait, cause }: NotNow) -> SshError {
        SshError::Paused { host: self.label.clone(), wait, cause: Box::new(cause) }
    }

    fn tell_up(&self, phase: &mut Phase, opened: &Opened, took: Duration) {
        let (host, algorithms) = (&self.label, &opened.algorithms);
        let took_ms = took.as_millis() as u64;
        if phase.down.take().is_some() {
            tracing::info!(%host, took_ms, algorithms = %algorithms.text, "the ssh connection is up again");
        } else if phase.connects == 1 {
            tracing::info!(%host, took_ms, algorithms = %algorithms.text, "connected by ssh");
        } else {
            tracing::debug!(%host, took_ms, "connected by ssh");
        }
        if algorithms.old && phase.connects == 1 {
            tracing::warn!(
                %host, algorithms = %algorithms.text,
                "the host's sshd is so old that only SHA-1 protects the connection; update it"
            );
        }
    }

    /// Loud once for each kind of failure in a row.
    fn tell_failure(&self, phase: &mut Phase, error: &SshError, pause: Option<Duration>) {
        let (host, pause_s) = (&self.label, pause.map(|pause| pause.as_secs()));
        let kind = error.in_short();
        let told = phase.down.is_some_and(|(_, told)| told == kind);
        let since = phase.down.map_or_else(Utc::now, |(since, _)| since);
        phase.down = Some((since, kind));
        match (told, error.is_host_key()) {
            (_, true) => tracing::error!(%host, pause_s, "{error}"),
            (false, false) => tracing::warn!(%host, pause_s, "{error}"),
            (true, false) => tracing::debug!(%host, pause_s, "{error}"),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.closed.cancel();
        if let Now::Up(connection) = &self.phase.get_mut().now {
            connection.retire();
        }
    }
}

enum Look {
    Up(Lease),
    Wait(watch::Receiver<Outcome>),
}

/// Notices the end of a connection, and ends it when nobody uses it.
async fn watch_over(link: Weak<Link>, connection: Arc<Connection>, idle: Duration) {
    let mut wait = idle;
    loop {
        tokio::select! {
            () = connection.ended() => break,
            () = sleep(wait) => {}
        }
        match connection.retire_unused(idle) {
            Ok(()) => {
                if let Some(link) = link.upgrade() {
                    let mut phase = link.phase.lock();
                    if matches!(&phase.now, Now::Up(current) if Arc::ptr_eq(current, &connection)) {
                        tracing::debug!(host = %link.label, "closing the ssh connection, for nobody uses it");
                        phase.now = Now::Unused { since: Utc::now() };
                    }
                }
            }
            Err(longer) => wait = longer,
        }
    }
    if let Some(link) = link.upgrade() {
        let mut phase = link.phase.lock();
        if matches!(&phase.now, Now::Up(current) if Arc::ptr_eq(current, &connection)) {
            link.leave(&mut phase, &connection);
        }
    }
}
