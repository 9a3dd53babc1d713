//! What the bot plays, and what becomes of it.

use call::{Causes, ChannelState, Input, TrunkSeen};

use crate::support::{Ladder, found, found_sound, hangup_by_api, leg};

fn playback(call: &Ladder, n: usize) -> String {
    format!("{}-{n}", call.machine.id())
}

fn finished(call: &Ladder, n: usize, ok: bool) -> Input {
    Input::PlaybackFinished { playback: playback(call, n), ok }
}

/// Asterisk says that the sound failed, which it did not: nobody was there any more to hear it.
#[test]
fn a_hang_up_in_the_middle_of_a_sound_is_no_fault_of_the_sound() {
    let mut call = Ladder::answered();
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: None })));
    call.give(finished(&call, 1, false));
    call.trunk_and_halves_gone();
    assert_eq!(call.machine.record().scenario_result.as_deref(), Some("interrupted"));
}

#[test]
fn sound_wait_sound_hang_up() {
    let mut call = Ladder::answered();
    call.expect(&["store(answered)", "play(sound:hello)"]);
    let end = finished(&call, 1, true);
    call.at(2.0).give(end).expect(&["store(answered)"]);
    call.at(3.1).expect(&["store(answered)", "play(sound:bye)"]);
    let end = finished(&call, 3, true);
    call.at(4.0).give(end).expect(&["store(answered)", "hangup"]);
    call.trunk_and_halves_gone().ends("completed scenario_ended bot");
    assert_eq!(call.machine.record().scenario_result.as_deref(), Some("completed"));
}

#[test]
fn a_sound_that_is_missing_is_said_and_passed_over() {
    let mut call = Ladder::answered();
    let end = finished(&call, 1, false);
    call.give(end).expect(&["store(answered)"]);
    call.at(1.1).expect(&["store(answered)", "play(sound:bye)"]);
    let refused = Input::PlaybackRefused { playback: playback(&call, 3), why: "404".into() };
    call.give(refused).expect(&["store(answered)", "hangup"]);
    call.trunk_and_halves_gone();
    assert_eq!(call.machine.record().scenario_result.as_deref(), Some("sound_failed"));
}

#[test]
fn the_callee_hangs_up_in_the_middle() {
    let mut call = Ladder::answered();
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: None })));
    call.trunk_and_halves_gone().ends("completed hung_up callee");
    assert_eq!(call.machine.record().scenario_result.as_deref(), Some("interrupted"));
}

#[test]
fn an_end_told_twice_is_one_step() {
    let mut call = Ladder::answered();
    let end = finished(&call, 1, true);
    call.give(end.clone()).expect(&["store(answered)"]);
    call.give(end).expect(&[]);
    call.at(1.1).expect(&["store(answered)", "play(sound:bye)"]);
}

/// The socket was away when the sound ended.
#[test]
fn a_sound_whose_end_was_not_heard() {
    let mut call = Ladder::answered();
    call.at(60.1).expect(&["look"]);
    let greeting = playback(&call, 1);
    call.give(Input::Found(found_sound(&greeting, false))).expect(&["store(answered)"]);
    call.at(61.2).expect(&["store(answered)", "play(sound:bye)"]);
    // Another look was under way when it ended, and tells late of the one that had been playing.
    call.give(Input::Found(found_sound(&greeting, false))).expect(&[]);
    let bye = finished(&call, 3, true);
    call.give(bye).expect(&["store(answered)", "hangup"]);
}

/// A look that was asked for before the answer comes back when the greeting plays: it knew of no sound.
#[test]
fn a_late_look_does_not_cut_a_sound_off() {
    let mut call = Ladder::answered();
    call.give(Input::Found(found(ChannelState::Up, ChannelState::Up))).expect(&[]);
    let end = finished(&call, 1, true);
    call.at(5.0).give(end).expect(&["store(answered)"]);
}

#[test]
fn a_long_sound_is_asked_after_again_and_again() {
    let mut call = Ladder::answered();
    call.at(60.1).expect(&["look"]);
    let greeting = playback(&call, 1);
    call.give(Input::Found(found_sound(&greeting, true))).expect(&[]);
    call.at(119.5).expect(&[]);
}

#[test]
fn nothing_is_played_after_the_hang_up() {
    let mut call = Ladder::answered();
    call.give(hangup_by_api());
    let end = finished(&call, 1, true);
    call.give(end).expect(&["store(answered)"]);
    call.at(1.5).expect(&[]);
}
