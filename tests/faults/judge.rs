//! Whether what the bot says of a call is true: compared with its own timeline, with the carrier's log,
//! and with what the number does when nothing disturbs it.

use std::collections::HashMap;

use crate::support::{Bot, Call, carrier::Arrival, end::End, wrong_story};

/// A number of the carrier, and the end of its calls: of those that go their way, when the scenario hangs
/// up at once.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub number: &'static str,
    pub end: &'static str,
}

pub const ANSWERS: Kind = kind("+79005550201", "completed scenario_ended bot answered 200 OK");
pub const RINGS_AND_ANSWERS: Kind = kind("+79005550200", "completed scenario_ended bot answered 200 OK");
pub const BUSY: Kind = kind("+79005550486", "busy busy callee trying 486 Busy Here");
pub const DECLINES: Kind = kind("+79005551603", "rejected declined callee ringing 603 Decline");
pub const NO_ANSWER: Kind =
    kind("+79005551480", "no_answer no_answer carrier ringing 480 Temporarily Unavailable");
pub const NO_NUMBER: Kind = kind("+79005550404", "failed number_invalid carrier trying 404 Not Found");
pub const FORBIDDEN: Kind = kind("+79005550403", "failed carrier_forbidden carrier trying 403 Forbidden");
pub const EARLY_MEDIA: Kind = kind("+79005550185", "completed scenario_ended bot answered 200 OK");

/// Calls of several outcomes, each over within seconds.
pub const MIX: [Kind; 8] =
    [ANSWERS, BUSY, RINGS_AND_ANSWERS, NO_NUMBER, DECLINES, FORBIDDEN, EARLY_MEDIA, NO_ANSWER];

const fn kind(number: &'static str, end: &'static str) -> Kind {
    Kind { number, end }
}

/// What else a call may say of its end than its number's own end, `unknown` because the end was lost, or
/// an answered call whose end was lost: the beginnings of these ends.
pub type Also<'a> = &'a [&'a str];

/// Judges every call of the bot that has a caller id of its own, and counts how many went their whole way.
///
/// # Panics
/// When one is untrue, or was dialed twice, or is open.
pub async fn assert_all_true(bot: &Bot, calls: &[Call], also: Also<'_>) -> usize {
    let arrivals = bot.carrier.by_caller();
    let (mut wrong, mut whole) = (Vec::new(), 0);
    for call in calls {
        let faults = faults(call, &arrivals, also);
        wrong.extend(wrong_story(bot, call, faults).await);
        whole += usize::from(went_its_way(call));
    }
    assert!(wrong.is_empty(), "{} of {} calls:\n{}", wrong.len(), calls.len(), wrong.join("\n"));
    whole
}

fn went_its_way(call: &Call) -> bool {
    let number = call.text("phone");
    let kind = MIX.iter().find(|kind| kind.number == number);
    // Its words, not its code, may have come with a report that was lost.
    let (end, coded) = (End::from(call).0, !call.field("sip_code").is_null());
    kind.is_some_and(|kind| if coded { kind.end.starts_with(&end) } else { kind.end == end })
}

/// The end is right, but its ringing happened while nobody could see it.
fn went_it_unseen(call: &Call) -> bool {
    let number = call.text("phone");
    let words = ["status", "reason", "ended_by", "sip_code"].map(|name| call.text(name)).join(" ");
    MIX.iter().filter(|kind| kind.number == number).any(|kind| {
        let end: Vec<&str> = kind.end.split(' ').collect();
        let right = [end[0], end[1], end[2], end[4]].join(" ") == words;
        right && end[3] == "ringing" && call.text("reached") == "trying"
    })
}

fn faults(call: &Call, arrivals: &HashMap<String, Vec<Arrival>>, also: Also) -> Vec<String> {
    let arrived = arrivals.get(&call.text("caller_id")).map_or(&[][..], Vec::as_slice);
    let mut wrong = Vec::new();
    if arrived.len() > 1 {
        wrong.push(format!("it was dialed {} times: {arrived:?}", arrived.len()));
    }
    if call.field("dialed_at").is_null() && !arrived.is_empty() {
        wrong.push("it was dialed without an intent".to_owned());
    }
    let (reached, status) = (call.text("reached"), call.status());
    let far = ["ringing", "early_media", "answered"].contains(&reached.as_str());
    if far && arrived.is_empty() {
        wrong.push(format!("it says `{reached}` and never reached the carrier"));
    }
    if let (Some(sip_call_id), Some(arrival)) = (call.field("novofon_call_id").as_str(), arrived.first())
        && sip_call_id != arrival.sip_call_id
    {
        wrong.push(format!("its Call-ID is not the carrier's: {arrival:?}"));
    }
    let code = arrived.first().and_then(|arrival| arrival.code);
    if let Some(said) = call.field("sip_code").as_u64()
        && Some(said) != code
    {
        wrong.push(format!("it says {said}, the carrier's last answer was {code:?}"));
    }
    if status == "completed" && code != Some(200) {
        wrong.push(format!("it says it was answered, the carrier's last answer was {code:?}"));
    }
    let end = End::from(call).0;
    // Of an answered call that the bot ended, the dialplan's report may be lost.
    let lost = [
        "unknown outcome_lost unknown",
        "completed outcome_lost unknown answered",
        "completed scenario_ended bot answered",
    ];
    let allowed = lost.iter().chain(also).any(|beginning| end.starts_with(beginning));
    if !allowed && !went_its_way(call) && !went_it_unseen(call) {
        wrong.push(format!("this is not its end: {end}"));
    }
    wrong
}
