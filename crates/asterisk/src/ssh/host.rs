//! One host: its connection, made when it is needed and shared by all, and its commands. It owns the order of
//! things: the breaker, one attempt for all who wait, the turn, and the one retry of what was certainly not sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{Instant, sleep, timeout_at};

use super::command::{Output, Patience, run};
use super::connection::{Door, Lease, NotOpened, OpenChannel, Slots};
use super::error::{Fate, SshError};
use super::link::{Link, SshState};
use super::stream::SshStream;
use super::target::SshTarget;

/// sshd counts a session for a moment after it has closed it (measured on OpenSSH 9.2: a request to open one that
/// arrives together with our confirmation of the close still meets it). So many refusals are not taken for MaxSessions;
/// the waits between them are 5, 10 and 20 ms.
const STILL_COUNTED: u32 = 3;

/// How long to wait after a further refusal of a host that did run commands.
const REFUSED_AGAIN: Duration = Duration::from_millis(20);

/// A host that is reached by ssh. Clones are of the same host and share its connection; it is closed with the
/// last of them. Nothing is connected before the first use.
#[derive(Debug, Clone)]
pub struct SshHost(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    link: Arc<Link>,
    target: Arc<SshTarget>,
    label: String,
    /// Commands that run or wait, at most so many.
    entered: Arc<Semaphore>,
    most: usize,
    told_fewer: AtomicBool,
}

/// What is going on at a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SshFigures {
    /// Those that hold a session, kept ones of [`SshHost::open_command`] among them.
    pub commands_running: usize,
    /// For the connection or their turn; sockets that are being opened too.
    pub waiting: usize,
    /// Those of [`SshHost::open_socket`] in the present connection.
    pub sockets_open: usize,
    /// Connections made since the start.
    pub connects: u64,
}

impl SshHost {
    /// A host that nobody has connected to yet.
    pub fn new(target: SshTarget) -> Self {
        let target = Arc::new(target);
        let most = target.limits.commands_at_once.max(1) + target.limits.waiting;
        Self(Arc::new(Inner {
            link: Link::new(target.clone()),
            label: target.label(),
            entered: Arc::new(Semaphore::new(most)),
            most,
            told_fewer: AtomicBool::new(false),
            target,
        }))
    }

    /// `user@address:port`.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Connects when there is no connection; nothing is run. It takes no longer than the limit for connecting.
    ///
    /// # Errors
    /// Of connecting only; [`SshError::Paused`] while the host is left alone, [`SshError::Busy`] when too many
    /// wait.
    pub async fn connect(&self) -> Result<(), SshError> {
        let _entry = self.enter()?;
        // The attempt keeps its own limit, and knows better why it took so long.
        let deadline = Instant::now() + self.0.target.limits.connect * 2;
        self.0.link.lease(deadline).await.map(drop)
    }

    /// Runs `command` through the user's shell at the host, without input. The time limit covers the wait for the
    /// connection and for the turn. Dropping the future gives the turn back and ends the command as well as it can
    /// be; it may have run.
    ///
    /// # Errors
    /// [`SshError::fate`] tells whether the command may have run. One that ran and failed is no error: see
    /// [`Output::exit`]. What was certainly not sent, because the connection turned out to be dead, is sent once
    /// more over a new one.
    pub async fn exec(&self, command: &str) -> Result<Output, SshError> {
        let _entry = self.enter()?;
        let deadline = self.deadline();
        match self.try_exec(command, deadline).await {
            Err(error) if is_dead_connection(&error) => {
                tracing::debug!(host = %self.label(), %error, "trying the command on a new connection");
                self.try_exec(command, deadline).await
            }
            result => result,
        }
    }

    /// Runs `command` through the user's shell at the host for as long as the stream is kept: its input and output are
    /// the stream, what it writes to stderr is dropped. It takes a turn of [`exec`](Self::exec) all that time.
    ///
    /// # Errors
    /// Of connecting, and of opening a session: the command was not run. What becomes of it later shows in the
    /// stream.
    pub async fn open_command(&self, command: &str) -> Result<SshStream, SshError> {
        let _entry = self.enter()?;
        let deadline = self.deadline();
        match self.session(deadline).await {
            Err(error) if is_dead_connection(&error) => self.session(deadline).await,
            result => result,
        }
        .map(|(channel, slot)| SshStream::of_command(channel, slot, command))
    }

    /// Connects to a UNIX socket at the host (`direct-streamlocal@openssh.com`; sshd needs
    /// `AllowStreamLocalForwarding`, which is on by default).
    ///
    /// # Errors
    /// Of connecting, and [`SshError::ChannelRefused`] when the host opens no such socket. Nothing was sent to it.
    pub async fn open_socket(&self, path: &str) -> Result<SshStream, SshError> {
        let _entry = self.enter()?;
        let deadline = self.deadline();
        match self.try_open_socket(path, deadline).await {
            Err(error) if is_dead_connection(&error) => self.try_open_socket(path, deadline).await,
            result => result,
        }
    }

    /// What its connection is doing, for people and health pages.
    pub fn state(&self) -> SshState {
        self.0.link.state()
    }

    /// Commands that could begin at once.
    pub fn free_commands(&self) -> usize {
        self.0.link.free_commands()
    }

    /// How much is going on now.
    pub fn figures(&self) -> SshFigures {
        let inside = self.0.most - self.0.entered.available_permits();
        let (commands_running, sockets_open) = self.0.link.in_use();
        SshFigures {
            commands_running,
            sockets_open,
            waiting: inside.saturating_sub(commands_running),
            connects: self.0.link.connects(),
        }
    }

    /// Refuses new commands from now on, lets the running ones end, and closes the connection with its sockets.
    pub async fn close(&self) {
        self.0.link.close(self.0.target.limits.command).await;
    }

    async fn try_exec(&self, command: &str, deadline: Instant) -> Result<Output, SshError> {
        let (channel, slot) = self.session(deadline).await?;
        let patience = Patience { deadline, limit: self.0.target.limits.command };
        run(channel, slot, self.label(), command, patience).await
    }

    /// A session in which nothing runs yet.
    async fn session(&self, deadline: Instant) -> Result<(OpenChannel, OwnedSemaphorePermit), SshError> {
        let mut refusals = 0;
        loop {
            let lease = self.0.link.lease(deadline).await?;
            let slot = self.slot(&lease, &lease.commands, deadline).await?;
            match self.open(&lease, Door::Command, deadline).await {
                Ok(channel) => return Ok((channel, slot)),
                Err(NotOpened::Refused(why)) => {
                    self.after_refusal(&lease, slot, refusals, why).await?;
                    refusals += 1;
                }
                Err(error) => {
                    return Err(self.not_opened(&lease, "a session for a command", error, deadline));
                }
            }
        }
    }

    /// `Ok`: it is worth another try.
    async fn after_refusal(
        &self,
        lease: &Lease,
        slot: OwnedSemaphorePermit,
        refusals: u32,
        why: String,
    ) -> Result<(), SshError> {
        if refusals < STILL_COUNTED {
            sleep(Duration::from_millis(5 << refusals)).await;
        } else if lease.stuck() > 0 {
            self.0.link.retire(lease, "commands that do not end take up its sessions");
        } else if lease.commands.proven() > 0 {
            if lease.commands.open() > 0
                && lease.commands.give_up(slot)
                && !self.0.told_fewer.swap(true, Ordering::Relaxed)
            {
                tracing::warn!(
                    host = %self.label(), configured = self.0.target.limits.commands_at_once,
                    "the host allows fewer commands at once than are configured, so some wait longer; \
                     raise MaxSessions in its sshd_config, or configure fewer"
                );
            }
            sleep(REFUSED_AGAIN).await;
        } else {
            let what = "a session for a command".to_owned();
            return Err(SshError::ChannelRefused { host: self.label().to_owned(), what, why });
        }
        Ok(())
    }

    async fn try_open_socket(&self, path: &str, deadline: Instant) -> Result<SshStream, SshError> {
        let lease = self.0.link.lease(deadline).await?;
        let slot = self.slot(&lease, &lease.sockets, deadline).await?;
        match self.open(&lease, Door::Socket(path.to_owned()), deadline).await {
            Ok(channel) => Ok(SshStream::new(channel, slot)),
            Err(error) => {
                // OpenSSH gives the same reason for all of these.
                let what = format!(
                    "the socket {path} (is the program there running, may {} use it, and does sshd_config have \
                     AllowStreamLocalForwarding on?)",
                    self.0.target.user
                );
                Err(self.not_opened(&lease, &what, error, deadline))
            }
        }
    }

    async fn open(&self, lease: &Lease, door: Door, deadline: Instant) -> Result<OpenChannel, NotOpened> {
        let patience = self.0.target.limits.answer.min(deadline.saturating_duration_since(Instant::now()));
        let opened = lease.open(door, patience).await;
        if matches!(opened, Ok(_) | Err(NotOpened::Refused(_))) {
            self.0.link.works();
        }
        opened
    }

    fn not_opened(&self, lease: &Lease, what: &str, error: NotOpened, deadline: Instant) -> SshError {
        let host = self.label().to_owned();
        match error {
            NotOpened::Refused(why) => SshError::ChannelRefused { host, what: what.to_owned(), why },
            NotOpened::Ended => SshError::Lost { host, why: lease.why(), fate: Fate::NotSent },
            NotOpened::Silent if Instant::now() >= deadline => {
                SshError::CommandTimeout { host, limit: self.0.target.limits.command, fate: Fate::NotSent }
            }
            NotOpened::Silent => {
                // It may only be slow, so what runs in it may go on; keepalive ends it when it is dead.
                self.0.link.retire(lease, "it no longer answers");
                SshError::Lost { host, why: "the host no longer answers in it".into(), fate: Fate::NotSent }
            }
        }
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, SshError> {
        match self.0.entered.clone().try_acquire_owned() {
            Ok(entry) => Ok(entry),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                Err(SshError::Busy { host: self.label().to_owned(), limit: self.0.most })
            }
        }
    }

    async fn slot(
        &self,
        lease: &Lease,
        slots: &Slots,
        deadline: Instant,
    ) -> Result<OwnedSemaphorePermit, SshError> {
        let host = self.label().to_owned();
        match timeout_at(deadline, slots.take()).await {
            Ok(Some(slot)) => Ok(slot),
            Ok(None) => Err(SshError::Lost { host, why: lease.why(), fate: Fate::NotSent }),
            Err(_) => Err(SshError::QueueTimeout { host, limit: self.0.target.limits.command }),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.0.target.limits.command
    }
}

/// The connection that was there died before the command was sent: worth a new one.
fn is_dead_connection(error: &SshError) -> bool {
    matches!(error, SshError::Lost { fate: Fate::NotSent, .. })
}
