//! Whether a host may be tried now. It owns the counting and the pauses, and gets the time from outside; it
//! must not connect to anything.
//!
//! A pause that is over admits one request, the probe; the others are turned away until the probe has an answer,
//! so that a dead host costs one request its patience and no other.

use std::time::Duration;

use tokio::time::Instant;

use super::error::SshError;
use super::target::BreakerLimits;

#[derive(Debug)]
pub(super) struct Breaker {
    limits: BreakerLimits,
    /// Failures to connect, and denied logins, since the last connection that worked.
    failures: u32,
    denials: u32,
    gate: Gate,
}

#[derive(Debug)]
enum Gate {
    Free,
    Shut { until: Instant, cause: SshError },
    Probing { cause: SshError },
}

/// Not now, and why.
#[derive(Debug)]
pub(super) struct NotNow {
    pub(super) wait: Duration,
    pub(super) cause: SshError,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        Self { limits, failures: 0, denials: 0, gate: Gate::Free }
    }

    /// Asked before each attempt to connect.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), NotNow> {
        match &self.gate {
            Gate::Free => Ok(()),
            Gate::Shut { until, cause } if *until > now => {
                Err(NotNow { wait: *until - now, cause: cause.clone() })
            }
            Gate::Shut { cause, .. } => {
                self.gate = Gate::Probing { cause: cause.clone() };
                Ok(())
            }
            Gate::Probing { .. } => self.wait_for_probe(),
        }
    }

    /// Asked by requests that find an attempt under way.
    pub(super) fn wait_for_probe(&self) -> Result<(), NotNow> {
        match &self.gate {
            Gate::Probing { cause } => Err(NotNow { wait: Duration::ZERO, cause: cause.clone() }),
            _ => Ok(()),
        }
    }

    /// The pause, when there is one now.
    pub(super) fn failed(&mut self, now: Instant, cause: &SshError) -> Option<Duration> {
        let BreakerLimits { failures, first, most, denied_first, denied_most } = self.limits.clone();
        let pause = if cause.is_denied() {
            self.denials = self.denials.saturating_add(1);
            doubled(denied_first, denied_most, self.denials - 1)
        } else {
            self.failures = self.failures.saturating_add(1);
            // One that is silent costs its request all the patience: not three times in a row.
            let silent = cause.connect_timeout();
            let tolerated = if cause.is_host_key() || silent.is_some() { 1 } else { failures.max(1) };
            match self.failures.checked_sub(tolerated) {
                Some(over) => doubled(first, most, over).max(silent.unwrap_or_default().min(most)),
                None if matches!(self.gate, Gate::Free) => return None,
                // The probe of another kind of failure: one of this kind is enough to go on pausing.
                None => first,
            }
        };
        self.gate = Gate::Shut { until: now + pause, cause: cause.clone() };
        Some(pause)
    }

    /// The connection is there; whether it works shows only with the first use.
    pub(super) fn connected(&mut self) {
        self.gate = Gate::Free;
    }

    pub(super) fn works(&mut self) {
        self.failures = 0;
        self.denials = 0;
        self.gate = Gate::Free;
    }

    /// Nobody tried after all, or the reason of the pause is gone: the next request may probe at once.
    pub(super) fn probe_now(&mut self, now: Instant) {
        if let Gate::Shut { cause, .. } | Gate::Probing { cause } = &self.gate {
            self.gate = Gate::Shut { until: now, cause: cause.clone() };
        }
    }

    /// The pause that is on, with its end.
    pub(super) fn pause(&self, now: Instant) -> Option<(Instant, &SshError)> {
        match &self.gate {
            Gate::Shut { until, cause } if *until > now => Some((*until, cause)),
            _ => None,
        }
    }
}

fn doubled(first: Duration, most: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(20)).min(most.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::error::Stage;

    fn refused() -> SshError {
        SshError::Refused { host: "root@h:22".into() }
    }

    fn denied() -> SshError {
        SshError::Denied { host: "root@h:22".into(), tried: "password".into(), offered: "publickey".into() }
    }

    fn pauses(breaker: &mut Breaker, cause: &SshError, times: usize) -> Vec<u64> {
        let now = Instant::now();
        (0..times).map(|_| breaker.failed(now, cause).map_or(0, |pause| pause.as_secs())).collect()
    }

    #[test]
    fn silence_pauses_at_once_for_as_long_as_it_cost() {
        let limit = Duration::from_secs(10);
        let silent = SshError::ConnectTimeout { host: "root@h:22".into(), limit, stage: Stage::Tcp };
        let mut breaker = Breaker::new(BreakerLimits::default());
        assert_eq!(pauses(&mut breaker, &silent, 6), [10, 10, 10, 10, 16, 30]);
        breaker.works();
        assert_eq!(pauses(&mut breaker, &refused(), 1), [0]);
    }

    #[test]
    fn the_third_failure_pauses_and_each_further_one_doubles_up_to_half_a_minute() {
        let mut breaker = Breaker::new(BreakerLimits::default());
        assert_eq!(pauses(&mut breaker, &refused(), 9), [0, 0, 1, 2, 4, 8, 16, 30, 30]);
        breaker.works();
        assert_eq!(pauses(&mut breaker, &refused(), 3), [0, 0, 1], "success forgets what was");
    }

    #[test]
    fn a_denied_login_pauses_at_once_and_slowly_so_that_no_host_bans_us() {
        let mut breaker = Breaker::new(BreakerLimits::default());
        let pauses = pauses(&mut breaker, &denied(), 6);
        assert_eq!(pauses, [60, 120, 240, 480, 900, 900]);
        let mut tries_in_ten_minutes = 1;
        let mut at = 0;
        for pause in pauses {
            at += pause;
            tries_in_ten_minutes += usize::from(at < 600);
        }
        assert_eq!(tries_in_ten_minutes, 4, "fail2ban counts to five");
    }

    #[test]
    fn a_pause_that_is_over_admits_one_and_turns_away_the_others_until_it_has_an_answer() {
        let mut breaker = Breaker::new(BreakerLimits { failures: 1, ..BreakerLimits::default() });
        let now = Instant::now();
        breaker.failed(now, &refused());
        let turned_away = breaker.admit(now).expect_err("it pauses");
        assert_eq!(turned_away.wait, Duration::from_secs(1));
        assert_eq!(turned_away.cause, refused());

        let later = now + Duration::from_secs(1);
        breaker.admit(later).expect("the probe");
        breaker.admit(later).expect_err("one probe at a time");
        breaker.wait_for_probe().expect_err("nor may another wait for it");
        breaker.connected();
        breaker.admit(later).expect("free again");
        breaker.wait_for_probe().expect("free again");
    }

    #[test]
    fn a_connection_that_dies_unused_does_not_count_as_success() {
        let mut breaker = Breaker::new(BreakerLimits::default());
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(breaker.failed(now, &refused()), None);
            breaker.connected();
        }
        assert!(breaker.failed(now, &refused()).is_some(), "three in a row, though each could log in");
    }

    #[test]
    fn when_the_reason_is_gone_the_next_request_probes_at_once() {
        let mut breaker = Breaker::new(BreakerLimits::default());
        let now = Instant::now();
        breaker.failed(now, &denied());
        breaker.probe_now(now);
        breaker.admit(now).expect("the probe");
        breaker.admit(now).expect_err("still one at a time");
    }
}
