//! The machine of one office's call: inputs and `now` in, wishes and one next deadline out.
//!
//! The order to the host leaves once, after the intent is on disk; nothing that happens afterwards, a restart
//! least of all, sends it again. How it is ended by somebody stands in `hangup`.

mod hangup;

use std::time::Duration;

use super::{HostFailure, OfficeEvidence, Sight, WayKind};
use crate::kernel::{Kernel, SETTLE};
use crate::{
    Asked, CallRecord, EndedBy, Entry, Fact, Kind, Moment, Outcome, Reason, Role, Seen, Status, Timer,
};

/// A hang-up, or a doubt, is looked into after this.
const CHECK_AFTER: Duration = Duration::from_millis(500);
/// A host that could not be asked is asked again after this.
const CHECK_AGAIN: Duration = Duration::from_secs(2);
/// So long the host has to be asked for the calls that a former run left.
const FIRST_LOOK: Duration = Duration::from_secs(15);
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
    kernel: Kernel<OfficeEffect>,
    evidence: OfficeEvidence,
    phase: Phase,
    misses: u8,
    /// This side lives, and nothing leads from it to the other.
    alone: Option<Role>,
    /// How often the host was asked for the end.
    hangups: u32,
    /// It was over before the host had answered to the order.
    over: bool,
    /// The host was asked for the end and has not answered.
    hanging_up: bool,
}

impl OfficeMachine {
    /// A new call, not yet stored: the first effect writes it with the intent to dial.
    ///
    /// # Panics
    /// When the record is not an office's.
    pub fn place(now: Moment, record: CallRecord) -> (Self, Vec<OfficeEffect>) {
        let mut machine = Self::build(record, Phase::Storing);
        let from = machine.kernel.record.request.requested_by();
        machine.kernel.note(now, &Fact::Accepted { from });
        machine.kernel.intend(now);
        machine.kernel.note(now, &Fact::IntentStored);
        let effects = machine.flush();
        (machine, effects)
    }

    /// A call that a former run left open: the host is asked for it, and it is never ordered again.
    ///
    /// # Panics
    /// When the record is not an office's.
    pub fn restore(now: Moment, record: CallRecord) -> (Self, Vec<OfficeEffect>) {
        let mut machine = Self::build(record, Phase::Placed);
        // A limit that has passed meanwhile ends nothing before the host was asked: the call may be over for long.
        machine.kernel.resume(now, FIRST_LOOK);
        let record = &machine.kernel.record;
        let (rang, up) = (record.last.ringing_at.is_some(), record.last.answered_at.is_some());
        let early_media = record.last.status == Status::EarlyMedia;
        machine.evidence.hangup = record.hangup;
        // The order of the former run may or may not have left.
        machine.evidence.uncertain = record.last.way.is_none();
        machine.evidence.missed = true;
        let evidence = &mut machine.evidence;
        (evidence.rang, evidence.early_media, evidence.connected) = (rang, early_media, up);
        if let Some(sides) = machine.kernel.record.last.sides.clone() {
            evidence.restore_sides(sides);
        }
        machine.kernel.note(now, &Fact::Restarted { dialed: true });
        if machine.evidence.hangup.is_some() {
            machine.send_hangup(now);
        }
        machine.look(now);
        let effects = machine.flush();
        (machine, effects)
    }

    fn build(record: CallRecord, phase: Phase) -> Self {
        let kind = record.request.kind();
        assert!(
            matches!(kind, Kind::Click | Kind::Monitor),
            "an office's machine is made of an office's record"
        );
        let is_monitor = kind == Kind::Monitor;
        OfficeMachine {
            kernel: Kernel::new(record),
            evidence: OfficeEvidence { is_monitor, ..OfficeEvidence::default() },
            phase,
            misses: 0,
            alone: None,
            hangups: 0,
            over: false,
            hanging_up: false,
        }
    }

    pub fn record(&self) -> &CallRecord {
        &self.kernel.record
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
        self.kernel.timers.next()
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
        while let Some(timer) = self.kernel.timers.due(now.mono) {
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
                    self.kernel
                        .note(now, &Fact::RingTimeout { seconds: self.kernel.record.request.ring_timeout() });
                    self.ask_for_end(now, EndedBy::Limit, Reason::RingTimeout);
                }
                Timer::MaxDuration => self.hangup(now, EndedBy::Limit, Reason::MaxDuration, None),
                Timer::Check => self.look(now),
                Timer::GiveUp => {
                    self.evidence.unreachable = true;
                    self.kernel.note(now, &Fact::GaveUp);
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
            self.kernel.wish(OfficeEffect::Order);
        }
    }

    fn taken(&mut self, now: Moment, way: WayKind, linked_id: Option<String>, detailed: bool) {
        if self.phase != Phase::Ordering {
            return;
        }
        self.phase = Phase::Placed;
        self.evidence.detailed = detailed;
        let attempt = &mut self.kernel.record.last;
        attempt.way = Some(way);
        // It may have been found out before.
        attempt.linked_id = linked_id.or(attempt.linked_id.take());
        self.kernel.note(now, &Fact::OrderTaken { way });
        if self.over {
            return self.conclude(now);
        }
        if self.evidence.hangup.is_some() {
            self.send_hangup(now);
        } else if self.evidence.missed {
            // Whether anybody sees it now, a look tells; what was armed when nobody did must not end it.
            self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
        }
    }

    fn linked(&mut self, linked_id: String) {
        self.kernel.record.last.linked_id = Some(linked_id);
        self.kernel.changed();
    }

    fn not_taken(&mut self, now: Moment, failure: HostFailure) {
        if self.phase != Phase::Ordering {
            return;
        }
        self.kernel.note(now, &Fact::OrderRefused { why: failure.why.clone() });
        self.evidence.refused = Some(failure);
        self.conclude(now);
    }

    fn not_made(&mut self, now: Moment) {
        if self.phase == Phase::Storing || self.evidence.has_legs() {
            return;
        }
        let why =
            "its Asterisk could not make the call's channels; see its log, and how many files it may open";
        self.kernel.note(now, &Fact::OrderRefused { why: why.to_owned() });
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
        self.kernel.note(now, &Fact::OrderUncertain { why });
        if self.over {
            return self.conclude(now);
        }
        if self.evidence.hangup.is_some() {
            self.send_hangup(now);
        }
        self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
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
            self.kernel.record.last.sides.clone_from(&self.evidence.sides);
            self.answered(now);
        } else if leg.is_main() {
            self.keep_time(now, &seen);
        }
        if self.evidence.has_lost_a_side() && !before.has_lost_a_side() {
            self.kernel.timers.arm(Timer::Settle, now.mono + SETTLE);
        }
        let shown = match seen {
            Seen::Created { .. } => Some(name),
            // What both sides do before is in no conversation yet.
            Seen::Joined if !is_answer => return,
            Seen::Left => return,
            _ => self.evidence.which(leg, &channel),
        };
        let fact = self.kernel.leg(leg, shown, seen);
        let step = if is_answer { Some(Status::Answered) } else { fact.proves() };
        self.kernel.note_step(now, &fact, step);
    }

    /// What the main leg does moves the clocks of the call.
    fn keep_time(&mut self, now: Moment, seen: &Seen) {
        if matches!(seen, Seen::Ringing | Seen::EarlyMedia) && self.kernel.answered_since.is_none() {
            self.kernel.ringing_since.get_or_insert(now.mono);
            self.kernel.record.last.ringing_at.get_or_insert(now.wall);
        }
    }

    /// Both sides are connected.
    fn answered(&mut self, now: Moment) {
        if self.kernel.answered_since.is_none() {
            self.kernel.answer(now);
            // They were on their way to each other.
            self.kernel.timers.disarm(Timer::Settle);
            self.alone = None;
        }
    }

    fn found(&mut self, now: Moment) {
        self.misses = 0;
        self.evidence.uncertain = false;
        if self.evidence.hangup.is_some() {
            return self.send_hangup(now);
        }
        self.kernel.failure_noted = false;
        self.kernel.timers.disarm(Timer::Check);
        self.kernel.timers.disarm(Timer::GiveUp);
    }

    fn not_found(&mut self, now: Moment) {
        if matches!(self.phase, Phase::Storing | Phase::Ordering) {
            return;
        }
        self.misses = self.misses.saturating_add(1);
        if self.misses < LOOKS {
            return self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
        }
        self.evidence.lost = true;
        self.kernel.note(now, &Fact::NotFound);
        self.conclude(now);
    }

    fn blind(&mut self, now: Moment, why: String) {
        self.evidence.detailed = false;
        self.evidence.missed = true;
        self.kernel.note(now, &Fact::SightLost { why });
        self.kernel.timers.arm_once(Timer::Check, now.mono + CHECK_AFTER);
        self.kernel.timers.arm_once(Timer::GiveUp, now.mono + BLIND);
    }

    fn failed(&mut self, now: Moment, what: Asked, why: String) {
        self.kernel.note_failure(now, &Fact::RequestFailed { what, why });
        match what {
            // It is asked for again when its own time has come.
            Asked::Hangup => self.kernel.timers.arm_once(Timer::Check, now.mono + CHECK_AGAIN),
            _ => self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AGAIN),
        }
        self.kernel.timers.arm_once(Timer::GiveUp, now.mono + BLIND);
    }

    fn look(&mut self, now: Moment) {
        if self.phase == Phase::Placed {
            self.kernel.wish(OfficeEffect::Look);
            self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AGAIN);
        }
    }

    /// The end: written once, from the evidence there is.
    fn conclude(&mut self, now: Moment) {
        let outcome = self.evidence.verdict();
        let is_seen = !self.evidence.lost && !self.evidence.unreachable;
        let reached = self.kernel.record.last.reached.max(outcome.reached);
        self.kernel.end(now, Outcome { reached, ..outcome }, is_seen);
        self.phase = Phase::Ended;
        self.kernel.wish(OfficeEffect::Ended);
    }

    fn flush(&mut self) -> Vec<OfficeEffect> {
        let store = |record, entries, intent| OfficeEffect::Store { record, entries, intent };
        self.kernel.flush(self.evidence.reached(), store)
    }
}
