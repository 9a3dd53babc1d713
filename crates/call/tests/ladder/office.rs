//! An office's call, step by step: two legs at somebody else's Asterisk, seen by events or only now and then.

use std::time::Duration;

use call::{
    CallRecord, Causes, EndedBy, MonitorMode, OfficeCall, Reached, Reason, Role, Seen, Status, Technology,
    Tenant, WayKind, What,
    office::{HostFailure, OfficeEffect, OfficeInput, OfficeMachine, Sight},
};
use proptest::prelude::*;

use crate::support::{moment, record};

fn request(what: What) -> OfficeCall {
    OfficeCall {
        what,
        tenant: Tenant { number: "0367".into(), name: "june".into() },
        host: "127.0.0.1".into(),
        extension: "150".parse().expect("digits"),
        context: "inoffice".into(),
        technology: Technology::Pjsip,
        client: None,
        ring_timeout: 30,
        max_duration: 120,
    }
}

fn office(what: What) -> CallRecord {
    CallRecord::new(record().id, request(what), record().created_at)
}

fn click() -> What {
    What::Dial("+79522675444".parse().expect("digits"))
}

fn monitor() -> What {
    What::Listen { target: "160".parse().expect("digits"), mode: MonitorMode::Spy }
}

struct Office {
    machine: OfficeMachine,
    now: f64,
    last: Vec<String>,
}

fn word(effect: &OfficeEffect) -> String {
    match effect {
        OfficeEffect::Store { record, intent, .. } => {
            format!("store({}{})", record.last.status, if *intent { ", intent" } else { "" })
        }
        OfficeEffect::Order => "order".into(),
        OfficeEffect::Hangup => "hangup".into(),
        OfficeEffect::Look => "look".into(),
        OfficeEffect::Ended => "ended".into(),
    }
}

impl Office {
    fn place(what: What) -> Self {
        Self::of(office(what))
    }

    /// A call that may last an hour.
    fn long() -> Self {
        let long = OfficeCall { max_duration: 3600, ..request(click()) };
        Self::of(CallRecord::new(record().id, long, record().created_at))
    }

    fn of(record: CallRecord) -> Self {
        let (machine, effects) = OfficeMachine::place(moment(0.0), record);
        Office { machine, now: 0.0, last: effects.iter().map(word).collect() }
    }

    /// Its intent on disk, and the order taken by a way that tells all, or not.
    fn taken(what: What, detailed: bool) -> Self {
        let mut office = Self::place(what);
        office.feed(OfficeInput::IntentStored).expects(&["order"]);
        office.feed(OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed });
        office
    }

    fn at(&mut self, now: f64) -> &mut Self {
        self.now = now;
        self
    }

    fn feed(&mut self, input: OfficeInput) -> &mut Self {
        self.last = self.machine.handle(moment(self.now), input).iter().map(word).collect();
        self
    }

    fn tick(&mut self) -> &mut Self {
        self.last = self.machine.tick(moment(self.now)).iter().map(word).collect();
        self
    }

    fn desk(&mut self, seen: Seen) -> &mut Self {
        self.sight(Role::Desk, "PJSIP/150-00000001", seen)
    }

    fn phone(&mut self, seen: Seen) -> &mut Self {
        self.sight(Role::Phone, "PJSIP/trunk-00000002", seen)
    }

    fn sight(&mut self, leg: Role, channel: &str, seen: Seen) -> &mut Self {
        self.feed(OfficeInput::Sight(Sight { leg, channel: channel.into(), name: channel.into(), seen }))
    }

    /// The extension's phone was picked up, and the number is being dialed.
    fn picked_up(&mut self) -> &mut Self {
        self.at(1.0).desk(CREATED).desk(Seen::Ringing);
        self.at(3.0).desk(Seen::Up).desk(Seen::Joined);
        self.at(3.1).phone(CREATED)
    }

    fn gone(&mut self, cause: u16) -> &mut Self {
        self.phone(Seen::Gone(Causes { cause: Some(cause), tech_cause: None }));
        self.desk(Seen::Gone(Causes { cause: Some(16), tech_cause: None }));
        self.feed(OfficeInput::Over)
    }

    fn expects(&mut self, words: &[&str]) -> &mut Self {
        assert_eq!(self.last, words, "at {} s", self.now);
        self
    }

    fn ends(&self, status: Status, reason: Reason, by: EndedBy) -> &CallRecord {
        let record = self.machine.record();
        assert_eq!(
            (record.last.status, record.last.reason, record.last.ended_by),
            (status, Some(reason), Some(by))
        );
        record
    }
}

const CREATED: Seen = Seen::Created { sip_call_id: None };

const HANGUP: OfficeInput = OfficeInput::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client: None };
const HUNG_UP: Seen = Seen::HungUp(Causes { cause: Some(16), tech_cause: None });

#[test]
fn both_sides_are_connected_and_the_callee_hangs_up() {
    let mut office = Office::place(click());
    office.expects(&["store(dialing, intent)"]);
    office.feed(OfficeInput::IntentStored).expects(&["order"]);
    let taken = OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed: true };
    office.feed(taken).expects(&["store(dialing)"]);
    // The extension's phone is not what a state is said of.
    office.at(1.0).desk(CREATED).desk(Seen::Ringing).expects(&["store(dialing)"]);
    office.at(3.0).desk(Seen::Up).expects(&["store(dialing)"]);
    office.desk(Seen::Joined).expects(&[]);
    office.at(3.1).phone(CREATED).phone(Seen::Ringing).expects(&["store(ringing)"]);
    office.at(8.1).phone(Seen::Up).expects(&["store(answered)"]);
    office.at(20.1).phone(HUNG_UP).gone(16).expects(&["store(completed)", "ended"]);
    let record = office.ends(Status::Completed, Reason::HungUp, EndedBy::Callee);
    assert_eq!((record.last.ring_seconds, record.last.talk_seconds), (Some(5.0), Some(12.0)));
    assert_eq!((record.last.reached, record.last.sip_code), (Reached::Answered, None));
    assert!(office.machine.has_ended() && office.machine.next_timer().is_none());
}

#[test]
fn the_extension_ends_it_before_or_after_the_answer() {
    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Up).at(9.0).desk(HUNG_UP).gone(16);
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Extension);

    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Ringing).at(9.0).desk(HUNG_UP).gone(16);
    office.ends(Status::Canceled, Reason::HungUp, EndedBy::Extension);
}

#[test]
fn why_the_number_was_not_dialed() {
    let gone = |cause| Seen::Gone(Causes { cause: Some(cause), tech_cause: None });
    let refused = |sip, cause| Seen::Gone(Causes { cause: Some(cause), tech_cause: Some(sip) });
    let busy = || Seen::DialEnded("BUSY".into());
    for (sights, reason, by) in [
        (vec![CREATED, gone(17)], Reason::ExtensionBusy, EndedBy::Extension),
        (vec![CREATED, busy(), gone(0)], Reason::ExtensionBusy, EndedBy::Extension),
        (vec![CREATED, Seen::Ringing, refused(603, 21)], Reason::ExtensionDeclined, EndedBy::Extension),
        (vec![CREATED, Seen::Ringing, gone(21)], Reason::ExtensionDeclined, EndedBy::Extension),
        (vec![CREATED, Seen::Ringing, gone(16)], Reason::ExtensionNoAnswer, EndedBy::Pbx),
        (vec![CREATED, gone(20)], Reason::ExtensionUnavailable, EndedBy::Pbx),
        (vec![], Reason::ExtensionUnavailable, EndedBy::Pbx),
    ] {
        let mut office = Office::taken(click(), true);
        for seen in sights {
            office.at(office.now + 1.0).desk(seen);
        }
        office.feed(OfficeInput::Over);
        let record = office.ends(Status::Failed, reason, by);
        assert_eq!(
            (record.last.reached, record.last.sip_code),
            (Reached::None, None),
            "nobody dialed the number"
        );
    }
}

#[test]
fn what_became_of_the_number() {
    for (rings, cause, status, reason, by) in [
        (false, 17, Status::Busy, Reason::Busy, EndedBy::Callee),
        (true, 21, Status::Rejected, Reason::Declined, EndedBy::Callee),
        (true, 19, Status::NoAnswer, Reason::NoAnswer, EndedBy::Carrier),
        (false, 20, Status::Unavailable, Reason::Unavailable, EndedBy::Carrier),
        (false, 1, Status::Failed, Reason::NumberInvalid, EndedBy::Carrier),
        (false, 34, Status::Failed, Reason::CarrierOverloaded, EndedBy::Carrier),
    ] {
        let mut office = Office::taken(click(), true);
        office.picked_up();
        if rings {
            office.phone(Seen::Ringing);
        }
        office.at(5.0).gone(cause);
        let record = office.ends(status, reason, by);
        assert_eq!(record.last.q850_cause, Some(cause));
    }
    // The dialplan's own time-out cancels a leg that rings.
    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Ringing).at(30.0).phone(Seen::DialEnded("NOANSWER".into())).gone(16);
    office.ends(Status::NoAnswer, Reason::RingTimeout, EndedBy::Pbx);
    // It was picked up, and no leg came of the number.
    let mut office = Office::taken(click(), true);
    office.at(1.0).desk(CREATED).desk(Seen::Up).feed(OfficeInput::Over);
    office.ends(Status::Failed, Reason::NumberNotDialed, EndedBy::Pbx);
}

#[test]
fn a_way_that_only_looks_claims_nothing_that_it_did_not_see() {
    let mut office = Office::taken(click(), false);
    office.picked_up().phone(Seen::Ringing).at(9.0).feed(OfficeInput::Over);
    office.ends(Status::Unknown, Reason::NotConnected, EndedBy::Unknown);
    // What it did see is no less true.
    let mut office = Office::taken(click(), false);
    office.picked_up().phone(Seen::Up).at(9.0).feed(OfficeInput::Over);
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
}

#[test]
fn a_monitoring_is_said_of_the_listeners_phone() {
    let mut office = Office::taken(monitor(), true);
    office.at(1.0).desk(CREATED).desk(Seen::Ringing).expects(&["store(ringing)"]);
    office.at(2.0).desk(Seen::Up).expects(&["store(answered)"]);
    office.at(60.0).feed(HANGUP).expects(&["store(answered)", "hangup"]);
    // That the channel says so too makes nobody else the one who ended it.
    office
        .desk(Seen::HungUpHere)
        .desk(Seen::Gone(Causes { cause: Some(16), tech_cause: None }))
        .feed(OfficeInput::Over);
    let record = office.ends(Status::Completed, Reason::HungUp, EndedBy::Api);
    assert_eq!(record.last.talk_seconds, Some(58.0));
}

#[test]
fn a_host_that_does_not_take_the_order_ends_it() {
    let mut office = Office::place(click());
    office.feed(OfficeInput::IntentStored);
    let failure = HostFailure { reason: Reason::HostAuthFailed, why: "the password is wrong".into() };
    office.feed(OfficeInput::NotTaken(failure)).expects(&["store(failed)", "ended"]);
    office.ends(Status::Failed, Reason::HostAuthFailed, EndedBy::Pbx);
}

#[test]
fn an_order_that_may_have_been_taken_is_looked_for_and_never_given_again() {
    let mut office = Office::place(click());
    office.feed(OfficeInput::IntentStored);
    office
        .feed(OfficeInput::Uncertain { why: "the connection was lost".into() })
        .expects(&["store(dialing)"]);
    for look in 1..=3 {
        office.at(office.now + 3.0).tick().expects(&["look"]);
        office.feed(OfficeInput::NotFound);
        assert_eq!(office.machine.has_ended(), look == 3);
    }
    office.ends(Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
}

#[test]
fn the_end_that_came_before_the_answer_to_the_order_waits_for_it() {
    let mut office = Office::place(click());
    office.feed(OfficeInput::IntentStored);
    office.desk(CREATED).desk(Seen::Gone(Causes { cause: Some(17), tech_cause: None }));
    office.feed(OfficeInput::Over).expects(&[]);
    office.feed(OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed: true });
    office.ends(Status::Failed, Reason::ExtensionBusy, EndedBy::Extension);
}

#[test]
fn a_host_that_could_not_make_the_calls_channels_is_told() {
    let mut office = Office::taken(click(), true);
    office.at(2.0).feed(OfficeInput::NotMade).expects(&["store(failed)", "ended"]);
    office.ends(Status::Failed, Reason::HostRefused, EndedBy::Pbx);

    let mut office = Office::place(click());
    office.feed(OfficeInput::IntentStored);
    office.feed(OfficeInput::NotMade);
    office.feed(OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed: true });
    office.ends(Status::Failed, Reason::HostRefused, EndedBy::Pbx);

    // It is no word of a call that was seen.
    let mut office = Office::taken(click(), true);
    office.picked_up().feed(OfficeInput::NotMade).expects(&[]);
}

#[test]
fn a_store_that_never_confirms_orders_nothing() {
    let mut office = Office::place(click());
    let withdraw = OfficeInput::Hangup { by: EndedBy::Bot, reason: Reason::StoreUnavailable, client: None };
    office.at(5.0).feed(withdraw).expects(&["store(canceled)", "ended"]);
    office.feed(OfficeInput::IntentStored).expects(&[]);
}

#[test]
fn nobody_rings_for_ever() {
    let mut office = Office::taken(click(), true);
    office.at(1.0).desk(CREATED).desk(Seen::Ringing);
    office.at(30.0).tick().expects(&["store(dialing)", "hangup"]);
    office.at(30.1).desk(Seen::Gone(Causes { cause: Some(16), tech_cause: None })).feed(OfficeInput::Over);
    office.ends(Status::Failed, Reason::ExtensionNoAnswer, EndedBy::Limit);

    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Ringing).at(30.0).tick().expects(&["store(ringing)", "hangup"]);
    office.gone(16);
    office.ends(Status::NoAnswer, Reason::RingTimeout, EndedBy::Limit);
}

#[test]
fn a_host_that_is_gone_for_good_leaves_the_end_unknown() {
    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Up);
    office.at(10.0).feed(OfficeInput::Blind { why: "the connection was lost".into() });
    let mut last = 10.0;
    while !office.machine.has_ended() {
        let (at, _) = office.machine.next_timer().expect("a timer is armed until the end");
        last = at.as_secs_f64();
        office.at(last).tick();
        if office.last.contains(&"look".to_owned()) {
            office.feed(OfficeInput::LookFailed { why: "no connection".into() });
        }
    }
    office.ends(Status::Unknown, Reason::HostUnreachable, EndedBy::Unknown);
    assert!(last < 10.0 + 3600.0, "it is not waited for longer than that: {last}");
}

#[test]
fn a_restarted_bot_looks_and_goes_on() {
    let mut left = office(click());
    left.last.status = Status::Ringing;
    left.last.dialed_at = Some(moment(990.0).wall);
    left.last.ringing_at = Some(moment(995.0).wall);
    left.last.way = Some(WayKind::Ssh);
    let (machine, effects) = OfficeMachine::restore(moment(1000.0), left);
    let mut office = Office { machine, now: 1000.0, last: effects.iter().map(word).collect() };
    office.expects(&["store(ringing)", "look"]);
    office.feed(OfficeInput::Found);
    // It is connected when both sides are seen.
    office.at(1001.0).desk(CREATED).desk(Seen::Up).desk(Seen::Joined).expects(&[]);
    office.phone(Seen::Up).expects(&["store(answered)"]);
    office.at(1010.0).feed(OfficeInput::Over);
    let record = office.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
    assert_eq!((record.last.ring_seconds, record.last.talk_seconds), (Some(6.0), Some(9.0)));
}

/// The bot was away for longer than the call may last: how it ended, and when, is the host's to tell, and not the
/// limit's.
#[test]
fn a_limit_that_passed_while_nobody_looked_ends_nothing() {
    let mut left = office(click());
    left.request = OfficeCall { max_duration: 12, ..request(click()) }.into();
    left.last.status = Status::Answered;
    left.last.dialed_at = Some(moment(990.0).wall);
    left.last.answered_at = Some(moment(1000.0).wall);
    left.last.way = Some(WayKind::Ami);
    let restored = || {
        let (machine, effects) = OfficeMachine::restore(moment(1040.0), left.clone());
        Office { machine, now: 1040.0, last: effects.iter().map(word).collect() }
    };
    let mut gone = restored();
    gone.expects(&["store(answered)", "look"]);
    for _ in 0..3 {
        gone.at(gone.now + 1.0).tick();
        gone.feed(OfficeInput::NotFound);
    }
    let record = gone.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
    assert_eq!(record.last.talk_seconds, None, "nobody saw the end");

    // It lives: then the limit is due.
    let mut lives = restored();
    lives.feed(OfficeInput::Found).at(1056.0).tick();
    assert!(lives.last.contains(&"hangup".to_owned()), "{:?}", lives.last);
}

/// A call over SSH whose host could not be asked for a while, and one that a restart interrupted: what it did
/// meanwhile nobody knows, so that it was not connected is not said.
#[test]
fn what_was_missed_may_have_been_an_answer() {
    let mut office = Office::taken(click(), false);
    office.picked_up().phone(Seen::Ringing);
    office.at(5.0).feed(OfficeInput::Blind { why: "no connection".into() });
    office.at(9.0).feed(OfficeInput::Found).at(9.1).feed(OfficeInput::Over);
    office.ends(Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);

    let mut left = self::office(click());
    left.last.status = Status::Ringing;
    left.last.dialed_at = Some(moment(990.0).wall);
    left.last.ringing_at = Some(moment(995.0).wall);
    let (machine, _) = OfficeMachine::restore(moment(1000.0), left);
    let mut office = Office { machine, now: 1000.0, last: Vec::new() };
    office.feed(OfficeInput::Found).at(1000.1).feed(OfficeInput::Over);
    office.ends(Status::Unknown, Reason::OutcomeLost, EndedBy::Unknown);
}

/// Another way lost its connection while the order waited for this one: that must not end a call that is seen.
#[test]
fn a_loss_of_sight_before_the_order_was_taken_ends_nothing_later() {
    let mut office = Office::long();
    office.feed(OfficeInput::IntentStored);
    office.at(0.5).feed(OfficeInput::Blind { why: "AMI is silent".into() });
    // The order is slow: the look that was due has nobody to ask.
    office.at(1.5).tick();
    office.at(2.0).feed(OfficeInput::Taken { way: WayKind::Ssh, linked_id: None, detailed: false });
    office.at(2.5).tick().expects(&["look"]);
    office.feed(OfficeInput::Found).picked_up().at(5.0).phone(Seen::Up);
    office.at(700.0).tick().expects(&[]);
    assert_eq!(office.machine.record().last.status, Status::Answered);
}

/// A host that does not let this user hang up is asked again less and less often, and told of once; the call is not
/// over for that.
#[test]
fn a_refused_hangup_is_asked_for_less_and_less_often() {
    let mut office = Office::long();
    office.feed(OfficeInput::IntentStored);
    office.feed(OfficeInput::Taken { way: WayKind::Ami, linked_id: None, detailed: true });
    office.picked_up().phone(Seen::Up).at(10.0).feed(HANGUP).expects(&["store(answered)", "hangup"]);
    let mut asked = vec![10.0];
    office.feed(OfficeInput::HangupFailed { why: "Permission denied".into() }).expects(&["store(answered)"]);
    while office.now < 600.0 {
        let (at, _) = office.machine.next_timer().expect("a timer is armed until the end");
        office.at(at.as_secs_f64()).tick().expects(&["look"]);
        office.feed(OfficeInput::Found).expects(&["hangup"]);
        asked.push(office.now);
        office.feed(OfficeInput::HangupFailed { why: "Permission denied".into() }).expects(&[]);
    }
    assert_eq!(asked[..6], [10.0, 12.0, 16.0, 24.0, 40.0, 72.0]);
    assert!(asked.len() < 16, "{asked:?}");
    office.gone(16);
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Api);
}

/// An order that is on its way may still be carried out: its call is there until that is told.
#[test]
fn a_hangup_waits_for_what_came_of_the_order() {
    let mut office = Office::place(click());
    office.feed(OfficeInput::IntentStored);
    office.at(1.0).feed(HANGUP);
    office.at(50.0).tick();
    office.at(55.0).feed(OfficeInput::Taken { way: WayKind::Ssh, linked_id: None, detailed: false });
    assert!(office.last.contains(&"hangup".to_owned()), "{:?}", office.last);
}

/// Somebody took the number's side away: the talk is over, whoever the extension talks with from then on.
#[test]
fn a_side_that_is_taken_away_ends_the_call() {
    let mut office = Office::taken(click(), true);
    office
        .picked_up()
        .phone(Seen::Up)
        .at(9.0)
        .phone(Seen::Gone(Causes { cause: Some(16), tech_cause: None }));
    // Nobody is hung up for that, and no newcomer is a leg.
    office.at(9.2).feed(HANGUP).expects(&[]);
    office.sight(Role::Desk, "PJSIP/152-00000003", CREATED).expects(&[]);
    office.at(9.5).desk(Seen::HungUpHere);
    office.at(10.0).tick().expects(&["store(completed)", "ended"]);
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
}

/// Both live, and talk with others: they are not hung up, and the call ends for the bot all the same.
#[test]
fn sides_that_are_apart_are_not_hung_up() {
    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Up).at(9.0).feed(HANGUP).expects(&["store(answered)", "hangup"]);
    office.feed(OfficeInput::Apart).expects(&["store(answered)"]);
    while !office.machine.has_ended() {
        let (at, _) = office.machine.next_timer().expect("a timer is armed until the end");
        office.at(at.as_secs_f64()).tick();
        // It has them, apart as they are.
        if office.last.contains(&"look".to_owned()) {
            office.feed(OfficeInput::Found);
        }
        if office.last.contains(&"hangup".to_owned()) {
            office.feed(OfficeInput::Apart);
        }
        assert!(office.now < 600.0, "it never ends");
    }
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
}

/// The next run knows which two talked: where one of them is gone, nobody who talks with the other one is hung up.
#[test]
fn a_restart_knows_who_talked() {
    let mut office = Office::taken(click(), true);
    office.picked_up().phone(Seen::Up).at(9.0);
    let left = office.machine.record().clone();
    let sides = ["PJSIP/150-00000001", "PJSIP/trunk-00000002"].map(str::to_owned);
    assert_eq!(left.last.sides, Some(sides.clone()));

    let (machine, effects) = OfficeMachine::restore(moment(100.0), left);
    let mut office = Office { machine, now: 100.0, last: effects.iter().map(word).collect() };
    office.expects(&["store(answered)", "look"]);
    assert_eq!(office.machine.sides(), Some(&sides));
    // They are others, whatever side they seem to be of.
    office.sight(Role::Phone, "PJSIP/151-00000003", Seen::Up).expects(&[]);
    office.phone(Seen::Up).desk(Seen::Gone(Causes::default()));
    office.feed(HANGUP).expects(&[]);
    office.at(101.0).tick().expects(&["store(completed)", "ended"]);
    office.ends(Status::Completed, Reason::HungUp, EndedBy::Unknown);
}

/// Of several phones each entry says of which it is; of one alone it does not.
#[test]
fn a_timeline_of_several_phones_names_them() {
    let mut office = Office::taken(click(), true);
    let which = |office: &mut Office, channel: &str, seen: Seen| -> Option<String> {
        let sight =
            Sight { leg: Role::Desk, channel: channel.into(), name: format!("PJSIP/{channel}"), seen };
        let effects = office.machine.handle(moment(office.now), OfficeInput::Sight(sight));
        let entry = effects.iter().find_map(|effect| match effect {
            OfficeEffect::Store { entries, .. } => entries.last().cloned(),
            _ => None,
        });
        let data = entry.and_then(|entry| entry.data).expect("an entry with values");
        data["channel"].as_str().map(str::to_owned)
    };
    assert_eq!(which(&mut office, "1.3", CREATED).as_deref(), Some("PJSIP/1.3"));
    assert_eq!(which(&mut office, "1.3", Seen::Ringing), None);
    assert_eq!(which(&mut office, "1.4", CREATED).as_deref(), Some("PJSIP/1.4"));
    assert_eq!(which(&mut office, "1.4", Seen::Ringing).as_deref(), Some("PJSIP/1.4"));
    assert_eq!(
        which(&mut office, "1.3", Seen::HungUp(Causes { cause: Some(17), tech_cause: Some(486) })).as_deref(),
        Some("PJSIP/1.3")
    );
    let gone = Seen::Gone(Causes { cause: Some(17), tech_cause: None });
    assert_eq!(which(&mut office, "1.3", gone).as_deref(), Some("PJSIP/1.3"));
    assert_eq!(which(&mut office, "1.4", Seen::Up).as_deref(), Some("PJSIP/1.4"));
}

fn any_input() -> impl Strategy<Value = OfficeInput> {
    let leg = prop_oneof![Just(Role::Desk), Just(Role::Phone)];
    let seen = prop_oneof![
        Just(CREATED),
        Just(Seen::Ringing),
        Just(Seen::EarlyMedia),
        Just(Seen::Up),
        Just(Seen::Joined),
        Just(HUNG_UP),
        Just(Seen::HungUpHere),
        Just(Seen::DialEnded("NOANSWER".into())),
        (0..128u16).prop_map(|cause| Seen::Gone(Causes { cause: Some(cause), tech_cause: None })),
    ];
    let sight = (leg, 1..4u8, seen).prop_map(|(leg, nth, seen)| {
        let channel = format!("PJSIP/1-{nth}");
        OfficeInput::Sight(Sight { leg, name: channel.clone(), channel, seen })
    });
    let failure = HostFailure { reason: Reason::HostRefused, why: "no".into() };
    prop_oneof![
        8 => sight,
        1 => Just(OfficeInput::IntentStored),
        1 => any::<bool>().prop_map(|detailed| OfficeInput::Taken { way: WayKind::Ssh, linked_id: None, detailed }),
        1 => Just(OfficeInput::NotTaken(failure)),
        1 => Just(OfficeInput::Uncertain { why: "x".into() }),
        1 => Just(OfficeInput::Over),
        1 => Just(OfficeInput::Found),
        1 => Just(OfficeInput::NotFound),
        1 => Just(OfficeInput::Apart),
        1 => Just(OfficeInput::HangupSent),
        1 => (0..128u16).prop_map(|cause| OfficeInput::DialplanEnded { cause }),
        1 => Just(OfficeInput::Blind { why: "x".into() }),
        1 => Just(OfficeInput::LookFailed { why: "x".into() }),
        1 => Just(HANGUP),
    ]
}

proptest! {
    /// Whatever comes in whatever order: one order at most, one end, no step back, and until the end a timer.
    #[test]
    fn any_order_of_inputs_ends_once(inputs in prop::collection::vec((any_input(), 0.0..5.0f64), 0..60)) {
        let (mut machine, _) = OfficeMachine::place(moment(0.0), office(click()));
        let (mut now, mut orders, mut ends) = (0.0, 0, 0);
        let mut last = Status::Dialing;
        let mut check = |machine: &OfficeMachine, effects: Vec<OfficeEffect>| {
            for effect in &effects {
                match effect {
                    OfficeEffect::Order => orders += 1,
                    OfficeEffect::Ended => ends += 1,
                    OfficeEffect::Store { record, .. } => {
                        assert!(record.last.status == last || last.may_become(record.last.status));
                        last = record.last.status;
                    }
                    _ => {}
                }
            }
            assert_eq!(machine.has_ended(), ends == 1);
            assert_eq!(machine.next_timer().is_some(), ends == 0);
            assert!(orders <= 1 && ends <= 1);
        };
        for (input, pause) in inputs {
            let had_ended = machine.has_ended();
            let effects = machine.handle(moment(now), input);
            assert!(!had_ended || effects.is_empty());
            check(&machine, effects);
            now += pause;
            let effects = machine.tick(moment(now));
            check(&machine, effects);
        }
        // By time alone it comes to its end.
        for _ in 0..10_000 {
            let Some((at, _)) = machine.next_timer() else { break };
            let effects = machine.tick(moment(at.max(Duration::from_secs_f64(now)).as_secs_f64()));
            check(&machine, effects);
        }
        assert!(machine.has_ended());
    }
}
