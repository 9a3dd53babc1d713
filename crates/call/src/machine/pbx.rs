//! What others do to the call at the PBX: they hang up our side of it, take it away from the ringing leg, or pick the
//! leg up themselves; and the Local channels that a dialplan puts before its trunk.

use std::time::Duration;

use super::{Machine, trunk::PROOF};
use crate::{DialStep, EndedBy, Fact, Half, Moment, Reason, Timer, leg::Leg};

/// A dialplan may dial as often as it likes; so many of its Local channels are kept.
const MOST_LOCALS: usize = 32;

/// The leg behind a Local channel is created within milliseconds, and a carrier takes longer to answer.
const BEHIND_LOCAL: Duration = Duration::from_millis(300);

/// A channel that our call was put through to.
#[derive(Debug, Clone)]
pub(super) struct Putting {
    pub channel: String,
    pub name: String,
    pub sip_call_id: Option<String>,
}

impl Putting {
    fn is_local(&self) -> bool {
        self.name.starts_with("Local/")
    }
}

impl Machine {
    /// A Local channel in front of the trunk is dialed, rings, sends sound or is up: whose legs those are, Asterisk tells
    /// when it is asked.
    pub(super) fn local_dialed(&mut self, now: Moment, channel: String, step: Option<&DialStep>) {
        self.evidence.behind_local = true;
        if !self.locals.contains(&channel) && self.locals.len() < MOST_LOCALS {
            self.locals.push(channel);
        }
        let is_seen = self.evidence.legs.alive().next().is_some();
        match step {
            Some(DialStep::Ended(dialstatus)) => {
                self.evidence.local_canceled |= dialstatus == "CANCEL" && self.evidence.hangup.is_none();
            }
            Some(step) => {
                self.evidence.local_rang |= matches!(step, DialStep::Ringing | DialStep::Progress);
                if !is_seen {
                    self.look(now);
                }
            }
            // Before it rings, so that its ringing is told, and its silence too.
            None if !is_seen => self.kernel.timers.arm_once(Timer::Check, now.mono + BEHIND_LOCAL),
            None => {}
        }
    }

    /// `Dial` put our call through. To a leg that it dialed: the callee answered. To any other channel: somebody picked
    /// the ringing leg up at the PBX, and then that leg ends with the cause of a call that was answered elsewhere.
    pub(super) fn put_through(&mut self, now: Moment, to: Putting) {
        let legs = &self.evidence.legs;
        let is_dialed = legs.get(&to.channel).is_some() || self.locals.contains(&to.channel);
        if is_dialed || self.evidence.gaps || legs.is_empty() {
            return self.connected(now, to);
        }
        self.putting = Some(to);
        self.kernel.timers.arm(Timer::Proof, now.mono + PROOF);
        self.picked_up_elsewhere(now);
    }

    fn connected(&mut self, now: Moment, to: Putting) {
        if to.is_local() {
            return self.local_dialed(now, to.channel, Some(&DialStep::Answer));
        }
        self.created(now, &to.channel, Some(to.name), to.sip_call_id);
        self.up(now, &to.channel);
        self.count_ringing(now);
        self.point_at_deciding();
    }

    /// All legs that were dialed are gone because the call was answered elsewhere, and not by one of them.
    pub(super) fn picked_up_elsewhere(&mut self, now: Moment) {
        let legs = &self.evidence.legs;
        if self.evidence.is_up() || legs.alive().next().is_some() || !legs.iter().any(Leg::has_lost) {
            return;
        }
        let Some(picker) = self.putting.take() else { return };
        self.kernel.note(now, &Fact::PickedUpHere { channel: picker.name.clone() });
        self.evidence.picked_up_by = Some(picker.name);
        self.ask_for_end(now, EndedBy::Pbx, Reason::HungUp);
    }

    /// It was not picked up by somebody else, as far as can be seen: then it is a leg whose beginning nobody told.
    pub(super) fn adopt(&mut self, now: Moment) {
        if let Some(leg) = self.putting.take() {
            self.connected(now, leg);
        }
    }

    /// One of our halves is being hung up.
    pub(super) fn half_leaving(&mut self, now: Moment, half: Half, here: bool) {
        self.evidence.near_leaving |= half == Half::Near;
        if here && !self.evidence.hung_up_here && self.evidence.hangup.is_none() {
            self.evidence.hung_up_here = true;
            self.kernel.note(now, &Fact::HungUpHere);
        }
        self.leave_talk();
    }
}
