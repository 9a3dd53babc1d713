//! The closed set of timers, and time as the machine sees it.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};

/// One moment on two clocks: the monotonic one decides, the wall clock is only written down, so a
/// step of the machine's clock moves no deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time since the engine started.
    pub mono: Duration,
    pub wall: DateTime<Utc>,
}

/// What can happen by time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The call waited in the queue for too long: it ends with `queue_timeout`.
    Queue,
    /// Asterisk was away for too long while the call waited: it ends with `asterisk_unreachable`.
    Unreachable,
    /// The ring time-out: the call is hung up.
    Ring,
    /// The maximum duration after the answer: the call is hung up.
    MaxDuration,
    /// Our half is in Stasis but no trunk leg proved an answer: the call is hung up.
    Proof,
    /// A pause in the scenario is over: the next step runs.
    Wait,
    /// A sound neither ended nor failed within the time it may take: Asterisk is asked.
    Playback,
    /// The trunk leg is gone; the rest of the evidence did not come: the call ends with what there is, or Asterisk is
    /// asked where the dialplan may dial another leg.
    Settle,
    /// A hang-up or an originate had no visible effect yet: Asterisk is asked about the channels. One that
    /// certainly did not leave is sent again.
    Check,
    /// Asterisk could not be asked for too long after a hang-up: the call ends as it is known.
    GiveUp,
    /// Asterisk did not say in time whether it had told all of the call: what was not seen proves nothing.
    Hearing,
}

/// The armed timers of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timers(BTreeMap<Timer, Duration>);

impl Timers {
    pub fn arm(&mut self, timer: Timer, at: Duration) {
        self.0.insert(timer, at);
    }

    /// Arms the timer only when it is not armed yet: the first deadline stands.
    pub fn arm_once(&mut self, timer: Timer, at: Duration) {
        self.0.entry(timer).or_insert(at);
    }

    /// Arms the timer, or moves it forward: the earlier deadline stands.
    pub fn arm_by(&mut self, timer: Timer, at: Duration) {
        self.0.entry(timer).and_modify(|armed| *armed = at.min(*armed)).or_insert(at);
    }

    pub fn disarm(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn at(&self, timer: Timer) -> Option<Duration> {
        self.0.get(&timer).copied()
    }

    pub fn is_armed(&self, timer: Timer) -> bool {
        self.0.contains_key(&timer)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<(Duration, Timer)> {
        self.0.iter().map(|(timer, at)| (*at, *timer)).min()
    }

    /// Takes one timer whose time has come.
    pub fn due(&mut self, now: Duration) -> Option<Timer> {
        let (at, timer) = self.next()?;
        (at <= now).then(|| {
            self.0.remove(&timer);
            timer
        })
    }
}
