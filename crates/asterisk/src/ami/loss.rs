//! Why there is no connection. Its text is what a person reads in the log and on the status page: what happened,
//! and what to do about it.

use std::time::Duration;

use super::wire::Overflow;

#[derive(Debug, thiserror::Error)]
pub(super) enum Loss {
    #[error(
        "Asterisk at `{address}` refuses the AMI user `{username}` ({message}); compare its secret, deny and permit in manager.conf"
    )]
    Credentials { address: String, username: String, message: String },
    #[error(
        "Asterisk at `{address}` gives no challenge ({message}); if its build has no MD5, let the secret be sent plain"
    )]
    NoChallenge { address: String, message: String },
    #[error("`{address}` is no manager interface: it {what}; is it Asterisk that listens there?")]
    NotAmi { address: String, what: String },
    #[error(
        "cannot reach Asterisk at `{address}`: {why}; is it running, and enabled=yes and bindaddr right in manager.conf?"
    )]
    Unreachable { address: String, why: String },
    #[error(
        "Asterisk at `{address}` did not let us in within {patience:?}; it hangs, or another program listens there"
    )]
    Slow { address: String, patience: Duration },
    #[error("Asterisk {}; events are lost until it is back", if *.restart { "restarts" } else { "shuts down" })]
    Shutdown { restart: bool },
    #[error(
        "Asterisk closed the connection without a goodbye; it was killed, the user was removed, or we did not read fast enough"
    )]
    Closed,
    #[error("the connection broke: {0}; see Asterisk's log and the network")]
    Broken(String),
    #[error("Asterisk sent {0}; is it Asterisk that listens there?")]
    TooLarge(#[from] Overflow),
    #[error("Asterisk was silent for {0:?}, it did not even answer a ping; it hangs, or the network is cut")]
    Silent(Duration),
    #[error("nobody needs the connection")]
    Idle,
    #[error("stopped on request")]
    Stopped,
}

impl Loss {
    /// The supervisor has nothing more to do.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Stopped)
    }

    /// Trying again soon looks like an attack, and does not help.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Credentials { .. } | Self::NoChallenge { .. })
    }

    /// A connection that was open has failed.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        match error.kind() {
            BrokenPipe | ConnectionReset | UnexpectedEof => Self::Closed,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// One of each, for whoever checks what they say.
#[cfg(all(test, feature = "russian"))]
pub(crate) fn samples() -> Vec<String> {
    let (address, username) = ("10.0.0.1:5038".to_owned(), "bot".to_owned());
    let message = "Authentication failed".to_owned();
    let second = Duration::from_secs(1);
    [
        Loss::Credentials { address: address.clone(), username, message: message.clone() },
        Loss::NoChallenge { address: address.clone(), message },
        Loss::Unreachable { address: address.clone(), why: "Connection refused (os error 111)".into() },
        Loss::Slow { address, patience: second },
        Loss::Shutdown { restart: true },
        Loss::Shutdown { restart: false },
        Loss::Closed,
        Loss::Broken("Connection reset by peer (os error 104)".into()),
        Loss::TooLarge(Overflow::Line),
        Loss::TooLarge(Overflow::Block),
        Loss::Silent(second),
        Loss::Idle,
        Loss::Stopped,
    ]
    .iter()
    .map(ToString::to_string)
    .collect()
}
