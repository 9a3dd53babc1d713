//! The monotonic clock starts with the bot, and calls are older than that.

use std::time::Duration;

use novofon_bot::call::{CallRecord, Input, Machine, Moment, Status};

use crate::support::{LIMITS, hello, moment, nothing_found, record};

/// Half a second after a start at the wall clock's 1000 s.
const JUST_STARTED: Duration = Duration::from_millis(500);

fn ended_2_s_after_the_restart(left: CallRecord) -> CallRecord {
    let just_started = Moment { mono: JUST_STARTED, wall: moment(1000.0).wall };
    let (mut machine, _) = Machine::restore(just_started, left, &hello(), LIMITS, false);
    let later = Moment { mono: JUST_STARTED + Duration::from_secs(2), wall: moment(1002.0).wall };
    machine.handle(later, nothing_found());
    assert!(machine.has_ended());
    machine.record().clone()
}

fn left_in(status: Status) -> CallRecord {
    let mut call = record();
    call.status = status;
    call.dialed_at = Some(moment(900.0).wall);
    call.ringing_at = Some(moment(901.0).wall);
    call.trunk_channel = Some("1790000000.1".into());
    call
}

#[test]
fn a_talk_is_as_long_as_it_was() {
    let mut left = left_in(Status::Answered);
    left.answered_at = Some(moment(908.0).wall);
    let ended = ended_2_s_after_the_restart(left);
    assert_eq!((ended.ring_seconds, ended.talk_seconds), (Some(7.0), Some(94.0)));
}

#[test]
fn ringing_is_as_long_as_it_was() {
    let ended = ended_2_s_after_the_restart(left_in(Status::Ringing));
    assert_eq!((ended.ring_seconds, ended.talk_seconds), (Some(101.0), None));
}

#[test]
fn an_answer_after_the_restart_ends_the_ringing() {
    let just_started = Moment { mono: JUST_STARTED, wall: moment(1000.0).wall };
    let left = left_in(Status::Ringing);
    let (mut machine, _) = Machine::restore(just_started, left, &hello(), LIMITS, false);
    let at = |seconds: u64| Moment { mono: JUST_STARTED + Duration::from_secs(seconds), ..just_started };
    machine.handle(at(1), Input::TrunkState(novofon_bot::call::ChannelState::Up));
    machine.handle(at(4), nothing_found());
    assert_eq!((machine.record().ring_seconds, machine.record().talk_seconds), (Some(100.0), Some(3.0)));
}
