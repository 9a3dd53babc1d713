//! How often an enterprise may ask, and how often one address may call one number.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use parking_lot::Mutex;

use super::fastapi::OfficeError;

/// Of so many addresses and numbers, those that are at rest are forgotten.
const MANY: usize = 10_000;

/// The limits, which are set per request: a new configuration holds at once.
#[derive(Default)]
pub struct Limits {
    requests: Mutex<Limiter<String>>,
    /// By address: secrets that nobody has.
    guesses: Mutex<Limiter<IpAddr>>,
    numbers: Mutex<Limiter<(IpAddr, String)>>,
}

/// Wrong secrets per minute from one address.
const GUESSES: NonZeroU32 = NonZeroU32::new(60).expect("it is not zero");

impl Limits {
    /// Counts a request of an enterprise; `rate` a minute, 0 for as many as there come.
    pub fn request(&self, enterprise: &str, rate: u32) -> Result<(), OfficeError> {
        let Some(rate) = NonZeroU32::new(rate) else { return Ok(()) };
        self.requests.lock().check(&enterprise.to_owned(), rate).map_err(|retry_after| OfficeError::TooMany {
            detail: format!("Too many requests: {rate} per minute are allowed"),
            retry_after,
        })
    }

    /// Counts a wrong secret.
    pub fn guess(&self, address: IpAddr) -> Result<(), OfficeError> {
        self.guesses.lock().check(&address, GUESSES).map_err(|retry_after| OfficeError::TooMany {
            detail: "Too many requests with an invalid clientId".to_owned(),
            retry_after,
        })
    }

    /// Counts a call from an address to a number.
    pub fn number(&self, address: IpAddr, number: &str, rate: u32) -> Result<(), OfficeError> {
        let Some(rate) = NonZeroU32::new(rate) else { return Ok(()) };
        // One number, with and without its `+`.
        let key = (address, number.trim_start_matches('+').to_owned());
        self.numbers.lock().check(&key, rate).map_err(|retry_after| OfficeError::TooMany {
            detail: format!("Too many calls to {number}: {rate} per minute are allowed"),
            retry_after,
        })
    }
}

/// One bucket a key and rate.
struct Limiter<K: std::hash::Hash + Eq + Clone> {
    by_rate: Vec<(NonZeroU32, DefaultKeyedRateLimiter<K>)>,
}

impl<K: std::hash::Hash + Eq + Clone> Default for Limiter<K> {
    fn default() -> Self {
        Limiter { by_rate: Vec::new() }
    }
}

impl<K: std::hash::Hash + Eq + Clone> Limiter<K> {
    /// The error is the seconds until the next one may come.
    fn check(&mut self, key: &K, rate: NonZeroU32) -> Result<(), u64> {
        let place = self.by_rate.iter().position(|(known, _)| *known == rate).unwrap_or_else(|| {
            self.by_rate.push((rate, RateLimiter::keyed(Quota::per_minute(rate))));
            self.by_rate.len() - 1
        });
        let limiter = &self.by_rate[place].1;
        if limiter.len() > MANY {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs_f64().ceil().max(1.0) as u64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(result: Result<(), OfficeError>) -> Option<u64> {
        match result {
            Err(OfficeError::TooMany { retry_after, .. }) => Some(retry_after),
            _ => None,
        }
    }

    #[test]
    fn each_enterprise_has_its_own_minute() {
        let limits = Limits::default();
        for _ in 0..3 {
            assert_eq!(retry(limits.request("0367", 3)), None);
        }
        assert!(retry(limits.request("0367", 3)).is_some_and(|seconds| (1..=20).contains(&seconds)));
        assert_eq!(retry(limits.request("0368", 3)), None);
        assert_eq!(retry(limits.request("0367", 0)), None, "0 is no limit");
    }

    #[test]
    fn an_address_and_a_number_go_together() {
        let limits = Limits::default();
        let [one, two] = ["127.0.0.1", "127.0.0.2"].map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(retry(limits.number(one, "+375296254070", 1)), None);
        assert!(retry(limits.number(one, "+375296254070", 1)).is_some());
        assert!(retry(limits.number(one, "375296254070", 1)).is_some());
        assert_eq!(retry(limits.number(one, "+375296254071", 1)), None);
        assert_eq!(retry(limits.number(two, "+375296254070", 1)), None);
    }
}
