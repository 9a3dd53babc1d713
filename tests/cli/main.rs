//! The client commands: the real program against a daemon that plays a script.
//!
//! What the daemon itself does is proven elsewhere; here it is whatever the test says.

mod call;
#[allow(dead_code, reason = "the tests of enterprises use the rest")]
#[path = "../support/postgres.rs"]
mod cluster;
mod connect;
mod daemon;
mod interrupt;
mod lists;
mod program;
mod reconnect;
mod russian;
mod show;
mod store;
mod watch;
