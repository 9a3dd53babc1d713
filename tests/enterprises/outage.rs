//! The database is away in every way that it can be: those who were known go on at once, others are told so.

use std::time::{Duration, Instant};

use asterisk::secret::Secret;
use novofon_bot::enterprises::{Directory, DirectoryConfig, DirectoryError, DirectoryState};

use crate::{
    JULY, JUNE, SEED_TABLE, Stalls, ask,
    cluster::{Cluster, PASSWORD},
    number, until, until_away, until_connected, usual, why,
};

async fn open(cluster: &Cluster) -> Directory {
    Directory::open(usual(cluster)).await.expect("a URL")
}

/// What a known enterprise may be kept waiting for a database that is none.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Asks for june, who is known, all the time until `end`; gives the longest wait.
async fn longest_wait(directory: &Directory, end: impl Future) -> Duration {
    let asking = async {
        let mut longest = Duration::ZERO;
        let mut end = std::pin::pin!(end);
        loop {
            let begun = Instant::now();
            assert_eq!(number(directory, JUNE).await.as_deref(), Some("0367"));
            longest = longest.max(begun.elapsed());
            tokio::select! {
                _ = &mut end => return longest,
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
        }
    };
    asking.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_stops_nobody_who_is_known() {
    let mut cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    assert_eq!(number(&directory, "nobody's").await, None);

    cluster.kill();
    let stalls = Stalls::measured();
    let longest = longest_wait(&directory, async {
        until_away(&directory).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    })
    .await;
    eprintln!("killed: the longest wait was {longest:?}; {}", why(&directory));
    assert!(longest < AT_ONCE + stalls.longest(), "{longest:?}, of the machine {:?}", stalls.longest());
    assert!(why(&directory).contains("refused"), "{}", why(&directory));
    let begun = Instant::now();
    // July was never asked for; whether the other is still nobody's can't be told any more.
    for secret in [JULY, "nobody's"] {
        assert!(matches!(ask(&directory, secret).await, Err(DirectoryError::Away { .. })), "{secret}");
    }
    let told = begun.elapsed();
    assert!(told < AT_ONCE + stalls.longest(), "who is not known is told at once: {told:?}");
    let counts = directory.counts();
    assert!(counts.graced > 100 && counts.turned_away == 2, "{counts:?}");

    cluster.start_server();
    let took = until_connected(&directory).await;
    eprintln!("found again {took:?} after its start");
    assert_eq!(number(&directory, JULY).await.as_deref(), Some("0368"));
    assert_eq!(number(&directory, "nobody's").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_slows_nobody_who_is_known() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());

    cluster.freeze();
    let mut detected = Duration::ZERO;
    let stalls = Stalls::measured();
    let longest = longest_wait(&directory, async {
        detected = until_away(&directory).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
    })
    .await;
    eprintln!("frozen: away after {detected:?}, the longest wait was {longest:?}; {}", why(&directory));
    assert!(longest < AT_ONCE + stalls.longest(), "{longest:?}, of the machine {:?}", stalls.longest());
    assert_eq!(why(&directory), "no answer within 2s");
    let begun = Instant::now();
    assert!(matches!(ask(&directory, JULY).await, Err(DirectoryError::Away { .. })));
    let told = begun.elapsed();
    assert!(told < AT_ONCE + stalls.longest(), "{told:?}");

    cluster.thaw();
    until_connected(&directory).await;
    cluster.run("UPDATE enterprises SET active = false").await;
    until("the end of june", async || number(&directory, JUNE).await.is_none()).await;
}

#[tokio::test]
async fn whoever_asks_a_server_that_freezes_is_told_in_time() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    cluster.freeze();
    // Nobody knows yet that it is frozen.
    let stalls = Stalls::measured();
    let begun = Instant::now();
    assert!(number(&directory, JUNE).await.is_some());
    let known = begun.elapsed();
    assert!(matches!(ask(&directory, JULY).await, Err(DirectoryError::Away { .. })));
    let unknown = begun.elapsed();
    eprintln!("freezing: the known one waited {known:?}, the unknown one {unknown:?}");
    let more = stalls.longest();
    assert!(known < Duration::from_millis(300) + more && unknown < Duration::from_millis(2500) + more);
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let mut cluster = Cluster::with(SEED_TABLE).await;
    cluster.stop();
    let begun = Instant::now();
    let directory = open(&cluster).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(why(&directory).contains("refused"), "{}", why(&directory));
    let error = ask(&directory, JUNE).await.expect_err("nobody is known").to_string();
    assert!(error.contains("is away since") && error.contains("refused"), "{error}");
    cluster.start_server();
    let took = until_connected(&directory).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(number(&directory, JUNE).await.is_some());
}

#[tokio::test]
async fn a_restart_is_not_noticed_by_who_comes_after_it() {
    let mut cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    cluster.stop();
    cluster.start_server();
    cluster.run("SELECT 1").await;
    // Its connections are dead, which it may not have seen.
    until("an answer", async || ask(&directory, JULY).await.is_ok_and(|it| it.is_some())).await;
    assert!(number(&directory, JUNE).await.is_some());
}

#[tokio::test]
async fn grace_ends() {
    let mut cluster = Cluster::with(SEED_TABLE).await;
    let config = DirectoryConfig { grace: Duration::from_secs(3), ..usual(&cluster) };
    let directory = Directory::open(config).await.expect("a URL");
    let asked = Instant::now();
    assert!(number(&directory, JUNE).await.is_some());
    cluster.kill();
    until("the end", async || ask(&directory, JUNE).await.is_err()).await;
    let lived = asked.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&lived), "{lived:?}");
    assert!(matches!(ask(&directory, JUNE).await, Err(DirectoryError::Away { .. })));
    until("nobody", async || matches!(directory.state(), DirectoryState::Away { known: 0, .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_counts_as_away_and_sessions_do_not_pile_up() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let directory = open(&cluster).await;
    assert!(number(&directory, JUNE).await.is_some());
    let mut owner = cluster.owner().await;
    for sql in ["BEGIN", "LOCK TABLE enterprises"] {
        sqlx::query(sql).execute(&mut owner).await.expect(sql);
    }
    let stalls = Stalls::measured();
    let longest = longest_wait(&directory, async {
        until_away(&directory).await;
        tokio::time::sleep(Duration::from_secs(8)).await;
    })
    .await;
    assert!(longest < AT_ONCE + stalls.longest(), "{longest:?}, of the machine {:?}", stalls.longest());
    let waiting =
        "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'bot' AND wait_event_type = 'Lock'";
    let sessions = cluster.value(waiting).await;
    eprintln!("locked: {sessions} sessions wait, the longest wait was {longest:?}; {}", why(&directory));
    assert!(sessions.parse::<u32>().expect("a count") <= 2, "{sessions} sessions wait for nobody");
    sqlx::query("ROLLBACK").execute(&mut owner).await.expect("the end of the lock");
    until_connected(&directory).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let config = DirectoryConfig { password: Some(Secret::new("wr0ng-pass")), ..usual(&cluster) };
    let directory = Directory::open(config.clone()).await.expect("a URL");
    assert_eq!(why(&directory), "password authentication failed for user \"bot\"");
    let state = directory.state();
    let error = ask(&directory, JUNE).await.expect_err("away");
    let shown = format!("{state:?} {error} {error:?} {directory:?} {config:?}");
    assert!(!shown.contains("wr0ng") && !shown.contains(JUNE), "{shown}");
    assert!(directory.name().starts_with("PostgreSQL office at 127.0.0.210:"), "{}", directory.name());
}

/// Everything that is logged by this thread at any level.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_has_a_secret_or_a_password() {
    let mut cluster = Cluster::with(SEED_TABLE).await;
    cluster.run("INSERT INTO enterprises VALUES ('9', 'x', 'no host', 'unfit-s3cret', true)").await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let directory = open(&cluster).await;
    for secret in [JUNE, "gu3ss", "unfit-s3cret", "gu3ss'; DROP TABLE enterprises; --"] {
        let _ = ask(&directory, secret).await;
    }
    cluster.kill();
    until_away(&directory).await;
    for secret in [JUNE, "an0ther-gu3ss"] {
        let _ = ask(&directory, secret).await;
    }
    cluster.start_server();
    until_connected(&directory).await;
    let told = String::from_utf8(log.0.lock().expect("no panic with it").clone()).expect("UTF-8");
    for words in ["database is away", "database answers", "enterprise `9` can't be used"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for secret in [JUNE, "gu3ss", "unfit-s3cret", PASSWORD] {
        // The test's own statements are its own affair.
        let found =
            told.lines().find(|line| line.contains(secret) && !line.contains("INSERT INTO enterprises"));
        assert_eq!(found, None);
    }
}
