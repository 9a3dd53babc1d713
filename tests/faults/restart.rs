//! Asterisk gone and started again under calls in every state: the bot comes back by itself, what was lost
//! is said to be lost, and what waited is dialed once.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{
    judge::{ANSWERS, BUSY, NO_NUMBER, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, one_in_each_state, place},
    support::{Bot, Call, Lab, SOON, assert_end, until},
};

/// A bot whose slots are all taken, one call in each state, and what waits behind them.
async fn full_bot(lab: &Lab) -> (Bot, Before, [Call; 4], Vec<Call>) {
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("dial.max_concurrent", "4"), ("dial.unreachable_timeout", "120")]);
    let bot = Bot::start(lab, &settings).await;
    let before = Before::of(&bot).await;
    let live = one_in_each_state(&bot).await;
    let mut queued = Vec::new();
    for kind in [BUSY, ANSWERS, NO_NUMBER] {
        queued.push(place(&bot, kind).await);
    }
    for call in &queued {
        assert_eq!(bot.call(&call.id()).await.status(), "queued", "all slots are taken");
    }
    (bot, before, live, queued)
}

async fn until_not_ready(bot: &Bot) {
    until("the loss is seen", SOON, async || {
        let answer = bot.get("/health/ready").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
}

/// What is left of the calls when the PBX is there again.
async fn after(lab: &Lab, bot: &mut Bot, live: &[Call; 4], ends: [&str; 4], before: &Before) {
    bot.until_ready().await;
    let calls = bot.until_all_ended(Duration::from_secs(30)).await;
    for (call, end) in live.iter().zip(ends) {
        let call = bot.call(&call.id()).await;
        assert_end(bot, &call, end).await;
    }
    let known: Vec<String> = live.iter().map(Call::id).collect();
    let others: Vec<Call> = calls.into_iter().filter(|call| !known.contains(&call.id())).collect();
    let whole = assert_all_true(bot, &others, &[]).await;
    assert_eq!(whole, others.len(), "what waited went its way");

    let next = place(bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(bot, &next, ANSWERS.end).await;
    let ids: Vec<String> = bot.calls().await.iter().map(Call::id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, SOON).await;
    before.assert_back(bot).await;
}

/// Nobody is told anything: Asterisk is there in one moment and gone in the next.
#[tokio::test]
async fn killed() {
    let lab = Lab::to_stop().await;
    let (mut bot, before, live, queued) = full_bot(&lab).await;
    lab.spoil("pbx-kill");
    until_not_ready(&bot).await;
    for call in live.iter().chain(&queued) {
        let now = bot.call(&call.id()).await;
        assert_eq!(now.status(), call.status(), "nothing is concluded while nothing is known");
    }
    let waiting = place(&bot, BUSY).await;
    assert_eq!(waiting.status(), "queued");
    lab.spoil("pbx-start");
    let ends = [
        "unknown outcome_lost unknown sent",
        "unknown outcome_lost unknown ringing",
        "unknown outcome_lost unknown early_media",
        "completed outcome_lost unknown answered",
    ];
    after(&lab, &mut bot, &live, ends, &before).await;
}

/// Asterisk hangs up all calls before it goes, and tells of it as long as it can.
#[tokio::test]
async fn restarted() {
    let lab = Lab::to_stop().await;
    let (mut bot, before, live, _) = full_bot(&lab).await;
    lab.spoil("pbx-restart");
    let ends = [
        "canceled hung_up pbx trying",
        "canceled hung_up pbx ringing",
        "canceled hung_up pbx early_media",
        "completed hung_up pbx answered 200 OK",
    ];
    after(&lab, &mut bot, &live, ends, &before).await;
}
