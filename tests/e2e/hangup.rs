//! `POST /api/calls/{id}/hangup` in each state of a call.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Bot, Lab, SOON, assert_end};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");

/// Hangs up twice in `state`; the second time changes nothing.
async fn hang_up_in(bot: &Bot, number: &str, state: &str, event: &str, expected: &str) {
    let call = bot.place_to(number).await;
    let id = call.id();
    bot.until_status(&id, state).await;
    bot.until_event(&id, event).await;
    let first = bot.hang_up(&id).await;
    assert_eq!((first.status, &first.body["success"]), (StatusCode::OK, &json!(true)), "{}", first.body);
    let second = bot.hang_up(&id).await;
    assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&second.status), "{}", second.body);
    let call = bot.until_ended(&id, SOON).await;
    assert_end(bot, &call, expected).await;
    let asked = bot.events(&id).await.iter().filter(|event| *event == "hangup_asked").count();
    assert_eq!(asked, 1, "the first to ask ends the call");
    let late = bot.hang_up(&id).await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "call_ended"));
    assert_eq!(bot.reached(number), 1);
}

#[tokio::test]
async fn while_it_is_dialed() {
    let bot = Bot::start(&Lab::shared(), &[STAY]).await;
    hang_up_in(&bot, "+79005550100", "dialing", "trunk_created", "canceled hung_up api trying").await;
}

#[tokio::test]
async fn while_nothing_comes_back() {
    let bot = Bot::start(&Lab::shared(), &[STAY]).await;
    hang_up_in(&bot, "+79005550000", "dialing", "trunk_created", "canceled hung_up api sent").await;
}

#[tokio::test]
async fn while_it_rings() {
    let bot = Bot::start(&Lab::shared(), &[STAY]).await;
    hang_up_in(&bot, "+79005550180", "ringing", "trunk_ringing", "canceled hung_up api ringing").await;
    let calls = bot.calls().await;
    assert!(bot.carrier.saw("cancel", &calls[0].text("novofon_call_id")), "the carrier got our CANCEL");
}

#[tokio::test]
async fn while_it_has_early_media() {
    let bot = Bot::start(&Lab::shared(), &[STAY]).await;
    let expected = "canceled hung_up api early_media";
    hang_up_in(&bot, "+79005550183", "early_media", "trunk_early_media", expected).await;
}

#[tokio::test]
async fn while_it_is_answered() {
    let bot = Bot::start(&Lab::shared(), &[STAY]).await;
    hang_up_in(&bot, "+79005550201", "answered", "trunk_up", "completed hung_up api answered 200 OK").await;
}

/// The callee picks up while our CANCEL is on its way: the hang-up stands, and no call is left.
#[tokio::test]
async fn while_the_callee_picks_up() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[STAY]).await;
    hang_up_in(&bot, "+79005550220", "ringing", "trunk_ringing", "canceled hung_up api ringing").await;
    let call = &bot.calls().await[0];
    let sip_call_id = call.text("novofon_call_id");
    assert!(bot.carrier.saw("cancel", &sip_call_id));
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
}

#[tokio::test]
async fn while_it_waits_in_the_queue() {
    let bot = Bot::start(&Lab::shared(), &[STAY, ("dial.max_concurrent", "1")]).await;
    let first = bot.place_to("+79005550201").await;
    let waiting = bot.place_to("+79005550486").await;
    let next = bot.place_to("+79005550404").await;
    bot.until_status(&first.id(), "answered").await;
    assert_eq!(bot.call(&waiting.id()).await.status(), "queued");

    assert_eq!(bot.hang_up(&waiting.id()).await.status, StatusCode::OK);
    let waiting = bot.until_ended(&waiting.id(), SOON).await;
    assert_end(&bot, &waiting, "canceled hung_up api none").await;
    assert_eq!(bot.hang_up(&waiting.id()).await.status, StatusCode::CONFLICT);

    // Its place in the queue is free for the next.
    bot.hang_up(&first.id()).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, "failed number_invalid carrier trying 404 Not Found").await;
    assert_eq!(bot.reached("+79005550486"), 0, "a call canceled in the queue is never dialed");
}

/// At once after the acceptance, when nobody knows how far the call is.
#[tokio::test]
async fn at_once() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[STAY]).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let call = bot.place_to(&format!("+795200010{n:02}")).await;
        assert_eq!(bot.hang_up(&call.id()).await.status, StatusCode::OK);
        ids.push(call.id());
    }
    for call in bot.until_all_ended(SOON).await {
        assert_eq!(
            (call.status(), call.text("reason"), call.text("ended_by")),
            ("canceled".into(), "hung_up".into(), "api".into())
        );
        assert!(bot.reached(&call.text("phone")) <= 1);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    lab.asterisk().until_free_of(&ids, &bot.caller, Duration::from_secs(15)).await;
}

#[tokio::test]
async fn a_call_that_never_was() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    let answer = bot.hang_up("019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "call_not_found"));
}
