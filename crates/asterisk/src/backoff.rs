//! How long to wait before the next try: exponential with full jitter, so that many clients of one Asterisk
//! that has just restarted do not come back all at once. It must not sleep: it only says how long.

use std::time::Duration;

#[derive(Debug)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    attempt: u32,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), attempt: 0 }
    }

    /// A random wait between nothing and the ceiling of this attempt; the ceiling doubles with each call.
    pub(super) fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.attempt = self.attempt.saturating_add(1);
        ceiling.mul_f64(rand::random_range(0.0..=1.0))
    }

    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }

    fn ceiling(&self) -> Duration {
        // 2^20 times any sensible minimum is over any sensible maximum; the bound keeps the shift defined.
        self.min.saturating_mul(1 << self.attempt.min(20)).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum_and_a_reset_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(3));
        let mut seen = Vec::new();
        for _ in 0..6 {
            seen.push(backoff.ceiling().as_millis());
            backoff.next_wait();
        }
        assert_eq!(seen, [250, 500, 1000, 2000, 3000, 3000]);
        backoff.reset();
        assert_eq!(backoff.ceiling(), Duration::from_millis(250));
    }

    #[test]
    fn waits_stay_under_the_maximum_for_ever_and_are_spread() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(15));
        let waits: Vec<_> = (0..10_000).map(|_| backoff.next_wait()).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(15)));
        let short = waits.iter().filter(|wait| **wait < Duration::from_millis(7500)).count();
        assert!((4000..6000).contains(&short), "full jitter halves the waits: {short} of 10000 are short");
    }
}
