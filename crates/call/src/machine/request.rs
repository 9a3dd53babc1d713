//! What is asked of Asterisk: the one originate, the hang-up, and the question what it still has.

use std::time::Duration;

use super::{Machine, Phase};
use crate::{
    Asked, Effect, EndedBy, Evidence, Fact, Found, FoundTrunk, Moment, Originate, OriginateFailure, Outcome,
    Reached, Reason, Status, Timer, TrunkSeen,
    kernel::{SETTLE, passed_since},
};

/// Asterisk ends an unanswered originate by itself this much after our own time-out, in case that
/// we are not there to do it. Seconds.
const ASTERISK_MARGIN: u32 = 10;

/// A hang-up shows within milliseconds; then Asterisk is asked why it did not.
const CHECK_AFTER: Duration = Duration::from_secs(2);

/// Asterisk is asked again and again after that.
const CHECK_AGAIN: Duration = Duration::from_secs(5);

/// When Asterisk can't be asked for so long after the hang-up, the call ends as it is known.
const GIVE_UP: Duration = Duration::from_secs(120);

/// One look that finds nothing is not enough: an originate whose answer was lost may still be on its
/// way, and under load Asterisk's events lag seconds behind its answers (measured), so that the evidence
/// of an end comes after the channels are gone.
const LOOKS: u8 = 2;

/// A call that is refused again and again, though others are taken in between, is refused for its own sake.
const REFUSALS: u8 = 3;

impl Machine {
    pub(super) fn wait_in_queue(&mut self, now: Moment, time: Duration, asterisk_up: bool) {
        self.kernel.timers.arm(Timer::Queue, now.mono + time);
        if !asterisk_up {
            self.asterisk_lost(now);
        }
    }

    pub(super) fn asterisk_lost(&mut self, now: Moment) {
        match self.phase {
            Phase::Waiting => {
                self.kernel.timers.arm_once(Timer::Unreachable, now.mono + self.limits.unreachable_timeout);
            }
            Phase::Originating | Phase::Placed => self.evidence.go_blind(),
            Phase::Unsent if self.kernel.timers.is_armed(Timer::Queue) => {
                self.kernel.timers.arm_once(Timer::Unreachable, now.mono + self.limits.unreachable_timeout);
            }
            Phase::Storing | Phase::Unsent | Phase::Ending(_) | Phase::Ended => {}
        }
    }

    pub(super) fn end_in_queue(&mut self, now: Moment, reason: Reason, ended_by: EndedBy) {
        if !matches!(self.phase, Phase::Waiting | Phase::Storing | Phase::Unsent) {
            return;
        }
        let status =
            if matches!(ended_by, EndedBy::Api | EndedBy::Bot) { Status::Canceled } else { Status::Failed };
        self.end_unsent(now, status, reason, ended_by);
    }

    /// It may not be dialed any more, and was not yet.
    pub(super) fn forbidden(&mut self, now: Moment, reason: Reason) {
        if matches!(self.phase, Phase::Waiting | Phase::Storing | Phase::Unsent) {
            self.end_unsent(now, Status::Failed, reason, EndedBy::Bot);
        }
    }

    /// Events may be missing that nobody knows of.
    pub(super) fn deaf(&mut self) {
        if matches!(self.phase, Phase::Originating | Phase::Placed) {
            self.evidence.go_deaf();
        }
    }

    fn end_unsent(&mut self, now: Moment, status: Status, reason: Reason, ended_by: EndedBy) {
        self.end(now, unsent(status, reason, ended_by));
    }

    pub(super) fn admitted(&mut self, now: Moment) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.intend(now);
        self.kernel.note(now, &Fact::IntentStored);
    }

    /// Begins an attempt; it is sent once that is on disk.
    fn intend(&mut self, now: Moment) {
        self.phase = Phase::Storing;
        self.kernel.intend(now);
    }

    pub(super) fn intent_stored(&mut self, now: Moment) {
        if self.phase != Phase::Storing {
            return;
        }
        self.originate(now);
    }

    /// Sends it: for the first time, or again when it certainly did not leave.
    fn originate(&mut self, now: Moment) {
        self.phase = Phase::Originating;
        self.dialed_since = Some(now.mono);
        let request = self.request();
        let originate = Originate {
            number: request.phone.to_string(),
            near_channel: self.kernel.record.attempt_id().near_channel(),
            far_channel: self.kernel.record.attempt_id().far_channel(),
            caller_id: request.caller_id.clone(),
            timeout: request.ring_timeout + ASTERISK_MARGIN,
        };
        self.kernel.wish(Effect::Originate(originate));
    }

    pub(super) fn originated(&mut self, now: Moment) {
        if self.phase != Phase::Originating {
            return;
        }
        self.phase = Phase::Placed;
        self.kernel.timers.disarm(Timer::Unreachable);
        if self.evidence.hangup.is_some() {
            self.send_hangup(now);
        }
    }

    /// Asterisk is there again.
    pub(super) fn asterisk_back(&mut self, now: Moment) {
        self.kernel.timers.disarm(Timer::Unreachable);
        match self.phase {
            // One that was refused waits until Asterisk takes calls; that it is there says nothing of it.
            Phase::Unsent if self.kernel.record.has_current_attempt() => self.send_again(now),
            Phase::Unsent => {}
            Phase::Originating | Phase::Placed => self.evidence.go_blind(),
            Phase::Waiting | Phase::Storing | Phase::Ending(_) | Phase::Ended => {}
        }
    }

    pub(super) fn originate_failed(&mut self, now: Moment, failure: OriginateFailure) {
        if self.phase != Phase::Originating {
            return;
        }
        let seen = !self.evidence.legs.is_empty() || self.evidence.near_gone || self.evidence.far_gone;
        match failure {
            OriginateFailure::NotSent(why) if !seen => {
                // Asterisk went away between the decision to dial and the dialing: nothing was dialed, so it
                // may wait as those do that are still in the queue.
                self.kernel.note_failure(now, &Fact::OriginateNotSent { why });
                self.phase = Phase::Unsent;
                self.kernel.timers.arm_once(Timer::Unreachable, now.mono + self.limits.unreachable_timeout);
                self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
                if let Some((by, reason)) = self.evidence.hangup {
                    self.end_in_queue(now, reason, by);
                }
            }
            OriginateFailure::Refused { status: http_status, message } if !seen && http_status >= 500 => {
                // Something broke on the way to this answer, so what was done before it broke is looked for:
                // what was dialed in spite of it must not ring behind the back of a call that "failed".
                self.refused_all = message == OriginateFailure::TAKES_NONE && self.refusals < REFUSALS;
                self.takes_again = false;
                self.kernel.note(now, &Fact::OriginateRefused { http_status, message });
                self.evidence.refused = true;
                self.evidence.uncertain = true;
                self.phase = Phase::Placed;
                if self.evidence.hangup.is_some() {
                    self.send_hangup(now);
                }
                self.look(now);
            }
            OriginateFailure::Refused { status: http_status, message } if !seen => {
                self.kernel.note(now, &Fact::OriginateRefused { http_status, message });
                self.end_unsent(now, Status::Failed, Reason::AsteriskRefused, EndedBy::Pbx);
            }
            OriginateFailure::NotSent(why)
            | OriginateFailure::Refused { message: why, .. }
            | OriginateFailure::Uncertain(why) => {
                self.kernel.note(now, &Fact::OriginateUncertain { why });
                self.evidence.uncertain = !seen;
                self.phase = Phase::Placed;
                if self.evidence.hangup.is_some() {
                    self.send_hangup(now);
                }
                self.look(now);
            }
        }
    }

    /// Asterisk refused the originate as it refuses them all, and has nothing of the call: nothing was dialed, so this
    /// attempt is over, also on disk, and the call waits for its turn to come again, with another one.
    fn wait_until_taken(&mut self, now: Moment) {
        self.refusals += 1;
        self.phase = Phase::Unsent;
        self.misses = 0;
        self.refused_all = false;
        self.evidence = Evidence::default();
        self.kernel.timers.clear();
        let number = self.kernel.record.last.number;
        let refused = unsent(Status::Failed, Reason::AsteriskRefused, EndedBy::Pbx);
        let reason = refused.reason;
        self.kernel.record.leave_attempt(refused, now.wall);
        self.kernel.note(now, &Fact::AttemptOver { number, reason });
        self.kernel.timers.arm(Timer::Queue, now.mono + self.time_left_in_queue(now));
        if self.takes_again {
            self.send_again(now);
        }
    }

    pub(super) fn taken_again(&mut self, now: Moment) {
        // One that is sent again by itself has its own time for that.
        if self.phase == Phase::Unsent && self.kernel.timers.is_armed(Timer::Queue) {
            self.send_again(now);
        } else if self.refused_all {
            self.takes_again = true;
        }
    }

    fn send_again(&mut self, now: Moment) {
        if self.kernel.record.has_current_attempt() {
            self.kernel.note(now, &Fact::OriginateAgain);
            return self.originate(now);
        }
        self.intend(now);
        let number = self.kernel.record.last.number;
        self.kernel.note(now, &Fact::AttemptBegun { number });
    }

    pub(super) fn time_left_in_queue(&self, now: Moment) -> Duration {
        self.limits.queue_timeout.saturating_sub(passed_since(now, self.kernel.record.created_at))
    }

    pub(super) fn ring_timeout(&mut self, now: Moment) {
        if self.evidence.is_up() {
            return;
        }
        if self.phase == Phase::Unsent {
            return self.end_unsent(now, Status::Failed, Reason::AsteriskUnreachable, EndedBy::Pbx);
        }
        if self.phase == Phase::Storing {
            // The disk never confirmed the intent, so nothing was sent.
            return self.end_unsent(now, Status::Failed, Reason::StoreUnavailable, EndedBy::Bot);
        }
        self.kernel.note(now, &Fact::RingTimeout { seconds: self.kernel.record.request.ring_timeout() });
        self.ask_for_end(now, EndedBy::Limit, Reason::RingTimeout);
    }

    /// Somebody asks for the end. The first to ask is the one who ended the call.
    pub(super) fn hangup(&mut self, now: Moment, by: EndedBy, reason: Reason, client: Option<String>) {
        if self.evidence.hangup.is_some() {
            return;
        }
        self.kernel.note_hangup(now, by, reason, client);
        if matches!(self.phase, Phase::Waiting | Phase::Storing | Phase::Unsent) {
            return self.end_unsent(now, Status::Canceled, reason, by);
        }
        self.ask_for_end(now, by, reason);
    }

    pub(super) fn ask_for_end(&mut self, now: Moment, by: EndedBy, reason: Reason) {
        if self.evidence.hangup.is_none() {
            self.evidence.hangup = Some((by, reason));
            self.evidence.asked_blind = self.evidence.blind;
            self.kernel.ask_for_end(by, reason);
            self.kernel.timers.disarm(Timer::Wait);
            if self.kernel.timers.is_armed(Timer::Settle) {
                // What the dialplan has to say comes with the end of our halves.
                self.kernel.timers.arm(Timer::Settle, now.mono + SETTLE);
            }
        }
        // While the originate is unanswered there may be no channel to hang up yet, unless its
        // events were faster than the answer.
        if self.phase == Phase::Placed || !self.evidence.legs.is_empty() {
            self.send_hangup(now);
        } else {
            self.kernel.timers.arm_once(Timer::GiveUp, now.mono + GIVE_UP);
        }
    }

    pub(super) fn send_hangup(&mut self, now: Moment) {
        if self.evidence.near_gone {
            // The leg was taken from our half, and does not end with it.
            for channel in self.trunks() {
                self.kernel.wish(Effect::Hangup { channel });
            }
        } else {
            self.kernel.wish(Effect::Hangup { channel: self.kernel.record.attempt_id().near_channel() });
        }
        self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
        self.kernel.timers.arm_once(Timer::GiveUp, now.mono + GIVE_UP);
    }

    pub(super) fn request_failed(&mut self, now: Moment, what: Asked, why: String) {
        self.kernel.note_failure(now, &Fact::RequestFailed { what, why });
        self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
    }

    /// Asks Asterisk what it has of this call.
    pub(super) fn look(&mut self, now: Moment) {
        if self.phase == Phase::Unsent {
            return self.originate(now);
        }
        if matches!(self.phase, Phase::Waiting | Phase::Storing) {
            return;
        }
        let playback = self.playing.as_ref().map(|p| p.id.clone());
        self.kernel.wish(Effect::Look { playback });
        self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AGAIN);
    }

    pub(super) fn found(&mut self, now: Moment, found: Found) {
        if matches!(self.phase, Phase::Waiting | Phase::Storing | Phase::Unsent) {
            return;
        }
        self.kernel.failure_noted = false;
        if found.near.is_none() && !found.far && found.trunks.is_empty() {
            return self.found_nothing(now);
        }
        self.misses = 0;
        self.refused_all = false;
        self.evidence.uncertain = false;
        self.evidence.blind = false;
        self.evidence.refused = false;
        let asked_before = self.evidence.hangup.is_some();
        if self.phase == Phase::Originating {
            self.phase = Phase::Placed;
        }
        if let Some(playback) = found.playback {
            self.playback_seen(now, &playback.id, playback.playing);
        }
        for FoundTrunk { channel, name, state, sip_call_id } in found.trunks {
            // One that nobody told of was there before this look.
            let is_new = self.evidence.legs.get(&channel).is_none();
            self.trunk(now, channel.clone(), TrunkSeen::Created { name: Some(name), sip_call_id });
            self.trunk(now, channel.clone(), TrunkSeen::State(state));
            self.evidence.legs.entry(&channel).is_unseen |= is_new;
        }
        if found.near.is_none() && self.has_live_trunk() {
            // Our half was taken out, and the leg lives.
            self.evidence.near_gone = true;
            self.evidence.far_gone |= !found.far;
            self.leave_talk();
        }
        self.trunk_lives_on(now);
        if found.near_in_stasis {
            self.entered(now);
        }
        if asked_before {
            self.send_hangup(now);
        } else if self.evidence.hangup.is_none() {
            self.kernel.timers.disarm(Timer::Check);
        }
    }

    /// The end was asked for, and Asterisk could not be asked what came of it.
    pub(super) fn give_up(&mut self, now: Moment) {
        self.evidence.unreachable = true;
        self.kernel.note(now, &Fact::GaveUp);
        self.conclude(now);
    }

    fn found_nothing(&mut self, now: Moment) {
        if self.phase == Phase::Originating {
            // The answer to the originate is still due, and will tell.
            return;
        }
        if let Some(at) =
            self.missed_at.map(|at| at + CHECK_AFTER).filter(|at| self.misses > 0 && *at > now.mono)
        {
            // Two looks at once, as after a reconnect, are one.
            return self.kernel.timers.arm(Timer::Check, at);
        }
        self.misses = self.misses.saturating_add(1);
        self.missed_at = Some(now.mono);
        if self.misses < LOOKS {
            self.kernel.timers.arm(Timer::Check, now.mono + CHECK_AFTER);
            return;
        }
        let evidence = &self.evidence;
        let seen =
            !evidence.legs.is_empty() || evidence.near_gone || evidence.far_gone || evidence.report.is_some();
        if self.refused_all && !seen && evidence.hangup.is_none() {
            return self.wait_until_taken(now);
        }
        self.evidence.near_gone = true;
        self.evidence.far_gone = true;
        // Of a leg on another endpoint Asterisk may have told no more than that its `Dial` is over.
        let is_told = self.evidence.legs.deciding().is_some_and(|leg| !leg.may_live());
        if !is_told && (self.evidence.report.is_none() || self.taken) {
            self.evidence.lost = true;
        }
        // Nothing found of what was refused is no loss; of what was dialed all the same it is.
        if self.evidence.lost && (!self.evidence.refused || seen) {
            self.kernel.note(now, &Fact::NotFound);
        }
        self.conclude(now);
    }
}

/// The end of what was never sent, or was refused before anything was dialed.
fn unsent(status: Status, reason: Reason, ended_by: EndedBy) -> Outcome {
    Outcome {
        status,
        reason,
        ended_by,
        sip_code: None,
        sip_text: None,
        q850_cause: None,
        reached: Reached::None,
    }
}
