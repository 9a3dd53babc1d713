//! The machine of one office's call: inputs and `now` in, wishes and one next deadline out.
//!
//! The order to the host leaves once, after the intent is on disk; nothing that happens afterwards, a restart
//! least of all, sends it again. How it is ended by somebody stands in `hangup`.

mod hangup;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{HostFailure, OfficeEvidence, OfficeKind, Seen, Sight, WayKind};
use crate::{Asked, CallRecord, EndedBy, Entry, Fact, Moment, Reason, Role, Status, Timer, Timers};

/// A hang-up, or a doubt, is looked into after this.
const CHECK_AFTER: Duration = Duration::from_millis(500);
/// A host that could not be asked is asked again after this.
const CHECK_AGAIN: Duration = Duration::from_secs(2);
/// So long the host has to be asked for the calls that a former run left.
const FIRST_LOOK: Duration = Duration::from_secs(15);
/// One of the two that talked is gone; so long the other one may take to go too.
const SETTLE: Duration = Duration::from_secs(1);
/// So long a call may live that nobody can see.
const BLIND: Duration = Duration::from_secs(600);
/// Looks in a row that found nothing: one can be earlier than the channels.
const LOOKS: u8 = 3;

/// All that can happen to an office's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfficeInput {
    /// The intent is on disk.
    IntentStored,
    /// The host took the order. `linked_id`: its own id of the call, where it chose one. `detailed`: it will tell all.
    Taken {
        way: WayKind,
        linked_id: Option<String>,
        detailed: bool,
    },
    /// The host's own id of the call was found out later.
    Linked {
        linked_id: String,
    },
    /// It certainly did not, and nothing will come of it.
    NotTaken(HostFailure),
    /// Whether it did is not known.
    Uncertain {
        why: String,
    },
    Sight(Sight),
    /// The extension's dialplan is through, with this Q.850 cause.
    DialplanEnded {
        cause: u16,
    },
    /// Nothing leads from this side to the other any more, though it lives. At the end of every call that is so for a
    /// moment; where it lasts, and they were not connected before, somebody took it over.
    Alone {
        leg: Role,
    },
    /// Somebody at the PBX certainly did.
    TakenOver {
        leg: Role,
    },
    /// Nothing of the call is left at the host, and its end was seen.
    Over,
    /// The host took the order and could not make the call's channels.
    NotMade,
    /// The host has it, as an answer to a look.
    Found,
    /// The host has nothing of it, as an answer to a look.
    NotFound,
    /// What happens at the host can't be seen; something may be missed.
    Blind {
        why: String,
    },
    LookFailed {
        why: String,
    },
    HangupFailed {
        why: String,
    },
    /// The host was asked for the end of the channels.
    HangupSent,
    /// It was not: the two sides are not connected with each other now, and who else is, is not ours to hang up.
    Apart,
    /// Somebody asks for the end.
    Hangup {
        by: EndedBy,
        reason: Reason,
        client: Option<String>,
    },
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum OfficeEffect {
    /// With `intent`, say [`OfficeInput::IntentStored`] once it is on disk.
    Store {
        record: Box<CallRecord>,
        entries: Vec<Entry>,
        intent: bool,
    },
    /// Give the order to the host, once.
    Order,
    Hangup,
    /// Ask the host what it has of the call.
    Look,
    /// The call has ended: free what it holds.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Storing,
    Ordering,
    Placed,
    Ended,
}

#[derive(Debug, Clone)]
pub struct OfficeMachine {
    record: CallRecord,
    evidence: OfficeEvidence,
    phase: Phase,
    timers: Timers,
    ringing_since: Option<Duration>,
    answered_since: Option<Duration>,
    misses: u8,
    /// This side lives, and nothing leads from it to the other.
    alone: Option<Role>,
    /// How often the host was asked for the end.
    hangups: u32,
    failure_noted: bool,
    /// It was over before the host had answered to the order.
    over: bool,
    /// The host was asked for the end and has not answered.
    hanging_up: bool,
    entries: Vec<Entry>,
    effects: Vec<OfficeEffect>,
    dirty: bool,
    intent: bool,
}

impl OfficeMachine {
    /// A new call, not yet stored: the first effect writes it with the intent to dial.
    ///
    /// # Panics
    /// When the record is not an office's.
    pub fn place(now: Moment, record: CallRecord) -> (Self, Vec<OfficeEffect>) {
        let mut machine = Self::build(record, Phase::Storing);
        let from = machine.record.request.requested_by.clone();
        machine.note(now, Fact::Accepted { from });
        machine.record.begin_attempt(now.wall);
        machine.note(now, Fact::IntentStored);
        machine.intent = true;
        machine.timers.arm(Timer::Ring, now.mono + machine.ring_timeout());
        let effects = machine.flush();
        (machine, effects)
    }

    /// A call that a former run left open: the host is asked for it, and it is never ordered again.
    ///
    /// # Panics
    /// When the record is not an office's.
    pub fn restore(now: Moment, record: CallRecord) -> (Self, Vec<OfficeEffect>) {
        let mut machine = Self::build(record, Phase::Placed);
        let record = &machine.record;
        let passed_since = |at: DateTime<Utc>| (now.wall - at).to_std().unwrap_or_default();
        let passed = passed_since(record.answered_at.or(record.dialed_at).unwrap_or(record.created_at));
        let (rang, up) = (record.ringing_at.is_some(), record.answered_at.is_some());
        let early_media = record.status == Status::EarlyMedia;
        machine.ringing_since = record.ringing_at.map(|at| now.mono.saturating_sub(passed_since(at)));
        machine.answered_since = up.then(|| now.mono.saturating_sub(passed));
        machine.evidence.hangup = record.hangup_by.zip(record.hangup_reason);
        // The order of the former run may or may not have left.
        machine.evidence.uncertain = record.office.as_ref().is_none_or(|office| office.way.is_none());
        machine.evidence.missed = true;
        let evidence = &mut machine.evidence;
        (evidence.rang, evidence.early_media, evidence.connected) = (rang, early_media, up);
        if let Some(sides) = machine.record.office.as_ref().and_then(|office| office.sides.clone()) {
            evidence.restore_sides(sides);
        }
        let (timer, whole) = match up {
            true => (Timer::MaxDuration, machine.max_duration()),
            false => (Timer::Ring, machine.ring_timeout()),
        };
        // A limit that has passed meanwhile ends nothing before the host was asked: the call may be over for long.
        machine.timers.arm(timer, now.mono + whole.saturating_sub(passed).max(FIRST_LOOK));
        machine.note(now, Fact::Restarted { dialed: true });
        if machine.evidence.hangup.is_some() {
            machine.send_hangup(now);
        }
        machine.look(now);
        let effects = machine.flush();
        (machine, effects)
    }

    fn build(record: CallRecord, phase: Phase) -> Self {
        let office = record.office.as_ref().expect("an office's machine is made of an office's record");
        let is_monitor = matches!(office.kind, OfficeKind::Monitor(_));
        OfficeMachine {
            record,
            evidence: OfficeEvidence { is_monitor, ..OfficeEvidence::default() },
            phase,
            timers: Timers::default(),
            ringing_since: None,
            answered_since: None,
            misses: 0,
            alone: None,
            hangups: 0,
            failure_noted: false,
            over: false,
            hanging_up: false,
            entries: Vec::new(),
            effects: Vec::new(),
            dirty: false,
            intent: false,
        }
    }

    pub fn record(&self) -> &CallRecord {
        &self.record
    }

    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The channels of the two sides, by their ids: the extension's and the number's, once they are connected.
    pub fn sides(&self) -> Option<&[String; 2]> {
        self.evidence.sides.as_ref()
    }

    /// The earliest deadline; until the end there always is one.
    pub fn next_timer(&self) -> Option<(Duration, Timer)> {
        self.timers.next()
    }

    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.record.request.ring_timeout.into())
    }

    fn max_duration(&self) -> Duration {
        Duration::from_secs(self.record.request.max_duration.into())
    }

    /// Takes one input and says what is to be done. After the end nothing is.
    pub fn handle(&mut self, now: Moment, input: OfficeInput) -> Vec<OfficeEffect> {
        if self.has_ended() {
            return Vec::new();
        }
        match input {
            OfficeInput::IntentStored => self.intent_stored(),
            OfficeInput::Taken { way, linked_id, detailed } => self.taken(now, way, linked_id, detailed),
            OfficeInput::Linked { linked_id } => self.linked(linked_id),
            OfficeInput::NotTaken(failure) => self.not_taken(now, failure),
            OfficeInput::Uncertain { why } => self.uncertain(now, why),
            OfficeInput::Sight(sight) => self.sight(now, sight),
            // What the host said to the order is still due, and tells how the rest is to be read.
            OfficeInput::Over if self.phase == Phase::Ordering => self.over = true,
            // Where only looks tell: whether it was our hang-up that ended the call, its answer says.
            OfficeInput::Over
                if self.hanging_up && !self.evidence.detailed && self.evidence.sides.is_some() =>
            {
                self.over = true;
            }
            OfficeInput::Over => self.conclude(now),
            OfficeInput::NotMade => self.not_made(now),
            OfficeInput::Found => self.found(now),
            OfficeInput::NotFound => self.not_found(now),
            OfficeInput::Blind { why } => self.blind(now, why),
            OfficeInput::LookFailed { why } => self.failed(now, Asked::Channels, why),
            OfficeInput::HangupFailed { why } => {
                self.failed(now, Asked::Hangup, why);
                self.hangup_answered(now);
            }
            OfficeInput::Hangup { by, reason, client } => self.hangup(now, by, reason, client),
            OfficeInput::HangupSent => {
                self.hangup_sent();
                self.hangup_answered(now);
            }
            OfficeInput::Apart => {
                self.apart(now);
                self.hangup_answered(now);
            }
            OfficeInput::Alone { leg } => self.alone(now, leg),
            OfficeInput::TakenOver { leg } => self.taken_over(now, leg),
            OfficeInput::DialplanEnded { cause } => self.evidence.dialplan = Some(cause),
        }
        self.flush()
    }

    /// Lets every timer fire whose time has come.
    pub fn tick(&mut self, now: Moment) -> Vec<OfficeEffect> {
        let mut effects = Vec::new();
        while let Some(timer) = self.timers.due(now.mono) {
            match timer {
                Timer::Ring if self.phase == Phase::Storing => {
                    // The disk never confirmed the intent, so nothing was sent.
                    self.evidence.refused = Some(HostFailure {
                        reason: Reason::StoreUnavailable,
                        why: "the store did not take the intent to dial".into(),
                    });
                    self.conclude(now);
                }
                // It is over for this call, and who has taken it over is not hung up.
                Timer::Ring if self.evidence.taken_over.is_some() => {}
                Timer::Ring => {
                    self.note(now, Fact::RingTimeout { seconds: self.record.request.ring_timeout });
                    self.ask_for_end(now, EndedBy::Limit, Reason::RingTimeout);
                }
                Timer::MaxDuration => self.hangup(now, EndedBy::Limit, Reason::MaxDuration, None),
                Timer::Check => self.look(now),
                Timer::GiveUp => {
                    self.evidence.unreachable = true;
                    self.note(now, Fact::GaveUp);
                    self.conclude(now);
                }
                // What the host said to the order is still due.
                Timer::Settle if self.phase == Phase::Ordering => self.over = true,
                // Who is left, or both, talk with somebody else.
                Timer::Settle => self.settled(now),
                // The others are those of the bot's own calls.
                _ => {}
            }
            effects.extend(self.flush());
        }
        effects
    }

    fn intent_stored(&mut self) {
        if self.phase == Phase::Storing {
            self.phase = Phase::Ordering;
            self.effects.push(OfficeEffect::Order);
        }
    }

    fn taken(&mut self, now: Moment, way: WayKind, linked_id: Option<String>, detailed: bool) {
        if self.phase != Phase::Ordering {
            return;
        }
        self.phase = Phase::Placed;
        self.evidence.detailed = detailed;
        if let Some(office) = &mut self.record.office {
            office.way = Some(way);
            // It may have been found out before.
            office.linked_id = linked_id.or(office.linked_id.take());
        }
        self.note(now, Fact::OrderTaken { way });
        if self.over {
            return self.conclude(now);
        }
        if self.evidence.hangup.is_some() {
            self.send_hangup(now);
        } else if self.evidence.missed {
            // Whether anybody sees it now, a look tells; what was armed when nobody did must not end it.
            self.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
        }
    }

    fn linked(&mut self, linked_id: String) {
        if let Some(office) = &mut self.record.office {
            office.linked_id = Some(linked_id);
            self.dirty = true;
        }
    }

    fn not_taken(&mut self, now: Moment, failure: HostFailure) {
        if self.phase != Phase::Ordering {
            return;
        }
        self.note(now, Fact::OrderRefused { why: failure.why.clone() });
        self.evidence.refused = Some(failure);
        self.conclude(now);
    }

    fn not_made(&mut self, now: Moment) {
        if self.phase == Phase::Storing || self.evidence.has_legs() {
            return;
        }
        let why =
            "its Asterisk could not make the call's channels; see its log, and how many files it may open";
        self.note(now, Fact::OrderRefused { why: why.to_owned() });
        self.evidence.refused = Some(HostFailure { reason: Reason::HostRefused, why: why.to_owned() });
        match self.phase {
            // What the host said to the order is still due.
            Phase::Ordering => self.over = true,
            _ => self.conclude(now),
        }
    }

    fn uncertain(&mut self, now: Moment, why: String) {
        if self.phase != Phase::Ordering {
            return;
        }
        self.phase = Phase::Placed;
        self.evidence.uncertain = true;
        self.note(now, Fact::OrderUncertain { why });
        if self.over {
            return self.conclude(now);
        }
        if self.evidence.hangup.is_some() {
            self.send_hangup(now);
        }
        self.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
    }

    fn sight(&mut self, now: Moment, sight: Sight) {
        let before = self.evidence.clone();
        self.evidence.see(&sight);
        let Sight { leg, channel, name, seen } = sight;
        self.misses = 0;
        self.evidence.uncertain = false;
        if self.evidence == before {
            return;
        }
        let leg = if self.evidence.is_monitor { Role::Listener } else { leg };
        let is_answer = self.evidence.connected && !before.connected;
        if is_answer {
            if let Some(office) = &mut self.record.office {
                office.sides.clone_from(&self.evidence.sides);
            }
            self.answered(now);
        } else if leg.is_main() {
            self.keep_time(now, &seen);
        }
        if self.evidence.has_lost_a_side() && !before.has_lost_a_side() {
            self.timers.arm(Timer::Settle, now.mono + SETTLE);
        }
        let channel = self.evidence.which(leg, &channel);
        let fact = match seen {
            Seen::Created => Fact::LegCreated { leg, channel: name },
            Seen::Ringing => Fact::LegRinging { leg, channel },
            Seen::EarlyMedia => Fact::LegEarlyMedia { leg, channel },
            Seen::Up => Fact::LegUp { leg, channel },
            // What both sides do before is in no conversation yet.
            Seen::Joined if is_answer => Fact::LegJoined { leg, channel },
            Seen::Joined | Seen::Left => return,
            Seen::HungUp { .. } => Fact::LegHungUp { leg, channel },
            Seen::HungUpHere => Fact::LegHungUpHere { leg, channel },
            Seen::DialEnded(dialstatus) => Fact::LegDialEnded { leg, dialstatus, channel },
            Seen::Gone { cause, sip } => Fact::LegGone { leg, cause, tech_cause: sip, channel },
        };
        let step = if is_answer { Some(Status::Answered) } else { fact.proves() };
        self.note_step(now, fact, step);
    }

    /// What the main leg does moves the clocks of the call.
    fn keep_time(&mut self, now: Moment, seen: &Seen) {
        if matches!(seen, Seen::Ringing | Seen::EarlyMedia) && self.answered_since.is_none() {
            self.ringing_since.get_or_insert(now.mono);
            self.record.ringing_at.get_or_insert(now.wall);
        }
    }

    /// Both sides are connected.
    fn answered(&mut self, now: Moment) {
        if self.answered_since.is_none() {
            self.answered_since = Some(now.mono);
            self.record.answered_at = Some(now.wall);
            self.timers.disarm(Timer::Ring);
            // They were on their way to each other.
            self.timers.disarm(Timer::Settle);
            self.alone = None;
            self.timers.arm(Timer::MaxDuration, now.mono + self.max_duration());
        }
    }

    fn found(&mut self, now: Moment) {
        self.misses = 0;
        self.evidence.uncertain = false;
        if self.evidence.hangup.is_some() {
            return self.send_hangup(now);
        }
        self.failure_noted = false;
        self.timers.disarm(Timer::Check);
        self.timers.disarm(Timer::GiveUp);
    }

    fn not_found(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Storing | Phase::Ordering) {
            return;
        }
        self.misses = self.misses.saturating_add(1);
        if self.misses < LOOKS {
            return self.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
        }
        self.evidence.lost = true;
        self.note(now, Fact::NotFound);
        self.conclude(now);
    }

    fn blind(&mut self, now: Moment, why: String) {
        self.evidence.detailed = false;
        self.evidence.missed = true;
        self.note(now, Fact::SightLost { why });
        self.timers.arm_once(Timer::Check, now.mono + CHECK_AFTER);
        self.timers.arm_once(Timer::GiveUp, now.mono + BLIND);
    }

    fn failed(&mut self, now: Moment, what: Asked, why: String) {
        if !self.failure_noted {
            self.failure_noted = true;
            self.note(now, Fact::RequestFailed { what, why });
        }
        match what {
            // It is asked for again when its own time has come.
            Asked::Hangup => self.timers.arm_once(Timer::Check, now.mono + CHECK_AGAIN),
            _ => self.timers.arm(Timer::Check, now.mono + CHECK_AGAIN),
        }
        self.timers.arm_once(Timer::GiveUp, now.mono + BLIND);
    }

    fn look(&mut self, now: Moment) {
        if self.phase == Phase::Placed {
            self.effects.push(OfficeEffect::Look);
            self.timers.arm(Timer::Check, now.mono + CHECK_AGAIN);
        }
    }

    /// Writes a line of the timeline, and takes the step it proves, if that is a step forward.
    fn note(&mut self, now: Moment, fact: Fact) {
        let step = fact.proves();
        self.note_step(now, fact, step);
    }

    fn note_step(&mut self, now: Moment, fact: Fact, step: Option<Status>) {
        let status = step.filter(|next| *next == Status::Queued || self.record.status.may_become(*next));
        if let Some(status) = status {
            self.record.status = status;
        }
        self.entries.push(Entry::new(now.wall, &fact, status, self.record.attempt));
        self.dirty = true;
    }

    /// The end: written once, from the evidence there is.
    fn conclude(&mut self, now: Moment) {
        let outcome = self.evidence.verdict();
        // When nobody saw the end, nobody knows how long they talked, or how long it rang.
        let is_seen = !self.evidence.lost && !self.evidence.unreachable;
        let ended = is_seen.then_some(now.mono);
        let span = |since: Option<Duration>, until: Option<Duration>| {
            since.zip(until).map(|(since, until)| seconds(until.saturating_sub(since)))
        };
        let record = &mut self.record;
        record.ring_seconds = span(self.ringing_since, self.answered_since.or(ended));
        record.talk_seconds = span(self.answered_since, ended);
        record.reason = Some(outcome.reason);
        record.ended_by = Some(outcome.ended_by);
        record.sip_code = outcome.sip_code;
        record.sip_text.clone_from(&outcome.sip_text);
        record.q850_cause = outcome.q850_cause;
        record.reached = record.reached.max(outcome.reached);
        record.ended_at = Some(now.wall);
        self.note(now, Fact::ended(&outcome));
        self.phase = Phase::Ended;
        self.timers.clear();
        self.effects.push(OfficeEffect::Ended);
    }

    /// What happened becomes one write, ahead of everything else that is wished for.
    fn flush(&mut self) -> Vec<OfficeEffect> {
        let mut effects = std::mem::take(&mut self.effects);
        if self.dirty {
            self.record.reached = self.record.reached.max(self.evidence.reached());
            let (entries, intent) = (std::mem::take(&mut self.entries), std::mem::take(&mut self.intent));
            let record = Box::new(self.record.clone());
            effects.insert(0, OfficeEffect::Store { record, entries, intent });
            self.dirty = false;
        }
        effects
    }
}

fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 1000.0).round() / 1000.0
}
