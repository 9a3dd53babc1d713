//! Our own time-outs, and answers that nobody proves.

use call::{Causes, ChannelState, DialStep, Half, Input, LegReport, Reason, TrunkSeen};

use crate::support::{Ladder, leg, trunk};

#[test]
fn it_rang_until_our_time_was_over() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.at(1.0).give(leg(TrunkSeen::Dial(DialStep::Ringing))).expect(&["store(ringing)"]);
    call.at(30.5).expect(&["store(ringing)", "hangup"]);
    call.trunk_and_halves_gone().ends("no_answer ring_timeout limit");
    assert_eq!(call.machine.record().last.ring_seconds, Some(29.5));
}

#[test]
fn talk_is_bounded() {
    let mut call = Ladder::answered();
    call.at(119.9);
    call.at(120.5).expect(&["store(answered)", "hangup"]);
    call.trunk_and_halves_gone().ends("completed max_duration limit");
    assert_eq!(call.machine.record().last.talk_seconds, Some(120.5));
}

/// Its answer was told while nobody listened: then "nobody answered" would be a lie.
#[test]
fn our_time_was_over_and_the_dialplan_tells_of_an_answer() {
    let mut call = Ladder::dialed();
    call.at(30.1).expect(&["store(dialing)", "hangup"]);
    let carrier = "SIP 200 OK".parse().ok();
    call.give(Input::Reported {
        dialstatus: "ANSWER".into(),
        words: LegReport { key: None, carrier, cause: Some(16) },
    });
    call.at(31.5).ends("unknown outcome_lost unknown");
}

#[test]
fn an_answer_ends_the_ring_time_out() {
    let mut call = Ladder::answered();
    call.at(31.0).expect(&[]);
}

/// The dialplan played an announcement, or took the call to a voice mail.
#[test]
fn an_answer_without_a_trunk_leg_is_none() {
    let mut call = Ladder::dialed();
    call.give(Input::Entered).expect(&[]);
    // Asterisk does not tell of a trunk leg either.
    call.at(2.1).expect(&["look"]);
    call.at(4.2).expect(&["store(dialing)", "hangup"]);
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
    call.at(5.3).ends("failed dialplan_missing pbx");
}

#[test]
fn the_trunk_may_prove_it_a_moment_later() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::Entered);
    call.at(0.1)
        .give(leg(TrunkSeen::State(ChannelState::Up)))
        .expect(&["store(answered)", "play(sound:hello)"]);
    call.at(3.0).expect(&[]);
}

/// Both halves are gone, and of the trunk leg nothing was heard: it is asked for, not guessed.
#[test]
fn a_trunk_leg_whose_end_was_not_told() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
    call.at(1.1).expect(&["look"]);
    call.gone().ends("unknown outcome_lost unknown");
}

/// Under load the dialplan has heard nothing of a 3xx yet when it reports (measured).
#[test]
fn a_redirect_that_the_dialplan_did_not_hear_of() {
    let ended_with = |sip: u16| {
        let mut call = Ladder::dialed();
        call.give(trunk());
        call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: Some(sip) })));
        call.give(Input::Reported {
            dialstatus: "BUSY".into(),
            words: LegReport { key: None, carrier: None, cause: None },
        });
        call.trunk_and_halves_gone();
        (call.machine.record().last.reason, call.machine.record().last.sip_code)
    };
    assert_eq!(ended_with(301), (Some(Reason::RedirectRefused), Some(301)));
    assert_eq!(ended_with(408), (Some(Reason::CarrierSilent), None), "408 without a word is Asterisk's own");
}
