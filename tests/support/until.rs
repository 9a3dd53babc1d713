//! Waiting for a condition that no channel tells.

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

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
