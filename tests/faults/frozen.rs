//! Asterisk stands still for half a minute, with its connections open, and then goes on as if nothing had
//! been: late requests, late events and connections that were given up long ago all come to life at once.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    judge::{ANSWERS, BUSY, DECLINES, MIX, RINGS_AND_ANSWERS, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, new_caller, one_in_each_state, place},
    support::{Bot, Call, Lab, SOON, assert_end, until},
};

const FROZEN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn for_half_a_minute() {
    let lab = Lab::to_stop().await;
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("dial.max_concurrent", "12"), ("dial.unreachable_timeout", "120")]);
    let mut bot = Bot::start(&lab, &settings).await;
    let before = Before::of(&bot).await;
    let live = one_in_each_state(&bot).await;
    // These are under way when it stops: asked for, ringing, on their way to an answer.
    let ring_out = json!({"phone": "+79005550180", "caller_id": new_caller(), "ring_timeout": 20});
    let rings_out = bot.place(ring_out).await;
    bot.until_status(&rings_out.id(), "ringing").await;
    let mut others = vec![place(&bot, RINGS_AND_ANSWERS).await, place(&bot, DECLINES).await];
    lab.spoil("pbx-freeze");
    let begin = Instant::now();
    // Placed while the connection still seems to be sound: their originates wait in it.
    for kind in [ANSWERS, BUSY] {
        others.push(place(&bot, kind).await);
    }
    until("the silence is noticed", FROZEN, async || {
        let answer = bot.get("/health/ready").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    assert!(begin.elapsed() < Duration::from_secs(25), "noticed after {:?}", begin.elapsed());
    // Placed while it is known to be away: they wait.
    let mut waiting = Vec::new();
    for kind in MIX {
        waiting.push(place(&bot, kind).await);
    }
    assert_eq!(bot.hang_up(&live[3].id()).await.status, StatusCode::OK);
    tokio::time::sleep_until(begin + FROZEN).await;
    for call in &waiting {
        assert_eq!(bot.call(&call.id()).await.status(), "queued");
    }
    lab.spoil("pbx-thaw");

    bot.until_ready().await;
    for call in &live[..3] {
        bot.hang_up(&call.id()).await;
    }
    let calls = bot.until_all_ended(Duration::from_secs(60)).await;
    let reached = ["trying", "ringing", "early_media"];
    for (call, reached) in live.iter().zip(reached) {
        let call = bot.call(&call.id()).await;
        assert_end(&bot, &call, &format!("canceled hung_up api {reached}")).await;
    }
    let talk = bot.call(&live[3].id()).await;
    // Its end was asked for while nobody could see it: whether that, or the callee, ended it, nothing tells, unless the
    // events were back before the late hang-up was carried out.
    let end = match talk.text("ended_by").as_str() {
        "unknown" => "completed outcome_lost unknown answered",
        _ => "completed hung_up api answered 200 OK",
    };
    assert_end(&bot, &talk, end).await;
    let rang = bot.call(&rings_out.id()).await;
    // Whether the late hang-up found it still ringing may be lost with the events.
    let end = match rang.status().as_str() {
        "unknown" => "unknown outcome_lost unknown ringing",
        _ => "no_answer ring_timeout limit ringing",
    };
    assert_end(&bot, &rang, end).await;
    let apart: Vec<String> = live.iter().chain([&rings_out]).map(Call::id).collect();
    let rest: Vec<Call> = calls.into_iter().filter(|call| !apart.contains(&call.id())).collect();
    assert_all_true(&bot, &rest, &[]).await;
    for call in &waiting {
        let call = bot.call(&call.id()).await;
        assert_eq!(
            bot.carrier.by_caller()[&call.text("caller_id")].len(),
            1,
            "what waited is dialed: {call:?}"
        );
    }

    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    let ids: Vec<String> = bot.calls().await.iter().map(Call::id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(30)).await;
    before.assert_back(&bot).await;
    let log = bot.log_text();
    assert!(!log.contains("another program took"), "nobody but this bot uses its name");
}
