//! Where a host is, how to log in, and how patient to be with it. It owns no connection; secrets in it are
//! shown nowhere.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{HashAlg, PrivateKey};

use super::known_hosts::KnownHosts;
use crate::secret::Secret;

/// Which host, as whom, and how patiently.
#[derive(Debug, Clone)]
pub struct SshTarget {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// 22, unless its sshd says otherwise.
    pub port: u16,
    /// The account at the host.
    pub user: String,
    /// Tried in this order, as far as the host offers the method.
    pub auth: Vec<SshAuth>,
    /// `SshLimits::default()` has the usual ones.
    pub limits: SshLimits,
    /// What decides whether it is the right host. To be shared by all who use one file.
    pub known_hosts: Arc<KnownHosts>,
}

impl SshTarget {
    /// `user@address:port`, for people.
    pub(super) fn label(&self) -> String {
        match self.host.contains(':') {
            true => format!("{}@[{}]:{}", self.user, self.host, self.port),
            false => format!("{}@{}:{}", self.user, self.host, self.port),
        }
    }
}

/// One way to log in.
#[derive(Clone)]
pub enum SshAuth {
    /// Also answers keyboard-interactive, where a host offers only that.
    Password(Secret),
    /// A private key; [`SshAuth::key_file`] reads one.
    Key(Arc<PrivateKey>),
}

impl SshAuth {
    /// Reads a private key: OpenSSH's own format, PKCS#8, PKCS#1 or PuTTY's; ed25519, ECDSA or RSA.
    ///
    /// # Errors
    /// A [`KeyError`], which names the file and never its content.
    pub fn key_file(path: &Path, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        let file = path.to_path_buf();
        let text = std::fs::read_to_string(path)
            .map_err(|why| KeyError::Unreadable { file: file.clone(), why: why.to_string() })?;
        if text.trim_start().starts_with("ssh-") || text.trim_start().starts_with("ecdsa-") {
            return Err(KeyError::Public { file });
        }
        match russh::keys::decode_secret_key(&text, passphrase.map(Secret::expose)) {
            Ok(key) => Ok(Self::Key(Arc::new(key))),
            Err(russh::keys::Error::KeyIsEncrypted) => Err(KeyError::Encrypted { file }),
            Err(_) if passphrase.is_some() => Err(KeyError::Passphrase { file }),
            // russh's own texts of these errors name its crates; nothing in them helps the reader.
            Err(_) => Err(KeyError::Unknown { file }),
        }
    }
}

impl fmt::Debug for SshAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(***)"),
            Self::Key(key) => write!(f, "Key({})", key.fingerprint(HashAlg::Sha256)),
        }
    }
}

/// Why a file is no private key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system did not let us read it.
    #[error("could not read the private key {file}: {why}")]
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// The system's own words.
        why: String,
    },
    /// It is the `.pub` beside the private key.
    #[error("{file} is a public key; name the private one, usually the same name without .pub")]
    Public {
        /// Its path.
        file: PathBuf,
    },
    /// It has a passphrase, and none was given.
    #[error(
        "the private key {file} is encrypted; set its passphrase, or remove it with `ssh-keygen -p -f {file}`"
    )]
    Encrypted {
        /// Its path.
        file: PathBuf,
    },
    /// A passphrase was given, and the key does not open with it.
    #[error("the passphrase does not open the private key {file}")]
    Passphrase {
        /// Its path.
        file: PathBuf,
    },
    /// It is none of the known formats, or of a kind of key that is not supported.
    #[error("{file} is not a private key that can be used; ed25519, ECDSA and RSA keys of OpenSSH can")]
    Unknown {
        /// Its path.
        file: PathBuf,
    },
}

/// How long to wait, and how much at once. Each says what it is by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshLimits {
    /// For TCP, handshake and login together: 10 s.
    pub connect: Duration,
    /// From the call of `exec` to its result, with the wait for a turn and for the connection: 15 s.
    pub command: Duration,
    /// A host that lets a request to open a channel wait so long (3 s) has a dead connection; a new one is made.
    pub answer: Duration,
    /// Nothing was heard for so long (5 s): ask. After the third question without answer the connection is dead.
    pub keepalive: Duration,
    /// An unused connection is closed after so long: 10 minutes.
    pub idle: Duration,
    /// Commands that run in one connection: 8. sshd allows 10 sessions unless its MaxSessions says otherwise.
    pub commands_at_once: usize,
    /// Sockets that are open at once: 32. They are no sessions to sshd.
    pub sockets_at_once: usize,
    /// Requests that may wait for a connection or their turn; one more is turned away at once. 64.
    pub waiting: usize,
    /// When to leave a host alone that fails.
    pub breaker: BreakerLimits,
}

/// When a host that fails is left alone, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerLimits {
    /// So many failures to connect in a row: 3. A denied login and a wrong host key count at once.
    pub failures: u32,
    /// The first pause: 1 s. Each further failure doubles it up to `most`.
    pub first: Duration,
    /// The longest pause: 30 s.
    pub most: Duration,
    /// The first pause after a denied login: 1 minute. fail2ban bans an address for 5 failures in 10 minutes: with these
    /// there are 4 (at 0, 1, 3 and 7 minutes).
    pub denied_first: Duration,
    /// The longest pause after denied logins: 15 minutes.
    pub denied_most: Duration,
}

impl Default for SshLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(15),
            answer: Duration::from_secs(3),
            keepalive: Duration::from_secs(5),
            idle: Duration::from_secs(600),
            commands_at_once: 8,
            sockets_at_once: 32,
            waiting: 64,
            breaker: BreakerLimits::default(),
        }
    }
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            failures: 3,
            first: Duration::from_secs(1),
            most: Duration::from_secs(30),
            denied_first: Duration::from_secs(60),
            denied_most: Duration::from_secs(900),
        }
    }
}
