//! Evidence about the trunk leg: what may be concluded when, and when enough is known for an end.

use std::time::Duration;

use super::{Machine, Phase};
use crate::call::{
    ChannelState, DialStatus, Effect, EndedBy, Fact, Half, Moment, Reason, Report, Timer,
    cause::CarrierStatus, leg::Causes,
};

/// After the trunk leg's end, the other witnesses follow within milliseconds (measured); a second
/// is for a machine under load.
const SETTLE: Duration = Duration::from_secs(1);

/// Our half may enter Stasis about a millisecond before the trunk leg's answer is told.
const PROOF: Duration = Duration::from_secs(2);

/// RFC 3261, section 17.1.1.2: 64 times T1 of 500 ms, less what the clocks may differ by.
const TIMER_B: Duration = Duration::from_millis(31_500);

/// Q.850 cause 3, no route to destination: what our halves end with when `Dial` ran and could not
/// make a trunk channel. With no dialplan at all it is 0 (measured on 22.10).
const NO_ROUTE: u16 = 3;

impl Machine {
    pub(super) fn trunk_created(&mut self, now: Moment, channel: String, sip_call_id: Option<String>) {
        let known = self.record.trunk_channel.as_deref() == Some(channel.as_str());
        if self.record.sip_call_id.is_none() && sip_call_id.is_some() {
            self.record.sip_call_id = sip_call_id;
            self.dirty = true;
        }
        if known {
            return;
        }
        if self.evidence.destroyed.take().is_some() {
            // The dialplan tries once more: how the call ends is told by this leg alone.
            self.evidence.far_hangup = None;
            self.timers.disarm(Timer::Settle);
        }
        self.evidence.trunk = true;
        self.record.trunk_channel = Some(channel.clone());
        let sip_call_id = self.record.sip_call_id.clone();
        self.note(now, Fact::TrunkCreated { channel: channel.clone(), sip_call_id });
        self.effects.push(Effect::Watch { trunk_channel: channel });
    }

    pub(super) fn trunk_dial(&mut self, now: Moment, status: DialStatus) {
        match status {
            DialStatus::Ringing => self.ringing(now),
            DialStatus::Progress => self.early_media(now),
            DialStatus::Answer => self.up(now),
            DialStatus::Ended(dialstatus) => self.note(now, Fact::DialEnded { dialstatus }),
        }
    }

    pub(super) fn trunk_state(&mut self, now: Moment, state: ChannelState) {
        match state {
            ChannelState::Down => {}
            ChannelState::Ringing => self.ringing(now),
            ChannelState::Up => self.up(now),
        }
    }

    fn ringing(&mut self, now: Moment) {
        if self.evidence.rang || self.evidence.up {
            return;
        }
        self.evidence.rang = true;
        self.ringing_since.get_or_insert(now.mono);
        self.record.ringing_at.get_or_insert(now.wall);
        self.note(now, Fact::TrunkRinging);
    }

    fn early_media(&mut self, now: Moment) {
        if self.evidence.early_media || self.evidence.up {
            return;
        }
        self.evidence.early_media = true;
        self.ringing_since.get_or_insert(now.mono);
        self.note(now, Fact::TrunkEarlyMedia);
    }

    fn up(&mut self, now: Moment) {
        if self.evidence.up {
            return;
        }
        self.evidence.up = true;
        self.answered_since = Some(now.mono);
        self.record.answered_at = Some(now.wall);
        self.timers.disarm(Timer::Ring);
        self.timers.disarm(Timer::Proof);
        let longest = Duration::from_secs(self.record.request.max_duration.into());
        self.timers.arm(Timer::MaxDuration, now.mono + longest);
        self.note(now, Fact::TrunkUp);
        self.begin_scenario(now);
    }

    pub(super) fn entered(&mut self, now: Moment) {
        if self.evidence.entered {
            return;
        }
        self.evidence.entered = true;
        if self.evidence.up {
            self.begin_scenario(now);
        } else {
            self.timers.arm(Timer::Proof, now.mono + PROOF);
        }
    }

    /// The dialplan answered our half, and no trunk leg is up: a voice mail, an announcement or a
    /// redirect into the PBX itself. That is no answer of the callee.
    pub(super) fn unproven(&mut self, now: Moment) {
        if self.evidence.up || self.has_live_trunk() {
            // A dialplan that answers us first and then dials: the trunk leg tells, or the ring time-out.
            return;
        }
        if !self.trunk_looked_for {
            // A dialplan that dials through a Local channel of its own: no event says whose its trunk
            // leg is, but Asterisk does when it is asked.
            self.trunk_looked_for = true;
            self.timers.arm(Timer::Proof, now.mono + PROOF);
            return self.look(now);
        }
        self.note(now, Fact::AnswerUnproven);
        self.ask_for_end(now, EndedBy::Pbx, Reason::DialplanMissing);
    }

    fn has_live_trunk(&self) -> bool {
        self.evidence.trunk && self.evidence.destroyed.is_none()
    }

    pub(super) fn trunk_hangup(&mut self, now: Moment, cause: Option<u16>, tech_cause: Option<u16>) {
        if self.evidence.far_hangup.is_some() {
            return;
        }
        self.evidence.far_hangup = Some(Causes { cause, tech_cause });
        self.evidence.far_first = self.evidence.hangup.is_none();
        self.evidence.at_timer_b =
            self.dialed_since.is_some_and(|since| now.mono.saturating_sub(since) >= TIMER_B);
        self.note(now, Fact::TrunkHangup { cause, tech_cause });
    }

    pub(super) fn trunk_hung_up_here(&mut self, now: Moment) {
        if self.evidence.pbx_hangup {
            return;
        }
        self.evidence.pbx_hangup = true;
        self.note(now, Fact::TrunkHungUpHere);
    }

    pub(super) fn trunk_destroyed(&mut self, now: Moment, cause: Option<u16>, tech_cause: Option<u16>) {
        if self.evidence.destroyed.is_some() {
            return;
        }
        self.evidence.trunk = true;
        self.evidence.destroyed = Some(Causes { cause, tech_cause });
        self.note(now, Fact::TrunkDestroyed { cause, tech_cause });
        self.timers.arm_once(Timer::Settle, now.mono + SETTLE);
    }

    pub(super) fn redirected(&mut self, now: Moment, to: String, followed: bool) {
        self.evidence.forwarded = true;
        self.note(now, Fact::Redirected { to, followed });
        if followed {
            self.ask_for_end(now, EndedBy::Bot, Reason::RedirectRefused);
        }
    }

    pub(super) fn reported(
        &mut self,
        now: Moment,
        dialstatus: String,
        carrier: Option<CarrierStatus>,
        cause: Option<u16>,
    ) {
        if self.evidence.report.is_some() {
            return;
        }
        self.note(
            now,
            Fact::Report {
                sip_code: carrier.as_ref().map(|status| status.code),
                sip_text: carrier.as_ref().map(|status| status.text.clone()),
                cause,
                dialstatus: dialstatus.clone(),
            },
        );
        self.evidence.report = Some(Report { dialstatus, carrier, cause });
        self.timers.arm_once(Timer::Settle, now.mono + SETTLE);
    }

    pub(super) fn half_destroyed(&mut self, now: Moment, half: Half, cause: Option<u16>) {
        self.evidence.no_route |= cause == Some(NO_ROUTE);
        match half {
            Half::Near => self.evidence.near_gone = true,
            Half::Far => self.evidence.far_gone = true,
        }
        if self.phase != Phase::Waiting {
            self.timers.arm_once(Timer::Settle, now.mono + SETTLE);
        }
    }

    /// The last witnesses did not come in time. A trunk leg whose end nobody has told may still live.
    pub(super) fn settle(&mut self, now: Moment) {
        let evidence = &self.evidence;
        if evidence.trunk && evidence.destroyed.is_none() && evidence.report.is_none() {
            self.look(now);
        } else {
            self.conclude(now);
        }
    }

    /// Whether all witnesses have spoken: the trunk leg is gone, and the dialplan has told what it
    /// knows or can't any more.
    pub(super) fn is_proven(&self) -> bool {
        let evidence = &self.evidence;
        evidence.destroyed.is_some() && (evidence.report.is_some() || evidence.far_gone)
    }
}
