//! Evidence about the trunk leg: what may be concluded when, and when enough is known for an end.

use std::time::Duration;

use super::{Machine, Phase};
use crate::{
    Causes, ChannelState, DialStep, Effect, EndedBy, Fact, Half, LegReport, Moment, Reason, Report, Role,
    Seen, Timer, TrunkSeen, kernel::SETTLE, leg::Leg,
};

/// A dialplan that goes on after its `Dial` tells its end by an event; this is how often Asterisk is asked besides.
const DIALPLAN: Duration = Duration::from_secs(10);

/// Our half may enter Stasis about a millisecond before the trunk leg's answer is told.
pub(super) const PROOF: Duration = Duration::from_secs(2);

/// RFC 3261, section 17.1.1.2: 64 times T1 of 500 ms, less what the clocks may differ by.
const TIMER_B: Duration = Duration::from_millis(31_500);

/// A dialplan may dial as often as it likes; so many of its legs are kept.
const MOST_REPORTS: usize = 32;

impl Machine {
    pub(super) fn trunk(&mut self, now: Moment, channel: String, seen: TrunkSeen) {
        if !matches!(seen, TrunkSeen::Created { .. } | TrunkSeen::Dial(_) | TrunkSeen::Redirected { .. }) {
            self.evidence.legs.entry(&channel).is_heard = true;
        }
        match seen {
            TrunkSeen::Created { name, sip_call_id } => self.created(now, &channel, name, sip_call_id),
            TrunkSeen::Dial(DialStep::Ringing) | TrunkSeen::State(ChannelState::Ringing) => {
                self.ringing(now, &channel);
            }
            TrunkSeen::Dial(DialStep::Progress) => self.early_media(now, &channel),
            TrunkSeen::Dial(DialStep::Answer) | TrunkSeen::State(ChannelState::Up) => self.up(now, &channel),
            TrunkSeen::Dial(DialStep::Ended(dialstatus)) => self.dial_ended(now, &channel, dialstatus),
            TrunkSeen::State(ChannelState::Down) => {}
            TrunkSeen::Hangup(causes) => self.far_hangup(now, &channel, causes),
            TrunkSeen::HungUpHere => self.hung_up_here(now, &channel),
            TrunkSeen::Destroyed(causes) => self.destroyed(now, &channel, causes),
            TrunkSeen::Redirected { to, followed } => self.redirected(now, &channel, to, followed),
        }
        self.count_ringing(now);
        self.point_at_deciding();
    }

    /// The record names the leg that decides: its channel for a restarted bot, its Call-ID for the carrier's support.
    pub(super) fn point_at_deciding(&mut self) {
        let Some(leg) = self.evidence.legs.deciding() else { return };
        let is_same = self.kernel.record.last.trunk_channel.as_deref() == Some(&leg.channel);
        if !is_same || (leg.sip_call_id.is_some() && self.kernel.record.last.sip_call_id != leg.sip_call_id) {
            self.kernel.record.last.trunk_channel = Some(leg.channel.clone());
            self.kernel.record.last.sip_call_id = leg.sip_call_id.clone();
            self.kernel.changed();
        }
    }

    pub(super) fn note_trunk(&mut self, now: Moment, channel: &str, seen: Seen) {
        let fact = self.kernel.leg(Role::Trunk, self.evidence.legs.which(channel), seen);
        self.kernel.note(now, &fact);
    }

    pub(super) fn created(
        &mut self,
        now: Moment,
        channel: &str,
        name: Option<String>,
        sip_call_id: Option<String>,
    ) {
        let is_new = self.evidence.legs.get(channel).is_none();
        let leg = self.evidence.legs.entry(channel);
        if name.is_some() {
            leg.name = name;
        }
        if sip_call_id.is_some() {
            leg.sip_call_id = sip_call_id;
        }
        if !is_new {
            return;
        }
        let (name, sip_call_id) = (leg.name.clone(), leg.sip_call_id.clone());
        if self.evidence.behind_local {
            self.evidence.legs.order_by_number();
        }
        // The dialplan tries once more: how the call ends is told by this leg.
        self.kernel.timers.disarm(Timer::Settle);
        let shown = self.evidence.legs.which(channel).unwrap_or_else(|| channel.to_owned());
        let fact = self.kernel.leg(Role::Trunk, Some(shown), Seen::Created { sip_call_id });
        self.kernel.note(now, &fact);
        self.kernel.wish(Effect::Watch { trunk_channel: channel.to_owned(), name });
    }

    fn dial_ended(&mut self, now: Moment, channel: &str, dialstatus: String) {
        if self.evidence.legs.give_up(channel, &dialstatus) {
            self.evidence.legs.entry(channel).canceled_here =
                dialstatus == "CANCEL" && self.evidence.hangup.is_none();
            self.note_trunk(now, channel, Seen::DialEnded(dialstatus));
        }
    }

    fn ringing(&mut self, now: Moment, channel: &str) {
        let leg = self.evidence.legs.entry(channel);
        if leg.rang || leg.up {
            return;
        }
        leg.rang = true;
        self.kernel.record.last.ringing_at.get_or_insert(now.wall);
        self.note_trunk(now, channel, Seen::Ringing);
    }

    fn early_media(&mut self, now: Moment, channel: &str) {
        let leg = self.evidence.legs.entry(channel);
        if leg.early_media || leg.up {
            return;
        }
        leg.early_media = true;
        self.note_trunk(now, channel, Seen::EarlyMedia);
    }

    pub(super) fn up(&mut self, now: Moment, channel: &str) {
        let is_first = !self.evidence.is_up();
        let leg = self.evidence.legs.entry(channel);
        if leg.up {
            return;
        }
        leg.up = true;
        if is_first {
            self.kernel.answer(now);
            self.kernel.timers.disarm(Timer::Proof);
        }
        self.note_trunk(now, channel, Seen::Up);
        if is_first {
            self.begin_scenario(now);
        }
    }

    pub(super) fn entered(&mut self, now: Moment) {
        if self.evidence.entered {
            return;
        }
        self.evidence.entered = true;
        if self.evidence.is_up() {
            self.begin_scenario(now);
        } else {
            self.kernel.timers.arm(Timer::Proof, now.mono + PROOF);
        }
    }

    /// The dialplan answered our half, and no trunk leg is up: a voice mail, an announcement or a
    /// redirect into the PBX itself. That is no answer of the callee.
    pub(super) fn unproven(&mut self, now: Moment) {
        self.adopt(now);
        if self.evidence.is_up() || self.has_live_trunk() {
            // A dialplan that answers us first and then dials: the trunk leg tells, or the ring time-out.
            return;
        }
        if self.evidence.hangup.is_some() {
            return;
        }
        if !self.trunk_looked_for {
            // A dialplan that dials through a Local channel of its own: no event says whose its trunk
            // leg is, but Asterisk does when it is asked.
            self.trunk_looked_for = true;
            self.kernel.timers.arm(Timer::Proof, now.mono + PROOF);
            return self.look(now);
        }
        self.kernel.note(now, &Fact::AnswerUnproven);
        self.ask_for_end(now, EndedBy::Pbx, Reason::DialplanMissing);
    }

    pub(super) fn has_live_trunk(&self) -> bool {
        self.evidence.legs.alive().next().is_some()
    }

    /// The time in which any leg rang: of several, one may ring after the other, with a silence between.
    pub(super) fn count_ringing(&mut self, now: Moment) {
        let rings = self.evidence.legs.iter().any(Leg::is_ringing) && !self.evidence.is_up();
        match self.kernel.ringing_since {
            None if rings => self.kernel.ringing_since = Some(now.mono),
            Some(since) if !rings => {
                self.kernel.rang_for =
                    Some(self.kernel.rang_for.unwrap_or_default() + now.mono.saturating_sub(since));
                self.kernel.ringing_since = None;
            }
            _ => {}
        }
    }

    fn far_hangup(&mut self, now: Moment, channel: &str, causes: Causes) {
        let is_asked = self.evidence.hangup.is_some();
        let at_timer_b = self.dialed_since.is_some_and(|since| now.mono.saturating_sub(since) >= TIMER_B);
        let leg = self.evidence.legs.entry(channel);
        if leg.far_hangup.is_some() {
            return;
        }
        leg.far_hangup = Some(causes);
        leg.far_first = !is_asked;
        leg.at_timer_b = at_timer_b;
        self.note_trunk(now, channel, Seen::HungUp(causes));
    }

    fn hung_up_here(&mut self, now: Moment, channel: &str) {
        let leg = self.evidence.legs.entry(channel);
        if leg.hung_up_here {
            return;
        }
        leg.hung_up_here = true;
        self.note_trunk(now, channel, Seen::HungUpHere);
    }

    fn destroyed(&mut self, now: Moment, channel: &str, causes: Causes) {
        if !self.evidence.legs.end(channel, causes) {
            return;
        }
        self.note_trunk(now, channel, Seen::Gone(causes));
        self.picked_up_elsewhere(now);
        let wait = if self.dialplan_runs() { DIALPLAN } else { SETTLE };
        self.kernel.timers.arm_once(Timer::Settle, now.mono + wait);
    }

    fn redirected(&mut self, now: Moment, channel: &str, to: String, followed: bool) {
        self.evidence.legs.entry(channel).forwarded = true;
        self.kernel.note(now, &Fact::Redirected { to, followed });
        if followed {
            self.ask_for_end(now, EndedBy::Bot, Reason::RedirectRefused);
        }
    }

    pub(super) fn leg_reported(&mut self, now: Moment, words: LegReport) {
        if self.evidence.leg_reports.len() == MOST_REPORTS {
            return;
        }
        self.kernel.note(now, &fact(&words, None));
        self.answered_in_vain(&words);
        self.evidence.leg_reports.push(words);
    }

    /// Of a leg that was not up the carrier's 200 is an answer all the same.
    fn answered_in_vain(&mut self, words: &LegReport) {
        let is_answer = words.carrier.as_ref().is_some_and(|said| (200..300).contains(&said.code));
        if let Some(name) = words.key.as_deref().filter(|_| is_answer) {
            self.evidence.legs.answered_in_vain(name);
            self.point_at_deciding();
        }
    }

    pub(super) fn reported(&mut self, now: Moment, dialstatus: String, words: LegReport) {
        if self.evidence.report.is_some() {
            return;
        }
        let mut told = fact(&words, Some(&dialstatus));
        if let Fact::Report { channel, .. } = &mut told
            && !self.evidence.is_forked()
            && self.evidence.leg_reports.is_empty()
        {
            // There is no other leg that these words could be of.
            *channel = None;
        }
        self.kernel.note(now, &told);
        self.answered_in_vain(&words);
        let evidence = &mut self.evidence;
        evidence.report = Some(Report { dialstatus, words });
        let words = evidence.leg_reports.iter().chain(evidence.report.iter().map(|report| &report.words));
        let picker = evidence.picked_up_by.as_deref();
        let keys: Vec<&str> =
            words.filter_map(|words| words.key.as_deref()).filter(|key| Some(*key) != picker).collect();
        // A former run of the bot, or a Local channel, has left us with legs that we do not know by name.
        let is_known = |key: &&str| evidence.legs.named(key).is_some();
        let is_nameless = evidence.legs.iter().any(|leg| leg.name.is_none());
        let is_one = keys.len() == 1 && evidence.legs.len() == 1 && is_nameless;
        if evidence.behind_local || !(keys.iter().all(is_known) || is_one) {
            evidence.behind_local = true;
            evidence.legs.learn(keys.into_iter());
            self.point_at_deciding();
        }
        self.settle_soon(now);
    }

    pub(super) fn half_destroyed(&mut self, now: Moment, half: Half, cause: Option<u16>) {
        match half {
            Half::Near => {
                self.evidence.near_gone = true;
                self.evidence.near_cause = cause;
                self.leave_talk();
            }
            Half::Far => {
                self.evidence.far_gone = true;
                self.evidence.far_cause = cause;
            }
        }
        if self.phase != Phase::Waiting {
            self.settle_soon(now);
        }
    }

    /// From here on the last witnesses have a second.
    fn settle_soon(&mut self, now: Moment) {
        let at = now.mono + SETTLE;
        if self.evidence.far_gone || self.evidence.report.is_some() {
            self.kernel.timers.arm_by(Timer::Settle, at);
        } else {
            self.kernel.timers.arm_once(Timer::Settle, at);
        }
    }

    /// No leg is left, and our far half may dial another one, or play what it has to say.
    fn dialplan_runs(&self) -> bool {
        let evidence = &self.evidence;
        let is_over = evidence.far_gone || evidence.report.is_some() || evidence.hangup.is_some();
        !is_over && !evidence.is_up()
    }

    /// The last witnesses did not come in time. A trunk leg whose end nobody has told may still live, and a dialplan
    /// that runs may dial another.
    pub(super) fn settle(&mut self, now: Moment) {
        if self.dialplan_runs() {
            self.kernel.timers.arm(Timer::Settle, now.mono + DIALPLAN);
            self.look(now);
        } else if self.evidence.legs.iter().any(Leg::may_live) {
            // It may have been taken away at the PBX, also while it rang; or nobody told that it is gone.
            self.look(now);
        } else {
            self.conclude(now);
        }
    }

    /// Our half is gone while the trunk leg lives: it was transferred, parked or redirected at the PBX. It stays ours.
    pub(super) fn trunk_lives_on(&mut self, now: Moment) {
        if !self.taken && self.evidence.near_gone && self.has_live_trunk() {
            self.taken = true;
            self.evidence.legs.not_canceled();
            let fact = self.kernel.leg(Role::Trunk, None, Seen::TakenOver);
            self.kernel.note(now, &fact);
        }
    }

    /// Whether all witnesses have spoken: the deciding leg is gone and no other one is on its way, and the dialplan
    /// has told what it knows or can't any more.
    pub(super) fn is_proven(&self) -> bool {
        let evidence = &self.evidence;
        let Some(leg) = evidence.legs.deciding().filter(|leg| !leg.is_alive()) else { return false };
        if leg.canceled_here && !evidence.near_gone && evidence.hangup.is_none() {
            // How our near half ends tells whether somebody ended it, or Asterisk's own time-out.
            return false;
        }
        if !leg.up && evidence.is_forked() {
            // The cause of our far half is one of the witnesses.
            let is_over = |leg: &Leg| !leg.is_alive() || leg.dial_ended.is_some();
            return evidence.far_gone && evidence.legs.iter().all(is_over);
        }
        evidence.report.is_some() || evidence.far_gone
    }
}

fn fact(words: &LegReport, dialstatus: Option<&str>) -> Fact {
    Fact::Report {
        sip_code: words.carrier.as_ref().map(|status| status.code),
        sip_text: words.carrier.as_ref().map(|status| status.text.clone()),
        cause: words.cause,
        dialstatus: dialstatus.map(str::to_owned),
        channel: words.key.clone(),
    }
}
