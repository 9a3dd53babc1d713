//! Whom the pool trusts.

use std::fs;

use super::Office;
use crate::ssh::{ChangedKey, Fate, SshError};

fn known(office: &Office) -> String {
    fs::read_to_string(office.target.known_hosts.file()).unwrap_or_default()
}

#[tokio::test]
async fn a_host_is_trusted_on_first_use_and_remembered() {
    let office = Office::open().await;
    office.run("echo").await.unwrap();
    let line = known(&office);
    assert!(line.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 AAAA", office.target.port)), "{line}");
    office.sshd.cut();
    office.run("echo").await.unwrap();
    assert_eq!(known(&office), line);
}

#[tokio::test]
async fn a_changed_key_gets_no_password_until_the_operator_removes_the_old_one() {
    let office = Office::open().await;
    office.run("echo").await.unwrap();
    let before = known(&office);
    office.sshd.change_key();
    office.sshd.cut();
    super::until("the loss is noticed", async || {
        matches!(office.host.state(), crate::ssh::SshState::Down { .. })
    })
    .await;
    let tries = office.sshd.seen.count(|seen| &seen.password_tries);

    let error = office.error("echo").await;
    let SshError::HostKeyChanged(changed) = &error else { panic!("{error}") };
    let ChangedKey { presented, known: old, remedy, .. } = &**changed;
    assert!(presented.starts_with("ssh-ed25519 SHA256:") && old.starts_with("ssh-ed25519 SHA256:"));
    assert_ne!(presented, old);
    assert!(remedy.contains(&format!("ssh-keygen -R '[127.0.0.1]:{}' -f ", office.target.port)), "{remedy}");
    assert_eq!((error.in_short(), error.fate()), ("Host key verification failed", Fate::NotSent));

    let paused = office.error("echo").await;
    assert!(matches!(&paused, SshError::Paused { cause, .. } if cause.is_host_key()), "{paused}");
    assert_eq!(paused.in_short(), "Host key verification failed");
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), tries, "it was never given the password");
    assert_eq!(known(&office), before);

    fs::write(office.target.known_hosts.file(), "").unwrap();
    office.run("echo").await.expect("without waiting for the end of the pause");
    assert_ne!(known(&office), before);
}
