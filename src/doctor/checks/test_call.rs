//! A real call through the running daemon: the only proof that the carrier takes one.

use std::time::Duration;

use serde_json::json;

use super::{calls::remedy, endpoint::Facts};
use crate::doctor::{
    finding::{Finding, Text, say},
    patient::Patient,
};
use call::{Reason, Status};

pub const ID: &str = "test_call";

/// Seconds of ringing and of talk.
const RING: u64 = 45;
const TALK: u64 = 60;
const WAIT: u64 = 150;

pub async fn check(patient: &Patient, trunk: &Facts, number: &str) -> Finding {
    let body = json!({
        "phone": number, "ring_timeout": RING, "max_duration": TALK, "wait": "ended", "wait_timeout": WAIT,
    });
    let Some(api) = &patient.daemon else { return unplaced("no HTTP client") };
    let reply = match api.post("api/calls/initiate", &body, Duration::from_secs(WAIT + 15)).await {
        Ok(reply) => reply,
        Err(none) if none.was_sent => return uncertain(&none.why),
        Err(none) => return unplaced(&none.why),
    };
    if reply.status == 401 {
        return Finding::fail(
            ID,
            say!("the daemon asks for an API key", "демон требует ключ API"),
            say!(
                "set NOVOFON_BOT_API_KEY, or give --api-key-file",
                "задайте NOVOFON_BOT_API_KEY или --api-key-file"
            ),
        );
    }
    if reply.status == 503 && reply.json["code"] == "timed_out" {
        return uncertain(&reply.message_of_problem());
    }
    if reply.status != 201 {
        return unplaced(&format!("HTTP {}: {}", reply.status, reply.message_of_problem()));
    }
    let text = |field: &str| reply.json[field].as_str().unwrap_or_default().to_owned();
    let (status, reason, id) = (text("status"), text("reason"), text("id"));
    let sip = match reply.json["sip_code"].as_u64() {
        Some(code) => format!(", SIP {code} {}", text("sip_text")),
        None => String::new(),
    };
    let seen = say!(
        "{number}: {status} ({reason}{sip}); novofon-bot show {id}",
        "{number}: {status} ({reason}{sip}); novofon-bot show {id}"
    );
    let (Ok(status), Ok(reason)) = (status.parse::<Status>(), reason.parse::<Reason>()) else {
        return Finding::warn(
            ID,
            seen,
            say!(
                "it has not ended in {WAIT} s: look at it with `novofon-bot show`",
                "за {WAIT} с он не закончился: посмотрите `novofon-bot show`"
            ),
        );
    };
    match status {
        Status::Completed | Status::Busy | Status::NoAnswer | Status::Rejected | Status::Unavailable => {
            Finding::ok(ID, seen)
        }
        _ if reason == Reason::NumberInvalid || status == Status::Canceled => {
            Finding::warn(ID, seen, remedy(reason, trunk))
        }
        _ => Finding::fail(ID, seen, remedy(reason, trunk)),
    }
}

fn uncertain(why: &str) -> Finding {
    Finding::fail(
        ID,
        say!(
            "it is not known whether it was placed: {why}",
            "неизвестно, был ли он сделан: {why}",
            why = Text::same(why)
        ),
        say!(
            "see whether the daemon runs, and look at `novofon-bot calls` before you try again",
            "проверьте, работает ли демон, и прежде чем повторять, посмотрите `novofon-bot calls`"
        ),
    )
}

fn unplaced(why: &str) -> Finding {
    Finding::fail(
        ID,
        say!("it was not placed: {why}", "не сделан: {why}", why = Text::same(why)),
        say!(
            "the daemon must run, and `dial.allow` must allow the number",
            "демон должен работать, а `dial.allow` — разрешать этот номер"
        ),
    )
}
