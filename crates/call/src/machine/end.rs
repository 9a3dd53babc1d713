//! The end of a call: written once, from the evidence there is. Where it rests on something that was not told, Asterisk is
//! asked first whether it tells all.

use std::time::Duration;

use super::{Machine, Phase};
use crate::{Effect, Input, Moment, Outcome, Timer};

/// How long Asterisk may take to say whether it tells all. A bot that stops waits longer than that for its last calls.
const HEARING: Duration = Duration::from_secs(3);

impl Machine {
    pub(super) fn conclude(&mut self, now: Moment) {
        // Channels that are left behind by a dialplan that goes on after its Dial.
        if !self.evidence.near_gone && !self.evidence.far_gone && self.evidence.report.is_none() {
            self.kernel.wish(Effect::Hangup { channel: self.kernel.record.attempt_id().near_channel() });
        }
        self.point_at_deciding();
        let outcome = self.evidence.verdict();
        if self.rests_on_silence(&outcome) {
            self.phase = Phase::Ending(now);
            self.kernel.timers.clear();
            self.kernel.timers.arm(Timer::Hearing, now.mono + HEARING);
            return self.kernel.wish(Effect::TestHearing);
        }
        self.end(now, outcome);
    }

    /// The end would be another one if events had been kept from us.
    fn rests_on_silence(&self, outcome: &Outcome) -> bool {
        // Of one that was given up Asterisk could be asked nothing.
        if self.evidence.blind || self.evidence.unreachable {
            return false;
        }
        let mut deaf = self.evidence.clone();
        deaf.go_deaf();
        deaf.verdict() != *outcome
    }

    /// It was over at `since`. What is seen or asked for after that is no part of it.
    pub(super) fn hear_the_end(&mut self, since: Moment, input: &Input) {
        match input {
            Input::HearingTested { whole: true } => {}
            Input::HearingTested { whole: false }
            | Input::Deaf
            | Input::AsteriskLost
            | Input::Timer(Timer::Hearing) => self.evidence.go_deaf(),
            _ => return,
        }
        let outcome = self.evidence.verdict();
        self.end(since, outcome);
    }

    pub(super) fn end(&mut self, now: Moment, outcome: Outcome) {
        if self.scenario.has_begun() && self.kernel.record.scenario_result.is_none() {
            self.kernel.record.scenario_result = Some("interrupted".to_owned());
        }
        self.kernel.end(now, outcome, self.evidence.end_is_seen());
        self.phase = Phase::Ended;
        self.kernel.wish(Effect::Ended);
    }
}
