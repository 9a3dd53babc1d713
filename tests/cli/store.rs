//! `store copy`, and what else the command line says of a store in PostgreSQL: never its password.

use std::fs;

use ledger::{Commit, Store};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    cluster::{Cluster, PASSWORD},
    program::{Said, bare, run},
};
use call::{CallId, CallRecord, OutgoingCall};

async fn said(args: &[&str]) -> Said {
    let mut command = bare(args);
    command.env("NOVOFON_BOT_LANG", "ru");
    run(command).await
}

fn config(folder: &std::path::Path, url: &str) -> String {
    let path = folder.join("bot.toml");
    let text = format!("[ari]\nusername = \"a\"\npassword = \"long-enough\"\n[store]\nurl = \"{url}\"\n");
    fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

/// A store with one call that waits.
async fn with_a_call(url: &str) -> CallRecord {
    let (notices, _kept) = mpsc::unbounded_channel();
    let (store, writer) = Store::open(url, notices).await.expect("a store");
    let request = OutgoingCall {
        phone: "+79522675444".parse().expect("a number"),
        caller_id: None,
        scenario: "default".to_owned(),
        ring_timeout: 60,
        max_duration: 600,
        custom_metadata: None,
        requested_by: None,
    };
    let record = CallRecord::new(CallId(Uuid::now_v7()), request, chrono::Utc::now());
    let (done, on_disk) = oneshot::channel();
    store.submit(Commit {
        record: record.clone().into(),
        entries: Vec::new(),
        idempotency: None,
        urgent: true,
        done: Some(done),
    });
    on_disk.await.expect("on disk");
    store.close().await;
    writer.ended().await;
    record
}

#[tokio::test]
async fn all_is_moved_and_the_old_store_names_the_new_one() {
    let server = Cluster::with("GRANT CREATE ON DATABASE office TO bot").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite://{}", folder.path().join("bot.db").display());
    let database = server.url_with_password("bot");
    with_a_call(&file).await;

    let moved = said(&["store", "copy", &file, &database, "--node", "касса-1"]).await;
    assert_eq!(moved.code, Some(0), "{moved:?}");
    assert!(
        moved.err.contains("звонков 1, записей 0, ключей 0") && moved.err.contains("store.url"),
        "{}",
        moved.err
    );
    let again = said(&["store", "copy", &file, &database]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("перенесено в `PostgreSQL office at "), "{}", again.err);
    let served = said(&["serve", "--config", &config(folder.path(), &file)]).await;
    assert!(served.err.contains("перенесено в `PostgreSQL office at "), "{}", served.err);

    // Back again.
    let other = format!("sqlite://{}", folder.path().join("other.db").display());
    let back = said(&["store", "copy", &database, &other]).await;
    assert!(back.code == Some(0) && back.err.contains("звонков 1"), "{back:?}");
    let none = said(&["store", "copy", "sqlite:///nowhere/bot.db", &other]).await;
    assert!(none.code == Some(1) && none.err.contains("хранилища `/nowhere/bot.db` нет"), "{none:?}");
    for said in [&moved, &again, &served, &back] {
        assert!(!format!("{said:?}").contains(PASSWORD), "{said:?}");
    }
}

#[tokio::test]
async fn a_password_in_the_url_is_shown_nowhere() {
    let server = Cluster::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), &server.url_with_password("bot"));
    let checked = said(&["check-config", "--config", &config]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("url = \"postgres://bot:***@127.0.0.210:"), "{}", checked.out);
    // The user may do nothing there.
    let served = said(&["serve", "--config", &config]).await;
    assert!(served.code == Some(1) && served.err.contains("GRANT CREATE ON DATABASE"), "{served:?}");
    let copy = folder.path().join("copy.db").display().to_string();
    let backup = said(&["backup", "--config", &config, &copy]).await;
    assert!(backup.code == Some(1) && backup.err.contains("pg_dump --schema=novofon_bot"), "{backup:?}");
    let wrong = fs::read_to_string(&config).expect("it is there").replace("/office", "");
    fs::write(&config, wrong).expect("written");
    let refused = said(&["check-config", "--config", &config]).await;
    assert!(refused.code == Some(1) && refused.err.contains("`store.url`: базы в нём нет"), "{refused:?}");
    for said in [&checked, &served, &backup, &refused] {
        assert!(!format!("{said:?}").contains(PASSWORD), "{said:?}");
    }
}

/// The order that docs/operate.md, default.toml and `store copy --help` tell.
#[tokio::test]
async fn the_password_is_looked_for_where_the_documents_say() {
    use std::os::unix::fs::PermissionsExt;
    let server = Cluster::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), &server.url("bot"));
    let pass = |name: &str, password: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, format!("*:*:*:bot:{password}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path.display().to_string()
    };
    let (right, wrong) = (pass("right", PASSWORD, 0o600), pass("wrong", "no", 0o600));
    pass("at_home/.pgpass", PASSWORD, 0o600);
    pass("readable/.pgpass", PASSWORD, 0o644);
    let is_let_in = async |variables: &[(&str, &str)]| {
        let mut command = bare(&["serve", "--config", &config]);
        for (name, value) in variables {
            let at_home = folder.path().join(value).display().to_string();
            command.env(name, if *name == "HOME" { &at_home } else { *value });
        }
        let said = run(command).await;
        // The user may do nothing there, which only one who is let in is told.
        said.err.contains("GRANT CREATE ON DATABASE")
    };
    assert!(is_let_in(&[("PGPASSWORD", PASSWORD), ("PGPASSFILE", &wrong), ("HOME", "nothing")]).await);
    assert!(!is_let_in(&[("PGPASSWORD", "no"), ("PGPASSFILE", &right), ("HOME", "at_home")]).await);
    assert!(is_let_in(&[("PGPASSFILE", &right), ("HOME", "nothing")]).await);
    assert!(!is_let_in(&[("PGPASSFILE", &wrong), ("HOME", "at_home")]).await);
    assert!(is_let_in(&[("HOME", "at_home")]).await);
    assert!(!is_let_in(&[("HOME", "readable")]).await);
}
