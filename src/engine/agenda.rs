//! When which call wants to be woken: one deadline a call, the earliest first.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use call::CallId;

#[derive(Debug, Default)]
pub(super) struct Agenda {
    by_time: BTreeSet<(Duration, CallId)>,
    by_call: HashMap<CallId, Duration>,
}

impl Agenda {
    /// Sets the call's deadline in place of the one it had; `None` takes it away.
    pub fn set(&mut self, call: CallId, deadline: Option<Duration>) {
        let old = match deadline {
            Some(at) => self.by_call.insert(call, at),
            None => self.by_call.remove(&call),
        };
        if old == deadline {
            return;
        }
        if let Some(old) = old {
            self.by_time.remove(&(old, call));
        }
        if let Some(at) = deadline {
            self.by_time.insert((at, call));
        }
    }

    pub fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes one call whose time has come.
    pub fn due(&mut self, now: Duration) -> Option<CallId> {
        let (at, call) = *self.by_time.first()?;
        (at <= now).then(|| {
            self.set(call, None);
            call
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_call_has_one_deadline() {
        let call = |n| CallId(Uuid::from_u128(n));
        let second = Duration::from_secs;
        let mut agenda = Agenda::default();
        agenda.set(call(1), Some(second(60)));
        agenda.set(call(2), Some(second(5)));
        agenda.set(call(1), Some(second(3)));
        assert_eq!(agenda.next(), Some(second(3)));
        assert_eq!(agenda.due(second(2)), None);
        assert_eq!(agenda.due(second(4)), Some(call(1)));
        assert_eq!(agenda.due(second(4)), None);
        agenda.set(call(2), None);
        assert_eq!(agenda.next(), None);
        assert!(agenda.by_call.is_empty() && agenda.by_time.is_empty());
    }
}
