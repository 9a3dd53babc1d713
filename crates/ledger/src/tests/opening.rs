//! What an operator can meet when the store is opened.

use std::{fs, os::unix::fs::PermissionsExt};

use sqlx::Connection;

use super::*;

async fn refusal(url: &str) -> String {
    let (sender, _notices) = mpsc::unbounded_channel();
    match Store::open(url, sender).await {
        Ok(_) => panic!("{url} was opened"),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    let fixture = Fixture::new().await;
    stored(&fixture.store, &call(1, phone(1))).await;
    for name in ["bot.db", "bot.db-wal", "bot.db-shm"] {
        let mode = fs::metadata(fixture.folder.path().join(name)).expect(name).permissions().mode();
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
    let error = refusal("postgres://bot:hunter2@db/calls").await;
    assert!(error.contains("`postgres`") && !error.contains("hunter2"), "{error}");
    for url in ["sqlite::memory:", "sqlite://", "sqlite:///tmp/x.db?mode=memory", "bot.db"] {
        assert!(refusal(url).await.contains("store.url"), "{url}");
    }
}

#[tokio::test]
async fn a_second_daemon_is_kept_out_until_the_first_has_closed() {
    let fixture = Fixture::new().await;
    let error = refusal(&url(&fixture.folder)).await;
    assert!(error.contains("in use by another novofon-bot"), "{error}");
    fixture.reopened().await;
}

#[tokio::test]
async fn a_second_daemon_is_kept_out_by_whatever_name_it_comes() {
    let fixture = Fixture::new().await;
    let file = fixture.folder.path().join("bot.db");
    let (symbolic, hard) = (fixture.folder.path().join("link.db"), fixture.folder.path().join("hard.db"));
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
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let (file, hard) = (fixture.folder.path().join("bot.db"), fixture.folder.path().join("hard.db"));
    fs::hard_link(&file, &hard).expect("a hard link");
    for name in [&file, &hard] {
        let error = refusal(&format!("sqlite://{}", name.display())).await;
        assert!(error.contains("hard link") && error.contains("find -samefile"), "{error}");
    }
    fs::remove_file(&hard).expect("removed");
    open(&url(&fixture.folder)).await;
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let mut db = fixture.stranger().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&mut db)
    .await
    .expect("a later migration");
    db.close().await.expect("closed");
    let error = refusal(&url(&fixture.folder)).await;
    assert!(error.contains("newer novofon-bot (schema 9999)"), "{error}");
}

#[tokio::test]
async fn after_close_nothing_is_taken() {
    let fixture = Fixture::new().await;
    let record = call(1, phone(1));
    let waiting = submit(&fixture.store, commit(&record, &["queued"]));
    fixture.store.close().await;
    assert!(waiting.await, "what waited was written");
    assert!(!submit(&fixture.store, commit(&record, &["late"])).await);
    assert!(matches!(fixture.store.delete(record.id).await, Err(StoreError::Closed)));
    assert!(matches!(fixture.store.health(), Health::Away { .. }));
    assert_eq!(fixture.store.backlog(), 0);
    assert!(!fixture.folder.path().join("bot.db-wal").exists(), "the log was taken into the file");
}
