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

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;

pub(crate) use self::ways::by_each_way;
pub use self::{
    api::Call,
    bot::Bot,
    client::{Client, end},
    desk::{Desk, Phone},
    lab::Lab,
    manager::Manager,
    ways::Way,
};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Looks until `look` finds what it looks for.
///
/// # Panics
/// When `time` is over, with `what` and the last thing seen.
pub async fn until<T, E: Display>(
    what: &str,
    time: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + time;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("{what}: not within {time:?}; seen last: {seen}")
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
