//! What an operator can meet when the store is opened.

use std::{fs, os::unix::fs::PermissionsExt};

use call::Status;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::*;

on_both!(
    a_second_daemon_is_kept_out_until_the_first_has_closed,
    a_newer_schema_is_left_alone,
    after_close_nothing_is_taken,
);

async fn refusal(url: &str) -> String {
    let (sender, _notices) = mpsc::unbounded_channel();
    match Store::open(url, sender).await {
        Ok(_) => panic!("{url} was opened"),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    let fixture = Fixture::new(On::Sqlite).await;
    stored(&fixture.store, &call(1, phone(1))).await;
    for name in ["bot.db", "bot.db-wal", "bot.db-shm"] {
        let mode = fs::metadata(fixture.folder().join(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(fixture.store.size().await.expect("a size") > 0);
}

#[tokio::test]
async fn another_kind_of_file_is_not_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "this is a letter, not a database\n".repeat(100);
    fs::write(folder.path().join("bot.db"), &text).expect("written");
    let error = refusal(&url(&folder)).await;
    assert!(error.contains("not an SQLite database") && error.contains("move it away"), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("bot.db")).expect("read"), text);
}

#[tokio::test]
async fn a_missing_folder_and_a_folder_for_a_file_are_said() {
    let error = refusal("sqlite:///nowhere/at/all/bot.db").await;
    assert!(error.contains("/nowhere/at/all/bot.db") && error.contains("create the folder first"), "{error}");
    let folder = tempfile::tempdir().expect("a folder");
    let error = refusal(&format!("sqlite://{}", folder.path().display())).await;
    assert!(error.contains("not the folder"), "{error}");
}

#[tokio::test]
async fn only_a_file_will_do_and_no_password_is_shown() {
    let error = refusal("mysql://bot:hunter2@db/calls").await;
    assert!(error.contains("`mysql`") && !error.contains("hunter2"), "{error}");
    let error = refusal("postgres://bot:hunter2@127.0.0.1:1/calls").await;
    assert!(error.contains("`PostgreSQL calls at 127.0.0.1:1`: Connection refused"), "{error}");
    assert!(error.contains("see that the server runs") && !error.contains("hunter2"), "{error}");
    for url in ["sqlite::memory:", "sqlite://", "sqlite:///tmp/x.db?mode=memory", "bot.db"] {
        assert!(refusal(url).await.contains("store.url"), "{url}");
    }
    let error = refusal("sqlite://var/lib/bot.db").await;
    assert!(
        error.contains("two slashes") && error.contains("sqlite:///var/lib/novofon-bot/bot.db"),
        "{error}"
    );
}

async fn a_second_daemon_is_kept_out_until_the_first_has_closed(on: On) {
    let fixture = Fixture::new(on).await;
    let error = refusal(&fixture.url()).await;
    assert!(error.contains("in use by another novofon-bot"), "{error}");
    fixture.reopened().await;
}

#[tokio::test]
async fn a_second_daemon_is_kept_out_by_whatever_name_it_comes() {
    let fixture = Fixture::new(On::Sqlite).await;
    let file = fixture.folder().join("bot.db");
    let (symbolic, hard) = (fixture.folder().join("link.db"), fixture.folder().join("hard.db"));
    std::os::unix::fs::symlink(&file, &symbolic).expect("a symbolic link");
    fs::hard_link(&file, &hard).expect("a hard link");
    for link in [symbolic, hard] {
        let error = refusal(&format!("sqlite://{}", link.display())).await;
        assert!(error.contains("in use by another novofon-bot"), "{error}");
    }
}

/// Under another name SQLite would not find what a crash left in the write-ahead log.
#[tokio::test]
async fn a_file_with_a_second_name_is_not_opened() {
    let fixture = Fixture::new(On::Sqlite).await;
    fixture.store.close().await;
    let (file, hard) = (fixture.folder().join("bot.db"), fixture.folder().join("hard.db"));
    fs::hard_link(&file, &hard).expect("a hard link");
    for name in [&file, &hard] {
        let error = refusal(&format!("sqlite://{}", name.display())).await;
        assert!(error.contains("hard link") && error.contains("find -samefile"), "{error}");
    }
    fs::remove_file(&hard).expect("removed");
    open(&fixture.url()).await;
}

async fn a_newer_schema_is_left_alone(on: On) {
    let fixture = Fixture::new(on).await;
    fixture.store.close().await;
    let mut db = fixture.stranger().await;
    db.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, '', 0)",
    )
    .await
    .expect("a later migration");
    db.close().await.expect("closed");
    let error = refusal(&fixture.url()).await;
    assert!(error.contains("newer novofon-bot (schema 9999)"), "{error}");
}

async fn after_close_nothing_is_taken(on: On) {
    let fixture = Fixture::new(on).await;
    let record = call(1, phone(1));
    let waiting = submit(&fixture.store, commit(&record, &["queued"]));
    fixture.store.close().await;
    assert!(waiting.await, "what waited was written");
    assert!(!submit(&fixture.store, commit(&record, &["late"])).await);
    assert!(matches!(fixture.store.delete(record.id).await, Err(StoreError::Closed)));
    assert!(matches!(fixture.store.health(), Health::Away { .. }));
    assert_eq!(fixture.store.backlog(), 0);
    if on == On::Sqlite {
        assert!(!fixture.folder().join("bot.db-wal").exists(), "the log was taken into the file");
    }
}

/// `tests/fixtures/e8c96e4.sqlite` was left by a bot of that commit that was killed while two of its calls went on
/// and two waited for their turn.
#[tokio::test]
async fn a_store_of_before_opens_with_its_live_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/e8c96e4.sqlite");
    fs::copy(kept, folder.path().join("bot.db")).expect("a copy");
    let (store, _notices) = open(&url(&folder)).await;

    let live = store.open_calls().await.expect("open calls");
    let seen: Vec<_> = live.iter().map(|call| (call.request.phone(), call.last.status)).collect();
    let expected = [
        ("+79005550203", Status::Answered),
        ("+79005550180", Status::Ringing),
        ("+79005550183", Status::Queued),
        ("+79005550200", Status::Queued),
    ];
    assert_eq!(seen, expected);
    // Its channel at the PBX is the first attempt's; of what waits none was made.
    let channels: Vec<_> =
        live.iter().filter(|call| call.is_at_work()).map(|call| call.attempt_id().near_channel()).collect();
    assert_eq!(channels[0], "01a22be6-5e8a-7460-84b1-bac74d71111e");
    assert_eq!(channels.len(), 2);
    let metadata = live[0].request.outgoing().and_then(|own| own.custom_metadata.as_ref()).expect("metadata");
    assert_eq!(serde_json::to_string(metadata).expect("JSON"), r#"{"order":"17"}"#);

    let ended = store.call("01a22be6-5667-770e-8747-0340a88a71e2".parse().expect("an id")).await;
    let ended = ended.expect("read").expect("the call");
    assert_eq!(
        (ended.last.status, ended.last.sip_code, ended.last.q850_cause),
        (Status::Busy, Some(486), Some(17))
    );
    let timeline = store.timeline(ended.id).await.expect("read");
    assert!(timeline.iter().any(|(_, entry)| entry.event == "ended"), "{timeline:?}");
    assert!(
        store.idempotency("", "order-17").await.expect("read").is_some(),
        "its idempotency key is still used"
    );
}

#[tokio::test]
async fn a_store_of_before_is_kept_beside_the_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/e8c96e4.sqlite");
    fs::copy(kept, folder.path().join("bot.db")).expect("a copy");
    let (store, _notices) = open(&url(&folder)).await;
    store.close().await;
    let copy = folder.path().join("bot.db.schema-2");
    assert_eq!(fs::metadata(&copy).expect("a copy").permissions().mode() & 0o777, 0o600);
    let mut db =
        SqliteConnectOptions::new().filename(&copy).read_only(true).connect().await.expect("a store");
    let schema: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut db)
        .await
        .expect("a schema");
    let of = async |db: &mut SqliteConnection, status: &str| -> i64 {
        let query = sqlx::query_scalar("SELECT count(*) FROM calls WHERE status = ?").bind(status.to_owned());
        query.fetch_one(db).await.expect("a count")
    };
    assert_eq!(schema, 2);
    // Who goes back must not dial once more what the newer one has dialed.
    assert_eq!(
        (of(&mut db, "queued").await, of(&mut db, "dialing").await, of(&mut db, "busy").await),
        (0, 2, 1)
    );

    // Who went back, and comes again, has other calls since.
    fs::copy(&copy, folder.path().join("bot.db")).expect("back");
    let before = fs::read(&copy).expect("a copy");
    // A copy that a kill has left behind is nobody's.
    fs::write(folder.path().join("bot.db.schema-2.2.part"), "half").expect("written");
    open(&url(&folder)).await.0.close().await;
    assert_eq!(fs::read(&copy).expect("a copy"), before);
    assert!(fs::metadata(folder.path().join("bot.db.schema-2.2")).expect("another copy").len() > 0);
    assert!(!folder.path().join("bot.db.schema-2.2.part").exists());

    // Another start changes nothing more.
    let before = fs::metadata(&copy).expect("a copy").modified().expect("a time");
    open(&url(&folder)).await.0.close().await;
    assert_eq!(fs::metadata(&copy).expect("a copy").modified().expect("a time"), before);
}
