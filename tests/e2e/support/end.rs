//! What a call that has ended must be like: the words of its end, and what holds for every end.

use serde_json::Value;

use super::{Bot, Call};

/// `status reason ended_by reached sip_code sip_text`; null is `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End(pub String);

impl From<&str> for End {
    fn from(words: &str) -> Self {
        End(words.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl From<&Call> for End {
    fn from(call: &Call) -> Self {
        let words = ["status", "reason", "ended_by", "reached", "sip_code", "sip_text"];
        End::from(words.map(|name| call.text(name)).join(" ").trim_end_matches([' ', '-']))
    }
}

/// The end is `expected` (trailing dashes may be left out), its story holds together, and it reached
/// the carrier exactly once, or not at all when no trunk leg was made.
pub async fn assert_end(bot: &Bot, call: &Call, expected: &str) {
    assert_words(bot, call, expected).await;
    assert_arrived(bot, call);
}

/// The same for a call whose trunk leg may have led nowhere.
pub async fn assert_words(bot: &Bot, call: &Call, expected: &str) {
    if let Some(wrong) = wrong_words(bot, call, expected).await {
        panic!("{wrong}");
    }
}

/// What is wrong with the end, and the timeline that came with it.
pub async fn wrong_words(bot: &Bot, call: &Call, expected: &str) -> Option<String> {
    let expected = End::from(expected.trim_end_matches([' ', '-']));
    let end = End::from(call);
    let timeline = bot.timeline(&call.id()).await;
    let wrong = if end == expected {
        contradictions(call, &timeline)
    } else {
        vec![format!("expected {}\n     got {}", expected.0, end.0)]
    };
    told(call, &wrong, &timeline)
}

/// What the record of a call that has ended says and its timeline does not bear out, and what else is
/// `wrong` with it.
pub async fn wrong_story(bot: &Bot, call: &Call, mut wrong: Vec<String>) -> Option<String> {
    let timeline = bot.timeline(&call.id()).await;
    wrong.extend(contradictions(call, &timeline));
    told(call, &wrong, &timeline)
}

fn told(call: &Call, wrong: &[String], timeline: &[Value]) -> Option<String> {
    let story: Vec<String> = timeline.iter().map(line).collect();
    (!wrong.is_empty()).then(|| format!("{}: {}\n{}", call.text("phone"), wrong.join("\n"), story.join("\n")))
}

/// The carrier was called exactly once with the SIP Call-ID that the call names.
pub fn assert_arrived(bot: &Bot, call: &Call) {
    let sip_call_id = call.field("novofon_call_id");
    let expected = usize::from(sip_call_id.is_string());
    let arrived = sip_call_id.as_str().map_or(0, |id| bot.carrier.arrivals(id));
    assert_eq!(arrived, expected, "calls at the carrier for {call:?}");
}

/// Everything in the record that the timeline does not bear out.
fn contradictions(call: &Call, timeline: &[Value]) -> Vec<String> {
    const ORDER: [&str; 5] = ["queued", "dialing", "ringing", "early_media", "answered"];
    let mut wrong = Vec::new();
    let mut claim = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let statuses: Vec<&str> = timeline.iter().filter_map(|entry| entry["status"].as_str()).collect();
    let (last, before) = statuses.split_last().expect("a timeline has a status");
    let places: Vec<_> = before.iter().map(|status| ORDER.iter().position(|s| s == status)).collect();
    claim(call.has_ended(), "it has not ended");
    claim(*last == call.status(), "the last state of the timeline is not the call's");
    claim(places.iter().all(Option::is_some), "there is more than one end");
    claim(places.is_sorted_by(|a, b| a < b), "the states do not go forward");
    claim(places.first() == Some(&Some(0)), "the first state is not queued");
    claim(
        timeline.is_sorted_by(|a, b| a["seq"].as_i64() < b["seq"].as_i64()),
        "the timeline is not in order",
    );
    claim(timeline.last().is_some_and(|entry| entry["event"] == "ended"), "something came after the end");

    let is = |name: &str| !call.field(name).is_null();
    let seen = |event: &str| timeline.iter().any(|entry| entry["event"] == event);
    claim(is("dialed_at") == before.contains(&"dialing"), "dialed_at");
    claim(is("ringing_at") == seen("trunk_ringing"), "ringing_at");
    claim(is("answered_at") == seen("trunk_up"), "answered_at");
    claim(is("answered_at") == (call.text("reached") == "answered"), "reached and answered_at");
    // Nobody saw how the channels went: how long it was is not known.
    let unseen = seen("not_found") || (seen("gave_up") && !seen("trunk_destroyed"));
    claim((is("answered_at") && !unseen) == is("talk_seconds"), "talk_seconds");
    claim(is("duration") == (is("talk_seconds") || !is("answered_at")), "duration");
    claim(
        !is("answered_at") || call.status() == "completed" || call.status() == "unknown",
        "answered, yet no such end",
    );
    claim(call.status() != "completed" || is("answered_at"), "completed without an answer");
    claim(before.contains(&"ringing") <= seen("trunk_ringing"), "ringing without evidence");
    claim(before.contains(&"early_media") <= seen("trunk_early_media"), "early media without evidence");
    claim(
        is("ended_at") && is("end_time") && is("reason") && is("ended_by") && is("hint"),
        "an end without its words",
    );
    claim(is("error_message") == (call.status() != "completed"), "error_message");
    claim(is("sip_code") || !is("sip_text"), "words without a code");
    // A leg behind a Local channel may be told of by the dialplan alone.
    let told =
        timeline.iter().any(|entry| entry["event"] == "report" && entry["data"]["channel"].is_string());
    // And then no event had its Call-ID; nothing else is an excuse for one that is missing.
    claim(is("novofon_call_id") == seen("trunk_created") || told, "the trunk leg's Call-ID");
    claim(is("novofon_call_id") <= seen("trunk_created"), "a Call-ID without a trunk leg");
    claim(is("q850_cause") <= (seen("trunk_created") || told), "a cause without a trunk leg");
    wrong
}

fn line(entry: &Value) -> String {
    let word = |name: &str| entry[name].as_str().unwrap_or("").to_owned();
    format!(
        "  {} {:8} {:18} {:12} {}",
        word("at"),
        word("source"),
        word("event"),
        word("status"),
        word("text")
    )
}
