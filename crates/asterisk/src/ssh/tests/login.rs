//! Logging in: what is tried, in which order, and how often.

use std::path::Path;
use std::sync::Arc;

use russh::MethodKind;
use russh::keys::{Algorithm, PrivateKey};

use super::{Office, PASSWORD};
use crate::secret::Secret;
use crate::ssh::{KeyError, SshAuth, SshError, SshState};

fn key() -> Arc<PrivateKey> {
    Arc::new(PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap())
}

fn password(text: &str) -> SshAuth {
    SshAuth::Password(Secret::new(text))
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_then_the_host_is_left_alone() {
    let office = Office::with(|target| target.auth = vec![password("wrong-пароль")]).await;
    let denied = office.error("echo").await;
    let SshError::Denied { tried, offered, .. } = &denied else { panic!("{denied}") };
    // russh's server takes a method that failed off its list; OpenSSH leaves it there.
    assert_eq!((tried.as_str(), offered.as_str()), ("password", "publickey"));
    assert_eq!(denied.in_short(), "Permission denied");
    for _ in 0..10 {
        let paused = office.error("echo").await;
        assert!(matches!(&paused, SshError::Paused { cause, .. } if cause.is_denied()), "{paused}");
        assert_eq!(paused.in_short(), "Permission denied");
    }
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 1);
    assert!(matches!(office.host.state(), SshState::Paused { .. }));
    for text in [denied.to_string(), format!("{denied:?} {:?} {:?}", office.host, office.target)] {
        assert!(!text.contains("пароль"), "{text}");
    }
}

#[tokio::test]
async fn a_password_answers_keyboard_interactive_where_that_is_all_there_is() {
    let office = Office::open().await;
    office.sshd.offer(&[MethodKind::KeyboardInteractive]);
    office.run("echo").await.unwrap();
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 1);

    let office = Office::with(|target| target.auth = vec![password("wrong")]).await;
    office.sshd.offer(&[MethodKind::KeyboardInteractive]);
    let denied = office.error("echo").await;
    assert!(matches!(&denied, SshError::Denied { tried, .. } if tried == "keyboard-interactive"), "{denied}");
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 1);
}

#[tokio::test]
async fn a_password_is_not_sent_where_no_password_is_accepted() {
    let office = Office::open().await;
    office.sshd.offer(&[MethodKind::PublicKey]);
    let denied = office.error("echo").await;
    let SshError::Denied { tried, offered, .. } = &denied else { panic!("{denied}") };
    assert_eq!((tried.as_str(), offered.as_str()), ("nothing that is configured", "publickey"));
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 0);
}

#[tokio::test]
async fn a_key_is_tried_before_the_password_when_it_stands_first() {
    let (right, wrong) = (key(), key());
    let office = Office::with(|target| {
        target.auth = vec![SshAuth::Key(right.clone()), password("wrong")];
    })
    .await;
    *office.sshd.seen.user_key.lock() = Some(right.public_key().clone());
    office.run("echo").await.unwrap();
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 0);

    let office = Office::with(|target| target.auth = vec![SshAuth::Key(wrong), password(PASSWORD)]).await;
    *office.sshd.seen.user_key.lock() = Some(right.public_key().clone());
    office.run("echo").await.unwrap();
    assert_eq!(office.sshd.seen.count(|seen| &seen.password_tries), 1);
}

#[test]
fn a_key_file_is_read_or_says_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let key = key();
    let plain = key.to_openssh(Default::default()).unwrap();
    let locked = key.encrypt(&mut russh::keys::key::safe_rng(), "phrase").unwrap();
    let locked = file("locked", &locked.to_openssh(Default::default()).unwrap());
    let phrase = Secret::new("phrase");

    let loaded = SshAuth::key_file(&file("plain", &plain), None).unwrap();
    assert!(
        matches!(&loaded, SshAuth::Key(loaded) if loaded.public_key().key_data() == key.public_key().key_data())
    );
    assert!(format!("{loaded:?}").starts_with("Key(SHA256:"));
    SshAuth::key_file(&locked, Some(&phrase)).unwrap();

    let error = |path: &Path, phrase: Option<&Secret>| SshAuth::key_file(path, phrase).unwrap_err();
    assert!(matches!(error(&locked, None), KeyError::Encrypted { .. }));
    assert!(matches!(error(&locked, Some(&Secret::new("no"))), KeyError::Passphrase { .. }));
    let public = file("key.pub", &key.public_key().to_openssh().unwrap());
    assert!(matches!(error(&public, None), KeyError::Public { .. }));
    assert!(matches!(error(&file("text", "hello"), None), KeyError::Unknown { .. }));
    assert!(matches!(error(&folder.path().join("none"), None), KeyError::Unreadable { .. }));
    assert!(error(&locked, None).to_string().contains("ssh-keygen -p -f"));
}
