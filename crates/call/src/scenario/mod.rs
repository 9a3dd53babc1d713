//! What the bot does once the call is answered. Pure: a document, and where the call stands in it.
//!
//! The seam for bots that listen and talk: another kind of step is another [`Step`].

use std::{sync::Arc, time::Duration};

/// The word for a run of which a sound was not played.
pub const SOUND_FAILED: &str = "sound_failed";

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Plays one Asterisk media URI (`sound:hello-world`) to its end.
    Play(String),
    Wait(Duration),
    Hangup,
}

/// A named list of steps. After the last one the bot hangs up, whether it says so or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scenario {
    pub steps: Arc<[Step]>,
}

impl Scenario {
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Scenario { steps: steps.into_iter().collect() }
    }
}

/// A scenario being carried out.
#[derive(Debug, Clone)]
pub struct Run {
    steps: Arc<[Step]>,
    next: usize,
    /// A sound could not be played.
    failed: bool,
}

impl Run {
    pub fn of(scenario: &Scenario) -> Self {
        Run { steps: scenario.steps.clone(), next: 0, failed: false }
    }

    /// Goes on where a former run of the program stood; that step is given too.
    pub fn resume(scenario: &Scenario, taken: usize) -> (Self, Option<Step>) {
        let steps = scenario.steps.clone();
        let next = taken.min(steps.len());
        let current = next.checked_sub(1).and_then(|at| steps.get(at).cloned());
        (Run { steps, next, failed: false }, current)
    }

    /// The next step; [`Step::Hangup`] at the end, again and again.
    pub fn advance(&mut self) -> Step {
        let step = self.steps.get(self.next).cloned().unwrap_or(Step::Hangup);
        self.next = (self.next + 1).min(self.steps.len());
        step
    }

    pub fn has_begun(&self) -> bool {
        self.next > 0
    }

    /// Steps taken so far: numbers the playbacks of a call.
    pub fn taken(&self) -> usize {
        self.next
    }

    pub fn sound_failed(&mut self) {
        self.failed = true;
    }

    /// The word for a run whose last step was reached.
    pub fn result(&self) -> &'static str {
        if self.failed { SOUND_FAILED } else { "completed" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_where_it_stood() {
        let scenario = Scenario::new([Step::Play("sound:a".into()), Step::Play("sound:b".into())]);
        let (mut run, current) = Run::resume(&scenario, 1);
        assert_eq!(current, Some(Step::Play("sound:a".into())));
        assert_eq!(run.advance(), Step::Play("sound:b".into()));
        // The scenario became shorter meanwhile.
        let (mut run, _) = Run::resume(&scenario, 9);
        assert_eq!(run.advance(), Step::Hangup);
    }

    #[test]
    fn steps_in_order_then_the_end() {
        let scenario = Scenario::new([Step::Play("sound:a".into()), Step::Wait(Duration::from_secs(1))]);
        let mut run = Run::of(&scenario);
        assert!(!run.has_begun());
        assert_eq!(run.advance(), Step::Play("sound:a".into()));
        assert_eq!(run.advance(), Step::Wait(Duration::from_secs(1)));
        assert_eq!(run.advance(), Step::Hangup);
        assert_eq!(run.advance(), Step::Hangup);
        assert_eq!(run.result(), "completed");
    }
}
