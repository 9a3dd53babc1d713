//! Several legs at once: what one of them has shown is the call's, and how long they rang.

use call::{Causes, ChannelState, Half, Input, LegReport, TrunkSeen};

use crate::support::{Ladder, leg, leg_of, name, trunk};

const SECOND: &str = "1790000000.2";

fn fork() -> Ladder {
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(leg_of(SECOND, TrunkSeen::Created { name: Some(name(SECOND)), sip_call_id: None }));
    call
}

fn causes(cause: u16, sip: u16) -> Causes {
    Causes { cause: Some(cause), tech_cause: Some(sip) }
}

#[test]
fn what_rang_and_ended_is_not_counted_on() {
    let mut call = fork();
    call.at(1.0).give(leg(TrunkSeen::State(ChannelState::Ringing)));
    call.at(3.0).give(leg(TrunkSeen::Hangup(causes(127, 487))));
    call.give(leg(TrunkSeen::Destroyed(causes(127, 487))));
    // The other one is silent, until the time is over.
    call.at(30.1);
    call.give(leg_of(SECOND, TrunkSeen::Destroyed(Causes { cause: Some(16), tech_cause: None })));
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(16) });
    call.ends("no_answer no_answer carrier");
    let record = call.machine.record();
    assert_eq!((record.last.sip_code, record.last.ring_seconds), (Some(487), Some(2.0)));
}

#[test]
fn an_answer_of_no_use_is_further_than_busy() {
    let mut call = fork();
    call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(58), tech_cause: None })));
    call.give(leg(TrunkSeen::Destroyed(causes(58, 488))));
    call.give(leg_of(SECOND, TrunkSeen::Hangup(causes(17, 486))));
    call.give(leg_of(SECOND, TrunkSeen::Destroyed(causes(17, 486))));
    let says = |channel: &str, line: &str| LegReport {
        key: Some(name(channel)),
        carrier: Some(line.parse().expect("a status line")),
        cause: None,
    };
    call.give(Input::LegReported(says(crate::support::TRUNK, "SIP 200 OK")));
    call.give(Input::Reported { dialstatus: "BUSY".into(), words: says(SECOND, "SIP 486 Busy Here") });
    call.give(Input::HalfDestroyed { half: Half::Far, cause: Some(17) });
    call.ends("failed codec_mismatch pbx");
    assert_eq!(call.machine.record().last.sip_code, Some(200));
}
