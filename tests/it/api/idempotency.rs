//! The same key, the same call.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::{Answer, Bot};

fn keyed(bot: &Bot, key: &str) -> RequestBuilder {
    bot.initiate("+79522675444").header("Idempotency-Key", key)
}

#[tokio::test]
async fn a_repetition_gives_the_call_as_it_is_now() {
    let bot = Bot::start().await;
    let first = Answer::of(keyed(&bot, "order-17")).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let first = first.expect(201);
    bot.engine.step(first["id"].as_str().expect("an id"), call::Status::Ringing).await;

    // Written in another way, it is the same request; how long to wait is no part of it.
    let body = json!({"wait_timeout": 5, "phone": "8 952 267-54-44"});
    let again = bot.post("/api/calls/initiate").json(&body).header("Idempotency-Key", "order-17");
    let again = Answer::of(again).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        again.header("location"),
        first["id"].as_str().map(|id| format!("/api/calls/{id}")).as_deref()
    );
    let again = again.expect(201);
    assert_eq!((&again["id"], &again["status"]), (&first["id"], &json!("ringing")));
    assert_eq!(bot.engine.asked(), 1);
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let bot = Bot::start().await;
    Answer::of(keyed(&bot, "k")).await.expect(201);
    let other = bot.initiate("+79522675445").header("Idempotency-Key", "k");
    assert_eq!(Answer::of(other).await.problem(409), "idempotency_key_reused");
    let other = json!({"phone": "+79522675444", "custom_metadata": {"a": 1}});
    let other = bot.post("/api/calls/initiate").json(&other).header("Idempotency-Key", "k");
    assert_eq!(Answer::of(other).await.problem(409), "idempotency_key_reused");
    assert_eq!(bot.engine.asked(), 1);
}

#[tokio::test]
async fn simultaneous_requests_place_one_call() {
    let bot = Bot::start().await;
    let gate = bot.engine.gate.clone().write_owned().await;
    let requests: Vec<_> = (0..8).map(|_| tokio::spawn(Answer::of(keyed(&bot, "k")))).collect();
    crate::support::until("the first to be asked", || bot.engine.asked() == 1).await;
    // All but the one in progress are answered while it is.
    crate::support::until("seven answers", || requests.iter().filter(|r| r.is_finished()).count() == 7).await;
    drop(gate);
    let mut placed = 0;
    for request in requests {
        let answer = request.await.expect("an answer");
        match answer.status {
            201 => placed += 1,
            _ => assert_eq!(answer.problem(409), "idempotency_in_progress"),
        }
    }
    assert_eq!((placed, bot.engine.asked()), (1, 1));
    assert_eq!(Answer::of(keyed(&bot, "k")).await.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_first_request_that_broke_off_places_its_call_once() {
    let bot = Bot::start().await;
    let gate = bot.engine.gate.clone().write_owned().await;
    let first = tokio::spawn(Answer::of(keyed(&bot, "k")));
    crate::support::until("the first to be asked", || bot.engine.asked() == 1).await;
    first.abort();
    assert!(first.await.is_err_and(|e| e.is_cancelled()));
    assert_eq!(Answer::of(keyed(&bot, "k")).await.problem(409), "idempotency_in_progress");
    drop(gate);
    let id = bot.engine.live(1).await[0];
    let again = loop {
        let answer = Answer::of(keyed(&bot, "k")).await;
        // The first may hold its key for a moment longer than its call takes to show.
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.expect(201)["id"], json!(id.0));
    assert_eq!(bot.engine.asked(), 1);
}

#[tokio::test]
async fn a_refused_call_leaves_its_key_free() {
    let bot = Bot::start().await;
    *bot.engine.refuse.lock() = Some(novofon_bot::engine::PlaceError::QueueFull(3));
    assert_eq!(Answer::of(keyed(&bot, "k")).await.problem(503), "queue_full");
    *bot.engine.refuse.lock() = None;
    let answer = Answer::of(keyed(&bot, "k")).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, None));
}

#[tokio::test]
async fn the_key_of_a_deleted_call_stays_used() {
    let bot = Bot::start().await;
    let id = Answer::of(keyed(&bot, "k")).await.expect(201)["id"].as_str().expect("an id").to_owned();
    bot.engine.step(&id, call::Status::Canceled).await;
    Answer::of(bot.request(reqwest::Method::DELETE, &format!("/api/calls/{id}"))).await.expect(200);
    for _ in 0..2 {
        let again = Answer::of(keyed(&bot, "k")).await;
        assert_eq!(again.problem(410), "call_deleted");
        assert!(again.json()["detail"].as_str().is_some_and(|detail| detail.contains(&id)), "{again:?}");
    }
    let other = bot.initiate("+79522675445").header("Idempotency-Key", "k");
    assert_eq!(Answer::of(other).await.problem(409), "idempotency_key_reused");
    let bot = Bot::on(bot.stop().await, &[]).await;
    assert_eq!(Answer::of(keyed(&bot, "k")).await.problem(410), "call_deleted", "after a restart");
    assert_eq!(bot.engine.asked(), 0);
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let bot = Bot::start().await;
    let first = Answer::of(keyed(&bot, "k")).await.expect(201);
    let bot = Bot::on(bot.stop().await, &[]).await;
    let again = Answer::of(keyed(&bot, "k")).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.expect(201)["id"], first["id"]);
    assert_eq!(bot.engine.asked(), 0);
}

#[tokio::test]
async fn keys_of_two_clients_are_two_keys() {
    let keys = r#"["crm:0123456789abcdef", "site:fedcba9876543210"]"#;
    let bot = Bot::with(&[("HTTP__API_KEYS", keys)]).await;
    let crm = Answer::of(keyed(&bot, "k").bearer_auth("0123456789abcdef")).await.expect(201);
    let site = Answer::of(keyed(&bot, "k").bearer_auth("fedcba9876543210")).await.expect(201);
    assert_ne!(crm["id"], site["id"]);
}
