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

#[path = "../../support/until.rs"]
mod until;

use std::time::Duration;

use tokio::time::Instant;

pub use self::{
    api::Call,
    bot::Bot,
    client::{Answer, Client, end},
    firms::{FAILED, Firm, Site},
    lab::{Lab, Log, Part, Phone},
    until::until,
    ways::Way,
};

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// What a request takes that waits for nobody, on a busy machine with seven other tests; without them it is a tenth.
pub const AT_ONCE: Duration = Duration::from_millis(500);

/// What something gives, and how long it took.
pub async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let given = work.await;
    (given, begun.elapsed())
}
