//! Tells what comes again and again once in a while, and how often it came meanwhile.
//!
//! Pure: the time is an argument, what is told is the caller's.

use std::{collections::HashMap, hash::Hash, time::Duration};

/// What was told of each kind, and when.
#[derive(Debug)]
pub struct Seldom<K> {
    pause: Duration,
    told: HashMap<K, Told>,
}

#[derive(Debug)]
struct Told {
    at: Duration,
    held: u64,
}

/// What to do with something that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Say {
    Now,
    /// Counted; it is the first one since, so that after the pause [`Seldom::held`] is to be asked.
    AskLater(Duration),
    Nothing,
}

impl<K: Eq + Hash + Clone> Seldom<K> {
    pub fn new(pause: Duration) -> Self {
        Seldom { pause, told: HashMap::new() }
    }

    pub fn comes(&mut self, kind: &K, now: Duration) -> Say {
        let pause = self.pause;
        // What nobody has met for so long is as if it had never come.
        self.told.retain(|_, told| told.held > 0 || now.saturating_sub(told.at) < pause);
        match self.told.get_mut(kind) {
            None => {
                self.told.insert(kind.clone(), Told { at: now, held: 0 });
                Say::Now
            }
            Some(told) => {
                told.held += 1;
                match told.held {
                    1 => Say::AskLater((told.at + pause).saturating_sub(now)),
                    _ => Say::Nothing,
                }
            }
        }
    }

    /// How many came without being told. They count as told now.
    pub fn held(&mut self, kind: &K, now: Duration) -> u64 {
        self.told.get_mut(kind).map_or(0, |told| {
            told.at = now;
            std::mem::take(&mut told.held)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let mut seldom = Seldom::new(MINUTE);
        assert_eq!(seldom.comes(&"a", at(0)), Say::Now);
        assert_eq!(seldom.comes(&"b", at(1)), Say::Now, "another kind");
        assert_eq!(seldom.comes(&"a", at(20)), Say::AskLater(at(40)));
        for second in 21..60 {
            assert_eq!(seldom.comes(&"a", at(second)), Say::Nothing);
        }
        assert_eq!(seldom.held(&"a", at(60)), 40);
        // It goes on: again counted for a minute.
        assert_eq!(seldom.comes(&"a", at(61)), Say::AskLater(at(59)));
        assert_eq!(seldom.held(&"a", at(120)), 1);
        assert_eq!(seldom.held(&"a", at(121)), 0);
        assert_eq!(seldom.comes(&"a", at(300)), Say::Now);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut seldom = Seldom::new(MINUTE);
        for kind in 0..1000 {
            seldom.comes(&kind, at(0));
        }
        seldom.comes(&5000, at(60));
        assert_eq!(seldom.told.len(), 1);
    }
}
