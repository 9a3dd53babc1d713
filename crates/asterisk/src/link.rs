//! What a link that is kept up tells its listener of its ups and downs: each loss once, and again only for another reason.

use std::time::{Duration, Instant, SystemTime};

/// A connection that lasted so long was a good one: the next loss starts with short waits again.
const STABLE: Duration = Duration::from_secs(30);

/// When something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// For how long something took: this clock never jumps.
    pub at: Instant,
    /// For people: the time of the day, which may jump.
    pub wall: SystemTime,
}

impl Received {
    pub(crate) fn now() -> Self {
        Received { at: Instant::now(), wall: SystemTime::now() }
    }
}

/// What the listener believes.
#[derive(Debug, Default)]
pub(crate) enum Told {
    /// At the start, or asleep.
    #[default]
    Nothing,
    Up {
        since: Instant,
    },
    Down {
        reason: String,
    },
}

/// What there is to tell of a loss.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Down,
    /// It was down before, for another reason.
    StillDown,
    Nothing,
}

impl Told {
    pub fn up() -> Self {
        Told::Up { since: Instant::now() }
    }

    pub fn is_down(&self) -> bool {
        matches!(self, Told::Down { .. })
    }

    /// The connection that was just lost was a good one.
    pub fn was_stable(&self) -> bool {
        matches!(self, Told::Up { since } if since.elapsed() >= STABLE)
    }

    /// The link is lost, or still is.
    pub fn lose(&mut self, reason: &str) -> News {
        let news = match self {
            Told::Down { reason: told } if told == reason => return News::Nothing,
            Told::Down { .. } => News::StillDown,
            Told::Nothing | Told::Up { .. } => News::Down,
        };
        *self = Told::Down { reason: reason.to_owned() };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once() {
        let mut told = Told::default();
        assert_eq!(told.lose("refused"), News::Down);
        assert_eq!(told.lose("refused"), News::Nothing);
        assert_eq!(told.lose("silent"), News::StillDown);
        told = Told::up();
        assert_eq!(told.lose("silent"), News::Down);
    }
}
