//! SIGTERM: no new calls, live ones get their time, what waits is dialed by the next start.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Bot, Lab, SOON, assert_end, until};

async fn until_stopping(bot: &Bot) {
    until("it is stopping", SOON, async || {
        let answer = bot.get("/health/ready").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_short_call_ends_by_itself() {
    let settings = [("scenarios.default.steps", "[{wait=2},{hangup=true}]"), ("service.stop_timeout", "20")];
    let mut bot = Bot::start(&Lab::shared(), &settings).await;
    let call = bot.place_to("+79005550201").await;
    bot.until_status(&call.id(), "answered").await;
    bot.terminate();

    until_stopping(&bot).await;

    // While it lives, the API goes on, but takes no more calls.
    let answer = bot.initiate(json!({"phone": "+79005550486"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "stopping"));
    assert_eq!(bot.call(&call.id()).await.status(), "answered");

    assert!(bot.until_exit(SOON).await.success());
    bot.launch();
    bot.until_ready().await;
    let call = bot.call(&call.id()).await;
    assert_end(&bot, &call, "completed scenario_ended bot answered 200 OK").await;
    assert_eq!(bot.reached("+79005550486"), 0);
}

#[tokio::test]
async fn a_long_call_is_hung_up() {
    let settings = [("scenarios.default.steps", "[{wait=600}]"), ("service.stop_timeout", "1")];
    let lab = Lab::shared();
    let mut bot = Bot::start(&lab, &settings).await;
    let talks = bot.place_to("+79005550201").await;
    let rings = bot.place_to("+79005550180").await;
    bot.until_status(&talks.id(), "answered").await;
    bot.until_status(&rings.id(), "ringing").await;
    bot.terminate();
    assert!(bot.until_exit(SOON).await.success());
    lab.asterisk().until_free_of(&[&talks.id(), &rings.id()], &bot.caller, SOON).await;
    bot.launch();
    bot.until_ready().await;
    assert_end(&bot, &bot.call(&talks.id()).await, "completed shutdown bot answered 200 OK").await;
    assert_end(&bot, &bot.call(&rings.id()).await, "canceled shutdown bot ringing").await;
}

#[tokio::test]
async fn what_waits_is_dialed_by_the_next_start() {
    let settings = [
        ("scenarios.default.steps", "[{wait=600}]"),
        ("service.stop_timeout", "0"),
        ("dial.max_concurrent", "1"),
    ];
    let mut bot = Bot::start(&Lab::shared(), &settings).await;
    let talk = bot.place_to("+79005550201").await;
    let waiting = bot.place_to("+79005550486").await;
    bot.until_status(&talk.id(), "answered").await;
    bot.terminate();
    assert!(bot.until_exit(SOON).await.success());
    assert_eq!(bot.reached("+79005550486"), 0, "no new call leaves during the stop");
    bot.launch();
    bot.until_ready().await;
    let waiting = bot.until_ended(&waiting.id(), SOON).await;
    assert_end(&bot, &waiting, "busy busy callee trying 486 Busy Here").await;
    assert_end(&bot, &bot.call(&talk.id()).await, "completed shutdown bot answered 200 OK").await;
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 2);
}

/// Told twice, it does not wait for live calls; the next start finds them.
#[tokio::test]
async fn told_twice_it_leaves_live_calls_to_the_next_start() {
    let settings = [("scenarios.default.steps", "[{wait=600}]"), ("service.stop_timeout", "600")];
    let mut bot = Bot::start(&Lab::shared(), &settings).await;
    let talk = bot.place_to("+79005550201").await;
    bot.until_status(&talk.id(), "answered").await;
    bot.terminate();
    until_stopping(&bot).await;
    bot.terminate();
    assert!(bot.until_exit(Duration::from_secs(15)).await.success());
    bot.launch();
    bot.until_ready().await;
    bot.hang_up(&talk.id()).await;
    let talk = bot.until_ended(&talk.id(), SOON).await;
    assert_end(&bot, &talk, "completed hung_up api answered 200 OK").await;
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 1);
}
