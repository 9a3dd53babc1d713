//! The time by which something has outlived its time. A clock that was set forward must not have made it old: keys
//! would expire, and a repetition would dial again; a year of calls would go in minutes.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

#[derive(Debug)]
pub(super) struct SteadyClock {
    started: DateTime<Utc>,
    at: Instant,
}

impl Default for SteadyClock {
    fn default() -> Self {
        SteadyClock { started: Utc::now(), at: Instant::now() }
    }
}

impl SteadyClock {
    /// The earlier one of what the clock says and of what it would say had nobody set it since the start.
    pub fn now(&self) -> DateTime<Utc> {
        self.earlier(Utc::now())
    }

    fn earlier(&self, says: DateTime<Utc>) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.at.elapsed()).unwrap_or(TimeDelta::MAX);
        says.min(self.started.checked_add_signed(passed).unwrap_or(says))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_makes_nothing_older() {
        let clock = SteadyClock::default();
        let year = TimeDelta::days(365);
        assert!(clock.earlier(Utc::now() + year) - Utc::now() < TimeDelta::minutes(1));
        let back = Utc::now() - year;
        assert_eq!(clock.earlier(back), back);
    }
}
