//! Makes a connection: TCP, key exchange, the host's key, the login, all within one time limit. It owns the
//! choice of algorithms; it must not know who wants the connection, and it tries once.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use russh::client::{Config, GexParams, Handle, connect_stream};
use russh::keys::{Algorithm, HashAlg};
use russh::{Names, Preferred, SshId, kex, mac};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::error::{SshError, Stage};
use super::login::login;
use super::peer::{End, Peer, PeerError};
use super::target::SshTarget;
use super::wire::Wire;

/// With these the connection is dead after the third question that got no answer.
const UNANSWERED: usize = 2;

/// A logged-in connection.
pub(super) struct Opened {
    pub(super) handle: Handle<Peer>,
    pub(super) end: End,
    /// Cancelling it ends the connection at once.
    pub(super) cut: CancellationToken,
    pub(super) algorithms: Algorithms,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Algorithms {
    pub(super) text: String,
    /// One of them rests on SHA-1: the sshd is older than OpenSSH 7.
    pub(super) old: bool,
}

pub(super) async fn open(target: Arc<SshTarget>) -> Result<Opened, SshError> {
    let label = target.label();
    let limit = target.limits.connect;
    let deadline = Instant::now() + limit;
    let late = |stage| SshError::ConnectTimeout { host: label.clone(), limit, stage };

    let addresses = (target.host.as_str(), target.port);
    let tcp = timeout_at(deadline, TcpStream::connect(addresses)).await.map_err(|_| late(Stage::Tcp))?;
    let tcp = tcp.map_err(|error| unreachable(&label, &error))?;
    tcp.set_nodelay(true).map_err(|error| unreachable(&label, &error))?;

    let file = target.clone();
    let known = tokio::task::spawn_blocking(move || file.known_hosts.algorithms(&file.host, file.port)).await;
    let known = known.unwrap_or_else(|_| Ok(Vec::new()))?;

    let cut = CancellationToken::new();
    // Whatever happens to this future, russh's task ends with it, until the connection is handed over.
    let guard = cut.clone().drop_guard();
    let end = End::default();
    let names = Arc::new(Mutex::new(None));
    let peer = Peer::new(target.clone(), end.clone(), names.clone());
    let handshake = connect_stream(Arc::new(config(&target, &known)), Wire::new(tcp, &cut), peer);
    let handshake = timeout_at(deadline, handshake).await.map_err(|_| late(Stage::Handshake))?;
    let mut handle = handshake.map_err(|error| match error {
        PeerError::Ours(error) => error,
        PeerError::Theirs(_) => SshError::Handshake { host: label.clone(), why: error.text() },
    })?;

    let login = login(&mut handle, &target, &label, &end);
    timeout_at(deadline, login).await.map_err(|_| late(Stage::Login))??;
    let algorithms = names.lock().as_ref().map(describe).unwrap_or_default();
    Ok(Opened { handle, end, cut: guard.disarm(), algorithms })
}

fn unreachable(label: &str, error: &io::Error) -> SshError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => SshError::Refused { host: label.to_owned() },
        io::ErrorKind::TimedOut => SshError::Unreachable {
            host: label.to_owned(),
            why: "the network gave up waiting for an answer".into(),
        },
        _ => SshError::Unreachable { host: label.to_owned(), why: error.to_string() },
    }
}

fn config(target: &SshTarget, known: &[Algorithm]) -> Config {
    let keepalive = target.limits.keepalive.max(Duration::from_millis(100));
    Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-novofon.bot_", env!("CARGO_PKG_VERSION")))),
        preferred: preferred(known),
        // A group of 8192 bits, russh's wish, takes seconds.
        gex: GexParams::new(2048, 3072, 8192).expect("these are in order"),
        keepalive_interval: Some(keepalive),
        keepalive_max: UNANSWERED,
        // russh asks no questions while it waits to write; this ends such a wait. It must not end a slow login.
        inactivity_timeout: Some((keepalive * 4).max(target.limits.connect * 2)),
        ..Config::default()
    }
}

/// The host's choice is the first of ours that it has, so the old ones at the end serve old hosts only: the
/// OpenSSH 5.3 of a CentOS 6 has no MAC and no signature without SHA-1.
fn preferred(known: &[Algorithm]) -> Preferred {
    let mut preferred = Preferred::default();
    let extensions = preferred.kex.iter().position(|name| *name == kex::EXTENSION_SUPPORT_AS_CLIENT);
    let at = extensions.unwrap_or(preferred.kex.len());
    preferred.kex.to_mut().splice(at..at, [kex::ECDH_SHA2_NISTP256, kex::DH_G14_SHA1]);
    preferred.mac.to_mut().extend([mac::HMAC_SHA1_ETM, mac::HMAC_SHA1]);
    preferred.key.to_mut().sort_by_key(|algorithm| !known.iter().any(|known| same_kind(known, algorithm)));
    preferred
}

/// An RSA key signs with one of three hashes; the file knows the key, not the hash.
fn same_kind(known: &Algorithm, offered: &Algorithm) -> bool {
    known == offered || (known.clone().is_rsa() && offered.clone().is_rsa())
}

fn describe(names: &Names) -> Algorithms {
    let (kex, cipher, mac) = (names.kex.as_ref(), names.cipher.as_ref(), names.client_mac.as_ref());
    // The MAC of an AEAD cipher is not used.
    let aead = cipher.contains("gcm") || cipher.contains("poly1305");
    let old_key =
        matches!(names.key, Algorithm::Rsa { hash: None | Some(HashAlg::Sha256 | HashAlg::Sha512) })
            && names.key.as_str() == "ssh-rsa";
    let old = kex.ends_with("sha1") || (!aead && mac.contains("sha1")) || old_key;
    let mac = if aead { "" } else { mac };
    let text = [kex, names.key.as_str(), cipher, mac].join(" ");
    Algorithms { text: text.trim_end().to_owned(), old }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<T: AsRef<str>>(names: &[T]) -> Vec<&str> {
        names.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn old_algorithms_come_last_and_strict_key_exchange_stays_on() {
        let preferred = preferred(&[]);
        let kex = texts(&preferred.kex);
        let place = |name| kex.iter().position(|other| *other == name).expect(name);
        assert!(place("diffie-hellman-group14-sha1") > place("diffie-hellman-group14-sha256"));
        assert!(place("curve25519-sha256") < place("ecdh-sha2-nistp256"));
        assert!(kex.contains(&"kex-strict-c-v00@openssh.com"));
        assert_eq!(texts(&preferred.mac).last(), Some(&"hmac-sha1"));
        assert_eq!(texts(&preferred.cipher)[0], "chacha20-poly1305@openssh.com");
    }

    #[test]
    fn the_kind_of_key_that_is_known_of_a_host_is_asked_for_first() {
        let first = |known: &[Algorithm]| preferred(known).key[0].clone();
        assert_eq!(first(&[]), Algorithm::Ed25519);
        assert_eq!(first(&[Algorithm::Rsa { hash: None }]), Algorithm::Rsa { hash: Some(HashAlg::Sha512) });
    }
}
