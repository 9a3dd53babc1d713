//! Dialplans that do more than to dial the trunk once.

use novofon_bot::call::{ChannelState, Found, Half, Input};

use crate::support::{Ladder, found, trunk};

fn report(dialstatus: &str, tech: Option<&str>) -> Input {
    let carrier = tech.map(|line| line.parse().expect("a status line"));
    Input::Reported { dialstatus: dialstatus.into(), carrier, cause: None }
}

fn near_alone() -> Input {
    let near = Found { near: Some(ChannelState::Up), near_in_stasis: true, far: true, ..Found::default() };
    Input::Found(near)
}

#[test]
fn answers_us_before_it_dials() {
    let mut call = Ladder::dialed();
    call.give(Input::Entered);
    call.give(trunk());
    call.give(Input::TrunkState(ChannelState::Ringing)).expect(&["store(ringing)"]);
    // The phone rings: that is no reason to hang up.
    call.at(20.0).expect(&[]);
    call.give(Input::TrunkState(ChannelState::Up));
    call.expect(&["store(answered)", "play(sound:hello)"]);
}

#[test]
fn dials_through_a_local_channel_of_its_own() {
    let mut call = Ladder::dialed();
    call.give(Input::Entered);
    call.at(2.5).expect(&["look"]);
    call.give(Input::Found(found(ChannelState::Up, ChannelState::Up)));
    call.expect(&["store(answered)", "watch", "play(sound:hello)"]);
    assert!(call.machine.playback().is_some(), "it has just begun");
}

#[test]
fn answers_by_itself_and_dials_nothing() {
    let mut call = Ladder::dialed();
    call.give(Input::Entered);
    call.at(2.5).expect(&["look"]);
    call.give(near_alone()).expect(&[]);
    call.at(5.0).expect(&["store(dialing)", "hangup"]);
    // Its report says that there was no Dial.
    call.give(report("", None));
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
    call.at(7.0).ends("failed dialplan_missing pbx");
}

#[test]
fn reports_an_answer_by_a_leg_that_was_never_seen() {
    let mut call = Ladder::dialed();
    call.give(Input::Entered);
    call.give(report("ANSWER", Some("SIP 200 OK")));
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
    call.at(7.0).ends("unknown outcome_lost unknown");
}

#[test]
fn dials_once_more_when_the_first_leg_failed() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::TrunkHangup { cause: Some(34), tech_cause: Some(503) });
    call.give(Input::TrunkDestroyed { cause: Some(34), tech_cause: Some(503) });
    call.give(Input::TrunkCreated { channel: "1790000000.2".into(), sip_call_id: None });
    call.give(Input::TrunkState(ChannelState::Ringing));
    call.at(10.0).expect(&[]);
    call.give(Input::TrunkHangup { cause: Some(17), tech_cause: Some(486) });
    call.trunk_and_halves_gone().ends("busy busy callee");
}
