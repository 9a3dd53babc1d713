//! What these tests stand on: a laboratory that they break, tables of enterprises of their own, and the bot and its
//! clients as the tests of `tests/office` have them.

mod firms;
mod lab;
pub mod watch;

#[path = "../../e2e/support/api.rs"]
#[allow(dead_code, reason = "tests/e2e uses the rest")]
pub mod api;
#[path = "../../office/support/bot.rs"]
#[allow(dead_code, reason = "tests/office uses the rest")]
pub mod bot;
#[path = "../../office/support/client.rs"]
#[allow(dead_code, reason = "tests/office uses the rest")]
pub mod client;
#[path = "../../office/support/ways.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "tests/office uses the rest")]
pub mod ways;

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;

pub use self::{
    api::Call,
    bot::Bot,
    client::{Answer, Client, end},
    firms::{FAILED, Firm, Site},
    lab::{Lab, Log, Part, Phone},
    ways::Way,
};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// What a request takes that waits for nobody, on a busy machine with seven other tests; without them it is a tenth.
pub const AT_ONCE: Duration = Duration::from_millis(500);

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

/// What something gives, and how long it took.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let given = work.await;
    (given, begun.elapsed())
}
