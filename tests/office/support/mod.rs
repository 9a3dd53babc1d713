//! What the tests stand on: the laboratory of `scripts/offices` with its phones, the bot as a child process, and
//! its clients.

pub mod bot;
pub mod client;
pub mod desk;
pub mod lab;
pub mod manager;
pub mod ways;

#[path = "../../e2e/support/api.rs"]
#[allow(dead_code, reason = "tests/e2e uses the rest")]
pub mod api;

#[path = "../../support/until.rs"]
mod until;

use std::time::Duration;

pub(crate) use self::ways::by_each_way;
pub use self::{
    api::Call,
    bot::Bot,
    client::{Client, end},
    desk::{Desk, Phone},
    lab::Lab,
    manager::Manager,
    until::until,
    ways::Way,
};

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
