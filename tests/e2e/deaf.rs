//! Asterisk does not tell what it was asked to tell: another program has changed the application, or the endpoint has
//! another name. It is noticed and mended, or said.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Bot, Lab, SOON, assert_end, until};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");
const HANG_UP: (&str, &str) = ("scenarios.default.steps", "[{hangup=true}]");

/// Until the bot has found the deafness so many times, and has mended it.
async fn until_mended(bot: &Bot, times: usize) {
    until("it is mended", SOON, async || {
        let log = bot.log_text();
        let told = log.matches("another program has changed that").count();
        let mended = log.matches("is there again").count();
        if told >= times && mended >= times { Ok(()) } else { Err(format!("told {told}, mended {mended}")) }
    })
    .await;
}

#[tokio::test]
async fn a_filter_of_another_program_is_taken_back() {
    let lab = Lab::to_spoil();
    let mut bot = Bot::start(&lab, &[STAY]).await;
    let path = format!("/applications/{}/eventFilter", bot.application());
    let filters = [
        json!({"allowed": [{"type": "BridgeCreated"}]}),
        json!({"allowed": [], "disallowed": [{"type": "Dial"}, {"type": "ChannelStateChange"}]}),
    ];
    for (times, filter) in filters.into_iter().enumerate() {
        lab.asterisk().put(&path, &filter).await;
        // Dialed while nothing is told of it, and answered.
        let call = bot.place_to("+79005550201").await;
        bot.until_status(&call.id(), "answered").await;
        until_mended(&bot, times + 1).await;
        bot.until_ready().await;
        bot.hang_up(&call.id()).await;
        let call = bot.until_ended(&call.id(), SOON).await;
        assert_end(&bot, &call, "completed hung_up api answered 200 OK").await;
        // And the next one is seen from its beginning.
        let call = bot.place_to("+79005550486").await;
        let call = bot.until_ended(&call.id(), SOON).await;
        assert_end(&bot, &call, "busy busy callee trying 486 Busy Here").await;
    }
    let metrics = bot.get("/metrics").await.body.to_string();
    assert!(metrics.contains("novofon_bot_ari_deaf_total 2"), "{metrics}");
}

/// What happened to a call while nothing was told is not known, and nothing is made up.
#[tokio::test]
async fn the_end_that_nobody_told_is_unknown() {
    let lab = Lab::to_spoil();
    let bot = Bot::start(&lab, &[HANG_UP]).await;
    let path = format!("/applications/{}/eventFilter", bot.application());
    lab.asterisk().put(&path, &json!({"allowed": [{"type": "BridgeCreated"}]})).await;
    let call = bot.place_to("+79005550486").await;
    let call = bot.until_ended(&call.id(), Duration::from_secs(30)).await;
    assert_end(&bot, &call, "unknown outcome_lost unknown none").await;
    assert_eq!(bot.reached("+79005550486"), 1, "the carrier said busy, and nobody heard it");
}

/// The filter came a moment before the end, and nobody had noticed it yet.
#[tokio::test]
async fn who_hung_up_is_not_made_up() {
    let lab = Lab::to_spoil();
    let bot = Bot::start(&lab, &[STAY]).await;
    let path = format!("/applications/{}/eventFilter", bot.application());
    let filter = json!({"allowed": [], "disallowed": [{"type": "ChannelHangupRequest"}]});
    for round in 1..=4 {
        lab.asterisk().put(&path, &filter).await;
        // The callee answers, and hangs up.
        let call = bot.place_to("+79005550210").await;
        let call = bot.until_ended(&call.id(), SOON).await;
        let ended_by = call.text("ended_by");
        assert_eq!(call.text("status"), "completed", "{call:?}");
        assert!(["callee", "unknown"].contains(&ended_by.as_str()), "round {round}: {call:?}");
        until_mended(&bot, round).await;
    }
}

#[tokio::test]
async fn a_subscription_that_was_ended_is_made_again() {
    let lab = Lab::to_spoil();
    let mut bot = Bot::start(&lab, &[STAY]).await;
    let source = "eventSource=endpoint:PJSIP/novofon";
    lab.asterisk().delete(&format!("/applications/{}/subscription?{source}", bot.application())).await;
    until_mended(&bot, 1).await;
    bot.until_ready().await;
    let call = bot.place_to("+79005550486").await;
    let call = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &call, "busy busy callee trying 486 Busy Here").await;
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_said() {
    let lab = Lab::to_spoil();
    let mut bot = Bot::start(&lab, &[STAY]).await;
    lab.spoil("endpoint-missing");
    until("it is said", SOON, async || {
        let (ready, asterisk) = (bot.get("/health/ready").await, bot.get("/health/asterisk").await);
        let said = asterisk.body.to_string();
        let told =
            ready.status == StatusCode::SERVICE_UNAVAILABLE && said.contains("no endpoint PJSIP/novofon");
        if told { Ok(()) } else { Err(format!("{} {said}", ready.body)) }
    })
    .await;
    lab.spoil("endpoint-back");
    bot.until_ready().await;
    let call = bot.place_to("+79005550486").await;
    let call = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &call, "busy busy callee trying 486 Busy Here").await;
}
