//! SSH to the hosts of enterprises: one connection a host, made when it is needed, kept up while it is used, and
//! shared by all commands and sockets to that host. It owns the wire, trust in hosts, time limits, and the difference
//! between "not sent" and "may have run". It must not know Asterisk, calls, enterprises, or the configuration file.
//!
//! Crate russh carries the protocol. What it leaves to its user, each in the file named: a handshake that hangs is
//! never ended (`wire`); a channel that is not read stops its whole connection (`command`, `stream`); channels are
//! not closed when dropped, and one whose opening is cancelled is lost at the host (`connection`).

mod breaker;
mod command;
mod connect;
mod connection;
mod error;
mod host;
mod known_hosts;
mod known_line;
mod link;
mod login;
mod peer;
#[cfg(feature = "russian")]
mod russian;
mod stream;
mod target;
mod wire;

#[cfg(test)]
mod tests;

pub use command::{Exit, Output};
pub use error::{ChangedKey, Fate, SshError, Stage};
pub use host::{SshFigures, SshHost};
pub use known_hosts::KnownHosts;
pub use link::SshState;
pub use stream::SshStream;
pub use target::{BreakerLimits, KeyError, SshAuth, SshLimits, SshTarget};
