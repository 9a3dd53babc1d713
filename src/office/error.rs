//! What can go wrong with a host, by whatever way.

use call::{Reason, WayKind, office::HostFailure};
use lang::Text;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostErrorKind {
    /// It can't be reached, or does not answer.
    Unreachable,
    /// It refused user, password or key.
    Auth,
    /// Its SSH key is not the known one.
    KeyChanged,
    /// It was reached, and its Asterisk said no.
    Refused,
    /// No way to it is set up.
    NoWay,
    /// More is waiting for it than it can do.
    Overloaded,
}

impl HostErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            HostErrorKind::Unreachable => "unreachable",
            HostErrorKind::Auth => "auth",
            HostErrorKind::KeyChanged => "key_changed",
            HostErrorKind::Refused => "refused",
            HostErrorKind::NoWay => "no_way",
            HostErrorKind::Overloaded => "overloaded",
        }
    }
}

/// A request to a host failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .why)]
pub struct HostError {
    pub kind: HostErrorKind,
    /// The way that was tried; `None` when there is none.
    pub way: Option<WayKind>,
    /// What was asked for was certainly not done.
    pub is_certain: bool,
    /// In few words, as the API's answers have it: `Connection timeout`.
    pub words: String,
    /// For the operator: what was being done, and what to do. No secret is in it.
    pub why: Text,
}

impl HostError {
    /// `SSH command failed: Connection timeout`
    pub fn told(&self) -> String {
        match self.way {
            Some(WayKind::Ssh) => format!("SSH command failed: {}", self.words),
            Some(WayKind::Ami) => format!("AMI action failed: {}", self.words),
            Some(WayKind::Ari) => format!("ARI request failed: {}", self.words),
            None => self.words.clone(),
        }
    }

    pub fn reason(&self) -> Reason {
        match self.kind {
            HostErrorKind::Unreachable | HostErrorKind::Overloaded | HostErrorKind::NoWay => {
                Reason::HostUnreachable
            }
            HostErrorKind::Auth => Reason::HostAuthFailed,
            HostErrorKind::KeyChanged => Reason::HostKeyChanged,
            HostErrorKind::Refused => Reason::HostRefused,
        }
    }

    pub(super) fn failure(&self) -> HostFailure {
        HostFailure { reason: self.reason(), why: self.why.en.clone() }
    }
}
