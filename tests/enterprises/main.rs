//! Who may use the office API, on a real PostgreSQL: the table as others made it, changes, and a database that is
//! stopped, killed or frozen. Each test has a server of its own; without PostgreSQL's programs they fail.

#[allow(dead_code, reason = "the store's tests use the rest")]
#[path = "../support/postgres.rs"]
mod cluster;
mod command_line;
mod foreign;
mod guesses;
mod outage;
mod own;
mod revoked;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use asterisk::secret::Secret;
use cluster::Cluster;
use novofon_bot::enterprises::{Directory, DirectoryConfig, DirectoryError, DirectoryState, Enterprise};

/// The secret of the office API's description.
const JUNE: &str = "d68409d67e3b4b87a6675e76dae74a85";
const JULY: &str = "0123456789abcdef0123456789abcdef";

/// The table as the description gives it: what types its columns have is not told there.
const SEED_TABLE: &str = "
    CREATE TABLE enterprises (number varchar(16), name varchar(64), ip varchar(64), secret varchar(64), active boolean);
    INSERT INTO enterprises VALUES
        ('0367', 'june', '10.88.10.19', 'd68409d67e3b4b87a6675e76dae74a85', true),
        ('0368', 'july', '10.88.10.20', '0123456789abcdef0123456789abcdef', true),
        ('0369', 'gone', '10.88.10.21', 'aaaabbbbccccddddeeeeffff00001111', false);
    GRANT SELECT ON enterprises TO bot;
";

/// With a time limit that no busy machine comes near; where it is what is tested, it is the usual one.
fn config(cluster: &Cluster) -> DirectoryConfig {
    DirectoryConfig { time_limit: Duration::from_secs(15), ..usual(cluster) }
}

fn usual(cluster: &Cluster) -> DirectoryConfig {
    DirectoryConfig {
        password: Some(Secret::new(cluster::PASSWORD)),
        ..DirectoryConfig::new(Secret::new(cluster.url("bot")))
    }
}

async fn open(cluster: &Cluster) -> Directory {
    Directory::open(config(cluster)).await.expect("a URL")
}

async fn ask(directory: &Directory, secret: &str) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
    directory.identify(&Secret::new(secret)).await
}

/// The number of whose secret this is.
async fn number(directory: &Directory, secret: &str) -> Option<String> {
    ask(directory, secret).await.expect("an answer").map(|enterprise| enterprise.number.to_string())
}

/// Waits for a condition, and says how long it took.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

fn is_connected(directory: &Directory) -> bool {
    matches!(directory.state(), DirectoryState::Connected { .. })
}

fn hears_changes(directory: &Directory) -> bool {
    matches!(directory.state(), DirectoryState::Connected { hears_changes: true, .. })
}

/// Why the database is away.
fn why(directory: &Directory) -> String {
    match directory.state() {
        DirectoryState::Away { why, .. } => why.en,
        DirectoryState::Connected { .. } => "connected".to_owned(),
    }
}

/// How long this machine itself kept somebody waiting who wanted to sleep for a millisecond: what is measured beside
/// it is allowed so much more.
struct Stalls(Arc<AtomicU64>);

impl Stalls {
    fn measured() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let watched = Arc::downgrade(&longest);
        std::thread::spawn(move || {
            let mut before = Instant::now();
            while let Some(longest) = watched.upgrade() {
                std::thread::sleep(Duration::from_millis(1));
                let stall = before.elapsed().as_micros();
                longest.fetch_max(u64::try_from(stall).unwrap_or(u64::MAX), Ordering::Relaxed);
                before = Instant::now();
            }
        });
        Stalls(longest)
    }

    fn longest(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

async fn until_connected(directory: &Directory) -> Duration {
    until("the connection", async || is_connected(directory)).await
}

async fn until_away(directory: &Directory) -> Duration {
    until("the loss of the database", async || !is_connected(directory)).await
}
