//! What a command that did not succeed means. A call must never be placed twice, so each error says whether the
//! host may have run the command: [`SshError::fate`]. It knows texts for people, and no policy.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Whether the host may have run the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Certainly not: it may be sent again.
    NotSent,
    /// It may have run, in part or whole. Look at the host before anything is repeated.
    MaybeRun,
}

/// Where a connection attempt was when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No answer to TCP: the host is off, or a firewall drops the packets.
    Tcp,
    /// TCP is up, but sshd did not finish the key exchange: it hangs, or something else listens there.
    Handshake,
    /// The password or key was sent and no verdict came.
    Login,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "the host does not answer; is it up, and is the port open in its firewall?",
            Self::Handshake => "something accepts connections there but sshd does not answer; is it stuck?",
            Self::Login => {
                "sshd gave no verdict on the login; an expired password or a slow PAM module looks like this"
            }
        })
    }
}

/// `host` is `user@address:port` in every variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshError {
    /// TCP failed with an error, or the name means no address.
    #[error("could not reach {host}: {why}; check the address and the network")]
    Unreachable {
        /// `user@address:port`.
        host: String,
        /// The system's own words.
        why: String,
    },

    /// The host is there, and nothing listens on that port.
    #[error("{host} refused the connection; check that sshd runs there and listens on this port")]
    Refused {
        /// `user@address:port`.
        host: String,
    },

    /// The host or its sshd was silent for too long.
    #[error("no ssh connection to {host} within {limit:?}: {stage}")]
    ConnectTimeout {
        /// `user@address:port`.
        host: String,
        /// [`SshLimits::connect`](super::SshLimits::connect), or that for the command where it was shorter.
        limit: Duration,
        /// How far it came.
        stage: Stage,
    },

    /// What answers there speaks no SSH that this client does, or went away in the middle.
    #[error("the ssh handshake with {host} failed: {why}; sshd's log on the host says more")]
    Handshake {
        /// `user@address:port`.
        host: String,
        /// The cause, for people.
        why: String,
    },

    /// `tried` and `offered` are names of methods, such as `password`.
    ///
    /// No password or key was accepted.
    #[error(
        "{host} denied the login: {tried} was tried and the host accepts {offered}; \
         check the user, the password or key, and PermitRootLogin in its sshd_config"
    )]
    Denied {
        /// `user@address:port`.
        host: String,
        /// With commas between them.
        tried: String,
        /// With commas between them, as sshd names them.
        offered: String,
    },

    /// The host shows another key than it did. No secret was sent.
    #[error("{0}")]
    HostKeyChanged(Box<ChangedKey>),

    /// The host shows a key that the known hosts say to distrust (`@revoked`). No secret was sent.
    #[error("{host} shows the key {presented}, which {file}:{line} marks as revoked; no login was tried")]
    HostKeyRevoked {
        /// `user@address:port`.
        host: String,
        /// Type and SHA-256 fingerprint, as `ssh-keygen -l` shows it.
        presented: String,
        /// The known hosts.
        file: PathBuf,
        /// Which line of it says so, from 1.
        line: usize,
    },

    /// Without the file nobody can be recognized, so nobody is trusted.
    #[error("cannot use the known hosts in {file}: {why}; make it readable and writable for this program")]
    KnownHosts {
        /// The known hosts.
        file: PathBuf,
        /// The cause, for people.
        why: String,
    },

    /// It failed several times in a row; it is left alone for a while.
    #[error("{host} is not tried for another {wait:.1?}, because it failed before: {cause}")]
    Paused {
        /// `user@address:port`.
        host: String,
        /// Until a request may try again. Zero: one tries just now, and this one was not let wait for it.
        wait: Duration,
        /// How it failed the last time.
        cause: Box<SshError>,
    },

    /// Too many commands run or wait already ([`SshLimits::waiting`](super::SshLimits::waiting)).
    #[error("{host} has {limit} commands running and waiting already; try again later")]
    Busy {
        /// `user@address:port`.
        host: String,
        /// How many may run and wait together.
        limit: usize,
    },

    /// Its turn did not come in time.
    #[error("the command waited {limit:?} for its turn at {host}; its commands are slow, or too many")]
    QueueTimeout {
        /// `user@address:port`.
        host: String,
        /// [`SshLimits::command`](super::SshLimits::command).
        limit: Duration,
    },

    /// sshd opened no channel: a limit of sessions, a socket that is not there, or forwarding that is off.
    #[error("{host} refused to open {what}: {why}")]
    ChannelRefused {
        /// `user@address:port`.
        host: String,
        /// What should have been opened, for people.
        what: String,
        /// sshd's own words.
        why: String,
    },

    /// The channel is open, and the host runs no command in it.
    #[error(
        "{host} refused to run commands; check ForceCommand and the user's shell, or restrictions of the key"
    )]
    CommandRefused {
        /// `user@address:port`.
        host: String,
    },

    /// The command did not end in time.
    #[error("the command did not end within {limit:?} at {host}{}", unknown(*fate))]
    CommandTimeout {
        /// `user@address:port`.
        host: String,
        /// [`SshLimits::command`](super::SshLimits::command).
        limit: Duration,
        /// Whether it was begun.
        fate: Fate,
    },

    /// The connection ended under the command.
    #[error("the connection to {host} was lost: {why}{}", unknown(*fate))]
    Lost {
        /// `user@address:port`.
        host: String,
        /// The cause, for people.
        why: String,
        /// Whether the command was sent before.
        fate: Fate,
    },

    /// [`SshHost::close`](super::SshHost::close) was called.
    #[error("the connection to {host} is closed for good, because its settings changed or the program stops")]
    Closed {
        /// `user@address:port`.
        host: String,
    },
}

/// Somebody may be between us and the host, or the host was installed anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "THE HOST KEY OF {host} HAS CHANGED: it shows {presented}, but {file}:{line} has {known}; no login was tried. \
     If the host was really installed anew, remove the old key with `{remedy}`"
)]
pub struct ChangedKey {
    /// `user@address:port`.
    pub host: String,
    /// Type and SHA-256 fingerprint, as `ssh-keygen -l` shows it.
    pub presented: String,
    /// The same of the key that is known.
    pub known: String,
    /// The known hosts.
    pub file: PathBuf,
    /// Which line of it has the known key, from 1.
    pub line: usize,
    /// The command that makes the host unknown again, for a shell.
    pub remedy: String,
}

impl SshError {
    /// [`Fate::MaybeRun`] only of a command that timed out, or whose connection was lost, after it was sent.
    pub fn fate(&self) -> Fate {
        match self {
            Self::CommandTimeout { fate, .. } | Self::Lost { fate, .. } => *fate,
            _ => Fate::NotSent,
        }
    }

    /// How long a host was waited for that did not answer at all.
    pub(super) fn connect_timeout(&self) -> Option<Duration> {
        match self {
            Self::ConnectTimeout { limit, .. } => Some(*limit),
            _ => None,
        }
    }

    /// The short text that callers of the old service know, such as `Connection timeout`.
    pub fn in_short(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "Host unreachable",
            Self::Refused { .. } => "Connection refused",
            Self::ConnectTimeout { .. } => "Connection timeout",
            Self::Handshake { .. } => "Connection closed by remote host",
            Self::Denied { .. } => "Permission denied",
            Self::HostKeyChanged(_) | Self::HostKeyRevoked { .. } | Self::KnownHosts { .. } => {
                "Host key verification failed"
            }
            Self::Paused { cause, .. } => cause.in_short(),
            Self::Busy { .. } | Self::QueueTimeout { .. } => "Too many commands in progress",
            Self::ChannelRefused { .. } => "Channel refused",
            Self::CommandRefused { .. } => "Command refused",
            Self::CommandTimeout { .. } => "Command timeout",
            Self::Lost { .. } => "Connection lost",
            Self::Closed { .. } => "Connection closed",
        }
    }

    /// The host says no to this user; it must not be asked often, for it may ban us.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }

    /// It is not the host that we know.
    pub fn is_host_key(&self) -> bool {
        matches!(self, Self::HostKeyChanged(_) | Self::HostKeyRevoked { .. })
    }
}

fn unknown(fate: Fate) -> &'static str {
    match fate {
        Fate::NotSent => "; the command was not sent",
        Fate::MaybeRun => "; it is unknown whether it ran, look at the host before repeating it",
    }
}

/// Text of a host that may be anything: one line of it, of sensible length.
pub(super) fn from_host(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    if line.is_empty() { "it gave no reason".into() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout(fate: Fate) -> SshError {
        SshError::CommandTimeout { host: "root@10.0.0.1:5059".into(), limit: Duration::from_secs(15), fate }
    }

    #[test]
    fn a_paused_host_answers_with_the_text_of_its_cause() {
        let cause = SshError::ConnectTimeout {
            host: "root@10.0.0.1:5059".into(),
            limit: Duration::from_secs(10),
            stage: Stage::Tcp,
        };
        let wait = Duration::from_secs(2);
        let paused = SshError::Paused { host: "root@10.0.0.1:5059".into(), wait, cause: Box::new(cause) };
        assert_eq!(paused.in_short(), "Connection timeout");
        assert_eq!(paused.fate(), Fate::NotSent);
        assert!(paused.to_string().contains("is the port open"), "{paused}");
    }

    #[test]
    fn only_what_may_have_run_tells_to_look_at_the_host() {
        assert_eq!(timeout(Fate::MaybeRun).fate(), Fate::MaybeRun);
        assert!(timeout(Fate::MaybeRun).to_string().contains("look at the host before repeating"));
        assert!(timeout(Fate::NotSent).to_string().ends_with("the command was not sent"));
    }

    #[test]
    fn a_hosts_words_stay_on_one_line() {
        assert_eq!(from_host("Too many\r\n\x1b[31mfailures "), "Too many   [31mfailures");
        assert_eq!(from_host(&"x".repeat(5000)).len(), 200);
        assert_eq!(from_host(" \n"), "it gave no reason");
    }
}
