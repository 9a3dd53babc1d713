//! Hang-ups that go wrong on their way.

use call::{Asked, Causes, ChannelState, DialStep, EndedBy, Half, Input, Reason, TrunkSeen};

use crate::support::{Ladder, found, hangup_by_api, leg, nothing_found, trunk};

#[test]
fn the_first_to_ask_ends_the_call() {
    let mut call = Ladder::answered();
    call.give(hangup_by_api()).expect(&["store(answered)", "hangup"]);
    call.give(Input::Hangup { by: EndedBy::Bot, reason: Reason::Shutdown, client: None }).expect(&[]);
    call.trunk_and_halves_gone().ends("completed hung_up api");
}

#[test]
fn the_callee_was_faster() {
    let mut call = Ladder::answered();
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: None })));
    call.give(hangup_by_api());
    call.trunk_and_halves_gone().ends("completed hung_up callee");
}

/// By an operator, another program, or a stop of Asterisk: neither the callee nor the carrier did it.
#[test]
fn hung_up_at_the_pbx() {
    let mut call = Ladder::answered();
    call.give(leg(TrunkSeen::HungUpHere));
    call.trunk_and_halves_gone().ends("completed hung_up pbx");

    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::State(ChannelState::Ringing)));
    call.give(leg(TrunkSeen::HungUpHere));
    call.trunk_and_halves_gone().ends("canceled hung_up pbx");
}

#[test]
fn asterisk_is_asked_until_the_channel_is_gone() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(hangup_by_api()).expect(&["store(dialing)", "hangup"]);
    call.give(Input::RequestFailed { what: Asked::Hangup, why: "500".into() });
    call.at(2.5).expect(&["look"]);
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Down))).expect(&["hangup"]);
    call.at(5.0).expect(&["look"]);
    call.gone().ends("canceled hung_up api");
}

#[test]
fn asterisk_never_comes_back() {
    let mut call = Ladder::answered();
    call.give(hangup_by_api());
    for second in 1..=119 {
        call.at(f64::from(second));
        call.give(Input::RequestFailed { what: Asked::Channels, why: "refused".into() });
        assert!(!call.machine.has_ended());
    }
    call.at(121.0).ends("unknown asterisk_unreachable unknown");
}

/// The carrier took the call in the moment in which we took it back.
#[test]
fn an_answer_after_our_hang_up_is_still_an_answer() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(hangup_by_api());
    call.give(leg(TrunkSeen::State(ChannelState::Up))).expect(&["store(answered)"]);
    call.trunk_and_halves_gone().ends("completed hung_up api");
}

/// Under load the look is faster than the events: what they tell counts all the same.
#[test]
fn evidence_that_comes_after_the_look() {
    let mut call = Ladder::answered();
    call.give(hangup_by_api());
    call.at(2.1).expect(&["look"]);
    call.give(nothing_found()).expect(&[]);
    call.at(2.5).trunk_and_halves_gone().ends("completed hung_up api");
    assert_eq!(call.machine.record().last.q850_cause, Some(16));
}

/// Another program's filter kept the carrier's request to hang up away, and the dialplan's words: what Asterisk put on the
/// leg is no time-out's.
#[test]
fn a_refusal_whose_request_was_not_told_is_no_time_out() {
    let end = |causes: Causes, dialstatus: &str| {
        let mut call = Ladder::dialed();
        call.give(trunk());
        call.give(leg(TrunkSeen::State(ChannelState::Ringing)));
        call.give(leg(TrunkSeen::Dial(DialStep::Ended(dialstatus.into()))));
        call.give(leg(TrunkSeen::Destroyed(causes)));
        call.give(Input::HalfDestroyed { half: Half::Far, cause: causes.cause });
        call.give(Input::HalfDestroyed { half: Half::Near, cause: causes.cause });
        call.at(20.0);
        call
    };
    let causes = |cause, tech_cause| Causes { cause: Some(cause), tech_cause };
    end(causes(17, Some(486)), "BUSY").ends("busy busy unknown");
    end(causes(21, Some(603)), "NOANSWER").ends("rejected declined unknown");
    // Without the status, as on 16.28.
    end(causes(17, None), "BUSY").ends("busy busy unknown");
    end(causes(16, Some(487)), "NOANSWER").ends("no_answer ring_timeout pbx");
}
