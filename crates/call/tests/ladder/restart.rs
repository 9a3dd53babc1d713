//! A call that a former run of the bot left open. It is never dialed again once an intent was stored.

use call::{CallRecord, Causes, ChannelState, EndedBy, Input, Outcome, Reached, Reason, Status, TrunkSeen};

use crate::support::{Ladder, found, found_sound, hangup_by_api, leg, moment, nothing_found, record, trunk};

fn left_in(status: Status) -> CallRecord {
    let mut call = record();
    call.last.status = status;
    call.created_at = moment(990.0).wall;
    call.begin_attempt(moment(991.0).wall);
    if status > Status::Dialing {
        call.last.trunk_channel = Some("1790000000.1".into());
        call.last.ringing_at = Some(moment(992.0).wall);
    }
    if status == Status::Answered {
        call.last.answered_at = Some(moment(995.0).wall);
    }
    call
}

#[test]
fn queued_waits_on_and_is_dialed_once() {
    let mut queued = record();
    queued.created_at = moment(900.0).wall;
    let mut call = Ladder::restore(queued);
    call.expect(&["store(queued)"]);
    call.give(Input::AsteriskBack);
    call.give(Input::Admitted).expect(&["store(dialing, intent)"]);
    call.give(Input::IntentStored).expect(&["originate"]);
}

#[test]
fn the_time_in_the_queue_goes_on() {
    let mut queued = record();
    queued.created_at = moment(500.0).wall;
    let mut call = Ladder::restore(queued);
    call.give(Input::AsteriskBack);
    call.at(1100.1).ends("failed queue_timeout limit");
}

#[test]
fn dialing_and_nothing_found_is_unknown() {
    let mut call = Ladder::restore(left_in(Status::Dialing));
    call.give(Input::Admitted).expect(&[]);
    call.give(Input::IntentStored).expect(&[]);
    call.give(nothing_found());
    call.at(1002.5).expect(&["look"]);
    call.give(nothing_found()).ends("unknown outcome_lost unknown");
}

#[test]
fn ringing_and_still_there_goes_on() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.expect(&["store(ringing)", "watch"]);
    call.give(Input::Found(found(ChannelState::Ringing, ChannelState::Ringing))).expect(&[]);
    call.at(1002.0).give(leg(TrunkSeen::State(ChannelState::Up))).expect(&["store(answered)"]);
    call.give(Input::Entered).expect(&["store(answered)", "play(sound:hello)"]);
}

/// Nobody saw it alive since, so nobody can say that it rang until its time was over.
#[test]
fn a_ring_time_out_of_a_call_that_was_gone_is_unknown() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.at(1050.5).give(Input::AsteriskBack);
    call.give(nothing_found());
    call.at(1051.1);
    call.at(1053.2).give(nothing_found());
    call.ends("unknown outcome_lost unknown");

    // Nor that it was canceled before an answer, when somebody asks for its end meanwhile.
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.at(1010.0).give(hangup_by_api());
    call.at(1020.0).give(Input::AsteriskBack);
    call.give(nothing_found());
    call.at(1022.2).give(nothing_found());
    call.ends("unknown outcome_lost unknown");

    // One that was found rang on.
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.at(1050.5).give(Input::AsteriskBack);
    call.give(Input::Found(found(ChannelState::Ringing, ChannelState::Ringing)));
    call.at(1051.1);
    call.at(1053.2).give(nothing_found());
    call.at(1055.3).give(nothing_found());
    call.ends("no_answer ring_timeout limit");
}

#[test]
fn answered_meanwhile() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.give(Input::Found(found(ChannelState::Up, ChannelState::Up)))
        .expect(&["store(answered)", "play(sound:hello)"]);
}

/// The callee does not hear the greeting twice.
#[test]
fn a_scenario_goes_on_where_it_stood() {
    let mut left = left_in(Status::Answered);
    left.scenario_steps = 1;
    let mut call = Ladder::restore(left.clone());
    let playback = format!("{}-1", call.machine.id());
    call.give(Input::Found(found_sound(&playback, true))).expect(&[]);
    call.give(Input::PlaybackFinished { playback: playback.clone(), ok: true }).expect(&["store(answered)"]);
    call.at(1001.1).expect(&["store(answered)", "play(sound:bye)"]);

    // The sound ended while nobody listened.
    let mut call = Ladder::restore(left.clone());
    call.give(Input::Found(found_sound(&playback, false))).expect(&["store(answered)"]);
    call.at(1001.1).expect(&["store(answered)", "play(sound:bye)"]);

    // The last step, or one that the scenario does not have any more.
    left.scenario_steps = 9;
    let mut call = Ladder::restore(left);
    let last = call.machine.playback().expect("the last sound may be playing yet").to_owned();
    call.give(Input::Found(found_sound(&last, false))).expect(&["store(answered)", "hangup"]);
}

#[test]
fn answered_and_gone_is_completed_by_nobody_knows_whom() {
    let mut call = Ladder::restore(left_in(Status::Answered));
    call.gone().ends("completed outcome_lost unknown");
    // It may have ended at any time since: how long they talked, nobody knows; how long it rang, all do.
    let record = call.machine.record();
    assert_eq!((record.last.ring_seconds, record.last.talk_seconds), (Some(3.0), None));

    let mut rang = Ladder::restore(left_in(Status::Ringing));
    rang.gone().ends("unknown outcome_lost unknown");
    assert_eq!(rang.machine.record().last.ring_seconds, None);

    // Asked for its end, and Asterisk is out of reach since.
    let mut asked = Ladder::restore(left_in(Status::Answered));
    asked.give(hangup_by_api());
    asked.at(1130.0).ends("unknown asterisk_unreachable unknown");
    assert_eq!(asked.machine.record().last.talk_seconds, None);
}

/// Whether 480 means "nobody picked up" or "the phone is off" depends on a ringing; while events were lost
/// it may have rung.
#[test]
fn refused_before_asterisk_could_tell_what_it_has() {
    let refused = |call: &mut Ladder| {
        call.give(leg(TrunkSeen::Hangup(Causes { cause: Some(19), tech_cause: Some(480) })));
        call.trunk_and_halves_gone();
    };
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::AsteriskBack);
    refused(&mut call);
    call.ends("unknown outcome_lost unknown");

    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::AsteriskBack);
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Ringing)));
    refused(&mut call);
    call.ends("no_answer no_answer carrier");

    // It does not ring, but there may have been early media: that is no state of a channel.
    let mut call = Ladder::dialed();
    call.give(trunk());
    call.give(Input::AsteriskBack);
    call.give(Input::Found(found(ChannelState::Down, ChannelState::Down)));
    refused(&mut call);
    call.ends("unknown outcome_lost unknown");
}

/// It rang when it was last seen; it may have been answered or declined since.
#[test]
fn our_time_was_over_and_asterisk_has_nothing_of_it() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.at(1030.1);
    call.give(nothing_found());
    call.at(1040.0).give(nothing_found());
    call.ends("unknown outcome_lost unknown");
}

/// It may have been answered while nobody could see it.
#[test]
fn gone_before_asterisk_could_tell_what_it_has() {
    for rang in [false, true] {
        let mut call = Ladder::dialed();
        call.give(trunk());
        if rang {
            call.give(leg(TrunkSeen::State(ChannelState::Ringing)));
        }
        call.give(Input::AsteriskBack);
        call.trunk_and_halves_gone().ends("unknown outcome_lost unknown");
    }
}

#[test]
fn ringing_and_gone_is_unknown() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.gone().ends("unknown outcome_lost unknown");
}

#[test]
fn a_hang_up_that_was_asked_for_goes_on() {
    let mut left = left_in(Status::Answered);
    left.hangup = Some((call::EndedBy::Api, call::Reason::HungUp));
    let mut call = Ladder::restore(left);
    call.expect(&["store(answered)", "watch", "hangup"]);
    call.trunk_and_halves_gone().ends("completed hung_up api");
}

#[test]
fn the_ring_time_out_counts_the_time_before() {
    let mut call = Ladder::restore(left_in(Status::Ringing));
    call.give(Input::Found(found(ChannelState::Ringing, ChannelState::Ringing)));
    call.at(1020.9).expect(&[]);
    call.at(1021.1).expect(&["store(ringing)", "hangup"]);
}

/// Killed between two attempts: nothing is on its way, so it waits on and is dialed when Asterisk is there, once.
#[test]
fn between_two_attempts_it_waits_on_and_is_dialed_once() {
    let mut record = left_in(Status::Dialing);
    let refused = Outcome {
        status: Status::Failed,
        reason: Reason::AsteriskRefused,
        ended_by: EndedBy::Pbx,
        sip_code: None,
        sip_text: None,
        q850_cause: None,
        reached: Reached::None,
    };
    record.leave_attempt(refused, record.created_at);
    let mut call = Ladder::restore(record);
    call.expect(&["store(dialing)"]);
    // That Asterisk is there does not say that it takes calls.
    call.give(Input::AsteriskBack).expect(&[]);
    call.give(Input::TakenAgain).expect(&["store(dialing, intent)"]);
    call.give(Input::IntentStored).expect(&["originate"]);
    call.give(Input::AsteriskBack).expect(&[]);
    // Killed again: now it may have been dialed.
    let mut call = Ladder::restore(call.machine.record().clone());
    call.give(Input::AsteriskBack).expect(&[]);
    call.gone().ends("unknown outcome_lost unknown");
    assert_eq!(call.machine.record().attempts().count(), 2);
}

/// Nor does it wait longer than any other call in the queue.
#[test]
fn between_two_attempts_its_time_in_the_queue_goes_on() {
    let mut record = left_in(Status::Dialing);
    record.earlier = record.attempts().cloned().collect();
    record.created_at = moment(500.0).wall;
    let mut call = Ladder::restore(record);
    call.give(Input::TakenAgain).give(Input::IntentStored);
    call.give(Input::OriginateFailed(call::OriginateFailure::Refused {
        status: 500,
        message: "Allocation failed".into(),
    }));
    call.give(nothing_found());
    call.at(1003.0).give(nothing_found()).expect(&["store(dialing)"]);
    call.at(1101.0).ends("failed queue_timeout limit");
}
