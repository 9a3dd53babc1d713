//! The wire to Asterisk, for programs that must know what became of what they asked.
//!
//! It carries requests, events and files, one folder a protocol. Nothing here knows what a call is: it says exactly what
//! it learned, and what it could not learn.
//!
//! | part | what it is |
//! |---|---|
//! | [`ari`] | the Asterisk REST Interface: one events socket that is kept up, and requests |
//! | [`ami`] | the Asterisk Manager Interface: one connection, up while somebody needs it, actions and typed events |
//! | [`console`] | the command line: typed commands and parsed answers, over the socket `asterisk.ctl` or any stream |
//! | `ssh` (feature `ssh`) | one shared SSH connection per host, for consoles and sockets of other machines |
//! | [`files`] | the configuration files, read as Asterisk reads them, and changed in one step |
//! | [`talk`] | who hears whom, through bridges and Local channels |
//!
//! Each of the first three opens with an example.
//!
//! # What it promises
//!
//! - **A request knows its fate.** An error of [`ari`] or [`ami`] says one of three things ([`Certainty`]): it was
//!   not sent, Asterisk refused it, or it may have been carried out. Those of the console and of SSH tell the last from
//!   the others ([`console::ConsoleError::may_have_acted`], `ssh::SshError::fate`). When in doubt it is the last. What
//!   was told as not sent is never sent afterwards, and nothing that may have been carried out is sent again.
//! - **Connections come back by themselves**, with waits that grow and are left to chance. Each one has a number, the
//!   `generation` of [`ari::Link::Up`] and [`ami::AmiLink::Up`]. Asterisk keeps no events for a client that is away:
//!   over AMI each subscriber gets a snapshot behind each `Up`, over ARI ask what it has now. A loss is told once, in
//!   words that say what to do.
//! - **Subscribers do not know each other.** One AMI connection carries what all of them want to hear of; who does not
//!   listen delays nobody, and is told what it lost. One list of the channels serves all who ask ([`Looks`]).
//! - **Memory is bounded**, whatever the other end sends: 8192 events of ARI up to 64 KiB each wait for the listener, 4096
//!   of AMI up to 16 KiB for a subscriber; a message has at most 1 MiB (ARI) or 4 MiB (AMI), a list 16 MiB, an answer of a console 4 MiB.
//! - **A forged AMI message taints.** A caller can write line breaks into his number, and Asterisk writes them into its
//!   events (measured on 16.28 and 22.10.1), so what follows may be his words. A message that lacks what its type always
//!   has, or has it twice, is told as [`ami::AmiLink::Tainted`]; events after it are dropped and only named
//!   ([`ami::AmiLink::Doubtful`]) until Asterisk has answered something that was asked since. A fresh snapshot follows.
//! - **No value becomes a command.** What would be a second line, another address or a shell's business is encoded or
//!   refused before it is sent. Secrets are in no log, error or `Debug` ([`secret::Secret`]).
//!
//! # Sources
//!
//! Where a text says *measured*, it was seen on Debian's Asterisk 22.10.1 or 16.28.0 (the text says which), over loopback.
//! Causes are those of Q.850. All tasks run on Tokio, and all times are [`Duration`](std::time::Duration)s unless a name
//! ends in `_ms` or `_secs`.
#![warn(missing_docs)]

pub mod ami;
pub mod ari;
mod backoff;
mod certainty;
mod chanspy;
pub mod console;
mod driver;
mod feed;
pub mod files;
mod link;
mod looks;
mod order;
#[cfg(feature = "russian")]
mod russian;
pub mod secret;
#[cfg(feature = "ssh")]
pub mod ssh;
pub mod talk;

pub use certainty::Certainty;
pub use chanspy::ChanSpy;
pub use driver::Driver;
pub use link::Received;
pub use looks::Looks;

/// The example of README.md compiles too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
