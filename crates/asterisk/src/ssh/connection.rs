//! One live connection: who uses it, how many at once, and its end. It owns the opening of channels; it must not
//! know what runs in them, nor when to connect again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Disconnect};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::connect::Opened;
use super::error::from_host;
use super::peer::{End, Peer};
use super::target::SshLimits;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// russh keeps some kilobytes for each channel that this side closed first, and some hundred bytes for each that
/// the host refused, as long as the connection lives. Another one is made when they come to about this many bytes.
const WORN_OUT: usize = 8 << 20;
const CLOSED_HERE: usize = 4 << 10;
const REFUSED: usize = 400;

/// A command that was given up and does not end keeps its session at the host (measured on OpenSSH 9.2, which also
/// refuses to signal the commands of root). After so many another connection is made, which has all its sessions.
const STUCK: usize = 2;

pub(super) struct Connection {
    handle: Handle<Peer>,
    end: End,
    cut: CancellationToken,
    pub(super) since: DateTime<Utc>,
    pub(super) commands: Slots,
    pub(super) sockets: Slots,
    wear: AtomicUsize,
    stuck: AtomicUsize,
    usage: Mutex<Usage>,
    /// Told whenever a use ends.
    freed: Notify,
}

#[derive(Debug)]
struct Usage {
    users: usize,
    /// The host answered in it at least once, though it may have refused.
    works: bool,
    /// No longer handed out: it ends with its last user.
    retired: bool,
    last: Instant,
}

/// How many may be open at once. Fair: who waits longest is next.
pub(super) struct Slots {
    free: Arc<Semaphore>,
    size: AtomicUsize,
    /// Open now, confirmed by the host; and the most that ever were.
    open: AtomicUsize,
    proven: AtomicUsize,
}

impl Slots {
    fn new(size: usize) -> Self {
        let size = size.max(1);
        Self {
            free: Arc::new(Semaphore::new(size)),
            size: AtomicUsize::new(size),
            open: AtomicUsize::new(0),
            proven: AtomicUsize::new(0),
        }
    }

    /// `None` when the connection has ended.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    pub(super) fn taken(&self) -> usize {
        self.size().saturating_sub(self.free.available_permits())
    }

    pub(super) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The most that the host ever had open.
    pub(super) fn proven(&self) -> usize {
        self.proven.load(Ordering::Relaxed)
    }

    fn opened(&self) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.proven.fetch_max(open, Ordering::Relaxed);
    }

    /// The host allows fewer than we thought: the slot is not given back. `false`: so many were open before, so the
    /// refusal has another reason.
    pub(super) fn give_up(&self, slot: OwnedSemaphorePermit) -> bool {
        let least = self.proven().max(1);
        let smaller = |size: usize| (size > least).then(|| size - 1);
        if self.size.fetch_update(Ordering::Relaxed, Ordering::Relaxed, smaller).is_err() {
            return false;
        }
        slot.forget();
        true
    }
}

/// What a channel leads to.
#[derive(Debug, Clone)]
pub(super) enum Door {
    Command,
    Socket(String),
}

#[derive(Debug)]
pub(super) enum NotOpened {
    /// The host's answer.
    Refused(String),
    /// The connection ended before an answer came.
    Ended,
    /// No answer in time.
    Silent,
}

impl Connection {
    pub(super) fn new(opened: Opened, limits: &SshLimits) -> Arc<Self> {
        let Opened { handle, end, cut, .. } = opened;
        let usage = Usage { users: 0, works: false, retired: false, last: Instant::now() };
        Arc::new(Self {
            handle,
            end,
            cut,
            since: Utc::now(),
            commands: Slots::new(limits.commands_at_once),
            sockets: Slots::new(limits.sockets_at_once),
            wear: AtomicUsize::new(0),
            stuck: AtomicUsize::new(0),
            usage: Mutex::new(usage),
            freed: Notify::new(),
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.end.is_over() && !self.handle.is_closed()
    }

    /// Resolves at its end.
    pub(super) async fn ended(&self) {
        self.end.wait().await;
        // Who waits for a slot need not wait for its time-out.
        self.commands.free.close();
        self.sockets.free.close();
    }

    pub(super) fn why(&self) -> String {
        self.end.why()
    }

    /// Whether it was of any use so far.
    pub(super) fn works(&self) -> bool {
        self.usage.lock().works
    }

    /// A use of it; `None` when it is not handed out any more.
    pub(super) fn lease(self: &Arc<Self>) -> Option<Lease> {
        let used_up = self.wear.load(Ordering::Relaxed) > WORN_OUT || self.stuck() > STUCK;
        if used_up || !self.is_alive() {
            return None;
        }
        let mut usage = self.usage.lock();
        if usage.retired {
            return None;
        }
        usage.users += 1;
        Some(Lease { connection: self.clone(), runs_command: false })
    }

    /// It ends with its last user, or now when there is none. `true`: this is the call that did it.
    pub(super) fn retire(self: &Arc<Self>) -> bool {
        let mut usage = self.usage.lock();
        let first = !std::mem::replace(&mut usage.retired, true);
        if first && usage.users == 0 {
            self.leave();
        }
        first
    }

    /// Retires it when nobody used it for so long; otherwise says how long to wait before asking again.
    pub(super) fn retire_unused(self: &Arc<Self>, idle: Duration) -> Result<(), Duration> {
        let mut usage = self.usage.lock();
        let unused = usage.last.elapsed();
        if usage.users > 0 {
            return Err(idle);
        }
        if unused < idle {
            return Err(idle - unused);
        }
        usage.retired = true;
        self.end.because("it was not used");
        self.leave();
        Ok(())
    }

    /// Resolves when no command runs any more.
    pub(super) async fn commands_done(&self) {
        loop {
            let freed = self.freed.notified();
            if self.commands.taken() == 0 || self.end.is_over() {
                return;
            }
            freed.await;
        }
    }

    /// Says goodbye and ends it, with all that is open in it.
    pub(super) async fn close(&self) {
        self.end.because("it was closed on this side");
        let goodbye = async {
            // An error means that it has ended already.
            let _ended = self.handle.disconnect(Disconnect::ByApplication, "", "en").await;
            self.end.wait().await;
        };
        let _late = timeout(GOODBYE, goodbye).await;
        self.cut.cancel();
    }

    /// Without a runtime, at the very end of the program, there is no time for a goodbye.
    fn leave(self: &Arc<Self>) {
        let Ok(runtime) = Runtime::try_current() else { return self.cut.cancel() };
        let connection = self.clone();
        runtime.spawn(async move { connection.close().await });
    }

    /// Commands that were given up and may run on, each in a session of the host's.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Relaxed)
    }

    pub(super) fn is_stuck(&self) {
        self.stuck.fetch_add(1, Ordering::Relaxed);
    }

    /// This side closed a channel first.
    pub(super) fn closed_here(&self) {
        self.wear.fetch_add(CLOSED_HERE, Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

/// A use of a connection, ended by dropping it.
pub(super) struct Lease {
    connection: Arc<Connection>,
    runs_command: bool,
}

impl std::ops::Deref for Lease {
    type Target = Arc<Connection>;

    fn deref(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.runs_command {
            self.commands.open.fetch_sub(1, Ordering::Relaxed);
        }
        let mut usage = self.usage.lock();
        usage.users -= 1;
        usage.last = Instant::now();
        if usage.users == 0 && usage.retired {
            self.leave();
        }
        drop(usage);
        self.freed.notify_waiters();
    }
}

impl Lease {
    /// Opens a channel within `patience`. Nobody may give up on the opening itself: russh forgets a channel whose
    /// opening was dropped and the host keeps it, until its MaxSessions are used up. So a task of its own waits
    /// for the answer, and what nobody wants any more is closed.
    pub(super) async fn open(&self, door: Door, patience: Duration) -> Result<OpenChannel, NotOpened> {
        let (tell, told) = oneshot::channel();
        let mut lease = self.again();
        tokio::spawn(async move {
            let is_command = matches!(door, Door::Command);
            let opened = match door {
                Door::Command => lease.handle.channel_open_session().await,
                Door::Socket(path) => lease.handle.channel_open_direct_streamlocal(path).await,
            };
            let opened = match opened {
                Ok(channel) => {
                    lease.answered();
                    if is_command {
                        lease.commands.opened();
                        lease.runs_command = true;
                    }
                    Ok(OpenChannel(Some((channel, lease))))
                }
                Err(russh::Error::ChannelOpenFailure(why)) => {
                    lease.answered();
                    lease.wear.fetch_add(REFUSED, Ordering::Relaxed);
                    Err(NotOpened::Refused(reason(&why)))
                }
                Err(_) => Err(NotOpened::Ended),
            };
            // Without a listener the channel is dropped here, and so closed.
            let _unwanted = tell.send(opened);
        });
        match timeout(patience, told).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) => Err(NotOpened::Ended),
            Err(_) => Err(NotOpened::Silent),
        }
    }

    fn answered(&self) {
        self.usage.lock().works = true;
    }

    fn again(&self) -> Self {
        self.usage.lock().users += 1;
        Self { connection: self.connection.clone(), runs_command: false }
    }
}

/// An open channel, closed when it is dropped; russh does not do that.
pub(super) struct OpenChannel(Option<(Channel<Msg>, Lease)>);

impl OpenChannel {
    /// From here on the caller closes it.
    pub(super) fn split(mut self) -> (ChannelReadHalf, ChannelWriteHalf<Msg>, Lease) {
        let (channel, lease) = self.0.take().expect("only this and drop take it");
        let (read, write) = channel.split();
        (read, write, lease)
    }
}

impl Drop for OpenChannel {
    fn drop(&mut self) {
        let Some((channel, lease)) = self.0.take() else { return };
        let Ok(runtime) = Runtime::try_current() else { return };
        runtime.spawn(async move {
            lease.closed_here();
            // An error means that the connection has ended, and the channel with it.
            let _ended = channel.close().await;
        });
    }
}

fn reason(why: &ChannelOpenFailure) -> String {
    match why {
        ChannelOpenFailure::AdministrativelyProhibited => "its settings forbid it".into(),
        ChannelOpenFailure::ConnectFailed => "it could not be opened there".into(),
        ChannelOpenFailure::UnknownChannelType => "its sshd is too old, or it is not OpenSSH".into(),
        ChannelOpenFailure::ResourceShortage => "it is short of resources".into(),
        ChannelOpenFailure::Other { reason, .. } => from_host(reason),
    }
}
