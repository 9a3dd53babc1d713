//! What a failed originate means. Whether it was carried out decides: it is never sent again.

use call::{Causes, ChannelState, Found, Half, Input, OriginateFailure, Reason, TrunkSeen};

use crate::support::{Ladder, found, hangup_by_api, leg, nothing_found, trunk};

fn originating() -> Ladder {
    let mut call = Ladder::place(true);
    call.give(Input::Admitted);
    call.give(Input::IntentStored).expect(&["originate"]);
    call
}

fn uncertain() -> Input {
    Input::OriginateFailed(OriginateFailure::Uncertain("timed out".into()))
}

fn not_sent() -> Input {
    Input::OriginateFailed(OriginateFailure::NotSent("connection refused".into()))
}

/// What certainly did not leave may leave later: as soon as Asterisk is there again.
#[test]
fn not_sent_and_sent_when_asterisk_is_back() {
    let mut call = originating();
    call.give(not_sent()).expect(&["store(dialing)"]);
    call.give(Input::AsteriskBack).expect(&["store(dialing)", "originate"]);
    call.give(not_sent()).expect(&[]);
    call.at(2.5).expect(&["originate"]);
    call.give(Input::Originated);
    call.at(29.0).expect(&[]);
    assert!(!call.machine.has_ended(), "it is dialed now");
}

#[test]
fn not_sent_for_too_long() {
    let mut call = originating();
    call.give(not_sent());
    for second in (2..29).step_by(2) {
        call.at(f64::from(second) + 0.1).expect(&["originate"]);
        call.give(not_sent());
    }
    call.at(30.1).ends("failed asterisk_unreachable pbx");
}

#[test]
fn not_sent_and_hung_up_meanwhile() {
    let mut call = originating();
    call.give(not_sent());
    call.give(hangup_by_api()).expect(&["store(canceled)", "ended"]).ends("canceled hung_up api");
}

/// Its channels are looked for with those of the others: that there are none proves nothing.
#[test]
fn not_sent_and_looked_for() {
    let mut call = originating();
    call.give(not_sent());
    call.give(nothing_found()).expect(&[]);
    call.give(nothing_found()).expect(&[]);
    call.give(Input::AsteriskBack).expect(&["store(dialing)", "originate"]);
}

#[test]
fn refused() {
    let mut call = originating();
    let message = "Allocation failed".into();
    call.give(Input::OriginateFailed(OriginateFailure::Refused { status: 400, message }));
    call.expect(&["store(failed)", "ended"]).ends("failed asterisk_refused pbx");
}

fn broken() -> Input {
    let message = "Allocation failed".into();
    Input::OriginateFailed(OriginateFailure::Refused { status: 500, message })
}

/// A 500 tells that something broke, not at which point: Asterisk is asked.
#[test]
fn broken_and_nothing_came_of_it() {
    let mut call = originating();
    // Of a 500 that is not the one that all get.
    let message = "Internal Server Error".into();
    call.give(Input::OriginateFailed(OriginateFailure::Refused { status: 500, message }))
        .expect(&["store(dialing)", "look"]);
    call.give(nothing_found()).expect(&[]);
    call.at(2.5).expect(&["look"]);
    call.give(nothing_found());
    call.ends("failed asterisk_refused pbx");
}

#[test]
fn broken_and_dialed_all_the_same() {
    let mut call = originating();
    call.give(broken());
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Ringing)))
        .expect(&["store(ringing)", "watch"]);
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(17), tech_cause: Some(486) })));
    call.trunk_and_halves_gone().ends("busy busy callee");
}

/// Its end was never told: the timeline says that it was not found any more, and nobody knows how long they talked.
#[test]
fn broken_and_answered_all_the_same_and_then_lost() {
    let mut call = originating();
    call.give(broken());
    call.give(trunk());
    call.give(leg(TrunkSeen::State(call::ChannelState::Up)));
    call.give(nothing_found());
    call.at(2.5);
    call.give(nothing_found());
    call.ends("completed outcome_lost unknown");
    assert!(call.told.iter().any(|event| event == "not_found"), "{:?}", call.told);
    assert_eq!(call.machine.record().last.talk_seconds, None);
}

#[test]
fn uncertain_and_nothing_there_after_two_looks() {
    let mut call = originating();
    call.give(uncertain()).expect(&["store(dialing)", "look"]);
    // It may still be on its way.
    call.give(nothing_found()).expect(&[]);
    call.at(2.5).expect(&["look"]);
    call.give(nothing_found());
    call.ends("unknown outcome_lost unknown");
}

#[test]
fn uncertain_and_found() {
    let mut call = originating();
    call.give(uncertain());
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Ringing)))
        .expect(&["store(ringing)", "watch"]);
    assert!(!call.machine.has_ended());
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(17), tech_cause: Some(486) })));
    call.trunk_and_halves_gone().ends("busy busy callee");
}

#[test]
fn its_events_were_faster_than_its_failure() {
    let mut call = originating();
    call.give(trunk());
    call.give(Input::OriginateFailed(OriginateFailure::NotSent("reset".into())));
    assert!(!call.machine.has_ended(), "a trunk leg was seen, so it was sent");
}

/// The ring time-out comes before the second look: still nothing is known of it.
#[test]
fn uncertain_and_hung_up_by_the_ring_time_out() {
    let mut call = originating();
    call.at(29.0).give(uncertain());
    call.at(30.1);
    call.give(nothing_found());
    call.at(35.0).give(nothing_found());
    call.ends("unknown outcome_lost unknown");
}

#[test]
fn no_answer_to_the_originate_at_all() {
    let mut call = originating();
    call.at(30.1);
    call.at(160.0).ends("unknown asterisk_unreachable unknown");
}

#[test]
fn hung_up_before_asterisk_answered_the_originate() {
    let mut call = originating();
    call.give(hangup_by_api()).expect(&["store(dialing)"]);
    call.give(Input::Originated).expect(&["hangup"]);
    call.gone().ends("canceled hung_up api");
}

/// Asterisk takes no calls at all, and has nothing of this one: it waits for its turn to come again.
#[test]
fn refused_as_all_are() {
    let mut call = originating();
    call.give(broken());
    call.give(nothing_found());
    call.at(2.5).expect(&["look"]);
    // This attempt is over, and that is on disk: a bot that is killed now dials it again.
    call.give(nothing_found()).expect(&["store(dialing)"]);
    call.at(100.0).expect(&[]);
    // The next one has a channel of its own, and its intent is on disk before it is sent.
    call.give(Input::TakenAgain).expect(&["store(dialing, intent)"]);
    call.give(Input::TakenAgain).expect(&[]);
    call.give(Input::IntentStored).expect(&["originate"]);
    call.give(Input::Originated);
    let attempts: Vec<String> = call
        .machine
        .record()
        .attempts()
        .map(|a| format!("{} {} {:?}", a.number, a.status, a.reason))
        .collect();
    assert_eq!(attempts, ["1 failed Some(AsteriskRefused)", "2 dialing None"]);
    assert!(call.machine.record().attempt_id().near_channel().ends_with(".2"));
    assert!(!call.machine.has_ended());
    // Its time to ring begins with the originate that was taken.
    call.at(129.0).expect(&[]);
    call.at(131.0).expect(&["store(dialing)", "hangup"]);
}

/// Nobody tells it a second time.
#[test]
fn refused_as_all_are_and_taken_again_while_it_is_looked_for() {
    let mut call = originating();
    call.give(broken());
    call.give(nothing_found());
    call.give(Input::TakenAgain).expect(&[]);
    call.at(2.5).expect(&["look"]);
    call.give(nothing_found()).expect(&["store(dialing, intent)"]);
    call.give(Input::IntentStored).expect(&["originate"]);
    // A refusal that comes then is a new one.
    call.give(broken());
    call.give(nothing_found());
    call.at(5.0);
    call.give(nothing_found()).expect(&["store(dialing)"]);
    call.give(Input::TakenAgain).expect(&["store(dialing, intent)"]);
}

#[test]
fn refused_as_all_are_for_too_long() {
    let mut call = originating();
    call.give(broken());
    call.give(nothing_found());
    call.at(2.5);
    call.give(nothing_found());
    call.at(601.0).expect(&["store(failed)", "ended"]).ends("failed queue_timeout limit");
}

/// Others are taken in between, so it is this call that Asterisk does not like.
#[test]
fn refused_again_and_again() {
    let mut call = originating();
    let mut now = 0.0;
    for _ in 0..3 {
        call.give(broken());
        call.give(nothing_found());
        now += 2.5;
        call.at(now);
        call.give(nothing_found());
        call.give(Input::TakenAgain).expect(&["store(dialing, intent)"]);
        call.give(Input::IntentStored).expect(&["originate"]);
    }
    call.give(broken());
    call.give(nothing_found());
    call.at(now + 2.5);
    call.give(nothing_found());
    call.ends("failed asterisk_refused pbx");
}

/// What is forbidden after it was sent goes on: it can't be taken back.
#[test]
fn forbidden() {
    let mut call = Ladder::place(true);
    call.give(Input::Forbidden(Reason::NotAllowed)).expect(&["store(failed)", "ended"]);
    call.ends("failed not_allowed bot");
    let mut call = Ladder::place(true);
    call.give(Input::Admitted);
    call.give(Input::Forbidden(Reason::ClientRevoked)).expect(&["store(failed)", "ended"]);
    call.ends("failed client_revoked bot");
    let mut call = originating();
    call.give(Input::Forbidden(Reason::NotAllowed)).expect(&[]);
}

/// The dialplan answered, and the trunk leg may be one that nobody hears of: nobody knows whether it was reached.
#[test]
fn answered_while_deaf() {
    let mut call = Ladder::dialed();
    call.give(Input::Deaf);
    call.give(Input::Entered);
    call.at(2.5).expect(&["look"]);
    call.give(nothing_of_the_trunk()).give(Input::Deaf);
    call.at(5.0);
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
    call.at(7.0);
    call.ends("unknown outcome_lost unknown");
}

fn nothing_of_the_trunk() -> Input {
    Input::Found(Found { near: Some(ChannelState::Up), near_in_stasis: true, far: true, ..Found::default() })
}
