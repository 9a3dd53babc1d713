//! A bot for offices alone: it has no Asterisk of its own, and runs no engine.

use tempfile::TempDir;

use crate::{daemon::Daemon, notify::Manager};

/// Takes the Asterisk of the daemon's configuration away.
const NO_ASTERISK: [(&str, &str); 2] = [("NOVOFON_BOT_ARI__USERNAME", ""), ("NOVOFON_BOT_ARI__PASSWORD", "")];

fn office(folder: &TempDir) -> String {
    let database = folder.path().join("enterprises.db");
    format!(
        "dial.unreachable_timeout = 1\noffice = {{ listen = '127.0.0.1:0', database = 'sqlite://{}' }}\n",
        database.display()
    )
}

#[test]
fn it_feeds_the_watchdog_reloads_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let notify = [("NOTIFY_SOCKET", path.to_str().expect("UTF-8")), ("WATCHDOG_USEC", "300000")];
    let mut daemon = Daemon::start(&office(&folder), &[&NO_ASTERISK[..], &notify].concat());
    manager.told("READY=1");
    for _ in 0..3 {
        manager.told("WATCHDOG=1");
    }
    let refused = String::from_utf8_lossy(&daemon.run(&["call", "+79005550201"]).stderr).into_owned();
    assert!(refused.contains("no Asterisk of its own"), "{refused}");
    daemon.signal("HUP");
    manager.told("RELOADING=1");
    manager.told("READY=1");
    daemon.signal("TERM");
    manager.told("STOPPING=1");
    assert!(daemon.stop().success());
}

/// What it took while it had an Asterisk must not stand in the queue for ever, and be dialed when it has one again.
#[test]
fn what_it_took_before_is_brought_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = Daemon::start("", &[]);
    let placed = daemon.run(&["call", "+79005550201", "--no-wait"]);
    assert!(placed.status.success(), "{placed:?}");
    daemon.kill();
    let mut daemon = daemon.start_again_with(&office(&folder), &NO_ASTERISK);
    daemon.until_logged("asterisk_unreachable");
    assert!(daemon.stop().success());
}
