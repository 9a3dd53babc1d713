//! What others do to the call at the PBX before its answer.

use call::{Causes, ChannelState, DialStep, Half, Input, LegReport, TrunkSeen};

use crate::support::{Ladder, TRUNK, found, leg, leg_of, name, trunk};

const COLLEAGUE: &str = "1790000000.7";

fn gone(cause: u16) -> TrunkSeen {
    TrunkSeen::Destroyed(Causes { cause: Some(cause), tech_cause: None })
}

fn ringing() -> Ladder {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::State(ChannelState::Ringing)));
    call
}

fn leaving(half: Half, here: bool) -> Input {
    Input::HalfLeaving { half, here }
}

fn half_gone(half: Half) -> Input {
    Input::HalfDestroyed { half, cause: Some(16) }
}

fn canceled() -> Input {
    leg(TrunkSeen::Dial(DialStep::Ended("CANCEL".into())))
}

fn report(dialstatus: &str, key: Option<String>, line: &str) -> Input {
    let carrier = Some(line.parse().expect("a status line"));
    Input::Reported { dialstatus: dialstatus.into(), words: LegReport { key, carrier, cause: None } }
}

fn put_through(channel: &str, name: String) -> Input {
    Input::PutThrough { channel: channel.into(), name, sip_call_id: None }
}

#[test]
fn our_half_that_an_operator_hangs_up() {
    for half in [Half::Near, Half::Far] {
        let mut call = ringing();
        call.give(leaving(half, true));
        call.give(canceled());
        call.give(report("CANCEL", None, "SIP 180 Ringing"));
        call.give(leg(gone(16)));
        call.give(half_gone(Half::Near));
        call.give(half_gone(Half::Far));
        call.ends("canceled hung_up pbx");
        assert!(call.told.iter().any(|event| event == "hung_up_here"), "{:?}", call.told);
    }
}

#[test]
fn our_half_that_is_hung_up_before_anything_was_dialed() {
    let mut call = Ladder::dialed();
    call.give(leaving(Half::Near, true));
    call.give(half_gone(Half::Near));
    call.give(half_gone(Half::Far));
    call.at(1.1).ends("canceled hung_up pbx");
}

#[test]
fn our_half_that_a_colleague_picks_up() {
    let mut call = ringing();
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(26) });
    call.give(canceled());
    call.give(report("CANCEL", None, "SIP 180 Ringing"));
    call.give(leg(gone(26)));
    call.ends("canceled hung_up pbx");
}

/// Asterisk's own time-out of the originate asks nobody: the near half is simply gone.
#[test]
fn an_originate_that_timed_out_was_hung_up_by_nobody() {
    let mut call = ringing();
    call.give(canceled());
    call.give(report("CANCEL", None, "SIP 180 Ringing"));
    call.give(leg(gone(19)));
    call.give(half_gone(Half::Far)).expect(&[]);
    call.give(half_gone(Half::Near));
    call.ends("no_answer ring_timeout pbx");
}

#[test]
fn a_dialplan_that_is_sent_elsewhere() {
    let mut call = ringing();
    call.give(canceled());
    call.give(leg(gone(16)));
    // Nothing tells that our call is over, until the time for ringing is.
    call.at(29.0);
    assert!(!call.machine.has_ended());
    call.at(30.1);
    call.give(half_gone(Half::Near));
    call.give(half_gone(Half::Far));
    call.ends("canceled hung_up pbx");
}

#[test]
fn what_was_asked_here_first_is_not_the_pbxs() {
    let mut call = ringing();
    call.give(crate::support::hangup_by_api());
    call.give(leaving(Half::Near, true));
    call.give(canceled());
    call.give(report("CANCEL", None, "SIP 487 Request Terminated"));
    call.give(leg(gone(16)));
    call.ends("canceled hung_up api");
    assert!(!call.told.iter().any(|event| event == "hung_up_here"));
}

#[test]
fn a_leg_that_a_colleague_picks_up() {
    // The two events come in any order.
    for is_late in [false, true] {
        let mut call = ringing();
        let steps = [put_through(COLLEAGUE, name(COLLEAGUE)), leg(gone(26))];
        let [first, second] = steps;
        let (first, second) = if is_late { (second, first) } else { (first, second) };
        call.give(first);
        call.give(second).expect(&["store(ringing)", "hangup"]);
        call.give(report("ANSWER", Some(name(COLLEAGUE)), "SIP 200 OK"));
        call.give(half_gone(Half::Near));
        call.give(half_gone(Half::Far));
        call.ends("canceled hung_up pbx");
        assert_eq!(call.machine.record().last.sip_code, None);
        assert_eq!(call.machine.record().last.trunk_channel.as_deref(), Some(TRUNK));
    }
}

/// A fork's second leg, whose beginning was lost with the events: nobody was there to see that it was dialed.
#[test]
fn where_events_were_lost_an_unknown_channel_is_a_leg() {
    let mut call = ringing();
    call.give(Input::AsteriskLost);
    call.give(Input::AsteriskBack);
    call.give(Input::Found(found(ChannelState::Ringing, ChannelState::Ringing)));
    call.give(put_through(COLLEAGUE, name(COLLEAGUE)));
    call.give(leg(gone(26)));
    assert_eq!(call.machine.record().last.status, call::Status::Answered);
}

/// The beginning of a leg was not told, though nothing is known to be lost: its answer is, when nothing speaks for a
/// pick-up.
#[test]
fn an_unknown_channel_that_nobody_picked_up_is_a_leg_after_a_moment() {
    let mut call = ringing();
    call.give(put_through(COLLEAGUE, name(COLLEAGUE))).expect(&[]);
    call.give(Input::Entered);
    call.at(2.1);
    assert_eq!(call.machine.record().last.status, call::Status::Answered);
    call.give(leg_of(COLLEAGUE, gone(16)));
}

/// A dialplan whose Dial ran out of time goes on to a voice mail: the callee was not there.
#[test]
fn a_voice_mail_after_the_ringing_is_no_answer() {
    let mut call = ringing();
    call.give(leg(TrunkSeen::Dial(DialStep::Ended("NOANSWER".into()))));
    call.give(leg(gone(16)));
    call.give(Input::Entered);
    call.at(2.5);
    call.give(Input::Found(call::Found {
        near: Some(ChannelState::Up),
        near_in_stasis: true,
        far: true,
        ..call::Found::default()
    }));
    call.at(5.0);
    call.give(half_gone(Half::Near));
    call.give(half_gone(Half::Far));
    call.ends("no_answer ring_timeout pbx");
}
