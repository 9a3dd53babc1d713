//! How many connections each enterprise may keep open for what goes on: one alone must not take them from all others.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// Of one kind, each enterprise with as many.
#[derive(Debug)]
pub struct Slots {
    most: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Slots {
    pub fn new(most: usize) -> Self {
        Slots { most, taken: Arc::default() }
    }

    /// One more, until it is dropped; `None` when there are too many.
    pub fn enter(&self, enterprise: &str) -> Option<Entered> {
        let mut taken = self.taken.lock();
        let count = taken.entry(enterprise.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Entered { taken: self.taken.clone(), enterprise: enterprise.to_owned() })
    }
}

#[derive(Debug)]
pub struct Entered {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    enterprise: String,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.enterprise) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.enterprise);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_enterprise_does_not_take_all() {
        let places = Slots::new(3);
        let mut own: Vec<_> = (0..3).map(|_| places.enter("0367").expect("there is room")).collect();
        assert!(places.enter("0367").is_none());
        assert!(places.enter("0368").is_some(), "another's are its own");
        own.pop();
        assert!(places.enter("0367").is_some());
        drop(own);
        assert!(places.taken.lock().is_empty(), "nothing is kept of those that are gone");
    }
}
