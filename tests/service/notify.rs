//! sd_notify, with a real NOTIFY_SOCKET.

use std::{os::unix::net::UnixDatagram, path::Path};

use crate::daemon::{Daemon, PATIENCE};

/// The service manager's end of the socket.
pub struct Manager(UnixDatagram);

impl Manager {
    pub fn at(path: &Path) -> Self {
        let manager = Manager(UnixDatagram::bind(path).expect("a socket"));
        manager.0.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        manager
    }

    /// Waits for a message that has this line; what comes before may only be the watchdog's food.
    pub fn told(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.0.recv(&mut buffer).unwrap_or_else(|e| panic!("no `{line}` came: {e}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|told| told.starts_with(line)) {
                return message;
            }
            assert_eq!(message.trim(), "WATCHDOG=1", "instead of `{line}`");
        }
    }
}

#[test]
fn the_service_manager_is_told_of_every_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = Manager::at(&path);
    let socket = path.to_str().expect("UTF-8");
    let variables = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "300000")];
    let mut daemon = Daemon::start("service.stop_timeout = 100\n", &variables);
    manager.told("READY=1");
    for _ in 0..3 {
        manager.told("WATCHDOG=1");
    }
    for text in ["dial.max_concurrent = 7\n", "this is no TOML\n"] {
        daemon.write_config(text);
        daemon.signal("HUP");
        let reloading = manager.told("RELOADING=1");
        assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
        manager.told("READY=1");
    }
    daemon.signal("TERM");
    let stopping = manager.told("STOPPING=1");
    let micros = stopping
        .lines()
        .find_map(|line| line.strip_prefix("EXTEND_TIMEOUT_USEC="))
        .expect("the time it needs");
    // `service.stop_timeout` of the configuration that was taken last, which does not set it: 20 s.
    assert_eq!(micros, "60000000");
    assert!(daemon.stop().success());
}

#[test]
fn without_a_service_manager_nobody_is_told() {
    let mut daemon = Daemon::start("", &[]);
    assert!(daemon.stop().success());
    let log = daemon.log();
    assert!(!log.contains("NOTIFY_SOCKET") && !log.contains("hunter2"), "{log}");
}
