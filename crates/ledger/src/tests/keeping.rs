//! What leaves the store, and what is copied out of it.

use std::os::unix::fs::PermissionsExt;

use super::*;
use call::Metadata;

on_both!(
    ended_calls_past_their_age_leave_with_all_that_is_theirs,
    nothing_leaves_by_default_and_calls_go_on_while_it_does,
);

const ALL: Page = Page { limit: 10, cursor: None, offset: 0 };

/// An ended call of so many days ago, with a timeline.
async fn of_days_ago(store: &Store, n: u32, days: i64, status: Status) -> CallRecord {
    let mut record = call(n, phone(n));
    record.created_at = Utc::now() - TimeDelta::days(days);
    let record =
        if status.is_terminal() { ended(record, status, Reason::HungUp, EndedBy::Callee) } else { record };
    assert!(submit(store, commit(&record, &["ringing", "answered"])).await);
    record
}

async fn count(db: &mut Connection, sql: &str) -> i64 {
    let query = db.query(sql);
    db.one(query).await.and_then(|row| row.get(0)).expect("a count")
}

/// Waits for what another task does to the store.
async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let patience = std::time::Duration::from_secs(20);
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn ended_calls_past_their_age_leave_with_all_that_is_theirs(on: On) {
    let f = Fixture::new(on).await;
    let store = &f.store;
    for n in 0..250 {
        of_days_ago(store, n, 40, Status::Completed).await;
    }
    let open = of_days_ago(store, 300, 40, Status::Queued).await;
    let young = of_days_ago(store, 301, 29, Status::Completed).await;
    let old = Filter::default();
    let total = async || store.list(&old, &ALL).await.expect("a list").total;
    assert_eq!(total().await, 252);

    store.keep_days(30);
    eventually("the old ones leave", async || total().await == 2).await;
    for record in [&open, &young] {
        assert!(store.call(record.id).await.expect("it is read").is_some());
        assert_eq!(store.timeline(record.id).await.expect("it is read").len(), 2);
    }
    let mut db = f.stranger().await;
    assert_eq!(count(&mut db, "SELECT count(*) FROM timeline").await, 4);
    assert_eq!(store.integrity_check().await.expect("it is checked"), [""; 0]);
}

async fn nothing_leaves_by_default_and_calls_go_on_while_it_does(on: On) {
    let mut f = Fixture::new(on).await;
    for n in 0..1000 {
        let mut record = call(n, phone(n));
        record.created_at = Utc::now() - TimeDelta::days(4000);
        f.store.submit(commit(&ended(record, Status::Completed, Reason::HungUp, EndedBy::Callee), &["x"]));
    }
    stored(&f.store, &call(5000, phone(5000))).await;
    f = f.reopened().await;
    let all = Filter::default();
    let store = f.store.clone();
    let total = async || store.list(&all, &ALL).await.expect("a list").total;
    assert_eq!(total().await, 1001);
    store.keep_days(365);
    // Ten steps are needed; new calls are written between them.
    let mut longest = std::time::Duration::ZERO;
    let mut n = 5001;
    while total().await > 1 + i64::from(n - 5001) {
        let begun = std::time::Instant::now();
        stored(&store, &call(n, phone(n))).await;
        longest = longest.max(begun.elapsed());
        n += 1;
    }
    assert!(n > 5005, "calls were written while old ones left: {}", n - 5001);
    assert!(longest < std::time::Duration::from_secs(1), "{longest:?}");
}

#[tokio::test]
async fn the_file_gives_its_room_back() {
    let f = Fixture::new(On::Sqlite).await;
    for n in 0..3000 {
        let custom_metadata =
            Metadata::of_store(&serde_json::json!({ "filling": "x".repeat(2000) }).to_string()).ok();
        let mut record = of(n, OutgoingCall { custom_metadata, ..outgoing(phone(n)) });
        record.created_at = Utc::now() - TimeDelta::days(40);
        f.store.submit(commit(&ended(record, Status::Completed, Reason::HungUp, EndedBy::Callee), &[]));
    }
    stored(&f.store, &call(5000, phone(5000))).await;
    let pages = async || count(&mut f.stranger().await, "PRAGMA page_count").await;
    let before = pages().await;
    f.store.keep_days(30);
    eventually("the file shrinks", async || pages().await < before / 2).await;
}

#[tokio::test]
async fn a_backup_of_a_running_store_is_a_working_store() {
    let f = Fixture::new(On::Sqlite).await;
    let first = ended(call(1, phone(1)), Status::Completed, Reason::HungUp, EndedBy::Callee);
    assert!(submit(&f.store, commit(&first, &["ringing", "answered"])).await);
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy.db");
    let made = backup(&f.url(), &copy).await.expect("a backup");
    assert_eq!(made.calls, 1);
    let file = std::fs::metadata(&copy).expect("it is there");
    assert_eq!((file.permissions().mode() & 0o777, file.len()), (0o600, made.bytes));

    // What comes later is not in it, and the store goes on.
    stored(&f.store, &call(2, phone(2))).await;
    let (restored, mut notices) = open(&format!("sqlite://{}", copy.display())).await;
    let (listed, last) = (restored.list(&Filter::default(), &ALL).await, call(3, phone(3)));
    assert_eq!(listed.expect("a list").calls, std::slice::from_ref(&first));
    assert_eq!(restored.timeline(first.id).await.expect("it is read").len(), 2);
    assert!(submit(&restored, commit(&last, &["dialing"])).await, "it can be written");
    let Some(Notice::Committed(batch)) = notices.recv().await else { panic!("a commit") };
    assert_eq!(batch[0].entries[0].0, 3, "no number of an entry is given twice");
    assert_eq!(restored.integrity_check().await.expect("it is checked"), [""; 0]);
}

/// What waited when the copy was made has been dialed since: a bot that starts with the copy must not do so again.
#[tokio::test]
async fn a_backup_has_no_call_that_waits_to_be_dialed() {
    let f = Fixture::new(On::Sqlite).await;
    let queued = call(1, phone(1));
    stored(&f.store, &queued).await;
    let copies = tempfile::tempdir().expect("a folder");
    let copy = copies.path().join("copy.db");
    backup(&f.url(), &copy).await.expect("a backup");
    let (restored, _notices) = open(&format!("sqlite://{}", copy.display())).await;
    let open = restored.open_calls().await.expect("a list");
    let [left] = open.as_slice() else { panic!("one call: {open:?}") };
    assert_eq!(
        (left.id, left.last.status, left.last.dialed_at),
        (queued.id, Status::Dialing, Some(queued.created_at))
    );
    assert_eq!(restored.integrity_check().await.expect("it is checked"), [""; 0]);
    // The original waits on.
    assert_eq!(f.store.call(queued.id).await.expect("read").expect("there").last.status, Status::Queued);
}

#[tokio::test]
async fn a_backup_never_replaces_a_file_and_leaves_no_part() {
    let f = Fixture::new(On::Sqlite).await;
    let target = f.folder().join("copy.db");
    std::fs::write(&target, "precious").expect("it can be written");
    let error = backup(&f.url(), &target).await.expect_err("it is there").to_string();
    assert!(error.contains("exists already; choose another name"), "{error}");
    assert_eq!(std::fs::read(&target).expect("it is there"), b"precious");

    let error = backup(&f.url(), &f.folder().join("no/such.db")).await.expect_err("no folder");
    assert!(error.to_string().contains("create its folder first"), "{error}");
    let error = backup("sqlite:///nonexistent/bot.db", &f.folder().join("b.db")).await.expect_err("no store");
    assert!(error.to_string().contains("/nonexistent/bot.db"), "{error}");
    let names =
        std::fs::read_dir(f.folder()).expect("the folder").map(|file| file.expect("a file").file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().ends_with(".part")));
}
