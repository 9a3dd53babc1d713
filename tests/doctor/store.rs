//! The store's file.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::Duration,
};

use ledger::Store;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tokio::sync::mpsc;

use crate::bench::{Bench, Report};

#[test]
fn no_folder() {
    let mut bench = Bench::new();
    let report = bench.set("store.url", "sqlite:///nonexistent/folder/bot.db").doctor(&[]);
    report.fails(&["store"]).says("store", " -m 700 /nonexistent/folder");
}

#[tokio::test]
async fn a_damaged_database() {
    let bench = Bench::new();
    let (notices, _kept) = mpsc::unbounded_channel();
    let (store, writer) = Store::open(bench.setting("store.url"), notices).await.expect("a store");
    // Closed in order, so that nothing is left in the write-ahead log.
    store.close().await;
    writer.ended().await;
    let file = bench.path("bot.db");
    let mut bytes = fs::read(&file).expect("the store");
    // The header stays, so that it still looks like a database.
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0x5a;
    }
    fs::write(&file, bytes).expect("the store");
    let report = bench.doctor(&[]);
    assert!(report.ids("fail").contains(&"store_integrity"), "{:#}", report.json);
    report.says("store_integrity", "restore");
}

#[test]
fn no_database_at_all() {
    let bench = Bench::new();
    fs::write(
        bench.path("bot.db"),
        "not a database, but long enough to be taken for one at first sight".repeat(99),
    )
    .expect("written");
    let report = bench.doctor(&[]);
    report.fails(&["store_integrity"]);
}

/// Doctor in a mount namespace of its own, with another file system where the store is.
fn doctor_on(bench: &mut Bench, mount: &str) -> Report {
    let folder = bench.path("store");
    fs::create_dir_all(&folder).expect("a folder");
    bench.set("store.url", &format!("sqlite://{}", folder.join("bot.db").display()));
    let script = format!("mount -t tmpfs {mount} tmpfs '{}' && exec \"$@\"", folder.display());
    // Who is not root here may be root in a user namespace.
    let is_root = fs::metadata("/proc/self").expect("this process").uid() == 0;
    let spaces: &[&str] = if is_root { &["--mount"] } else { &["--mount", "--map-root-user"] };
    bench.doctor_by(&[&["unshare"], spaces, &["sh", "-c", script.as_str(), "-"]].concat(), &[])
}

#[test]
fn little_space() {
    let mut bench = Bench::new();
    let report = doctor_on(&mut bench, "-o size=64m");
    report.fails(&["store_space"]).says("store_space", "64 MiB free").says("store_space", "free some space");
    let report = doctor_on(&mut bench, "-o size=64m,nr_inodes=1");
    report.fails(&["store_space"]).says("store_space", "no inode is left");
    doctor_on(&mut bench, "-o size=512m").warns(&["store_space"]).says("store_space", "512 MiB free");
}

#[test]
fn a_file_system_for_reading_only() {
    let mut bench = Bench::new();
    let report = doctor_on(&mut bench, "-o ro,size=2g");
    report.fails(&["store"]).says("store", "can't be written: Read-only file system");
}

#[tokio::test]
async fn a_running_daemon_that_can_not_write() {
    let bench = Bench::with_daemon();
    let options =
        SqliteConnectOptions::new().filename(bench.path("bot.db")).busy_timeout(Duration::from_secs(10));
    let mut other = options.connect().await.expect("the bot's store");
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("the lock");
    assert_eq!(bench.call("+79005550486", None).await.0, 503);
    bench.until_ready(false);
    let report = bench.doctor(&[]);
    report.fails(&["store", "daemon"]).says("store", "the daemon can't write to");
    report.says("daemon", "runs but can place no call").says("daemon", "it comes back by itself");
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("the end of the lock");
    bench.until_ready(true);
    let report = bench.doctor(&[]);
    // The one call of the last 24 hours failed for it.
    report
        .fails(&["last_calls"])
        .says("last_calls", "store_unavailable")
        .says("store", "by a running daemon");
}

/// Only root can stage it: elsewhere a file can't be given away.
#[test]
fn a_file_of_another_user() {
    let bench = Bench::new();
    fs::write(bench.path("bot.db"), "").expect("written");
    if std::os::unix::fs::chown(bench.path("bot.db"), Some(65534), None).is_ok() {
        bench.doctor(&[]).warns(&["store"]).says("store", "was the bot once started as root?");
    }
}

#[test]
fn files_that_others_may_read() {
    let mut bench = Bench::new();
    let open =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let file = open.path().join("calls.db");
    fs::write(&file, "").expect("written");
    bench.set("store.url", &format!("sqlite://{}", file.display()));
    for (mode, expected) in [(0o644, "others on this machine can read or write"), (0o640, "calls.db (640)")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
        let report = bench.doctor(&[]);
        report
            .warns(&["private_files"])
            .says("private_files", expected)
            .says("private_files", "chmod go-rwx");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(bench.doctor(&[]).level("private_files"), "ok");
}
