//! The way to the carrier is gone, then back: no word comes from it, or no packet can even leave.

use std::time::Duration;

use serde_json::json;

use crate::{
    judge::{ANSWERS, BUSY, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, new_caller, place, stay_in},
    support::{Bot, Lab, SOON, assert_end, assert_words},
};

/// The carrier's host takes every packet and answers none, as behind a firewall. What it finds when it
/// is back, it may still work off, but each call once.
#[tokio::test]
async fn silent_then_back() {
    let lab = Lab::to_stop().await;
    let bot = Bot::start(&lab, &SCENARIOS).await;
    let before = Before::of(&bot).await;
    let talk = stay_in(&bot, "answered").await;
    let rings = stay_in(&bot, "ringing").await;
    lab.spoil("carrier-freeze");
    let request = |number: &str| json!({"phone": number, "caller_id": new_caller(), "ring_timeout": 6});
    let mut unheard = Vec::new();
    for number in [ANSWERS.number, BUSY.number] {
        unheard.push(bot.place(request(number)).await);
    }
    for call in &unheard {
        let call = bot.until_ended(&call.id(), Duration::from_secs(30)).await;
        assert_words(&bot, &call, "failed carrier_silent limit sent").await;
    }
    // Asterisk asks the trunk by itself once a minute, and then knows.
    lab.console("pbx", "pjsip qualify novofon");
    lab.until_trunk("Unavail").await;
    let call = bot.place_and_wait(request(ANSWERS.number), Duration::from_secs(20)).await;
    assert_end(&bot, &call, "failed trunk_unreachable pbx none").await;
    // A talk goes on: its sound has another way.
    assert_eq!(bot.call(&talk.id()).await.status(), "answered");

    lab.spoil("carrier-thaw");
    lab.console("pbx", "pjsip qualify novofon");
    lab.until_trunk("Avail").await;
    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    for (call, end) in
        [(&talk, "completed hung_up api answered 200 OK"), (&rings, "canceled hung_up api ringing")]
    {
        bot.hang_up(&call.id()).await;
        let call = bot.until_ended(&call.id(), Duration::from_secs(20)).await;
        assert_end(&bot, &call, end).await;
    }
    let ends = ["failed carrier_silent", "failed trunk_unreachable", "completed hung_up", "canceled hung_up"];
    assert_all_true(&bot, &bot.calls().await, &ends).await;
    before.assert_back(&bot).await;
}

/// The kernel itself says that there is no way.
#[tokio::test]
async fn nowhere_then_back() {
    let lab = Lab::to_stop().await;
    let bot = Bot::start(&lab, &SCENARIOS).await;
    lab.spoil("trunk-nowhere");
    let call = place(&bot, ANSWERS).await;
    let call = bot.until_ended(&call.id(), Duration::from_secs(20)).await;
    assert_words(&bot, &call, "failed trunk_unreachable pbx sent").await;
    lab.spoil("trunk-back");
    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    assert_all_true(&bot, &bot.calls().await, &["failed trunk_unreachable pbx"]).await;
}
