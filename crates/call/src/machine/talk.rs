//! What the bot says once the call is answered.

use std::time::Duration;

use super::Machine;
use crate::kernel::seconds;
use crate::scenario::{Run, Scenario, Step};
use crate::{Effect, EndedBy, Fact, Moment, Reason, Timer};

/// A sound is asked after when it has not ended by then; long ones simply go on.
const PLAYBACK_CHECK: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Playing {
    pub id: String,
    pub media: String,
    pub since: Duration,
}

impl Machine {
    /// Starts once both are known: the callee is there (the trunk leg is up) and our half is in Stasis.
    pub(super) fn begin_scenario(&mut self, now: Moment) {
        let evidence = &self.evidence;
        if evidence.is_up() && evidence.entered && evidence.hangup.is_none() && !self.scenario.has_begun() {
            self.next_step(now);
        }
    }

    /// Takes up the step in which a former run of the program stood.
    pub(super) fn resume_scenario(&mut self, now: Moment, scenario: &Scenario) {
        let taken = usize::try_from(self.kernel.record.scenario_steps).unwrap_or(usize::MAX);
        let (run, current) = Run::resume(scenario, taken);
        self.scenario = run;
        match current {
            // It may be playing yet: Asterisk is asked as soon as it is there.
            Some(Step::Play(media)) => {
                self.playing = Some(Playing { id: self.playback_id(), media, since: now.mono });
            }
            Some(Step::Wait(time)) => self.kernel.timers.arm(Timer::Wait, now.mono + time),
            // The scenario has become shorter meanwhile: its end comes at once.
            Some(Step::Hangup) | None if taken > 0 => self.kernel.timers.arm(Timer::Wait, now.mono),
            Some(Step::Hangup) | None => {}
        }
    }

    fn playback_id(&self) -> String {
        format!("{}-{}", self.kernel.record.attempt_id(), self.scenario.taken())
    }

    pub(super) fn next_step(&mut self, now: Moment) {
        if !self.evidence.is_up() || self.evidence.hangup.is_some() || self.leaving {
            return;
        }
        let step = self.scenario.advance();
        self.kernel.record.scenario_steps = u32::try_from(self.scenario.taken()).unwrap_or(u32::MAX);
        self.kernel.changed();
        match step {
            Step::Play(media) => {
                // Chosen before the request leaves, so that no early event is lost.
                let id = self.playback_id();
                self.kernel.wish(Effect::Play {
                    channel: self.kernel.record.attempt_id().near_channel(),
                    playback: id.clone(),
                    media: media.clone(),
                });
                self.playing = Some(Playing { id, media, since: now.mono });
                self.kernel.timers.arm(Timer::Playback, now.mono + PLAYBACK_CHECK);
            }
            Step::Wait(time) => self.kernel.timers.arm(Timer::Wait, now.mono + time),
            Step::Hangup => {
                self.kernel.record.scenario_result = Some(self.scenario.result().to_owned());
                self.hangup(now, EndedBy::Bot, Reason::ScenarioEnded, None);
            }
        }
    }

    /// Our half is being taken out of the talk: nobody hears it any more. The scenario stops where it is; it must not
    /// come to its end and hang up a leg that talks to somebody else now.
    pub(super) fn leave_talk(&mut self) {
        self.leaving = true;
        self.playing = None;
        self.kernel.timers.disarm(Timer::Wait);
        self.kernel.timers.disarm(Timer::Playback);
    }

    pub(super) fn playback_started(&mut self, now: Moment, playback: &str) {
        if let Some(playing) = self.playing.as_mut().filter(|p| p.id == playback) {
            playing.since = now.mono;
        }
    }

    pub(super) fn playback_finished(&mut self, now: Moment, playback: &str, ok: bool) {
        let Some(playing) = self.take_playing(playback) else { return };
        let lasted = seconds(now.mono.saturating_sub(playing.since));
        let media = playing.media;
        if ok {
            self.kernel.note(now, &Fact::SoundPlayed { media, seconds: lasted });
        } else {
            self.sound_failed(now, media, "Asterisk could not play it".to_owned());
        }
        self.next_step(now);
    }

    pub(super) fn playback_refused(&mut self, now: Moment, playback: &str, why: String) {
        let Some(playing) = self.take_playing(playback) else { return };
        self.sound_failed(now, playing.media, why);
        self.next_step(now);
    }

    /// Asterisk was asked for the playback. One that is not there any more has ended while nobody
    /// listened to its events. The answer may be late, and about an earlier one than plays now.
    pub(super) fn playback_seen(&mut self, now: Moment, playback: &str, is_playing: bool) {
        if is_playing {
            if self.playing.as_ref().is_some_and(|playing| playing.id == playback) {
                self.kernel.timers.arm(Timer::Playback, now.mono + PLAYBACK_CHECK);
            }
            return;
        }
        let Some(playing) = self.take_playing(playback) else { return };
        self.kernel.note(now, &Fact::SoundEnded { media: playing.media });
        self.next_step(now);
    }

    fn take_playing(&mut self, playback: &str) -> Option<Playing> {
        let playing = self.playing.take_if(|p| p.id == playback)?;
        self.kernel.timers.disarm(Timer::Playback);
        Some(playing)
    }

    /// A hang-up cuts a sound off, and Asterisk calls that a failure of the sound.
    fn is_being_hung_up(&self) -> bool {
        let evidence = &self.evidence;
        let by_others = evidence
            .legs
            .deciding()
            .is_some_and(|leg| leg.far_hangup.is_some() || !leg.is_alive() || leg.hung_up_here);
        by_others || evidence.hangup.is_some() || self.leaving
    }

    fn sound_failed(&mut self, now: Moment, media: String, why: String) {
        if self.is_being_hung_up() {
            return;
        }
        self.scenario.sound_failed();
        self.kernel.note(now, &Fact::SoundFailed { media, why });
    }
}
