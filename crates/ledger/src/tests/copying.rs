//! `store copy`: all of it, in each direction, and never so that two bots could dial one queue.

use std::process::{Command, Stdio};

use super::*;
use call::Metadata;

const WHOLE: Page = Page { limit: 1000, cursor: None, offset: 0 };

const DIRECTIONS: [(On, On); 4] = [
    (On::Sqlite, On::Postgres),
    (On::Postgres, On::Sqlite),
    (On::Sqlite, On::Sqlite),
    (On::Postgres, On::Postgres),
];

fn silent(_: Part, _: i64, _: i64) {}

async fn refusal(url: &str) -> StoreError {
    let (sender, _notices) = mpsc::unbounded_channel();
    match Store::open(url, sender).await {
        Ok(_) => panic!("{url} was opened"),
        Err(e) => e,
    }
}

/// Calls of many kinds with entries and keys; the newest entries are gone, and their numbers must not come back.
async fn filled(store: &Store) -> CallRecord {
    for n in 0..230 {
        let number = phone(n % 7);
        let request: Request = match n % 5 {
            0 => office(n % 3, number).into(),
            _ => OutgoingCall {
                custom_metadata: Metadata::of_store(&format!("{{\"order\":{n}}}")).ok(),
                ..outgoing(number)
            }
            .into(),
        };
        let mut record = of(n, request);
        record.last.status = Status::ALL[n as usize % Status::ALL.len()];
        if record.last.status.is_terminal() {
            (record.last.reason, record.last.ended_by) = (Some(Reason::HungUp), Some(EndedBy::Callee));
        }
        let mut commit = commit(&record, &["queued", "dialing", "ringing"]);
        commit.idempotency = (n % 9 == 0).then(|| IdempotencyRow {
            scope: "crm".to_owned(),
            key: format!("order-{n}"),
            fingerprint: [7; 32],
            call_id: record.id,
            created_at: Utc::now(),
        });
        store.submit(commit);
    }
    let last = ended(call(999, phone(1)), Status::Busy, Reason::Busy, EndedBy::Callee);
    assert!(submit(store, commit(&last, &["queued", "busy"])).await);
    assert_eq!(store.delete(last.id).await.expect("deleted"), Deleted::Yes);
    let queued = call(1000, phone(3));
    stored(store, &queued).await;
    queued
}

type Everything =
    (Listing, Vec<(i64, CallId, Entry)>, i64, std::collections::BTreeMap<Status, i64>, Vec<CallRecord>);

async fn everything(store: &Store) -> Everything {
    (
        store.list(&Filter::default(), &WHOLE).await.expect("listed"),
        store.timeline_after(None, 0, 10_000).await.expect("read"),
        store.last_seq().await.expect("read"),
        store.counts_by_status().await.expect("read"),
        store.open_calls().await.expect("read"),
    )
}

#[tokio::test]
async fn all_of_it_is_in_the_copy_and_the_first_store_is_nobodys() {
    for (from, to) in DIRECTIONS {
        let source = Fixture::new(from).await;
        let queued = filled(&source.store).await;
        let before = everything(&source.store).await;
        let place = Place::new(to).await;
        let (from_url, to_url) = (source.url(), place.url());

        // In use.
        let error =
            copy(&from_url, &to_url, &host_name(), silent).await.expect_err("a bot has it").to_string();
        assert!(error.contains("in use by another novofon-bot"), "{from:?} {to:?}: {error}");
        source.store.close().await;

        let mut told = Vec::new();
        let node = host_name();
        let copied = copy(&from_url, &to_url, &node, |part, done, all| told.push((part, done, all)));
        let copied = copied.await.expect("copied");
        assert_eq!(copied, Copied { calls: 231, entries: 690, keys: 26 }, "{from:?} {to:?}");
        assert!(
            told.contains(&(Part::Calls, 231, 231)) && told.contains(&(Part::Entries, 690, 690)),
            "{told:?}"
        );

        let error = refusal(&from_url).await;
        assert!(matches!(&error, StoreError::Retired { .. }), "{error}");
        let shown = format!("{error} {error:?} {}", error.told(lang::Lang::Ru));
        assert!(!shown.contains(cluster::PASSWORD), "{shown}");
        assert!(
            error.to_string().contains(if to == On::Sqlite { "bot.db" } else { "PostgreSQL office at" }),
            "{error}"
        );

        let fixture = Fixture::at(place).await;
        assert_eq!(everything(&fixture.store).await, before, "{from:?} {to:?}");
        assert_eq!(fixture.store.integrity_check().await.expect("checked"), [""; 0]);
        assert!(fixture.store.idempotency("crm", "order-9").await.expect("read").is_some());
        assert!(submit(&fixture.store, commit(&queued, &["next"])).await);
        assert_eq!(
            fixture.store.timeline(queued.id).await.expect("read")[0].0,
            before.2 + 1,
            "no number twice"
        );
        fixture.store.close().await;

        // And no second time.
        let other = Place::new(On::Sqlite).await;
        let error = copy(&from_url, &other.url(), "n", silent).await.expect_err("it is retired");
        assert!(matches!(error, StoreError::Retired { .. }), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_is_made_of_nothing() {
    let (one, two) = (Fixture::new(On::Sqlite).await, Fixture::new(On::Postgres).await);
    stored(&one.store, &call(1, phone(1))).await;
    stored(&two.store, &call(2, phone(2))).await;
    one.store.close().await;
    two.store.close().await;
    for (from, to) in [(&one, &two), (&two, &one)] {
        let error = copy(&from.url(), &to.url(), "n", silent).await.expect_err("there are calls");
        assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
    }
    let error = copy(&one.url(), &one.url(), "n", silent).await.expect_err("one store");
    assert!(matches!(error, StoreError::SameStore { .. }), "{error}");
    let error = copy("sqlite:///nowhere/bot.db", &two.url(), "n", silent).await.expect_err("no store");
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    let empty = Place::new(On::Postgres).await;
    let error = copy(&empty.url(), "sqlite:///nowhere/bot.db", "n", silent).await.expect_err("no store");
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    // Both go on as they were.
    for fixture in [one, two] {
        let fixture = Fixture::at(fixture.place).await;
        assert_eq!(fixture.store.open_calls().await.expect("read").len(), 1);
    }
}

/// A file has one bot: it would take up the calls that others' Asterisks have.
#[tokio::test]
async fn calls_of_two_nodes_go_into_no_file() {
    let server = Arc::new(server().await);
    let url = server.url_with_password("bot");
    for node in ["one", "two"] {
        let (sender, _notices) = mpsc::unbounded_channel();
        let (store, _) = Store::open(Address { url: &url, node: Some(node) }, sender).await.expect("open");
        stored(&store, &call(1, phone(1))).await;
        store.close().await;
    }
    let file = Place::new(On::Sqlite).await;
    let error = copy(&url, &file.url(), "n", silent).await.expect_err("two nodes").to_string();
    assert!(error.contains("(one, two)"), "{error}");
    // Into a database they go, each to its own.
    let other = format!("{url}?schema=other");
    copy(&url, &other, "n", silent).await.expect("copied");
    let (sender, _notices) = mpsc::unbounded_channel();
    let (store, _) = Store::open(Address { url: &other, node: Some("two") }, sender).await.expect("open");
    assert_eq!(store.open_calls().await.expect("read").len(), 1);
}

/// An older release knows nothing of marks, and leaves a retired store alone all the same: it would dial its queue again.
#[tokio::test]
async fn a_retired_store_is_a_newer_ones_to_an_older_release() {
    for on in [On::Sqlite, On::Postgres] {
        let fixture = Fixture::new(on).await;
        stored(&fixture.store, &call(1, phone(1))).await;
        fixture.store.close().await;
        let target = Place::new(On::Sqlite).await;
        copy(&fixture.url(), &target.url(), "n", silent).await.expect("copied");
        // As it looks to one that does not ask.
        fixture.stranger().await.run("DROP TABLE moved").await.expect("dropped");
        let error = refusal(&fixture.url()).await;
        assert!(matches!(error, StoreError::NewerSchema { .. }), "{error}");
    }
}

/// Set in the child: the stores.
const CHILD: &str = "NOVOFON_BOT_TEST_COPY";

/// Killed at any moment, and begun again until it is through: at no moment may a bot open both, and in the end all is there.
#[tokio::test]
async fn kill_9_leaves_a_copy_that_is_whole_or_none() {
    if let Ok(urls) = std::env::var(CHILD) {
        let (from, to) = urls.split_once(' ').expect("two URLs");
        copy(from, to, &host_name(), silent).await.expect("copied");
        return;
    }
    for (from, to) in [(On::Sqlite, On::Postgres), (On::Postgres, On::Sqlite)] {
        let source = Fixture::new(from).await;
        filled(&source.store).await;
        let before = everything(&source.store).await;
        source.store.close().await;
        let place = Place::new(to).await;
        let urls = format!("{} {}", source.url(), place.url());
        let copying = || {
            Command::new(std::env::current_exe().expect("the test's own binary"))
                .args([
                    "--exact",
                    "tests::copying::kill_9_leaves_a_copy_that_is_whole_or_none",
                    "--nocapture",
                ])
                .env(CHILD, &urls)
                .stdout(Stdio::null())
                .stderr(Stdio::inherit())
                .spawn()
                .expect("the child starts")
        };
        let (mut pause, mut kills) = (Duration::from_millis(30), 0);
        loop {
            let mut child = copying();
            let begun = std::time::Instant::now();
            while begun.elapsed() < pause && child.try_wait().expect("our child").is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let ended = child.try_wait().expect("our child");
            if let Some(status) = ended {
                assert!(status.success(), "{from:?} {to:?}: {status}");
                break;
            }
            child.kill().expect("SIGKILL");
            child.wait().expect("it is dead");
            kills += 1;
            pause += Duration::from_millis(23);
            // Wherever it was killed: one of the two is a store, and not both.
            let openable = [openable(&source.url()).await, openable(&place.url()).await];
            assert_ne!(openable, [true, true], "{from:?} {to:?}: two bots would dial one queue");
            if openable == [false, true] {
                // It was through, and only its exit was left.
                break;
            }
        }
        eprintln!("{from:?} {to:?}: {kills} kills");
        let fixture = Fixture::at(place).await;
        assert_eq!(everything(&fixture.store).await, before, "{from:?} {to:?}");
    }
}

/// Whether a bot would find calls there to go on with. One that would make an empty store of it is no matter.
async fn openable(url: &str) -> bool {
    let path = file_of(url).ok();
    if path.is_some_and(|path| !path.exists()) {
        return false;
    }
    let mut db = stranger(url).await;
    let calls = match db.dialect() {
        Dialect::Sqlite => db.query("SELECT 1 FROM sqlite_master WHERE name = 'calls'"),
        Dialect::Postgres => db.query("SELECT 1 WHERE to_regclass('calls') IS NOT NULL"),
    };
    if db.optional(calls).await.expect("read").is_none()
        || moved::mark(&mut db).await.expect("read").is_some()
    {
        db.close().await.expect("a goodbye");
        return false;
    }
    let calls = db.query("SELECT count(*) > 0 FROM calls");
    let has_calls = db.one(calls).await.and_then(|row| row.get(0)).expect("read");
    db.close().await.expect("a goodbye");
    has_calls
}
