//! An end that rests on what was not told: Asterisk is asked whether it tells all. Another program's event filter is noticed
//! by the bot within two seconds, and a call may end before that.

use call::cause::CarrierStatus;
use call::{Causes, ChannelState, EndedBy, Found, Half, Input, LegReport, Reason, TrunkSeen};

use crate::support::{Ladder, TRUNK, found, hangup_by_api, leg, moment, name, trunk};

const WHOLE: Input = Input::HearingTested { whole: true };
const DEAF: Input = Input::HearingTested { whole: false };

/// Up, and then gone, with nobody's request to hang up.
fn gone_without_a_request() -> Ladder {
    let mut call = Ladder::answered().asked_itself();
    call.trunk_and_halves_gone().expect(&["test hearing"]);
    call
}

#[test]
fn who_hung_up_was_not_told() {
    gone_without_a_request().give(WHOLE).ends("completed hung_up pbx");
    gone_without_a_request().give(DEAF).ends("completed outcome_lost unknown");
}

/// Without the dialplan's report, a phone that rang and a bare end look like Asterisk's own time-out.
#[test]
fn neither_the_request_nor_the_report_was_told() {
    let rang = || {
        let mut call = Ladder::dialed().asked_itself();
        call.give(trunk()).give(leg(TrunkSeen::State(ChannelState::Ringing)));
        call.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(19), tech_cause: Some(480) })));
        call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(19) });
        call
    };
    rang().expect(&["test hearing"]).give(WHOLE).ends("no_answer ring_timeout pbx");
    rang().give(DEAF).ends("unknown outcome_lost unknown");
}

/// Nobody picked up, or the phone is off: a ringing tells, and that may have been kept away.
#[test]
fn whether_it_rang_was_not_told() {
    let refused = |code: u16| {
        let mut call = Ladder::dialed().asked_itself();
        call.give(trunk());
        let carrier = Some(CarrierStatus { code, text: "No".into() });
        let words = LegReport { key: Some(name(TRUNK)), carrier, cause: Some(19) };
        call.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(19), tech_cause: None })));
        call.give(Input::Reported { dialstatus: "NOANSWER".into(), words });
        call
    };
    refused(480)
        .expect(&["store(dialing)", "test hearing"])
        .give(WHOLE)
        .ends("unavailable unavailable carrier");
    refused(480).give(DEAF).ends("unknown outcome_lost unknown");
    // What the carrier said is enough.
    refused(486).ends("busy busy callee");
}

/// The limit came after a silence, or after a ringing that was kept away.
#[test]
fn nothing_was_told_until_the_limit() {
    let waited = || {
        let mut call = Ladder::dialed().asked_itself();
        call.give(trunk());
        call.at(30.0);
        call.trunk_and_halves_gone().expect(&["test hearing"]);
        call
    };
    waited().give(WHOLE).ends("failed ring_timeout limit");
    waited().give(DEAF).ends("unknown outcome_lost unknown");
}

#[test]
fn no_leg_was_told() {
    let nothing = || {
        let mut call = Ladder::dialed().asked_itself();
        call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(0) });
        call.at(1.1);
        call
    };
    nothing().expect(&["test hearing"]).give(WHOLE).ends("failed dialplan_missing pbx");
    nothing().give(DEAF).ends("unknown outcome_lost unknown");
}

/// It is over: neither a client nor the clock ends it any more.
#[test]
fn what_comes_while_it_is_asked() {
    let mut call = gone_without_a_request();
    call.give(hangup_by_api()).expect(&[]);
    call.give(Input::Hangup { by: EndedBy::Bot, reason: Reason::Shutdown, client: None }).expect(&[]);
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: None }))).expect(&[]);
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) }).expect(&[]);
    call.at(2.0).give(WHOLE).ends("completed hung_up pbx");
    let record = call.machine.record();
    assert_eq!(record.last.ended_at, Some(moment(0.0).wall), "it ended when it did, not when that was known");
}

#[test]
fn it_can_not_be_asked() {
    let mut call = gone_without_a_request();
    call.at(3.1).ends("completed outcome_lost unknown");
    let mut call = gone_without_a_request();
    call.give(Input::AsteriskLost).ends("completed outcome_lost unknown");
    let mut call = gone_without_a_request();
    call.give(Input::Deaf).ends("completed outcome_lost unknown");
}

/// After a redirect the dialplan's words are older than it, and look like a carrier that let the call ring out.
#[test]
fn a_redirect_was_not_told() {
    let given_up = || {
        let mut call = Ladder::dialed().asked_itself();
        call.give(trunk());
        let carrier = Some(CarrierStatus { code: 100, text: "Trying".into() });
        let words = LegReport { key: Some(name(TRUNK)), carrier, cause: None };
        call.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(0), tech_cause: None })));
        call.give(Input::Reported { dialstatus: "NOANSWER".into(), words });
        call
    };
    given_up().give(WHOLE).ends("failed ring_timeout pbx");
    given_up().give(DEAF).ends("unknown outcome_lost unknown");
}

/// The callee may have hung up long before the scenario came to its own end.
#[test]
fn the_end_of_the_leg_was_not_told() {
    let hung_up = || {
        let mut call = Ladder::answered().asked_itself();
        call.give(Input::Hangup { by: EndedBy::Bot, reason: Reason::ScenarioEnded, client: None });
        call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
        call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
        let words = LegReport { key: Some(name(TRUNK)), carrier: None, cause: Some(16) };
        call.give(Input::Reported { dialstatus: "ANSWER".into(), words });
        call.at(3.0).gone();
        call
    };
    hung_up().give(WHOLE).ends("completed scenario_ended bot");
    hung_up().give(DEAF).ends("completed outcome_lost unknown");
}

/// On the oldest Asterisk the dialplan's words stop at the challenge, and a redirect may have come after it.
#[test]
fn what_came_after_a_challenge_was_not_told() {
    let challenged = || {
        let mut call = Ladder::dialed().asked_itself();
        call.give(trunk());
        let carrier = Some(CarrierStatus { code: 401, text: "Unauthorized".into() });
        let words = LegReport { key: Some(name(TRUNK)), carrier, cause: Some(0) };
        call.give(Input::Reported { dialstatus: "CHANUNAVAIL".into(), words });
        call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(0) });
        call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(0) });
        call.at(2.1).gone();
        call
    };
    challenged().give(WHOLE).ends("failed trunk_auth_failed carrier");
    challenged().give(DEAF).ends("unknown outcome_lost unknown");
}

/// Events were lost for a moment. A look tells how far the leg is, but not whether there was early media before.
#[test]
fn early_media_may_have_been_missed() {
    let after_a_gap = |state| {
        let mut call = Ladder::dialed();
        call.give(trunk()).give(Input::Deaf);
        call.give(Input::Found(found(ChannelState::Down, state)));
        call
    };
    let mut call = after_a_gap(ChannelState::Down);
    call.at(30.0).trunk_and_halves_gone().ends("unknown outcome_lost unknown");
    let mut call = after_a_gap(ChannelState::Ringing);
    call.at(30.0).trunk_and_halves_gone().ends("no_answer ring_timeout limit");

    // A leg that was dialed after it was seen from its beginning.
    let mut call = Ladder::dialed();
    call.give(Input::Deaf);
    let nothing_yet = Found { near: Some(ChannelState::Down), far: true, ..Found::default() };
    call.give(Input::Found(nothing_yet)).give(trunk());
    call.at(30.0).trunk_and_halves_gone().ends("failed ring_timeout limit");
}

/// The dialplan's report tells that the carrier said no more than "100 Trying": then nothing rang, seen or not.
#[test]
fn nothing_rang_by_the_carriers_own_words() {
    let mut call = Ladder::dialed();
    call.give(Input::Deaf);
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Down)));
    call.at(30.0);
    let carrier = Some(CarrierStatus { code: 100, text: "Trying".into() });
    let words = LegReport { key: Some(name(TRUNK)), carrier, cause: Some(16) };
    call.give(Input::Reported { dialstatus: "CANCEL".into(), words });
    call.trunk_and_halves_gone().ends("failed ring_timeout limit");
}
