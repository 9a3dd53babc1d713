//! What the tests stand on: the lab (a real PBX and a carrier), the bot as a child process, its API
//! as a client sees it, the carrier's own log, and a line to Asterisk that can be cut.

pub mod api;
pub mod asterisk;
pub mod bot;
pub mod carrier;
pub mod end;
pub mod lab;
pub mod line;

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;

pub use self::{
    api::Call,
    bot::Bot,
    end::{End, assert_arrived, assert_end, assert_words, wrong_story, wrong_words},
    lab::Lab,
    line::BreakableLine,
};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);

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
