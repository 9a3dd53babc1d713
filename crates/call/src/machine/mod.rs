//! The machine of one call: inputs and `now` in, effects and one next deadline out.
//!
//! It holds the record, the evidence and the timers. It performs nothing itself: a wish leaves as an
//! [`Effect`], and its failure comes back as an [`Input`]. Evidence about the trunk is handled in
//! `trunk`, what is asked of Asterisk in `request`, the scenario in `talk`.

mod end;
mod pbx;
mod request;
mod talk;
mod trunk;

use std::time::Duration;

use self::pbx::Putting;
use super::{
    AttemptId, CallId, CallRecord, Effect, Evidence, Fact, Input, Kind, Moment, OutgoingCall, Reason,
    Request, Status, Timer, kernel::Kernel, outcome::EndedBy,
};
use crate::scenario::{Run, Scenario};

/// How long a call may wait for what is not in its own hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In the queue, for whatever reason.
    pub queue_timeout: Duration,
    /// In the queue, while Asterisk is away.
    pub unreachable_timeout: Duration,
}

/// Where the dialing stands; the status tells what is proven of the trunk leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// In the queue.
    Waiting,
    /// The intent to dial is on its way to the disk.
    Storing,
    /// The originate certainly never left, or Asterisk refused it as it refuses them all: it may leave yet.
    Unsent,
    /// The originate was sent; Asterisk has not answered it.
    Originating,
    /// Asterisk took the originate, or may have.
    Placed,
    /// It is over; whether all of it was told is asked since this moment.
    Ending(Moment),
    Ended,
}

#[derive(Debug, Clone)]
pub struct Machine {
    kernel: Kernel<Effect>,
    limits: Limits,
    phase: Phase,
    evidence: Evidence,
    scenario: Run,
    /// The playback in progress and when it began.
    playing: Option<talk::Playing>,
    dialed_since: Option<Duration>,
    /// Looks at Asterisk that found nothing of this call, in a row.
    misses: u8,
    missed_at: Option<Duration>,
    /// The Local channels that the dialplan dialed.
    locals: Vec<String>,
    /// `Dial` says that it put our call through to this channel, which it did not dial.
    putting: Option<Putting>,
    /// Asterisk was asked for a trunk leg that nobody has told of.
    trunk_looked_for: bool,
    /// The answered trunk leg lives on without our half.
    taken: bool,
    /// Our half is being hung up, or is gone.
    leaving: bool,
    /// Asterisk took no calls at all when this one's originate came, so many times.
    refusals: u8,
    /// The last originate was one of these, and nothing was seen of the call.
    refused_all: bool,
    /// It takes calls again, as was told while this one was still looked for.
    takes_again: bool,
}

impl Machine {
    /// A new call, not yet stored: the first effect writes it as `queued`. `asterisk_up` tells
    /// whether its wait is for a slot or for Asterisk.
    ///
    /// # Panics
    /// When it is none of the bot's own.
    pub fn place(
        now: Moment,
        record: CallRecord,
        scenario: &Scenario,
        limits: Limits,
        asterisk_up: bool,
    ) -> (Self, Vec<Effect>) {
        let mut machine = Machine::build(record, scenario, limits, Phase::Waiting);
        let from = machine.kernel.record.request.requested_by();
        machine.kernel.note(now, &Fact::Accepted { from });
        machine.wait_in_queue(now, limits.queue_timeout, asterisk_up);
        let effects = machine.flush();
        (machine, effects)
    }

    /// A call that a former run of the bot left open. In `queued`, or between two attempts, nothing is on its way, so it
    /// may still be dialed; else it never is: Asterisk is asked what it has of it.
    ///
    /// # Panics
    /// When it is none of the bot's own.
    pub fn restore(
        now: Moment,
        record: CallRecord,
        scenario: &Scenario,
        limits: Limits,
        asterisk_up: bool,
    ) -> (Self, Vec<Effect>) {
        let queued = record.last.status == Status::Queued;
        let between = !queued && !record.earlier.is_empty() && !record.has_current_attempt();
        let phase = match (queued, between) {
            (true, _) => Phase::Waiting,
            (false, true) => Phase::Unsent,
            (false, false) => Phase::Placed,
        };
        let mut machine = Machine::build(record, scenario, limits, phase);
        if queued || between {
            machine.kernel.note(now, &Fact::Restarted { dialed: false });
            machine.wait_in_queue(now, machine.time_left_in_queue(now), asterisk_up);
            let effects = machine.flush();
            return (machine, effects);
        }
        let record = &machine.kernel.record;
        let up = record.last.answered_at.is_some();
        machine.evidence = Evidence {
            hangup: record.hangup,
            // The originate of the former run may or may not have left.
            uncertain: record.last.trunk_channel.is_none(),
            blind: true,
            gaps: true,
            ..Evidence::default()
        };
        if let Some(channel) = &record.last.trunk_channel {
            let leg = machine.evidence.legs.entry(channel);
            leg.sip_call_id.clone_from(&record.last.sip_call_id);
            leg.rang = record.last.ringing_at.is_some();
            leg.early_media = record.last.status == Status::EarlyMedia;
            leg.up = up;
            leg.is_unseen = true;
        }
        machine.kernel.resume(now, Duration::ZERO);
        if up {
            machine.resume_scenario(now, scenario);
        }
        let watch = machine.kernel.record.last.trunk_channel.clone();
        let watch = watch.map(|trunk_channel| Effect::Watch { trunk_channel, name: None });
        watch.into_iter().for_each(|wish| machine.kernel.wish(wish));
        machine.kernel.note(now, &Fact::Restarted { dialed: true });
        if machine.evidence.hangup.is_some() {
            machine.send_hangup(now);
        }
        let effects = machine.flush();
        (machine, effects)
    }

    fn build(record: CallRecord, scenario: &Scenario, limits: Limits, phase: Phase) -> Self {
        assert!(record.request.kind() == Kind::Outgoing, "this machine is made of a call of the bot's own");
        Machine {
            kernel: Kernel::new(record),
            limits,
            phase,
            evidence: Evidence::default(),
            scenario: Run::of(scenario),
            playing: None,
            dialed_since: None,
            misses: 0,
            missed_at: None,
            locals: Vec::new(),
            putting: None,
            trunk_looked_for: false,
            taken: false,
            leaving: false,
            refusals: 0,
            refused_all: false,
            takes_again: false,
        }
    }

    pub fn id(&self) -> CallId {
        self.kernel.record.id
    }

    /// Whether this attempt is under way, or was the last thing of a call that has ended. Of a call in the queue there is
    /// none yet: a channel that has its id is somebody else's.
    pub fn is_at(&self, attempt: AttemptId) -> bool {
        self.kernel.record.attempt_id() == attempt && self.kernel.record.has_current_attempt()
    }

    /// Its last attempt is over, and it waits for Asterisk to take calls again.
    pub fn is_between_attempts(&self) -> bool {
        self.phase == Phase::Unsent && !self.kernel.record.has_current_attempt()
    }

    pub fn record(&self) -> &CallRecord {
        &self.kernel.record
    }

    /// What was asked for.
    pub fn request(&self) -> &OutgoingCall {
        self.kernel.record.request.outgoing().expect("`build` takes no other kind of call")
    }

    /// The number to show to the callee where the request names none, before the call's turn comes: the trunk's own is
    /// the one of that moment.
    pub fn show_as(&mut self, own: Option<&str>) {
        if let Request::Outgoing(request) = &mut self.kernel.record.request
            && self.phase == Phase::Waiting
            && request.caller_id.is_none()
        {
            request.caller_id = own.map(str::to_owned);
        }
    }

    /// The id of the sound that is being played.
    pub fn playback(&self) -> Option<&str> {
        self.playing.as_ref().map(|playing| playing.id.as_str())
    }

    /// The trunk legs that are not known to be gone, by Asterisk's ids of their channels.
    pub fn trunks(&self) -> Vec<String> {
        self.evidence.legs.alive().map(|leg| leg.channel.clone()).collect()
    }

    /// Something may have been sent to Asterisk: it can't be taken back any more.
    pub fn was_sent(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Storing | Phase::Unsent)
    }

    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The earliest deadline; until the end there always is one.
    pub fn next_timer(&self) -> Option<(Duration, Timer)> {
        self.kernel.timers.next()
    }

    /// Takes one input and says what is to be done. After the end nothing is.
    pub fn handle(&mut self, now: Moment, input: Input) -> Vec<Effect> {
        if self.has_ended() {
            return Vec::new();
        }
        if let Phase::Ending(since) = self.phase {
            self.hear_the_end(since, &input);
            return self.flush();
        }
        match input {
            Input::AsteriskLost => self.asterisk_lost(now),
            Input::AsteriskBack => self.asterisk_back(now),
            Input::Admitted => self.admitted(now),
            Input::IntentStored => self.intent_stored(now),
            Input::Originated => self.originated(now),
            Input::OriginateFailed(failure) => self.originate_failed(now, failure),
            Input::Hangup { by, reason, client } => self.hangup(now, by, reason, client),
            Input::Forbidden(reason) => self.forbidden(now, reason),
            Input::TakenAgain => self.taken_again(now),
            Input::Deaf => self.deaf(),
            // Of an end that is not concluded any more.
            Input::HearingTested { .. } => {}
            Input::RequestFailed { what, why } => self.request_failed(now, what, why),
            Input::Found(found) => self.found(now, found),
            Input::Trunk { channel, seen } => self.trunk(now, channel, seen),
            Input::LocalDialed { channel, step } => self.local_dialed(now, channel, step.as_ref()),
            Input::PutThrough { channel, name, sip_call_id } => {
                self.put_through(now, Putting { channel, name, sip_call_id });
            }
            Input::LegReported(words) => self.leg_reported(now, words),
            Input::Reported { dialstatus, words } => self.reported(now, dialstatus, words),
            Input::Entered => self.entered(now),
            Input::HalfLeaving { half, here } => self.half_leaving(now, half, here),
            Input::HalfDestroyed { half, cause } => self.half_destroyed(now, half, cause),
            Input::PlaybackStarted { playback } => self.playback_started(now, &playback),
            Input::PlaybackFinished { playback, ok } => self.playback_finished(now, &playback, ok),
            Input::PlaybackRefused { playback, why } => self.playback_refused(now, &playback, why),
            Input::Timer(timer) => self.timer(now, timer),
        }
        if !matches!(self.phase, Phase::Ending(_) | Phase::Ended) && self.is_proven() {
            self.conclude(now);
        }
        self.flush()
    }

    /// Lets every timer fire whose time has come.
    pub fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(timer) = self.kernel.timers.due(now.mono) {
            effects.extend(self.handle(now, Input::Timer(timer)));
        }
        effects
    }

    fn timer(&mut self, now: Moment, timer: Timer) {
        self.kernel.timers.disarm(timer);
        match timer {
            Timer::Queue => self.end_in_queue(now, Reason::QueueTimeout, EndedBy::Limit),
            Timer::Unreachable => self.end_in_queue(now, Reason::AsteriskUnreachable, EndedBy::Pbx),
            Timer::Ring => self.ring_timeout(now),
            Timer::MaxDuration => self.hangup(now, EndedBy::Limit, Reason::MaxDuration, None),
            Timer::Proof => self.unproven(now),
            Timer::Wait => self.next_step(now),
            Timer::Playback | Timer::Check => self.look(now),
            Timer::Settle => self.settle(now),
            Timer::GiveUp => self.give_up(now),
            // Only an end that is asked about has it.
            Timer::Hearing => {}
        }
    }

    fn flush(&mut self) -> Vec<Effect> {
        let store = |record, entries, intent| Effect::Store { record, entries, intent };
        self.kernel.flush(self.evidence.reached(), store)
    }
}
