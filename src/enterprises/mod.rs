//! Who may use the office API: the enterprises of the table `enterprises`, in a PostgreSQL that others may own or in a
//! SQLite file of our own.
//!
//! The table is only read here, but for what the command line orders. A secret is looked up with
//! `SELECT number, name, ip FROM enterprises WHERE secret = $1 AND active = true`; the answer is believed for a second,
//! so that a busy client costs two queries a second however many requests it sends. While the database is away, those
//! who were known go on for a set time. What an enterprise may do, and how it asks, is not known here.

mod cache;
mod change;
mod database;
mod enterprise;
mod error;
mod identify;
mod listen;
mod manage;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod watch;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::{
    sync::{Mutex as AsyncMutex, Notify, Semaphore, watch as channel},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use cache::{Cache, Key};
use database::{Connection, Target};
use identify::Flights;
use table::Layout;

pub use change::{Change, Setting};
pub use enterprise::{Enterprise, Overrides};
pub use error::DirectoryError;
pub use manage::{Added, Listed, NewEnterprise};
pub use value::{BadValue, Context, Extensions, Host, Name, Number, User};

use asterisk::secret::Secret;
use lang::{Text, say};

/// The most unknown secrets that are remembered: about 1 MB.
const UNKNOWN: usize = 10_000;

/// Where the enterprises are, and how long what was read is believed.
#[derive(Debug, Clone)]
pub struct DirectoryConfig {
    /// `postgres://user@host:5432/database` or `sqlite:///path`. Secret, for it may hold a password.
    pub url: Secret,
    /// Goes before one in the URL.
    pub password: Option<Secret>,
    /// How long the answer for a known secret is believed: a revoked one is dead after it.
    pub life: Duration,
    /// How long it is remembered that a secret was nobody's, so that it is not asked for at any rate.
    pub unknown_life: Duration,
    /// How long after the last answer of the database a known enterprise goes on without it.
    pub grace: Duration,
    /// Limit for a query, and for a connection.
    pub time_limit: Duration,
    /// A database that has not answered for so long does not keep a known enterprise waiting.
    pub patience: Duration,
    /// Connections for queries, at least 2; half of them are for unknown secrets. One more looks after the database,
    /// one hears of changes.
    pub connections: u32,
}

impl DirectoryConfig {
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            password: None,
            life: Duration::from_secs(1),
            unknown_life: Duration::from_secs(2),
            grace: Duration::from_secs(3600),
            time_limit: Duration::from_secs(2),
            patience: Duration::from_millis(250),
            connections: 4,
        }
    }
}

/// The directory. Cheap to clone; every clone is the same one, and its tasks end with the last.
#[derive(Clone)]
pub struct Directory {
    inner: Arc<Inner>,
    _tasks: Arc<DropGuard>,
}

/// How the directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryState {
    Connected {
        /// Enterprises that would go on without the database.
        known: usize,
        /// Changes are heard of at once.
        hears_changes: bool,
    },
    Away {
        since: DateTime<Utc>,
        /// Without a password.
        why: Text,
        known: usize,
    },
}

/// What was done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Look-ups of a secret in the database, those included that failed.
    pub queries: u64,
    /// Of these, failed or late.
    pub failures: u64,
    /// Answers out of the memory, younger than their life.
    pub remembered: u64,
    /// Answers that known enterprises were given by grace.
    pub graced: u64,
    /// Requests that had to be told that the database is away.
    pub turned_away: u64,
    /// Secrets that are remembered now to be nobody's.
    pub unknown: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    Connected,
    Away { since: DateTime<Utc>, why: Text },
}

struct Inner {
    config: DirectoryConfig,
    target: Target,
    key: Key,
    /// What is known, and which look-ups are under way.
    memory: Mutex<Memory>,
    link: channel::Sender<Link>,
    /// When it was begun, and what it brought.
    last_list: AsyncMutex<Option<(Instant, SharedList)>>,
    /// The table as it was last seen.
    layout: Mutex<Option<Arc<Layout>>>,
    idle: Mutex<Vec<Connection>>,
    /// Places for look-ups of known secrets, and of unknown ones, so that guessing keeps nobody waiting.
    known_lane: Semaphore,
    unknown_lane: Semaphore,
    hears_changes: std::sync::atomic::AtomicBool,
    /// Wakes the task that looks after the database.
    wake: Notify,
    tally: Tally,
}

type SharedList = Arc<Result<Vec<Listed>, DirectoryError>>;

struct Memory {
    cache: Cache,
    flights: Flights,
}

#[derive(Default)]
struct Tally {
    queries: AtomicU64,
    failures: AtomicU64,
    remembered: AtomicU64,
    graced: AtomicU64,
    turned_away: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Directory {
    /// Opens the directory. A database that is away is no error: [`Directory::state`] says so, and it is tried again
    /// until it is back. Takes at most the time limit of a connection and of a query. An error is a URL that is none.
    pub async fn open(config: DirectoryConfig) -> Result<Self, DirectoryError> {
        let inner = Self::inner(config)?;
        let stop = CancellationToken::new();
        let watcher = watch::Watcher::new(inner.clone());
        let watcher = watcher.first_look().await;
        tokio::spawn(stop.clone().run_until_cancelled_owned(watcher.run()));
        if inner.target.postgres().is_some() {
            tokio::spawn(stop.clone().run_until_cancelled_owned(listen::run(inner.clone())));
        }
        Ok(Self { inner, _tasks: Arc::new(stop.drop_guard()) })
    }

    /// A directory for orders alone: nothing looks after the database, and [`Directory::identify`] knows nobody.
    pub fn for_orders(config: DirectoryConfig) -> Result<Self, DirectoryError> {
        Ok(Self { inner: Self::inner(config)?, _tasks: Arc::new(CancellationToken::new().drop_guard()) })
    }

    fn inner(config: DirectoryConfig) -> Result<Arc<Inner>, DirectoryError> {
        let target = Target::parse(&config.url, config.password.as_ref())?;
        let places = usize::try_from(config.connections).unwrap_or(usize::MAX).clamp(2, 100);
        let cache = Cache::new(config.life, config.unknown_life, UNKNOWN);
        let away = Link::Away {
            since: Utc::now(),
            why: say!("it was not reached yet", "к ней ещё не подключились"),
        };
        Ok(Arc::new(Inner {
            target,
            key: Key::new(),
            memory: Mutex::new(Memory { cache, flights: Flights::default() }),
            link: channel::Sender::new(away),
            last_list: AsyncMutex::default(),
            layout: Mutex::new(None),
            idle: Mutex::new(Vec::new()),
            known_lane: Semaphore::new(places.div_ceil(2)),
            unknown_lane: Semaphore::new(places / 2),
            hears_changes: false.into(),
            wake: Notify::new(),
            tally: Tally::default(),
            config,
        }))
    }

    /// Whose secret this is; `None` if it is nobody's or the enterprise is not active.
    ///
    /// # Errors
    /// [`DirectoryError::Away`], [`DirectoryError::Busy`], and [`DirectoryError::Unfit`] for an enterprise whose row
    /// is not sane.
    pub async fn identify(&self, secret: &Secret) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
        self.inner.identify(secret).await
    }

    pub fn state(&self) -> DirectoryState {
        let inner = &self.inner;
        let known = inner.memory.lock().cache.known();
        match inner.link.borrow().clone() {
            Link::Connected => DirectoryState::Connected {
                known,
                hears_changes: inner.hears_changes.load(Ordering::Relaxed),
            },
            Link::Away { since, why } => DirectoryState::Away { since, why, known },
        }
    }

    pub fn counts(&self) -> Counts {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.inner.tally;
        Counts {
            queries: value(&tally.queries),
            failures: value(&tally.failures),
            remembered: value(&tally.remembered),
            graced: value(&tally.graced),
            turned_away: value(&tally.turned_away),
            unknown: self.inner.memory.lock().cache.unknown(),
        }
    }

    /// Kind, place and name of the database, without user and password.
    pub fn name(&self) -> String {
        self.inner.target.to_string()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Directory").field(&self.inner.target).finish()
    }
}
