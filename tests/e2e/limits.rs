//! The two times a call may take, and that their end is the bot's doing.

use std::time::Duration;

use serde_json::json;

use crate::support::{Bot, Lab, assert_end};

const TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_call_rings_no_longer_than_asked() {
    let bot = Bot::start(&Lab::shared(), &[("dial.ring_timeout", "300")]).await;
    let call = bot.place_and_wait(json!({"phone": "+79005550180", "ring_timeout": 6}), TIME).await;
    assert_end(&bot, &call, "no_answer ring_timeout limit ringing").await;
    let took = (call.time("ended_at") - call.time("dialed_at")).as_seconds_f64();
    assert!((6.0..8.0).contains(&took), "{took} s");
    assert!(bot.carrier.saw("cancel", &call.text("novofon_call_id")), "the carrier got our CANCEL");
}

#[tokio::test]
async fn a_call_talks_no_longer_than_asked() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", "[{wait=600}]")]).await;
    let call = bot.place_and_wait(json!({"phone": "+79005550201", "max_duration": 2}), TIME).await;
    assert_end(&bot, &call, "completed max_duration limit answered 200 OK").await;
    let talked = call.seconds("talk_seconds");
    assert!((2.0..4.0).contains(&talked), "{talked} s");
    assert_eq!(call.field("duration"), &json!(talked as u64));
    assert_eq!(call.text("scenario_result"), "interrupted");
}

/// The ring time-out ends with the answer: a talk may be longer.
#[tokio::test]
async fn the_ring_time_out_does_not_cut_a_talk() {
    let bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", "[{wait=6}]")]).await;
    let call = bot.place_and_wait(json!({"phone": "+79005550200", "ring_timeout": 5}), TIME).await;
    assert_end(&bot, &call, "completed scenario_ended bot answered 200 OK").await;
    assert!(call.seconds("talk_seconds") >= 6.0);
}

/// The configured times hold where a request names none.
#[tokio::test]
async fn configured_times_hold() {
    let settings =
        [("dial.ring_timeout", "5"), ("dial.max_duration", "1"), ("scenarios.default.steps", "[{wait=600}]")];
    let bot = Bot::start(&Lab::shared(), &settings).await;
    let rings = bot.place_to("+79005550183").await;
    let talks = bot.place_and_wait(json!({"phone": "+79005550201"}), TIME).await;
    assert_end(&bot, &talks, "completed max_duration limit answered 200 OK").await;
    let rings = bot.until_ended(&rings.id(), TIME).await;
    assert_end(&bot, &rings, "no_answer ring_timeout limit early_media").await;
}
