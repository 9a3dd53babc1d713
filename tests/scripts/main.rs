//! The scripts of the repository, run as they are: in folders of their own, and on a real Asterisk.

mod debug;
mod install;
mod outgoing;
mod service;
mod support;
