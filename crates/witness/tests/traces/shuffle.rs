//! The same traces with their events reordered, duplicated and missing: the machine must always come
//! to exactly one end, and never claim more than the evidence it was given.

use std::{collections::BTreeMap, time::Duration};

use asterisk::ari::Event;
use call::{Effect, Reached, Status};
use proptest::prelude::*;

use crate::{
    replay::{Happening, Trace, World, load, moment},
    table::{end, ours},
};

/// What must hold whatever happened.
fn check_invariants(world: &World) {
    let record = world.machine.record();
    let mut status = None;
    let mut ends = 0;
    let mut originates = 0;
    let mut ended = false;
    for effect in &world.effects {
        assert!(!ended, "{effect:?} is asked for after the end");
        match effect {
            Effect::Store { entries, .. } => {
                for entry in entries {
                    let Some(next) = entry.status else { continue };
                    assert!(status.is_none_or(|s: Status| s.may_become(next)), "{status:?} -> {next}");
                    status = Some(next);
                    ends += u32::from(next.is_terminal());
                }
            }
            Effect::Originate(_) => originates += 1,
            Effect::Ended => ended = true,
            _ => {}
        }
    }
    assert_eq!(originates, 1, "dialed exactly once");
    assert_eq!(ends, 1, "exactly one end");
    assert_eq!(status, Some(record.last.status));
    assert!(record.last.status.is_terminal());
    assert!(record.last.reason.is_some() && record.last.ended_by.is_some() && record.last.ended_at.is_some());
    match record.last.status {
        Status::Completed => assert_eq!(record.last.reached, Reached::Answered),
        Status::NoAnswer => assert!(record.last.reached >= Reached::Ringing),
        Status::Unavailable => assert!(record.last.reached < Reached::Ringing),
        _ => {}
    }
    assert_eq!(record.last.reached == Reached::Answered, record.last.answered_at.is_some());
}

/// Runs it to its end, whenever that is: the ring time-out, the maximum duration or giving up.
fn run_to_the_end(trace: &Trace) -> World {
    let mut world = World::dialing(trace.id);
    for (at, step) in trace.steps.clone() {
        world.play(at, step);
        assert!(
            world.machine.has_ended() || world.machine.next_timer().is_some(),
            "a call that lives has a timer"
        );
    }
    world.pass_time(Duration::from_secs(1200));
    world
}

fn any_trace() -> impl Strategy<Value = (&'static str, Trace)> {
    let all: Vec<_> = ours().map(|(name, _)| (name, load(name))).collect();
    proptest::sample::select(all)
}

/// Which of the traces' events to keep, how often, and where to move them.
fn disturbed() -> impl Strategy<Value = Trace> {
    any_trace().prop_flat_map(|(_, trace)| {
        let count = trace.steps.len();
        (Just(trace), prop::collection::vec((0..3_usize, any::<u16>()), count)).prop_map(|(trace, fate)| {
            let mut steps: Vec<(u64, u16, Happening)> = Vec::new();
            for ((at, step), (copies, place)) in trace.steps.iter().zip(&fate) {
                for copy in 0..*copies {
                    let moved = at + u64::from(*place % 3000) * copy as u64;
                    steps.push((moved, *place, step.clone()));
                }
            }
            steps.sort_by_key(|(at, place, _)| (*at / 50, *place));
            Trace { id: trace.id, steps: steps.into_iter().map(|(at, _, step)| (at, step)).collect() }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_duplication_and_loss_ends_in_one_end(trace in disturbed()) {
        check_invariants(&run_to_the_end(&trace));
    }

    /// The last events of a call come in no fixed order between its channels (of one channel they
    /// do): any order must give the same verdict.
    #[test]
    fn the_order_of_the_last_events_does_not_matter(
        (name, trace) in any_trace(), keys in prop::collection::vec(any::<u32>(), 64),
    ) {
        let last = trace.steps.iter().map(|(at, _)| *at).max().unwrap_or_default();
        let (mut steps, tail): (Vec<_>, Vec<_>) =
            trace.steps.iter().cloned().partition(|(at, step)| at + 20 < last || channel_that_ends(step).is_none());
        let mut by_channel: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for ((_, step), key) in tail.iter().zip(&keys) {
            by_channel.entry(channel_that_ends(step).unwrap_or_default()).or_default().push(*key);
        }
        by_channel.values_mut().for_each(|keys| keys.sort_unstable_by(|a, b| b.cmp(a)));
        let mut tail: Vec<_> = tail
            .into_iter()
            .map(|(at, step)| {
                let channel = channel_that_ends(&step).unwrap_or_default();
                let key = by_channel.get_mut(&channel).and_then(Vec::pop).unwrap_or(u32::MAX);
                ((at, step), key)
            })
            .collect();
        tail.sort_by_key(|(_, key)| *key);
        steps.extend(tail.into_iter().map(|((_, step), _)| (last, step)));
        let world = run_to_the_end(&Trace { id: trace.id, steps });
        check_invariants(&world);
        let expected = ours().find(|(row, _)| *row == name).map(|(_, end)| end).unwrap_or_default();
        prop_assert_eq!(end(&world), expected, "{}", name);
    }
}

/// The channel of an event of the end.
fn channel_that_ends(happening: &Happening) -> Option<String> {
    let Happening::Event(event) = happening else { return None };
    match event.as_ref() {
        Event::ChannelDestroyed(event) => Some(event.channel.id.clone()),
        Event::ChannelHangupRequest(event) => Some(event.channel.id.clone()),
        Event::ChannelUserevent(event) => event.channel.as_ref().map(|channel| channel.id.clone()),
        _ => None,
    }
}

/// After the end the machine is silent, whatever still comes.
#[test]
fn after_the_end_nothing_is_asked_for() {
    for (name, _) in ours() {
        let trace = load(name);
        let mut world = run_to_the_end(&trace);
        let before = world.effects.len();
        for (at, step) in trace.steps.clone() {
            world.play(at, step);
        }
        assert!(world.machine.tick(moment(Duration::from_secs(90_000))).is_empty());
        assert_eq!(world.effects.len(), before, "{name}");
    }
}
