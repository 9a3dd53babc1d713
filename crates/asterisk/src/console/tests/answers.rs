//! What real consoles answered.

use std::{fs, path::Path, time::Duration};

use super::dial;
use crate::console::{
    Channel, ChannelDetails, ChannelName, ChannelState, Channels, Command, ConsoleError, Family,
    HangupAnswer, UniqueId, hangup_answer, ordered, uptime, version,
};

const VERSIONS: [(&str, &str); 2] = [("16", "SIP"), ("22", "PJSIP")];

fn fixture(version: &str, name: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/console").join(version).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn channels(version: &str, stage: &str) -> Channels {
    Channels::parse(&fixture(version, &format!("{stage}.channels"))).expect("a list")
}

/// The file of a channel's details: its name without what differs from run to run.
fn details(version: &str, stage: &str, name: &ChannelName) -> Option<ChannelDetails> {
    let text = name.as_str();
    let (start, half) = match text.split_once(';') {
        Some((start, half)) => (start, format!("_{half}")),
        None => (text, String::new()),
    };
    let (start, _tag) = start.rsplit_once('-').expect("a tag");
    let file = format!("{stage}.{}{half}.channel", start.replace(['/', '@'], "_").replace('+', ""));
    ChannelDetails::parse(name, &fixture(version, &file)).expect("details")
}

fn ask_all(family: &mut Family, version: &str, stage: &str, now: &Channels) {
    let unasked: Vec<Channel> = family.unasked(now).into_iter().cloned().collect();
    for channel in unasked {
        family.learn(&channel, details(version, stage, &channel.name).as_ref());
    }
}

#[test]
fn a_call_is_followed_from_the_first_ring_to_the_end() {
    for (asterisk, technology) in VERSIONS {
        let rings = channels(asterisk, "1-extension-rings");
        let [root] = rings.originated(&Channels::default(), "150", "inoffice")[..] else { panic!("one") };
        assert!(rings.originated(&rings, "150", "inoffice").is_empty(), "it was there before");
        assert!(rings.originated(&Channels::default(), "150", "other").is_empty());
        let mut family = Family::of_call(root, "+375296254070").expect("a near half");
        let desk = |look: &super::super::Look<'_>| -> Vec<(String, ChannelState)> {
            look.desk.iter().map(|channel| (channel.name.to_string(), channel.state.clone())).collect()
        };
        let is_desk = |name: &str| name.starts_with(&format!("{technology}/150-"));

        ask_all(&mut family, asterisk, "1-extension-rings", &rings);
        let look = family.look(&rings);
        assert!(!look.started && !look.gone && look.phone.is_empty() && !look.joined);
        assert!(matches!(&desk(&look)[..], [(name, ChannelState::Ringing)] if is_desk(name)), "{asterisk}");

        let dialing = channels(asterisk, "2-number-rings");
        ask_all(&mut family, asterisk, "2-number-rings", &dialing);
        let look = family.look(&dialing);
        assert!(look.started && !look.joined);
        assert!(matches!(&desk(&look)[..], [(name, ChannelState::Up)] if is_desk(name)));
        let [phone] = look.phone[..] else { panic!("one way to the number") };
        assert_eq!((phone.name.is_of("PJSIP/trunk"), &phone.state), (true, &ChannelState::Ringing));
        assert_eq!(family.to_hang_up(&dialing), Some(vec![&root.name]));
        let heard = dialing.heard_by(&look.desk[0].name);
        assert!(heard.is_empty(), "it is in a bridge, with half of a Local channel");

        // Joined by two Local channels and three bridges.
        let answered = channels(asterisk, "3-just-answered");
        let look = family.look(&answered);
        assert!(look.joined && look.near.is_some());
        assert_eq!(look.phone[0].state, ChannelState::Up);

        // And when these have vanished, by one.
        let connected = channels(asterisk, "4-connected");
        assert_eq!(connected.list.len(), 2);
        let look = family.look(&connected);
        assert!(look.joined && look.near.is_none() && !look.gone);
        assert_eq!((look.desk.len(), look.phone.len()), (1, 1));
        assert_eq!(family.to_hang_up(&connected).map(|names| names.len()), Some(2));

        // A monitoring of 150 is another call.
        let spied = channels(asterisk, "6-spying");
        ask_all(&mut family, asterisk, "6-spying", &spied);
        let look = family.look(&spied);
        assert_eq!((look.desk.len(), look.phone.len()), (1, 1));

        let nothing = Channels::default();
        let look = family.look(&nothing);
        assert!(look.gone && !look.joined);
    }
}

#[test]
fn an_asterisk_that_was_started_anew_has_nothing_of_it_though_the_names_are_the_same() {
    for (asterisk, _) in VERSIONS {
        let root = channels(asterisk, "1-extension-rings");
        let root = root.originated(&Channels::default(), "150", "inoffice")[0];
        let mut family = Family::of_call(root, "+375296254070").expect("a near half");
        let before = channels(asterisk, "2-number-rings");
        ask_all(&mut family, asterisk, "2-number-rings", &before);
        assert!(!family.look(&before).gone);
        let time = root.unique_id.time().expect("it has a time");
        // Whole seconds and a point: nothing else in the list is like that.
        let text = fixture(asterisk, "2-number-rings.channels");
        let later = (0..30).fold(text, |text, passed| {
            text.replace(&format!("!{}.", time + passed), &format!("!{}.", time + 600 + passed))
        });
        let later = Channels::parse(&later).expect("a list");
        assert_eq!(later.list.len(), before.list.len());
        assert!(family.look(&later).gone, "{asterisk}");
        assert!(
            family.to_hang_up(&later).is_some_and(|names| names.is_empty()),
            "a stranger would be hung up"
        );
    }
}

#[test]
fn a_call_first_seen_when_only_the_phones_are_left_has_its_sides_by_age() {
    for (asterisk, technology) in VERSIONS {
        let root = &channels(asterisk, "1-extension-rings");
        let root = root.originated(&Channels::default(), "150", "inoffice")[0];
        let mut family = Family::of_call(root, "+375296254070").expect("a near half");
        let connected = channels(asterisk, "4-connected");
        ask_all(&mut family, asterisk, "4-connected", &connected);
        let look = family.look(&connected);
        assert!(look.started && look.joined);
        assert!(look.desk[0].name.is_of(&format!("{technology}/150")));
        assert!(look.phone[0].name.is_of("PJSIP/trunk"));
    }
}

#[test]
fn a_monitoring_is_followed_and_outlives_the_call_it_listened_to() {
    for (asterisk, technology) in VERSIONS {
        let before = channels(asterisk, "4-connected");
        let rings = channels(asterisk, "5-spy-rings");
        let [root] = rings.originated(&before, "151", "inoffice")[..] else { panic!("one") };
        let mut family = Family::of_monitoring(root).expect("a near half");
        ask_all(&mut family, asterisk, "5-spy-rings", &rings);
        let look = family.look(&rings);
        assert!(!look.started && look.phone.is_empty());
        let [listener] = look.desk[..] else { panic!("{asterisk}: {:?}", look.desk) };
        assert!(listener.name.is_of(&format!("{technology}/151")), "{asterisk}");
        assert_eq!(listener.state, ChannelState::Ringing);

        for stage in ["6-spying", "7-spied-call-ended"] {
            let now = channels(asterisk, stage);
            let look = family.look(&now);
            let near = look.near.expect("the half that listens");
            assert!(look.started);
            assert_eq!(near.application.as_deref(), Some("ChanSpy"));
            assert_eq!(near.data, format!("{technology}/150,bq"));
            let device = format!("{technology}/150");
            let of_target = now.list.iter().filter(|channel| channel.name.is_of(&device));
            let talking = of_target.filter(|channel| !now.heard_by(&channel.name).is_empty()).count();
            assert_eq!(talking, if stage == "6-spying" { 1 } else { 0 }, "{stage}");
        }
    }
}

#[test]
fn details_are_read_whole() {
    for (asterisk, _) in VERSIONS {
        let stage = "4-connected";
        let list = channels(asterisk, stage);
        let phone = list.list.iter().find(|channel| channel.name.is_of("PJSIP/trunk")).expect("the trunk");
        let read = details(asterisk, stage, &phone.name).expect("it is there");
        assert_eq!(
            (&read.unique_id, &read.state, &read.bridge),
            (&phone.unique_id, &phone.state, &phone.bridge)
        );
        assert_eq!((read.application.as_deref(), read.data.as_str()), (Some("AppDial"), "(Outgoing Line)"));
        assert_eq!(read.dial_status, None);

        let stage = "2-number-rings";
        let list = channels(asterisk, stage);
        let near = list.originated(&Channels::default(), "150", "inoffice")[0];
        let read = details(asterisk, stage, &near.name).expect("it is there");
        assert_eq!(
            (read.linked_id.as_str(), read.bridge, read.dial_status),
            (near.unique_id.as_str(), None, None)
        );
        let far = list
            .list
            .iter()
            .find(|channel| channel.name.local().is_some_and(|half| !half.near && half.extension == "150"));
        let read = details(asterisk, stage, &far.expect("the far half").name).expect("it is there");
        assert_eq!(read.dial_status.as_deref(), Some("ANSWER"));
    }
}

#[test]
fn what_a_phone_or_a_dialplan_wrote_is_not_taken_for_asterisks_word() {
    let name: ChannelName = "PJSIP/trunk-00000012".parse().expect("a name");
    let text = fixture("22", "4-connected.PJSIP_trunk.channel");
    let honest = ChannelDetails::parse(&name, &text).expect("details");
    let forged =
        text.replace("Variables:\n", "Variables:\nX=1\n       LinkedID: 1.1\n          State: Down (0)\n");
    assert_eq!(ChannelDetails::parse(&name, &forged), Ok(honest));
}

#[test]
fn a_separator_in_the_data_moves_no_field() {
    for (asterisk, _) in VERSIONS {
        let list = channels(asterisk, "bang-in-data").list;
        assert_eq!(list.len(), 2);
        for channel in list {
            let near = channel.name.local().expect("a half").near;
            // The caller's number of the second is `a!b`.
            let (data, caller) = if near { ("p!q!r", "") } else { ("x!y!z!a", "b") };
            assert_eq!((channel.data.as_str(), channel.caller.as_str()), (data, caller));
            assert_eq!(channel.application.as_deref(), Some("Milliwatt"));
            assert_eq!((channel.bridge, channel.state), (None, ChannelState::Up));
            assert!(channel.unique_id.sequence().is_some());
        }
    }
}

#[test]
fn a_line_that_is_no_channel_is_counted_and_a_refusal_is_one() {
    let line = "PJSIP/150-00000011!a!150!1!Up!Dial!x!150!!!3!7!b-1!1795672463.57\n";
    let list = Channels::parse(&format!("SIP/a b-1!x!1!1!Up!Dial!x!150!!!3!7!!1.1\n{line}")).expect("a list");
    assert_eq!((list.list.len(), list.unread), (1, 1));
    assert_eq!((list.list[0].age, list.list[0].bridge.as_deref()), (Duration::from_secs(7), Some("b-1")));
    assert_eq!(Channels::parse(""), Ok(Channels::default()), "an idle host");
    let stopping = "Command 'core show channels concise' cannot be run during shutdown\n";
    let error = Channels::parse(stopping).expect_err("no list").to_string();
    assert!(error.contains("that Asterisk is stopping"), "{error}");
}

/// A caller's number may hold anything: here its line breaks are part of it, or show up.
#[test]
fn line_breaks_in_a_callers_number() {
    let line =
        |name: &str, caller: &str, id: &str| format!("{name}!a!150!1!Up!Dial!x!{caller}!!!3!7!b-1!{id}\n");
    let ours = line("PJSIP/trunk-0000002a", "150", "1795672463.57");
    let list = |caller: &str| {
        Channels::parse(&format!("{}{ours}", line("PJSIP/trunk-0000002b", caller, "1795672463.58")))
    };

    let whole = list("79!00 \"\nhello\n").expect("a list");
    assert_eq!((whole.list.len(), whole.unread), (2, 0));
    assert_eq!(
        (whole.list[0].caller.as_str(), whole.list[0].unique_id.as_str()),
        ("00 \"\nhello\n", "1795672463.58")
    );

    // His own line is in pieces: that he is there is known.
    let (other, gone) = (UniqueId::new("1795672463.58"), UniqueId::new("1.1"));
    let full = line("PJSIP/z-1", "1", "9.9");
    let odd = list(&format!("1\n{full}8")).expect("a list");
    assert_eq!(odd.list.len(), 2);
    assert!(odd.has(&other, "") && odd.has(&gone, "PJSIP/trunk-0000002b"));
    assert!(!odd.has(&gone, "PJSIP/trunk-0000002c"));

    // A second line of a channel that is there, by its name or by its id.
    for forged in [line("PJSIP/trunk-0000002a", "1", "1.2"), line("PJSIP/a-1", "1", "1795672463.57")] {
        let error =
            list(&format!("1!!!3!7!!1.1\n{forged}PJSIP/b-1!a!1!1!Up!Dial!x!1")).expect_err("not believed");
        assert!(error.to_string().contains("two lines are of the channel"), "{error}");
    }
}

#[test]
fn short_answers() {
    for (asterisk, _) in VERSIONS {
        assert!(version(&fixture(asterisk, "version.answer")).expect("a version").starts_with(asterisk));
        assert!(uptime(&fixture(asterisk, "uptime.answer")).expect("an uptime") > Duration::from_secs(1));
        let name: ChannelName = "PJSIP/150-0000ffff".parse().expect("a name");
        let hangup = Command::Hangup(name.clone());
        let answer = |name: &str| hangup_answer(&hangup, &fixture(asterisk, name));
        assert_eq!(answer("hangup.answer"), Ok(HangupAnswer::Requested));
        assert_eq!(answer("hangup-unknown.answer"), Ok(HangupAnswer::NoSuchChannel));
        assert!(answer("unknown-command.answer").is_err());
        let none = ChannelDetails::parse(&name, &fixture(asterisk, "channel-unknown.answer"));
        assert_eq!(none, Ok(None));
        assert!(ChannelDetails::parse(&name, &fixture(asterisk, "unknown-command.answer")).is_err());

        assert_eq!(ordered(&dial(), ""), Ok(()));
        for refusal in ["originate-no-application.answer", "unknown-command.answer"] {
            let error = ordered(&dial(), &fixture(asterisk, refusal)).expect_err("refused");
            assert!(
                matches!(&error, ConsoleError::Refused { what, .. } if what.starts_with("channel originate"))
            );
        }
    }
    let text = "No such command 'channel originate LOCAL/150@inoffice' (type 'core show help channel' ...)\n";
    let error = ordered(&dial(), text).expect_err("refused").to_string();
    assert!(error.ends_with("has not loaded res_clioriginate.so"), "{error}");
}

#[test]
fn unique_ids_have_an_order() {
    assert_eq!(UniqueId::new("1795672463.55").sequence(), Some(55));
    assert_eq!(UniqueId::new("my-pbx-1795672463.55").sequence(), Some(55));
    assert_eq!(UniqueId::new("0193-call.near").sequence(), None);
    assert_eq!(UniqueId::new("").sequence(), None);
}

/// A log line of `asterisk -rx`. 16 prints this one on its stdout without what stands before `No ethernet`.
const EID: &str = "[Nov 30 07:40:00] WARNING[12]: utils.c:2950 ast_set_default_eid: No ethernet interface found for \
                   seeding global EID. You will have to set it manually.\r\n";

#[test]
fn a_warning_before_the_answer_is_passed_over() {
    assert_eq!(ordered(&dial(), EID), Ok(()));
    let bare = "No ethernet interface found for seeding global EID. You will have to set it manually.\n";
    assert_eq!(ordered(&dial(), bare), Ok(()));
    assert_eq!(
        ordered(&dial(), "bash: warning: setlocale: LC_ALL: cannot change locale (ru_RU.UTF-8)\n"),
        Ok(())
    );
    assert_eq!(version(&format!("{EID}Asterisk 22.10.1 built by x\r\n")).as_deref(), Ok("22.10.1"));
    assert_eq!(uptime(&format!("{EID}System uptime: 7\r\n")), Ok(Duration::from_secs(7)));
    let hangup = Command::Hangup("PJSIP/150-00000001".parse().expect("a name"));
    let answer =
        hangup_answer(&hangup, &format!("{EID}Requested Hangup on channel 'PJSIP/150-00000001'\r\n"));
    assert_eq!(answer, Ok(HangupAnswer::Requested));
    let seen = Channels::parse(&format!("{EID}{}", fixture("22", "4-connected.channels"))).expect("a list");
    assert_eq!((seen.list.len(), seen.unread), (2, 0));
    assert!(Channels::parse(EID).expect("an empty list").list.is_empty());
}

#[test]
fn an_answer_that_is_not_understood_is_uncertain_and_a_refusal_is_one() {
    let strange = "Welcome to the office's PBX!\n";
    assert!(matches!(ordered(&dial(), strange), Err(ConsoleError::Uncertain { .. })));
    assert!(matches!(Channels::parse("Welcome\n"), Err(ConsoleError::NoEffect { .. })));
    let refusal = format!("{EID}No such command 'channel originate x' (type 'core show help' for other)\n");
    assert!(
        matches!(ordered(&dial(), &refusal), Err(ConsoleError::Refused { said, .. }) if said.starts_with("No such"))
    );
}
