//! The pool against an sshd of our own making, a real peer in the protocol. OpenSSH itself is tried in the
//! laboratory (`scripts/offices`).

mod login;
mod pool;
mod socket;
mod sshd;
mod trouble;
mod trust;

use std::sync::Arc;
use std::time::Duration;

use sshd::{PASSWORD, Sshd};
use tokio::time::{Instant, sleep};

use super::{BreakerLimits, KnownHosts, SshAuth, SshError, SshHost, SshLimits, SshTarget};
use crate::secret::Secret;

/// No condition of these tests takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An sshd, a host that leads to it, and a folder for what it is known by.
struct Office {
    sshd: Sshd,
    host: SshHost,
    target: SshTarget,
    _folder: tempfile::TempDir,
}

impl Office {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// With what the test changes in the target.
    async fn with(change: impl FnOnce(&mut SshTarget)) -> Self {
        let sshd = Sshd::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut target = SshTarget {
            host: sshd.addr.ip().to_string(),
            port: sshd.addr.port(),
            user: "root".into(),
            auth: vec![SshAuth::Password(Secret::new(PASSWORD))],
            limits: limits(),
            known_hosts: Arc::new(KnownHosts::new(folder.path().join("known_hosts"))),
        };
        change(&mut target);
        Self { sshd, host: SshHost::new(target.clone()), target, _folder: folder }
    }

    async fn run(&self, command: &str) -> Result<super::Output, SshError> {
        tokio::time::timeout(PATIENCE, self.host.exec(command)).await.expect("exec has its own time limit")
    }

    async fn error(&self, command: &str) -> SshError {
        self.run(command).await.expect_err("it cannot work")
    }

    fn commands(&self) -> Vec<String> {
        self.sshd.seen.commands.lock().clone()
    }

    fn connections(&self) -> usize {
        self.sshd.seen.count(|seen| &seen.connections)
    }

    async fn runs(&self, commands: usize) {
        until("the host runs the commands", async || self.commands().len() == commands).await;
    }
}

/// Patient where a busy machine needs it, and short where a test waits for the end of it.
fn limits() -> SshLimits {
    SshLimits {
        connect: Duration::from_secs(10),
        command: Duration::from_secs(15),
        answer: Duration::from_secs(5),
        keepalive: Duration::from_secs(5),
        idle: Duration::from_secs(600),
        commands_at_once: 8,
        sockets_at_once: 8,
        waiting: 64,
        breaker: BreakerLimits::default(),
    }
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "it never came that {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
