//! How an office's call is brought to its end by somebody: a client, a limit, or whoever takes one of its sides over. A hang-up
//! is the order's two sides' alone; who else they talk with is nobody's to hang up.

use std::time::Duration;

use super::{CHECK_AGAIN, OfficeEffect, OfficeMachine, Phase, SETTLE};
use crate::{EndedBy, Fact, Moment, Reason, Role, Seen, Timer};

/// So long a hang-up may have no effect, because the host can't be asked.
const GIVE_UP: Duration = Duration::from_secs(30);
/// What came of an order is told sooner: its connection, its turn and its answer have limits of their own.
const ORDERED: Duration = Duration::from_secs(180);
/// A hang-up that the host refuses is asked for again, after twice the time before, at most.
const SLOWEST_HANGUP: Duration = Duration::from_secs(60);

impl OfficeMachine {
    /// The call was not hung up, because that would end somebody else's. It is tried again, for they may come together.
    pub(super) fn apart(&mut self, now: Moment) {
        if !std::mem::replace(&mut self.evidence.parted, true) {
            self.kernel.note(now, &Fact::Apart);
            self.kernel.timers.arm_once(Timer::Settle, now.mono + GIVE_UP);
        }
    }

    /// Nothing connects the two sides; what else is under way of the call is told within a moment.
    pub(super) fn alone(&mut self, now: Moment, leg: Role) {
        // Where they are connected, the channels between them go as a matter of course.
        if !self.is_connected() && self.alone.is_none() {
            self.alone = Some(leg);
            self.kernel.timers.arm_by(Timer::Settle, now.mono + SETTLE);
        }
    }

    /// A side was taken over before the two were connected.
    pub(super) fn taken_over(&mut self, now: Moment, leg: Role) {
        if self.is_connected() || self.evidence.taken_over.is_some() {
            return;
        }
        self.evidence.taken_over = Some(leg);
        let leg = if self.evidence.is_monitor { Role::Listener } else { leg };
        let fact = self.kernel.leg(leg, None, Seen::TakenOver);
        self.kernel.note(now, &fact);
        self.kernel.timers.arm(Timer::Settle, now.mono + SETTLE);
    }

    /// The moment is over in which a call's end, or its connection, would have been told.
    pub(super) fn settled(&mut self, now: Moment) {
        if let Some(leg) = self.alone.take() {
            self.taken_over(now, leg);
        }
        self.conclude(now);
    }

    fn is_connected(&self) -> bool {
        self.evidence.connected && !self.evidence.is_monitor
    }

    /// The channels were asked to end: together as they are, they are this call.
    pub(super) fn hangup_sent(&mut self) {
        if std::mem::take(&mut self.evidence.parted) && !self.evidence.has_lost_a_side() {
            self.kernel.timers.disarm(Timer::Settle);
        }
    }

    /// Somebody asks for the end. The first to ask is the one who ended the call.
    pub(super) fn hangup(&mut self, now: Moment, by: EndedBy, reason: Reason, client: Option<String>) {
        // Where the two sides are apart already, that is no end that anybody can bring about.
        if self.evidence.hangup.is_some()
            || self.evidence.has_lost_a_side()
            || self.evidence.taken_over.is_some()
        {
            return;
        }
        self.kernel.note_hangup(now, by, reason, client);
        self.ask_for_end(now, by, reason);
    }

    pub(super) fn ask_for_end(&mut self, now: Moment, by: EndedBy, reason: Reason) {
        if self.evidence.hangup.is_none() {
            self.evidence.hangup = Some((by, reason));
            self.kernel.ask_for_end(by, reason);
        }
        match self.phase {
            Phase::Placed => self.send_hangup(now),
            // Nothing was sent, and nothing will be.
            Phase::Storing => self.conclude(now),
            // What came of the order will be told; then it is hung up. Given up before, it might still be carried out.
            _ => self.kernel.timers.arm_once(Timer::GiveUp, now.mono + ORDERED),
        }
    }

    /// A call that was seen to be over meanwhile ends now.
    pub(super) fn hangup_answered(&mut self, now: Moment) {
        self.hanging_up = false;
        if self.over {
            self.conclude(now);
        }
    }

    pub(super) fn send_hangup(&mut self, now: Moment) {
        self.hanging_up = true;
        self.kernel.wish(OfficeEffect::Hangup);
        let again = CHECK_AGAIN.saturating_mul(1 << self.hangups.min(8)).min(SLOWEST_HANGUP);
        self.hangups = self.hangups.saturating_add(1);
        self.kernel.timers.arm(Timer::Check, now.mono + again);
        self.kernel.timers.arm(Timer::GiveUp, now.mono + again - CHECK_AGAIN + GIVE_UP);
    }
}
