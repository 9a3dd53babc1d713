//! What every machine of a call has, whatever kind of call it is: the record and its timeline, the timers, the wishes,
//! and the end that is written once. What is seen and asked for is the machine's own.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    CallRecord, EndedBy, Entry, Fact, LegRef, Moment, Outcome, Reached, Reason, Role, Seen, Status, Timer,
    Timers,
};

/// `E`: what the machine wishes for.
#[derive(Debug, Clone)]
pub(crate) struct Kernel<E> {
    pub record: CallRecord,
    pub timers: Timers,
    /// It rings since then, by the monotonic clock.
    pub ringing_since: Option<Duration>,
    /// So long it rang before that.
    pub rang_for: Option<Duration>,
    pub answered_since: Option<Duration>,
    /// A request failed and was written down; the next failures are not, until one works again.
    pub failure_noted: bool,
    entries: Vec<Entry>,
    effects: Vec<E>,
    changed: bool,
    intent: bool,
}

/// After the end of a leg, what else is told of it follows within milliseconds (measured); a second is for a machine under
/// load.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// How long that was ago by the wall clock: the monotonic one of a former run is gone.
pub(crate) fn passed_since(now: Moment, at: DateTime<Utc>) -> Duration {
    (now.wall - at).to_std().unwrap_or_default()
}

impl<E> Kernel<E> {
    pub fn new(record: CallRecord) -> Self {
        Kernel {
            record,
            timers: Timers::default(),
            ringing_since: None,
            rang_for: None,
            answered_since: None,
            failure_noted: false,
            entries: Vec::new(),
            effects: Vec::new(),
            changed: false,
            intent: false,
        }
    }

    pub fn wish(&mut self, effect: E) {
        self.effects.push(effect);
    }

    /// The record is to be written, though there is no line for the timeline.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// An attempt begins: the next write is its intent, and nothing is sent before that is on disk.
    pub fn intend(&mut self, now: Moment) {
        self.record.begin_attempt(now.wall);
        self.intent = true;
        self.changed = true;
        self.timers.clear();
        self.timers.arm(Timer::Ring, now.mono + self.ring_timeout());
    }

    /// It is answered: from here on it is the talk that has a limit.
    pub fn answer(&mut self, now: Moment) {
        self.answered_since = Some(now.mono);
        self.record.last.answered_at = Some(now.wall);
        self.timers.disarm(Timer::Ring);
        self.timers.arm(Timer::MaxDuration, now.mono + self.max_duration());
    }

    /// A former run left it under way: its clocks go on, and so does its limit, which ends nothing before `soonest`.
    pub fn resume(&mut self, now: Moment, soonest: Duration) {
        let since = |at| now.mono.saturating_sub(passed_since(now, at));
        let last = &self.record.last;
        match last.answered_at {
            Some(up) => {
                let rang = |at: DateTime<Utc>| (up - at).to_std().unwrap_or_default();
                self.rang_for = last.ringing_at.map(rang);
                self.answered_since = Some(since(up));
            }
            None => self.ringing_since = last.ringing_at.map(since),
        }
        let (timer, whole) = match last.answered_at {
            Some(_) => (Timer::MaxDuration, self.max_duration()),
            None => (Timer::Ring, self.ring_timeout()),
        };
        let begun = last.answered_at.or(last.dialed_at).unwrap_or(self.record.created_at);
        let left = whole.saturating_sub(passed_since(now, begun));
        self.timers.arm(timer, now.mono + left.max(soonest));
    }

    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.record.request.ring_timeout().into())
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(self.record.request.max_duration().into())
    }

    pub fn note_hangup(&mut self, now: Moment, by: EndedBy, reason: Reason, client: Option<String>) {
        let seconds = (reason == Reason::MaxDuration).then_some(self.record.request.max_duration());
        self.note(now, &Fact::HangupAsked { by, reason, seconds, client });
    }

    /// The end is asked for. That is kept: a restarted bot goes on with the hang-up.
    pub fn ask_for_end(&mut self, by: EndedBy, reason: Reason) {
        self.record.hangup = Some((by, reason));
        self.changed = true;
    }

    /// A failure, if it is the first.
    pub fn note_failure(&mut self, now: Moment, fact: &Fact) {
        if !std::mem::replace(&mut self.failure_noted, true) {
            self.note(now, fact);
        }
    }

    /// What was seen of a leg of the attempt that is under way. `channel`: as the timeline names it.
    pub fn leg(&self, role: Role, channel: Option<String>, seen: Seen) -> Fact {
        Fact::Leg { leg: LegRef { attempt: Some(self.record.last.number), role, channel }, seen }
    }

    /// Writes a line of the timeline, and takes the step it proves, if that is a step forward.
    pub fn note(&mut self, now: Moment, fact: &Fact) {
        self.note_step(now, fact, fact.proves());
    }

    /// The same, with the step that the machine concludes from it.
    pub fn note_step(&mut self, now: Moment, fact: &Fact, step: Option<Status>) {
        let status = step.filter(|next| *next == Status::Queued || self.record.last.status.may_become(*next));
        if let Some(status) = status {
            self.record.last.status = status;
        }
        self.entries.push(Entry::new(now.wall, fact, status, self.record.last.number));
        self.changed = true;
    }

    /// Writes the end. `is_seen`: it was told of, and not only found to be over; else nobody knows how long they talked,
    /// or how long it rang.
    pub fn end(&mut self, now: Moment, outcome: Outcome, is_seen: bool) {
        let ended = is_seen.then_some(now.mono);
        let fact = Fact::ended(&outcome);
        let attempt = &mut self.record.last;
        attempt.ring_seconds = match self.ringing_since {
            Some(since) => {
                let until = self.answered_since.or(ended);
                until.map(|until| until.saturating_sub(since) + self.rang_for.unwrap_or_default())
            }
            None => self.rang_for,
        }
        .map(seconds);
        attempt.talk_seconds =
            self.answered_since.zip(ended).map(|(since, until)| seconds(until.saturating_sub(since)));
        attempt.end(outcome, now.wall);
        self.note(now, &fact);
        self.timers.clear();
    }

    /// All that is wished for; what happened becomes one write, ahead of everything else. `reached`: as far as it has come.
    pub fn flush(
        &mut self,
        reached: Reached,
        store: impl FnOnce(Box<CallRecord>, Vec<Entry>, bool) -> E,
    ) -> Vec<E> {
        let mut effects = std::mem::take(&mut self.effects);
        if std::mem::take(&mut self.changed) {
            self.record.last.reached = self.record.last.reached.max(reached);
            let (entries, intent) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.intent));
            effects.insert(0, store(Box::new(self.record.clone()), entries, intent));
        }
        effects
    }
}

/// To the millisecond.
pub(crate) fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}
