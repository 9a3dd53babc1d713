//! In the queue: nothing was sent, so every end there is certain.

use call::{Input, Reached, Status};

use crate::support::{Ladder, hangup_by_api};

#[test]
fn the_intent_is_on_disk_before_the_originate_leaves() {
    let mut call = Ladder::place(true);
    call.expect(&["store(queued)"]);
    call.give(Input::Admitted).expect(&["store(dialing, intent)"]);
    call.give(Input::IntentStored).expect(&["originate"]);
    call.give(Input::IntentStored).expect(&[]);
    assert_eq!(call.machine.record().last.status, Status::Dialing);
}

#[test]
fn a_call_is_admitted_once() {
    let mut call = Ladder::dialed();
    call.give(Input::Admitted).expect(&[]);
    call.give(Input::IntentStored).expect(&[]);
}

#[test]
fn asterisk_away_for_too_long() {
    let mut call = Ladder::place(false);
    call.at(29.9).expect(&[]);
    call.at(30.1).expect(&["store(failed)", "ended"]);
    call.ends("failed asterisk_unreachable pbx");
    assert_eq!(call.machine.record().last.reached, Reached::None);
}

#[test]
fn asterisk_back_in_time() {
    let mut call = Ladder::place(false);
    call.at(29.0).give(Input::AsteriskBack);
    call.at(500.0).expect(&[]);
    call.give(Input::Admitted).expect(&["store(dialing, intent)"]);
}

#[test]
fn the_time_away_counts_from_its_beginning() {
    let mut call = Ladder::place(true);
    call.at(100.0).give(Input::AsteriskLost);
    call.at(120.0).give(Input::AsteriskLost);
    call.at(130.1).ends("failed asterisk_unreachable pbx");
}

#[test]
fn the_queue_has_its_own_patience() {
    let mut call = Ladder::place(true);
    call.at(599.0).expect(&[]);
    call.at(600.1).ends("failed queue_timeout limit");
}

#[test]
fn hung_up_while_it_waits() {
    let mut call = Ladder::place(true);
    call.give(hangup_by_api()).expect(&["store(canceled)", "ended"]);
    call.ends("canceled hung_up api");
    call.give(Input::Admitted).expect(&[]);
    call.give(Input::IntentStored).expect(&[]);
}

#[test]
fn hung_up_while_its_intent_is_written() {
    let mut call = Ladder::place(true);
    call.give(Input::Admitted);
    call.give(hangup_by_api()).expect(&["store(canceled)", "ended"]);
    call.give(Input::IntentStored).expect(&[]);
}

#[test]
fn a_disk_that_never_takes_the_intent() {
    let mut call = Ladder::place(true);
    call.give(Input::Admitted);
    call.at(30.1).ends("failed store_unavailable bot");
    call.give(Input::IntentStored).expect(&[]);
}

/// A channel with its id, made by somebody else, is not its own: nothing was sent yet.
#[test]
fn in_the_queue_it_has_no_attempt() {
    let mut call = Ladder::place(true);
    let first = call.machine.record().attempt_id();
    assert!(!call.machine.is_at(first));
    call.give(Input::Admitted);
    assert!(call.machine.is_at(first));
    assert!(!call.machine.is_at(call::AttemptId { number: 2, ..first }));
}
