//! Who may be dialed next: first come, first served, within the slots and the rate.
//!
//! Pure but for the clock that it is handed.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use call::{CallId, DialString};

/// Calls may leave this much closer together than the rate says, so that a late wake-up of the
/// engine costs no rate.
const SLACK: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Admission {
    /// By the order in which they came.
    waiting: BTreeMap<u64, CallId>,
    places: HashMap<CallId, u64>,
    came: u64,
    /// When the rate allows the next call (the generic cell rate algorithm).
    next_at: Duration,
    numbers: HashMap<DialString, Gap>,
    /// So many numbers may gather before the old ones among them are looked for.
    numbers_bound: usize,
}

/// When a number may be called again.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gap {
    /// A call to it waits in the queue, and the gap begins when that is dialed.
    Waits,
    Until(Duration),
}

/// Numbers that are kept without looking for old ones.
const NUMBERS_BOUND: usize = 1024;

impl Admission {
    pub fn new() -> Self {
        Admission {
            waiting: BTreeMap::new(),
            places: HashMap::new(),
            came: 0,
            next_at: Duration::ZERO,
            numbers: HashMap::new(),
            numbers_bound: NUMBERS_BOUND,
        }
    }

    pub fn push(&mut self, call: CallId) {
        self.waiting.insert(self.came, call);
        self.places.insert(call, self.came);
        self.came += 1;
    }

    /// Calls in the queue.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// It ended while it waited: it keeps no call to its number away.
    pub fn remove(&mut self, call: CallId, number: &DialString) {
        if let Some(place) = self.places.remove(&call) {
            self.waiting.remove(&place);
        }
        if self.numbers.get(number) == Some(&Gap::Waits) {
            self.numbers.remove(number);
        }
    }

    /// The next call, if the rate allows one now.
    pub fn next(&mut self, now: Duration, calls_per_second: f64) -> Option<CallId> {
        if self.next_at > now {
            return None;
        }
        let (_, call) = self.waiting.pop_first()?;
        self.places.remove(&call);
        self.next_at = self.next_at.max(now.saturating_sub(SLACK)) + interval(calls_per_second);
        Some(call)
    }

    /// A higher rate holds at once, not after the wait that the old one asked for.
    pub fn rate_changed(&mut self, now: Duration, calls_per_second: f64) {
        self.next_at = self.next_at.min(now + interval(calls_per_second));
    }

    /// When [`Admission::next`] may say more than it does now; `None` while nobody waits.
    pub fn wake_at(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.next_at)
    }

    /// How long a call to this number must wait yet; `gap`, at least, while another one is in the queue.
    pub fn too_soon(&self, number: &DialString, now: Duration, gap: Duration) -> Option<Duration> {
        let left = match self.numbers.get(number)? {
            Gap::Waits => gap,
            Gap::Until(at) => at.saturating_sub(now),
        };
        (!left.is_zero()).then_some(left)
    }

    /// A call to this number waits for its turn.
    pub fn waits(&mut self, number: DialString) {
        self.numbers.insert(number, Gap::Waits);
    }

    /// A call to this number is dialed; the next one may come at that time.
    pub fn may_call_at(&mut self, number: DialString, at: Duration, now: Duration) {
        self.numbers.insert(number, Gap::Until(at));
        if self.numbers.len() > self.numbers_bound {
            self.numbers.retain(|_, gap| match gap {
                Gap::Waits => true,
                Gap::Until(at) => *at > now,
            });
            self.numbers_bound = NUMBERS_BOUND.max(2 * self.numbers.len());
        }
    }
}

fn interval(calls_per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / calls_per_second.max(0.001))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn call(n: u128) -> CallId {
        CallId(Uuid::from_u128(n))
    }

    #[test]
    fn first_come_first_served_at_the_rate() {
        let mut admission = Admission::new();
        (1..=200).for_each(|n| admission.push(call(n)));
        let mut left = Vec::new();
        // Woken every 7 ms for 10 s.
        for tick in 0..1430 {
            while let Some(call) = admission.next(tick * 7 * MS, 10.0) {
                left.push((tick * 7, call));
            }
        }
        assert!(left.iter().map(|(_, id)| *id).eq((1..=left.len() as u128).map(call)));
        assert!((100..=102).contains(&left.len()), "{}", left.len());
        for window in left.windows(12) {
            assert!(window[11].0 - window[0].0 >= 1000, "more than 11 within a second: {window:?}");
        }
    }

    #[test]
    fn an_idle_hour_saves_up_no_burst() {
        let mut admission = Admission::new();
        (1..=10).for_each(|n| admission.push(call(n)));
        let hour = Duration::from_secs(3600);
        let at_once = std::iter::from_fn(|| admission.next(hour, 5.0)).count();
        assert_eq!(at_once, 1);
        assert!(admission.wake_at().is_some_and(|at| at <= hour + 200 * MS));
    }

    #[test]
    fn a_higher_rate_holds_at_once() {
        let mut admission = Admission::new();
        (1..=3).for_each(|n| admission.push(call(n)));
        assert_eq!(admission.next(Duration::ZERO, 0.01), Some(call(1)));
        assert!(admission.wake_at().is_some_and(|at| at > 99 * 1000 * MS));
        admission.rate_changed(1000 * MS, 10.0);
        assert_eq!(admission.wake_at(), Some(1100 * MS));
        admission.rate_changed(1000 * MS, 0.01);
        assert_eq!(admission.wake_at(), Some(1100 * MS), "a lower rate holds from the next call on");
    }

    #[test]
    fn two_calls_to_one_number_keep_their_gap() {
        let number: DialString = "+79522675444".parse().expect("E.164");
        let mut admission = Admission::new();
        let seconds = Duration::from_secs;
        let gap = seconds(60);
        assert_eq!(admission.too_soon(&number, Duration::ZERO, gap), None);
        // However long it waits: the gap is one between two dialings.
        admission.push(call(1));
        admission.waits(number.clone());
        assert_eq!(admission.too_soon(&number, seconds(3000), gap), Some(gap));
        admission.may_call_at(number.clone(), seconds(3070), seconds(3010));
        assert_eq!(admission.too_soon(&number, seconds(3030), gap), Some(seconds(40)));
        assert_eq!(admission.too_soon(&number, seconds(3070), gap), None);
        // One that ended in the queue called nobody; and one that was dialed keeps its gap when it ends.
        admission.waits(number.clone());
        admission.remove(call(1), &number);
        assert_eq!((admission.too_soon(&number, seconds(30), gap), admission.waiting()), (None, 0));
        admission.may_call_at(number.clone(), seconds(90), seconds(30));
        admission.remove(call(2), &number);
        assert_eq!(admission.too_soon(&number, seconds(30), gap), Some(gap));
    }

    #[test]
    fn numbers_of_long_ago_are_forgotten() {
        let mut admission = Admission::new();
        for n in 0..100_000_u64 {
            let number = format!("+7952{n:07}").parse().expect("E.164");
            admission.may_call_at(number, Duration::from_millis(n + 500), Duration::from_millis(n));
        }
        assert!(admission.numbers.len() <= 2 * NUMBERS_BOUND, "{}", admission.numbers.len());
    }
}
