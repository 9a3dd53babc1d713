//! Calls as hosts tell of them, event by event and by looks.

use uuid::Uuid;

use super::*;
use crate::office::heard::Standing;

const ID: CallId = CallId(Uuid::from_u128(7));

fn channel(id: &str, name: &str) -> ChannelRef {
    ChannelRef { id: id.to_owned(), name: name.to_owned() }
}

fn near() -> ChannelRef {
    channel(&ID.only_attempt().near_channel(), "Local/150@inoffice-00000001;1")
}

fn far() -> ChannelRef {
    channel(&ID.only_attempt().far_channel(), "Local/150@inoffice-00000001;2")
}

fn words(heard: Option<(CallId, Vec<OfficeInput>)>) -> Vec<String> {
    let Some((call, inputs)) = heard else { return Vec::new() };
    assert_eq!(call, ID);
    let word = |input| match input {
        OfficeInput::Sight(Sight { leg, name, seen: Seen::Created { .. }, .. }) => {
            format!("{leg:?} {name} Created")
        }
        OfficeInput::Sight(Sight { leg, name, seen, .. }) => format!("{leg:?} {name} {seen:?}"),
        other => format!("{other:?}"),
    };
    inputs.into_iter().map(word).collect()
}

fn dial(caller: &ChannelRef, peer: &ChannelRef, dial: Dial) -> Heard {
    Heard::Dial { caller: caller.clone(), peer: peer.clone(), dial }
}

#[test]
fn a_call_through_two_local_channels() {
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    let desk = channel("1.3", "PJSIP/150-00000001");
    let (one, two) =
        (channel("1.4", "Local/+375@inoffice-00000002;1"), channel("1.5", "Local/+375@inoffice-00000002;2"));
    let trunk = channel("1.6", "PJSIP/trunk-00000002");
    let mut hear = |heard| words(tracker.hear(heard));
    assert_eq!(hear(dial(&far(), &desk, Dial::Begin)), ["Desk PJSIP/150-00000001 Created"]);
    assert_eq!(hear(dial(&far(), &desk, Dial::Ringing)), ["Desk PJSIP/150-00000001 Ringing"]);
    assert_eq!(hear(Heard::Up(desk.clone())), ["Desk PJSIP/150-00000001 Up"]);
    // The Local channel between is nobody's phone.
    assert!(hear(dial(&near(), &one, Dial::Begin)).is_empty());
    assert_eq!(hear(dial(&two, &trunk, Dial::Begin)), ["Phone PJSIP/trunk-00000002 Created"]);
    assert!(hear(Heard::Ringing(one.clone())).is_empty());
    assert_eq!(hear(dial(&two, &trunk, Dial::Progress)), ["Phone PJSIP/trunk-00000002 EarlyMedia"]);
    assert_eq!(hear(Heard::Up(trunk.clone())), ["Phone PJSIP/trunk-00000002 Up"]);
    // They optimize themselves away, and the call goes on.
    for local in [near(), far(), one] {
        assert!(hear(Heard::Gone { channel: local, cause: Some(16), sip: None, state: None }).is_empty());
    }
    let told = hear(Heard::Gone { channel: two, cause: Some(16), sip: None, state: None });
    assert_eq!(told, ["Alone { leg: Desk }"], "which means nothing where the two are connected");
    assert_eq!(
        hear(Heard::HungUp { channel: trunk.clone(), cause: Some(16), sip: None }),
        ["Phone PJSIP/trunk-00000002 HungUp(Causes { cause: Some(16), tech_cause: None })"]
    );
    let gone = hear(Heard::Gone { channel: trunk, cause: Some(16), sip: None, state: None });
    assert_eq!(gone, ["Phone PJSIP/trunk-00000002 Gone(Causes { cause: Some(16), tech_cause: None })"]);
    let gone = hear(Heard::Gone { channel: desk, cause: Some(16), sip: None, state: None });
    assert_eq!(gone, ["Desk PJSIP/150-00000001 Gone(Causes { cause: Some(16), tech_cause: None })", "Over"]);
    tracker.forget(ID);
    assert!(tracker.channels.is_empty() && tracker.pairs.is_empty() && tracker.calls.is_empty());
}

#[test]
fn a_half_that_was_never_made_is_not_waited_for() {
    let gone = |channel: ChannelRef| Heard::Gone { channel, cause: Some(0), sip: None, state: None };
    let mut tracker = Tracker::with_creations();
    tracker.follow(ID);
    assert!(tracker.is_silent(ID));
    assert!(words(tracker.hear(Heard::Created(near()))).is_empty() && !tracker.is_silent(ID));
    assert_eq!(words(tracker.hear(gone(near()))), ["NotMade"]);

    // Both were there, and nobody was dialed.
    let mut tracker = Tracker::with_creations();
    tracker.follow(ID);
    tracker.hear(Heard::Created(near()));
    tracker.hear(Heard::Created(far()));
    assert!(words(tracker.hear(gone(near()))).is_empty());
    assert_eq!(words(tracker.hear(gone(far()))), ["Over"]);

    // It may have been made while nobody listened.
    let mut tracker = Tracker::with_creations();
    tracker.follow(ID);
    assert_eq!(tracker.lose_sight(), [ID]);
    assert!(!tracker.is_silent(ID));
    assert_eq!(words(tracker.hear(gone(near()))), ["Over"]);

    // A host that tells of no creation proves nothing by its silence.
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    assert_eq!(words(tracker.hear(gone(near()))), ["Over"]);
}

#[test]
fn what_happens_while_the_channels_are_asked_for_is_not_lost() {
    let desk = channel("1.3", "PJSIP/150-00000001");
    let gone = |channel: ChannelRef| Heard::Gone { channel, cause: Some(16), sip: None, state: None };
    let standing = |channel: ChannelRef| Standing {
        channel,
        is_desk: true,
        is_ringing: false,
        is_up: true,
        is_dialed: true,
        bridge: None,
    };
    let word = |inputs: Vec<OfficeInput>| words(Some((ID, inputs)));
    for mut tracker in [Tracker::default(), Tracker::with_creations()] {
        tracker.seek(ID);
        // The halves vanish, as they do when both sides talk: that is no end.
        assert!(words(tracker.hear(gone(near()))).is_empty());
        let told = word(tracker.resync(ID, &[standing(near()), standing(desk.clone())], None));
        let alone = "Alone { leg: Desk }";
        assert_eq!(told, ["Desk PJSIP/150-00000001 Created", "Desk PJSIP/150-00000001 Up", alone]);

        // The phone goes after the host has answered, and before the answer is read.
        tracker.forget(ID);
        tracker.seek(ID);
        assert_eq!(tracker.hear(gone(desk.clone())), None);
        let told = word(tracker.resync(ID, &[standing(desk.clone())], None));
        assert_eq!(told.last().map(String::as_str), Some("Over"), "{told:?}");
        tracker.forget(ID);

        // The number is dialed after the host has answered: the call is over when that is gone too.
        let trunk = channel("1.4", "PJSIP/trunk-00000002");
        tracker.seek(ID);
        tracker.hear(dial(&near(), &trunk, Dial::Begin));
        tracker.resync(ID, &[standing(near()), standing(desk.clone())], None);
        tracker.hear(gone(near()));
        let told = words(tracker.hear(gone(desk.clone())));
        assert!(told[0].contains("Gone") && !told.contains(&"Over".to_owned()), "{told:?}");
        assert_eq!(words(tracker.hear(gone(trunk))).last().map(String::as_str), Some("Over"));
        tracker.forget(ID);
    }
}

/// A phone was put down, and whoever took it over dialed another one, while nobody heard it.
#[test]
fn whoever_went_unheard_is_gone() {
    let (desk, trunk) = (channel("1.3", "PJSIP/150-00000001"), channel("1.4", "PJSIP/trunk-00000002"));
    let standing = |channel: &ChannelRef| Standing {
        channel: channel.clone(),
        is_desk: false,
        is_ringing: false,
        is_up: true,
        is_dialed: true,
        bridge: Some("b".to_owned()),
    };
    let now = [standing(&trunk), standing(&channel("1.5", "PJSIP/151-00000003"))];
    let sides = [desk.id.clone(), trunk.id.clone()];
    let word = |inputs: Vec<OfficeInput>| words(Some((ID, inputs)));
    let gone = "Gone(Causes { cause: None, tech_cause: None })";

    let mut tracker = Tracker::default();
    tracker.follow(ID);
    tracker.hear(dial(&far(), &desk, Dial::Answer));
    tracker.hear(dial(&near(), &trunk, Dial::Answer));
    tracker.seek(ID);
    let told = word(tracker.resync(ID, &now, None));
    assert_eq!(told[0], format!("Desk PJSIP/150-00000001 {gone}"));

    // A former run had seen the two; now it is told that one is gone, and nothing else becomes a side.
    let mut tracker = Tracker::default();
    tracker.seek(ID);
    let told = word(tracker.resync(ID, &now, Some(&sides)));
    assert_eq!(told[0], format!("Desk 1.3 {gone}"));
    assert!(told.contains(&"Phone PJSIP/trunk-00000002 Up".to_owned()), "{told:?}");
}

/// A listener's channel that was made and never dialed is hung up while it is looked for.
#[test]
fn halves_that_go_around_the_answer_are_the_end() {
    let gone = |channel: ChannelRef| Heard::Gone { channel, cause: None, sip: None, state: None };
    let standing = |channel: ChannelRef| Standing {
        channel,
        is_desk: false,
        is_ringing: false,
        is_up: false,
        is_dialed: true,
        bridge: None,
    };
    for before in 0..=2 {
        let mut tracker = Tracker::default();
        tracker.seek(ID);
        let mut told = Vec::new();
        for half in [far(), near()].into_iter().take(before) {
            told.extend(words(tracker.hear(gone(half))));
        }
        told.extend(words(Some((ID, tracker.resync(ID, &[standing(near()), standing(far())], None)))));
        for half in [far(), near()].into_iter().skip(before) {
            told.extend(words(tracker.hear(gone(half))));
        }
        assert_eq!(told, ["Over"], "{before} before");
    }
}

#[test]
fn what_is_told_too_early_is_not_lost() {
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    let one = channel("1.4", "Local/+375@inoffice-00000002;1");
    let two = channel("1.5", "Local/+375@inoffice-00000002;2");
    let trunk = channel("1.6", "PJSIP/trunk-00000002");
    assert_eq!(tracker.hear(dial(&two, &trunk, Dial::Begin)), None);
    assert_eq!(tracker.hear(Heard::HungUp { channel: trunk.clone(), cause: Some(1), sip: Some(404) }), None);
    let told = words(tracker.hear(dial(&near(), &one, Dial::Begin)));
    let hung_up = "Phone PJSIP/trunk-00000002 HungUp(Causes { cause: Some(1), tech_cause: Some(404) })";
    assert_eq!(told, ["Phone PJSIP/trunk-00000002 Created", hung_up]);
    let gone =
        words(tracker.hear(Heard::Gone { channel: trunk, cause: Some(1), sip: Some(404), state: None }));
    assert_eq!(gone, ["Phone PJSIP/trunk-00000002 Gone(Causes { cause: Some(1), tech_cause: Some(404) })"]);
}

#[test]
fn the_far_sides_status_is_kept_and_ours_is_not_taken_for_it() {
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    let desk = channel("1.3", "PJSIP/150-00000001");
    tracker.hear(dial(&far(), &desk, Dial::Begin));
    tracker.hear(Heard::HungUp { channel: desk.clone(), cause: Some(17), sip: Some(486) });
    let gone = words(tracker.hear(Heard::Gone { channel: desk, cause: Some(17), sip: None, state: None }));
    assert_eq!(gone, ["Desk PJSIP/150-00000001 Gone(Causes { cause: Some(17), tech_cause: Some(486) })"]);
}

#[test]
fn calls_of_others_are_nobodys() {
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    let (other, phone) = (channel("9.1", "PJSIP/152-00000009"), channel("9.2", "PJSIP/150-00000008"));
    assert_eq!(tracker.hear(dial(&other, &phone, Dial::Begin)), None);
    assert_eq!(tracker.hear(Heard::Up(phone.clone())), None);
    assert_eq!(tracker.hear(Heard::Gone { channel: phone, cause: None, sip: None, state: None }), None);
}

/// What is told of a phone is told only when it comes to be with another channel of the call, or is so no more.
#[test]
fn a_phone_that_talks_with_strangers_is_not_joined() {
    let mut tracker = Tracker::default();
    tracker.follow(ID);
    let (desk, stranger) = (channel("1.3", "PJSIP/150-00000001"), channel("9.1", "PJSIP/152-00000009"));
    tracker.hear(dial(&far(), &desk, Dial::Begin));
    let enters = |channel: &ChannelRef, bridge: &str| Heard::Joined {
        channel: channel.clone(),
        bridge: bridge.to_owned(),
    };
    let leaves = |channel: &ChannelRef, bridge: &str| Heard::Left {
        channel: channel.clone(),
        bridge: bridge.to_owned(),
    };
    let mut hear = |heard| words(tracker.hear(heard));
    assert!(hear(enters(&desk, "a")).is_empty(), "alone");
    assert_eq!(hear(enters(&far(), "a")), ["Desk PJSIP/150-00000001 Joined"]);
    assert_eq!(hear(leaves(&desk, "a")), ["Desk PJSIP/150-00000001 Left"]);
    assert!(hear(enters(&desk, "b")).is_empty());
    assert!(hear(enters(&stranger, "b")).is_empty());
    assert!(hear(leaves(&desk, "b")).is_empty());
    assert_eq!(hear(enters(&desk, "a")), ["Desk PJSIP/150-00000001 Joined"]);
    let gone = Heard::Gone { channel: far(), cause: Some(16), sip: None, state: None };
    assert_eq!(hear(gone), ["Desk PJSIP/150-00000001 Left"]);
}

/// Whom nobody dialed is not the number; at the extension, whoever picks up is as good as it.
#[test]
fn who_picks_up_what_rings_somewhere_else_is_dialed_by_nobody() {
    let mut tracker = Tracker::with_creations();
    tracker.follow(ID);
    let (desk, other) = (channel("1.3", "PJSIP/150-00000001"), channel("1.4", "PJSIP/151-00000002"));
    let (trunk, third) = (channel("1.5", "PJSIP/trunk-00000003"), channel("1.6", "PJSIP/152-00000004"));
    let mut hear = |heard| words(tracker.hear(heard));
    hear(dial(&far(), &desk, Dial::Begin));
    assert_eq!(hear(dial(&far(), &other, Dial::Answer))[1], "Desk PJSIP/151-00000002 Up");
    hear(dial(&near(), &trunk, Dial::Begin));
    assert_eq!(hear(dial(&near(), &third, Dial::Answer)), ["TakenOver { leg: Phone }"]);
    assert!(hear(Heard::Up(third)).is_empty());
}
