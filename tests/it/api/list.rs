//! The list: filters, pages, and the original's words.

use call::{EndedBy, Reason, Status};
use serde_json::Value;

use crate::support::{Answer, Bot, entry};

async fn ids(bot: &Bot, query: &str) -> Vec<String> {
    let list = Answer::of(bot.get(&format!("/api/calls{query}"))).await.expect(200);
    ids_of(&list)
}

fn ids_of(list: &Value) -> Vec<String> {
    let calls = list["calls"].as_array().expect("a list");
    calls.iter().map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn pages_by_cursor_and_by_offset() {
    let bot = Bot::start().await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.insert(0, bot.placed().await["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids(&bot, "").await, placed, "newest first");
    assert_eq!(ids(&bot, "/").await, placed, "the original's path");
    assert_eq!(ids(&bot, "?limit=2&offset=2").await, placed[2..4]);

    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = Answer::of(bot.get(&format!("/api/calls{query}"))).await.expect(200);
        // A call that comes meanwhile changes nothing in the pages to come.
        assert!(page["total"].as_u64() >= Some(5));
        seen.extend(ids_of(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
        bot.placed().await;
    }
    assert_eq!(seen, placed);
}

#[tokio::test]
async fn filters() {
    let bot = Bot::start().await;
    let mut calls = Vec::new();
    for phone in ["+79522675444", "+79522675445", "+79522675446", "+79522675447"] {
        let call = Answer::of(bot.initiate(phone)).await.expect(201);
        calls.push(call["id"].as_str().expect("an id").to_owned());
    }
    let [queued, by_callee, by_bot, busy] = <[String; 4]>::try_from(calls).expect("four");
    bot.engine.step(&by_callee, Status::Completed).await;
    bot.engine.record(&by_bot, entry("end", Some(Status::Completed), None), |call| {
        (call.last.ended_by, call.last.reason) = (Some(EndedBy::Bot), Some(Reason::ScenarioEnded));
        call.last.ended_at = Some(call.created_at);
    });
    bot.engine.step(&busy, Status::Busy).await;
    bot.engine.live(1).await;

    assert_eq!(ids(&bot, "?status=pending").await, [&*queued]);
    assert_eq!(ids(&bot, "?status=user_hangup").await, [&*by_callee]);
    assert_eq!(ids(&bot, "?status=bot_hangup").await, [&*by_bot]);
    assert_eq!(ids(&bot, "?status=user_hangup,bot_hangup").await, [&*by_bot, &*by_callee]);
    assert_eq!(ids(&bot, "?status=busy,queued").await, [&*busy, &*queued]);
    assert_eq!(ids(&bot, "?status=").await.len(), 4);
    for phone in ["+79522675445", "%2B79522675445", "89522675445", "8%20(952)%20267-54-45"] {
        assert_eq!(ids(&bot, &format!("?phone={phone}")).await, [&*by_callee], "{phone}");
    }
    let today = chrono::Utc::now().format("%Y-%m-%d");
    assert_eq!(ids(&bot, &format!("?from={today}&to={today}")).await.len(), 4);
    assert_eq!(ids(&bot, "?to=2020-01-01").await.len(), 0);
    assert_eq!(ids(&bot, "?from=2999-01-01T00:00:00%2B03:00").await.len(), 0);
}
