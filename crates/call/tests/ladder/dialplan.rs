//! Dialplans that do more than to dial the trunk once.

use call::{Causes, ChannelState, DialStep, Found, Half, Input, LegReport, TrunkSeen};

use crate::support::{Ladder, TRUNK, found, leg, leg_of, name, trunk};

fn report(dialstatus: &str, tech: Option<&str>) -> Input {
    let carrier = tech.map(|line| line.parse().expect("a status line"));
    Input::Reported { dialstatus: dialstatus.into(), words: LegReport { key: None, carrier, cause: None } }
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
    call.give(leg(TrunkSeen::State(ChannelState::Ringing))).expect(&["store(ringing)"]);
    // The phone rings: that is no reason to hang up.
    call.at(20.0).expect(&[]);
    call.give(leg(TrunkSeen::State(ChannelState::Up)));
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

const SECOND: &str = "1790000000.2";

fn second() -> Input {
    leg_of(SECOND, TrunkSeen::Created { name: Some(name(SECOND)), sip_call_id: Some("def@pbx".into()) })
}

fn causes(cause: u16, sip: u16) -> Causes {
    Causes { cause: Some(cause), tech_cause: Some(sip) }
}

fn far_gone(cause: u16) -> Input {
    Input::HalfDestroyed { half: Half::Far, cause: Some(cause) }
}

fn says(channel: &str, line: &str) -> LegReport {
    LegReport { key: Some(name(channel)), carrier: Some(line.parse().expect("a status line")), cause: None }
}

/// A leg that was refused with 503, and then another one.
fn failed_over() -> Ladder {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::Hangup(causes(34, 503))));
    call.give(leg(TrunkSeen::Destroyed(causes(34, 503))));
    call.give(second()).expect(&["store(dialing)", "watch"]);
    call
}

#[test]
fn dials_once_more_when_the_first_leg_failed() {
    let mut call = failed_over();
    call.give(leg_of(SECOND, TrunkSeen::State(ChannelState::Ringing)));
    call.at(10.0).expect(&[]);
    call.give(leg_of(SECOND, TrunkSeen::Hangup(causes(17, 486))));
    call.give(leg_of(SECOND, TrunkSeen::Destroyed(causes(17, 486))));
    call.give(far_gone(17)).ends("busy busy callee");
    assert_eq!(call.machine.record().last.sip_call_id.as_deref(), Some("def@pbx"));
}

#[test]
fn the_words_of_the_first_leg_are_not_the_seconds() {
    // A dialplan that was installed earlier names the first leg of several.
    let mut call = failed_over();
    call.give(leg_of(SECOND, TrunkSeen::Dial(DialStep::Ended("BUSY".into()))));
    call.give(Input::Reported {
        dialstatus: "BUSY".into(),
        words: says(TRUNK, "SIP 503 Service Unavailable"),
    });
    call.give(far_gone(17));
    call.at(1.1).ends("busy busy unknown");
    assert_eq!(call.machine.record().last.sip_code, None);
}

#[test]
fn each_leg_has_its_own_words() {
    let mut call = failed_over();
    call.give(Input::LegReported(says(TRUNK, "SIP 503 Service Unavailable")));
    call.give(leg_of(SECOND, TrunkSeen::Destroyed(Causes { cause: Some(21), tech_cause: None })));
    call.give(Input::Reported { dialstatus: "CHANUNAVAIL".into(), words: says(SECOND, "SIP 403 Forbidden") });
    call.give(far_gone(21)).ends("failed carrier_forbidden carrier");
    assert_eq!(call.machine.record().last.sip_code, Some(403));
}

#[test]
fn a_call_whose_dialplan_goes_on_is_not_over() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::Hangup(causes(17, 486))));
    call.give(leg(TrunkSeen::Destroyed(causes(17, 486))));
    // An announcement, or a second try that takes its time: Asterisk is asked now and then.
    call.at(9.0).expect(&[]);
    call.at(10.1).expect(&["look"]);
    call.give(Input::Found(Found { near: Some(ChannelState::Ringing), far: true, ..Found::default() }));
    call.at(15.0).expect(&[]);
    call.give(far_gone(17)).ends("busy busy callee");
}

#[test]
fn a_call_whose_dialplan_goes_on_for_too_long_ends_as_its_leg_did() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::Hangup(causes(17, 486))));
    call.give(leg(TrunkSeen::Destroyed(causes(17, 486))));
    call.at(29.9);
    call.at(30.1).expect(&["store(dialing)", "hangup"]);
    call.give(far_gone(17)).ends("busy busy callee");
}

#[test]
fn of_a_fork_the_leg_that_is_answered_decides() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(second());
    call.give(leg(TrunkSeen::Hangup(causes(17, 486))));
    call.give(leg(TrunkSeen::Destroyed(causes(17, 486))));
    call.at(5.0).expect(&[]);
    call.give(leg_of(SECOND, TrunkSeen::Dial(DialStep::Answer))).expect(&["store(answered)"]);
    call.give(leg_of(SECOND, TrunkSeen::Hangup(Causes { cause: Some(16), tech_cause: None })));
    call.give(leg_of(SECOND, TrunkSeen::Destroyed(Causes { cause: Some(16), tech_cause: None })));
    call.give(far_gone(16)).ends("completed hung_up callee");
    assert_eq!(call.machine.record().last.trunk_channel.as_deref(), Some(SECOND));
}

#[test]
fn a_leg_that_was_taken_at_the_pbx_lives_on_as_ours() {
    let mut call = Ladder::answered();
    call.give(Input::HalfLeaving { half: Half::Far, here: false });
    call.give(Input::Reported { dialstatus: "ANSWER".into(), words: says(TRUNK, "SIP 200 OK") });
    call.give(far_gone(16));
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
    call.at(1.1).expect(&["look"]);
    let found = found(ChannelState::Up, ChannelState::Up);
    call.give(Input::Found(Found { near: None, near_in_stasis: false, far: false, ..found }));
    // The scenario says no more, and does not hang up what is not its own talk.
    call.at(100.0);
    assert!(!call.machine.has_ended());
    // The longest duration reaches the leg itself.
    call.at(120.1).expect(&["store(answered)", "hangup"]);
    call.give(leg(TrunkSeen::HungUpHere));
    call.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(16), tech_cause: None })));
    call.ends("completed max_duration limit");
}

#[test]
fn a_leg_behind_a_local_channel_is_looked_for_when_it_rings() {
    let mut call = Ladder::dialed();
    call.give(Input::LocalDialed { channel: "1790000000.9".into(), step: Some(DialStep::Ringing) })
        .expect(&["look"]);
    let near = Some(ChannelState::Ringing);
    let found = Found { near, ..found(ChannelState::Ringing, ChannelState::Ringing) };
    call.give(Input::Found(found)).expect(&["store(ringing)", "watch"]);
}

#[test]
fn words_from_behind_a_local_channel_must_fit_the_cause_of_our_half() {
    // The report names one of the legs there, by chance.
    for (line, end) in
        [("SIP 486 Busy Here", "busy busy callee"), ("SIP 503 Service Unavailable", "busy busy unknown")]
    {
        let mut call = Ladder::dialed();
        let step = Some(DialStep::Ended("BUSY".into()));
        call.give(Input::LocalDialed { channel: "1790000000.9".into(), step });
        call.give(Input::Reported { dialstatus: "BUSY".into(), words: says(TRUNK, line) });
        call.give(far_gone(17));
        call.at(1.1).ends(end);
    }
}

#[test]
fn a_leg_that_is_taken_while_it_rings_stays_ours() {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg(TrunkSeen::State(ChannelState::Ringing)));
    call.give(leg(TrunkSeen::Dial(DialStep::Ended("NOANSWER".into()))));
    let words = says(TRUNK, "SIP 180 Ringing");
    call.give(Input::Reported { dialstatus: "CHANUNAVAIL".into(), words });
    call.give(far_gone(16));
    call.give(Input::HalfDestroyed { half: Half::Near, cause: Some(16) });
    call.at(1.1).expect(&["look"]);
    let alone = |state| Found { near: None, near_in_stasis: false, far: false, ..found(state, state) };
    call.give(Input::Found(alone(ChannelState::Ringing))).expect(&["store(ringing)"]);
    // It is answered by whom it was sent to, or by the callee: the longest duration reaches it.
    call.at(5.0).give(leg(TrunkSeen::State(ChannelState::Up))).expect(&["store(answered)"]);
    call.at(125.1).expect(&["store(answered)", "hangup"]);
    call.give(leg(TrunkSeen::HungUpHere));
    call.give(leg(TrunkSeen::Destroyed(Causes { cause: Some(16), tech_cause: None })));
    call.ends("completed max_duration limit");
}

#[test]
fn behind_a_local_channel_the_refusal_before_a_silent_leg_is_not_the_end() {
    for (by_api, end) in [(false, "failed ring_timeout limit"), (true, "canceled hung_up api")] {
        let mut call = Ladder::dialed();
        call.give(Input::LocalDialed { channel: "1790000000.9".into(), step: Some(DialStep::Progress) });
        if by_api {
            call.at(4.0).give(crate::support::hangup_by_api());
        } else {
            call.at(30.1);
        }
        // What the engine has kept of the first leg, whom the report names.
        call.give(trunk());
        call.give(leg(TrunkSeen::Hangup(causes(17, 486))));
        call.give(leg(TrunkSeen::Destroyed(causes(17, 486))));
        let words = says(TRUNK, "SIP 486 Busy Here");
        call.give(Input::Reported { dialstatus: "CANCEL".into(), words });
        call.give(far_gone(16));
        call.at(33.0).ends(end);
        assert_eq!(call.machine.record().last.sip_code, None);
    }
}

#[test]
fn the_end_of_a_talk_that_nobody_saw_is_not_the_limits() {
    let mut call = Ladder::answered();
    call.give(Input::AsteriskLost);
    call.at(120.1);
    call.give(Input::AsteriskBack);
    call.gone();
    call.ends("completed outcome_lost unknown");
}
