//! The durable memory: calls, their timelines, idempotency keys, in one SQLite file or in PostgreSQL.
//!
//! Writes are handed to one writer, which puts whatever waits into one transaction, so many calls
//! share one fsync; nobody is kept waiting by `submit`. Reads go to a few connections of their own
//! and never wait for the writer. What a call means is not known here: a record is kept as it comes.
//! Times are stored as microseconds, UTC.

mod address;
mod batch;
mod calls;
mod check;
mod clock;
mod copy;
mod counts;
mod engine;
mod error;
mod follow;
mod idempotency;
mod inspect;
mod moved;
mod office;
mod page;
mod postgres;
mod retention;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
mod timeline;
mod writer;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use call::{CallId, CallRecord, Entry};
use clock::SteadyClock;
use engine::Engine;
use error::BadValue;
use follow::Followers;
use sql::{Dialect, Readers};
use writer::{Job, Writer};

pub use address::{Address, host_name, slash_missing};
pub use calls::Deleted;
pub use copy::{Copied, Part, copy};
pub use error::StoreError;
pub use follow::{Change, MAY_LAG};
pub use idempotency::{IdempotencyRow, LIFE as IDEMPOTENCY_LIFE};
pub use inspect::{Ended, Inspection, Node, Overdue, check_url, file_of};
pub use page::{BadCursor, Cursor, Filter, Listing, Page};
pub use postgres::target::{is_postgres, postgres_options, shown_url};
pub use sqlite::backup::{Backup, backup};

/// The store. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// The writer task. It ends once the store is closed, or all its clones are dropped, and all that
/// waited is on disk.
pub struct WriterHandle(JoinHandle<()>);

/// One step of one call, to become durable as a whole.
#[derive(Debug)]
pub struct Commit {
    pub record: Arc<CallRecord>,
    /// What is new in the call's timeline.
    pub entries: Vec<Entry>,
    pub idempotency: Option<IdempotencyRow>,
    /// Somebody waits for it: it goes to the disk at once, and all that has been gathered with it.
    pub urgent: bool,
    /// Told once the step is on disk; dropped when it can never be.
    pub done: Option<oneshot::Sender<()>>,
}

/// What the writer tells its employer. The `seq` of all entries grow from notice to notice.
#[derive(Debug)]
pub enum Notice {
    /// On disk, in one transaction; each call once.
    Committed(Vec<Arc<Change>>),
    Refused(Refused),
}

/// A step that no repetition would get to disk: a fault of the program.
#[derive(Debug, Clone)]
pub struct Refused {
    pub call_id: CallId,
    pub record: Arc<CallRecord>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Ok,
    /// Nothing can be written at present; what was submitted waits.
    Away {
        reason: String,
        since: DateTime<Utc>,
    },
}

/// What the writer has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    pub commits: u64,
    /// Transactions that carried them.
    pub transactions: u64,
    /// Transactions that failed and were tried again.
    pub retries: u64,
    /// Commits that can never be written.
    pub refused: u64,
}

struct Inner {
    /// The file, where it is one.
    path: Option<PathBuf>,
    readers: Readers,
    /// Whose calls are this bot's, where several share a store.
    node: Option<String>,
    jobs: mpsc::UnboundedSender<Job>,
    health: watch::Receiver<Health>,
    shared: Arc<Shared>,
    followers: Arc<Followers>,
}

impl Inner {
    /// What keeps the calls, for people.
    fn disk(&self) -> &'static str {
        match self.readers.dialect() {
            Dialect::Sqlite => "disk",
            Dialect::Postgres => "database",
        }
    }
}

/// What the writer shows.
#[derive(Default)]
struct Shared {
    clock: SteadyClock,
    /// Since when it waits for the disk.
    working_since: Mutex<Option<(Instant, DateTime<Utc>)>>,
    backlog: Counter,
    commits: Counter,
    transactions: Counter,
    retries: Counter,
    refused: Counter,
}

impl Shared {
    /// The disk is asked for something, until this is dropped.
    fn at_work(self: &Arc<Self>) -> AtWork {
        *self.working_since.lock() = Some((Instant::now(), Utc::now()));
        AtWork(self.clone())
    }
}

struct AtWork(Arc<Shared>);

impl Drop for AtWork {
    fn drop(&mut self) {
        *self.0.working_since.lock() = None;
    }
}

/// A disk that has not answered for so long is away, though it says nothing: a network's that hangs, a dying one.
const SILENT: Duration = Duration::from_secs(5);

/// Reading all there is may take so long.
const LONG_LOOK: Duration = Duration::from_secs(600);

/// So many commits may wait for the disk before no new call is taken.
const MAX_BACKLOG: u64 = 20_000;

impl Store {
    /// Opens the store, makes it when it is missing, brings its schema up to date and starts the writer, which tells
    /// `notices` what became durable.
    pub async fn open(
        address: impl Into<Address<'_>>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Result<(Store, WriterHandle), StoreError> {
        Self::open_lagging(address, notices, MAY_LAG).await
    }

    /// The same, where so many changes may wait for one who follows.
    pub async fn open_lagging(
        address: impl Into<Address<'_>>,
        notices: mpsc::UnboundedSender<Notice>,
        may_lag: usize,
    ) -> Result<(Store, WriterHandle), StoreError> {
        let Address { url, node } = address.into();
        if is_postgres(url) {
            let node = node.map_or_else(host_name, str::to_owned);
            let (engine, readers) = postgres::open::open(url, &node).await?;
            let open = calls::all_open(&readers, Some(&node)).await?;
            let followers = Arc::new(Followers::new(open, may_lag));
            return Ok(Self::start(engine, readers, None, Some(node), followers, notices));
        }
        let path = file_of(url)?;
        let (engine, readers) = sqlite::open::open(url).await?;
        let followers = Arc::new(Followers::new(calls::all_open(&readers, None).await?, may_lag));
        Ok(Self::start(engine, readers, Some(path), None, followers, notices))
    }

    fn start<E: Engine>(
        engine: E,
        readers: Readers,
        path: Option<PathBuf>,
        node: Option<String>,
        followers: Arc<Followers>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> (Store, WriterHandle) {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let (health_sender, health) = watch::channel(Health::Ok);
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            jobs: waiting,
            notices,
            followers: followers.clone(),
            health: health_sender,
            shared: shared.clone(),
            engine,
            purge_at: Instant::now(),
            look_at: E::LOOK_EVERY.map(|often| Instant::now() + often),
            keep_days: 0,
        };
        let handle = WriterHandle(tokio::spawn(writer.run()));
        let inner = Inner { path, readers, node, jobs, health, shared, followers };
        (Store { inner: Arc::new(inner) }, handle)
    }

    /// Hands a step of a call to the writer and returns at once. After `close` the step is not
    /// taken, and its `done` is dropped.
    pub fn submit(&self, commit: Commit) {
        self.inner.shared.backlog.add(1);
        if let Err(refused) = self.inner.jobs.send(Job::Commit(commit)) {
            self.inner.shared.backlog.sub(1);
            if let Job::Commit(commit) = refused.0 {
                tracing::error!(call = %commit.record.id, status = %commit.record.last.status, "a step of a call came after the store was closed and is not kept");
            }
        }
    }

    /// How many commits wait or are being written. When it grows, no new call should be accepted.
    pub fn backlog(&self) -> u64 {
        self.inner.shared.backlog.value()
    }

    /// Why no call can be taken now, if so.
    pub fn refuses(&self) -> Option<String> {
        match self.health() {
            Health::Away { reason, .. } => Some(reason),
            Health::Ok if self.backlog() > MAX_BACKLOG => {
                Some(format!("the {} does not keep up", self.inner.disk()))
            }
            Health::Ok => None,
        }
    }

    pub fn health(&self) -> Health {
        if self.inner.health.has_changed().is_err() {
            return Health::Away { reason: "the store is closed".to_owned(), since: Utc::now() };
        }
        let health = self.inner.health.borrow().clone();
        match (health, *self.inner.shared.working_since.lock()) {
            (Health::Ok, Some((begun, since))) if begun.elapsed() > SILENT => {
                let reason =
                    format!("the {} has not answered for {} s", self.inner.disk(), begun.elapsed().as_secs());
                Health::Away { reason, since }
            }
            (health, _) => health,
        }
    }

    /// Every change of the health. Its end means that the writer is gone.
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.inner.health.clone()
    }

    pub fn stats(&self) -> Stats {
        let shared = &self.inner.shared;
        Stats {
            commits: shared.commits.value(),
            transactions: shared.transactions.value(),
            retries: shared.retries.value(),
            refused: shared.refused.value(),
        }
    }

    /// From now on ended calls older than this are removed, some at a time, with all that belongs to
    /// them; 0 keeps them for ever, which is so until this is called.
    pub fn keep_days(&self, days: u32) {
        // A store that is closed keeps everything.
        let _ = self.inner.jobs.send(Job::KeepDays(days));
    }

    /// The database that keeps it, in a word.
    pub fn engine(&self) -> &'static str {
        match self.inner.readers.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgresql",
        }
    }

    /// Removes an ended call with all that belongs to it, after everything submitted so far.
    pub async fn delete(&self, id: CallId) -> Result<Deleted, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.inner.jobs.send(Job::Delete(id, reply)).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Writes all that waits and closes the file. It takes as long as the disk refuses to write: set
    /// a limit to it. Whatever was committed stays, also when this is not waited for.
    pub async fn close(&self) {
        // The writer last: only the last connection takes the log into the file, and readers may not.
        self.inner.readers.close().await;
        // An error means that the writer has ended already.
        let _ = self.inner.jobs.send(Job::Close);
        self.inner.jobs.closed().await;
        let mut health = self.inner.health.clone();
        while health.changed().await.is_ok() {}
    }
}

impl WriterHandle {
    /// Waits for the writer's end. True when it ended because it was told to.
    pub async fn ended(self) -> bool {
        self.0.await.is_ok()
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl Counter {
    fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}
