//! The directory on a SQLite file; PostgreSQL has `tests/enterprises`.

use std::{fs, path::Path, time::Duration};

use futures_util::future::join_all;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Added, Directory, DirectoryConfig, DirectoryError, DirectoryState, NewEnterprise, Overrides};
use asterisk::secret::Secret;

fn file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("enterprises.db")
}

async fn open(path: &Path) -> Directory {
    let url = Secret::new(format!("sqlite://{}", path.display()));
    Directory::open(DirectoryConfig::new(url)).await.expect("a URL")
}

async fn add(directory: &Directory, number: &str) -> Added {
    add_with(directory, number, Overrides { ssh_port: Some(5059), ..Overrides::default() }).await
}

async fn add_with(directory: &Directory, number: &str, settings: Overrides) -> Added {
    let new = NewEnterprise {
        number: number.parse().expect("a number"),
        name: "june".parse().expect("a name"),
        ip: "10.88.10.19".parse().expect("a host"),
        settings,
        secret: None,
        alter_table: false,
    };
    directory.add(new).await.expect("added")
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what} does not come");
        sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

async fn until_connected(directory: &Directory) {
    until("the file", async || matches!(directory.state(), DirectoryState::Connected { .. })).await;
}

#[tokio::test]
async fn a_file_that_is_made_later_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = open(&file(&folder)).await;
    let DirectoryState::Away { why, known: 0, .. } = directory.state() else {
        panic!("{:?}", directory.state())
    };
    assert_eq!(
        why.en,
        format!("there is no file {}; `novofon-bot enterprise add` makes it", file(&folder).display())
    );
    assert!(matches!(directory.identify(&Secret::new("s")).await, Err(DirectoryError::Away { .. })));
    let added = add(&directory, "0367").await;
    assert!(added.made_table);
    until_connected(&directory).await;
    let june = directory.identify(&added.secret).await.expect("an answer").expect("june");
    assert_eq!((june.number.as_str(), june.settings.ssh_port), ("0367", Some(5059)));
    assert!(!add(&directory, "0368").await.made_table);
}

#[tokio::test]
async fn what_another_process_writes_is_seen_within_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, other) = (open(&file(&folder)).await, open(&file(&folder)).await);
    let added = add(&other, "0367").await;
    until_connected(&ours).await;
    assert!(ours.identify(&added.secret).await.expect("an answer").is_some());
    let number = "0367".parse().expect("a number");
    for _ in 0..3 {
        other.disable(&number).await.expect("disabled");
        let took = until("its end", async || ours.identify(&added.secret).await == Ok(None)).await;
        assert!(took < Duration::from_millis(1100), "{took:?}");
        other.enable(&number).await.expect("enabled");
        until("its return", async || ours.identify(&added.secret).await != Ok(None)).await;
    }
    let rotated = other.rotate_secret(&number).await.expect("rotated");
    until("the new one", async || ours.identify(&rotated).await.is_ok_and(|it| it.is_some())).await;
    until("the old one's end", async || ours.identify(&added.secret).await == Ok(None)).await;
}

#[tokio::test]
async fn a_thousand_requests_at_once_cost_one_query() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = open(&file(&folder)).await;
    let added = add(&directory, "0367").await;
    until_connected(&directory).await;
    let answers = join_all((0..1000).map(|_| directory.identify(&added.secret))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))));
    assert_eq!(directory.counts().queries, 1);
}

#[tokio::test]
async fn who_is_known_goes_on_without_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = open(&file(&folder)).await;
    let added = add(&directory, "0367").await;
    until_connected(&directory).await;
    assert!(directory.identify(&added.secret).await.expect("an answer").is_some());

    let aside = folder.path().join("aside");
    fs::rename(file(&folder), &aside).expect("moved");
    until("the loss", async || matches!(directory.state(), DirectoryState::Away { known: 1, .. })).await;
    assert!(directory.identify(&added.secret).await.expect("an answer").is_some());
    let told = directory.by_number("0367").await.expect("known").expect("june");
    assert_eq!(told.number.as_str(), "0367");
    assert!(directory.by_number("0368").await.is_err(), "who can't be asked for");
    fs::rename(&aside, file(&folder)).expect("moved");
    until_connected(&directory).await;

    fs::write(file(&folder), "this is no database, but it is long enough to be looked at as if it were one")
        .expect("written");
    until("the loss", async || matches!(directory.state(), DirectoryState::Away { .. })).await;
    let DirectoryState::Away { why, .. } = directory.state() else { panic!("{:?}", directory.state()) };
    assert!(why.en.contains("file is not a database"), "{why}");
}

#[tokio::test]
async fn the_described_table_in_a_file_is_read_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut owner = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", file(&folder).display()))
        .await
        .expect("a file");
    sqlx::raw_sql(
        "CREATE TABLE enterprises (number TEXT, name TEXT, ip TEXT, secret TEXT, active INTEGER);
        INSERT INTO enterprises VALUES ('0367', 'june', '10.88.10.19', 's1', 1), ('1', 'x', NULL, 's2', 1),
            ('2', 'y', '10.0.0.2', 's3', 0);",
    )
    .execute(&mut owner)
    .await
    .expect("a table");
    let directory = open(&file(&folder)).await;
    let ask = async |secret: &str| directory.identify(&Secret::new(secret)).await;
    assert_eq!(ask("s1").await.expect("an answer").expect("june").number.as_str(), "0367");
    assert!(matches!(ask("s2").await, Err(DirectoryError::Unfit { .. })));
    assert_eq!(ask("s3").await, Ok(None));
    for guess in ["' OR 1=1 --", "s%", "S1", "1", "", "\0"] {
        assert_eq!(ask(guess).await, Ok(None), "{guess:?}");
    }
    // An order has put the file into WAL: a writer in the middle of its work keeps no reader waiting.
    add_with(&directory, "0368", Overrides::default()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE enterprises SET active = 0")
        .execute(&mut owner)
        .await
        .expect("begun");
    directory.forget(None);
    assert!(ask("s1").await.expect("an answer").is_some());
    sqlx::raw_sql("COMMIT").execute(&mut owner).await.expect("done");
    until("the end of june", async || ask("s1").await == Ok(None)).await;
}

#[tokio::test]
async fn what_could_not_be_read_back_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = open(&file(&folder)).await;
    let new = NewEnterprise {
        number: "0367".parse().expect("a number"),
        name: "june".parse().expect("a name"),
        ip: "10.88.10.19".parse().expect("a host"),
        settings: Overrides {
            ami_password: Some(Secret::new("hunter2\r\nAction: Command")),
            ..Default::default()
        },
        secret: None,
        alter_table: false,
    };
    let error = directory.add(new.clone()).await.expect_err("two lines").to_string();
    assert_eq!(
        error,
        "cannot add enterprise `0367`: its `ami_password` holds the control character \\u{d}; nothing was changed"
    );
    for secret in ["", "a\nb", &"x".repeat(257)] {
        let settings = Overrides::default();
        let new = NewEnterprise { secret: Some(Secret::new(secret)), settings, ..new.clone() };
        let error = directory.add(new).await.expect_err("no secret").to_string();
        assert!(error.contains("a secret has 1 to 256 bytes"), "{error}");
    }
    assert!(!file(&folder).exists());
}

#[tokio::test]
async fn the_tasks_end_with_the_last_clone() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = open(&file(&folder)).await;
    let inner = std::sync::Arc::downgrade(&directory.inner);
    let clone = directory.clone();
    drop(directory);
    sleep(Duration::from_millis(20)).await;
    assert!(inner.upgrade().is_some());
    drop(clone);
    until("the end of its tasks", async || inner.upgrade().is_none()).await;
}
