//! Which calls are taken at all: allowed destinations, the gap between two calls to one number, and
//! one call for one Idempotency-Key.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Bot, Lab, SOON, assert_end};

const HANG_UP: (&str, &str) = ("scenarios.default.steps", "[{hangup=true}]");
const BUSY: &str = "busy busy callee trying 486 Busy Here";

#[tokio::test]
async fn only_allowed_destinations_are_dialed() {
    let bot = Bot::start(&Lab::shared(), &[("dial.allow", "+7900555,+7495")]).await;
    for number in ["+79520000001", "+442079460000", "+19005550486", "8 (952) 000-00-01", "+37129000000"] {
        let answer = bot.initiate(json!({"phone": number})).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::FORBIDDEN, "destination_not_allowed"),
            "{number}"
        );
    }
    for number in ["", "112", "+7", "+79005550486;2", "+79005550486@other", "${EXTEN}", "+7900555048600000"] {
        let answer = bot.initiate(json!({"phone": number})).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{number:?}: {}", answer.body);
    }
    let call = bot.place_and_wait(json!({"phone": "8 (900) 555-04-86"}), SOON).await;
    assert_end(&bot, &call, BUSY).await;
    assert_eq!(call.text("phone"), "+79005550486");
    let arrived = bot.carrier.calls_from(&bot.caller);
    assert_eq!(arrived.len(), 1, "only the allowed one: {arrived:?}");
}

/// The default of `dial.allow` is one country.
#[tokio::test]
async fn the_open_world_is_closed_by_default() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    let answer = bot.initiate(json!({"phone": "+442079460000"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "destination_not_allowed"));
    assert!(bot.calls().await.is_empty() && bot.carrier.calls_from(&bot.caller).is_empty());
}

#[tokio::test]
async fn two_calls_to_one_number_keep_their_gap() {
    let mut bot = Bot::start(&Lab::shared(), &[("dial.min_gap", "4")]).await;
    let first = bot.place_to("+79005550486").await;
    let too_soon = async |bot: &Bot| {
        let answer = bot.initiate(json!({"phone": "+7 900 555-04-86"})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "number_too_soon"));
        answer.body["retry_after"].as_u64().expect("seconds")
    };
    assert!((1..=4).contains(&too_soon(&bot).await));
    bot.place_to("+79005550404").await;
    // Neither is it forgotten in a crash.
    bot.crash().await;
    too_soon(&bot).await;
    let second = crate::support::until("the gap is over", SOON, async || {
        let answer = bot.initiate(json!({"phone": "+79005550486"})).await;
        if answer.status == StatusCode::CREATED { Ok(answer.call()) } else { Err(answer.status) }
    })
    .await;
    let gap = (second.time("created_at") - first.time("created_at")).as_seconds_f64();
    assert!((3.9..6.0).contains(&gap), "{gap} s");
    bot.until_all_ended(SOON).await;
    assert_eq!(bot.reached("+79005550486"), 2);
}

#[tokio::test]
async fn one_key_is_one_call() {
    let mut bot = Bot::start(&Lab::shared(), &[HANG_UP]).await;
    let body = json!({"phone": "+79005550200", "custom_metadata": {"order": 17}});
    let send = async |bot: &Bot| bot.initiate_with_key(body.clone(), Some("order-17")).await;

    // Many at once, as a client that retries in haste: one is taken, the others are told to wait or
    // are given the same call.
    let answers = join_all((0..8).map(async |_| send(&bot).await)).await;
    let mut ids: Vec<String> = Vec::new();
    for answer in answers {
        match answer.status {
            StatusCode::CREATED => ids.push(answer.call().id()),
            _ => {
                assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "idempotency_in_progress"));
            }
        }
    }
    ids.dedup();
    let [id] = &ids[..] else { panic!("one call for one key: {ids:?}") };

    let replay = send(&bot).await;
    assert!(replay.replayed);
    assert_eq!(&replay.call().id(), id);
    bot.crash().await;
    let replay = send(&bot).await;
    assert!(replay.replayed);
    assert_eq!(&replay.call().id(), id);
    let other = bot.initiate_with_key(json!({"phone": "+79005550201"}), Some("order-17")).await;
    assert_eq!((other.status, other.code()), (StatusCode::CONFLICT, "idempotency_key_reused"));

    let call = bot.until_ended(id, SOON).await;
    assert_eq!(call.field("custom_metadata"), &json!({"order": 17}));
    assert_eq!(bot.calls().await.len(), 1);
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 1);
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let settings =
        [("scenarios.default.steps", "[{wait=600}]"), ("dial.max_concurrent", "1"), ("dial.max_queued", "2")];
    let bot = Bot::start(&Lab::shared(), &settings).await;
    let talk = bot.place_to("+79005550201").await;
    bot.until_status(&talk.id(), "answered").await;
    bot.place_to("+79005550486").await;
    bot.place_to("+79005550486").await;
    let answer = bot.initiate(json!({"phone": "+79005550404"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "queue_full"));
    bot.hang_up(&talk.id()).await;
    bot.until_all_ended(SOON).await;
    assert_eq!((bot.reached("+79005550486"), bot.reached("+79005550404")), (2, 0));
}

#[tokio::test]
async fn nobody_waits_in_the_queue_for_ever() {
    let settings = [
        ("scenarios.default.steps", "[{wait=600}]"),
        ("dial.max_concurrent", "1"),
        ("dial.queue_timeout", "2"),
    ];
    let bot = Bot::start(&Lab::shared(), &settings).await;
    let talk = bot.place_to("+79005550201").await;
    bot.until_status(&talk.id(), "answered").await;
    let waiting = bot.place_and_wait(json!({"phone": "+79005550486"}), Duration::from_secs(10)).await;
    assert_end(&bot, &waiting, "failed queue_timeout limit none").await;
    assert_eq!(bot.reached("+79005550486"), 0);
}

/// The number shown to the callee is the request's, else the configured one.
#[tokio::test]
async fn the_callee_sees_the_callers_number() {
    let bot = Bot::start(&Lab::shared(), &[("trunk.caller_ids", "+74951234567")]).await;
    let asked =
        bot.place_and_wait(json!({"phone": "+79005550486", "caller_id": "8 (495) 123-45-67"}), SOON).await;
    assert_end(&bot, &asked, BUSY).await;
    assert_eq!(asked.text("caller_id"), "+74951234567");
    let arrived = bot.carrier.calls_from("+74951234567");
    assert!(arrived.iter().any(|(_, id)| *id == asked.text("novofon_call_id")), "{arrived:?}");
    let plain = bot.place_and_wait(json!({"phone": "+79005550486"}), SOON).await;
    assert_eq!(plain.text("caller_id"), bot.caller);
    assert_eq!(bot.reached("+79005550486"), 1);
}
