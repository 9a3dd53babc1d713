//! Placing calls, and waiting for them.

use call::Status;
use serde_json::json;

use crate::support::{Answer, Bot, masked};

#[tokio::test]
async fn a_call_is_placed() {
    let bot = Bot::start().await;
    let body = json!({
        "phone": "8 (952) 267-54-44", "caller_id": "74951234567", "scenario": "news", "ring_timeout": 30,
        "max_duration": 60, "custom_metadata": {"b": [1, {"ключ": null}], "a": 1.5},
    });
    let answer = Answer::of(bot.post("/api/calls/initiate").json(&body)).await;
    let location = answer.header("location").map(str::to_owned);
    let call = answer.expect(201);
    assert_eq!(location, call["id"].as_str().map(|id| format!("/api/calls/{id}")));
    insta::assert_json_snapshot!(masked(&call, &["id", "created_at", "start_time"]), @r#"
    {
      "answered_at": null,
      "attempts": [],
      "caller_id": "+74951234567",
      "created_at": "...",
      "custom_metadata": {
        "a": 1.5,
        "b": [
          1,
          {
            "ключ": null
          }
        ]
      },
      "dialed_at": null,
      "duration": null,
      "end_time": null,
      "ended_at": null,
      "ended_by": null,
      "error_message": null,
      "hint": null,
      "id": "...",
      "max_duration": 60,
      "novofon_call_id": null,
      "phone": "+79522675444",
      "q850_cause": null,
      "reached": "none",
      "reason": null,
      "ring_seconds": null,
      "ring_timeout": 30,
      "ringing_at": null,
      "scenario": "news",
      "scenario_result": null,
      "sip_code": null,
      "sip_text": null,
      "start_time": "...",
      "status": "queued",
      "talk_seconds": null
    }
    "#);
    let path = location.expect("a location");
    assert_eq!(Answer::of(bot.get(&path)).await.expect(200), call, "it is on disk");
}

#[tokio::test]
async fn what_is_not_asked_for_comes_from_the_configuration() {
    let bot = Bot::with(&[
        ("DIAL__RING_TIMEOUT", "45"),
        ("DIAL__MAX_DURATION", "90"),
        ("TRUNK__CALLER_ID", "+74951234568"),
    ])
    .await;
    let call = bot.placed().await;
    assert_eq!(call["ring_timeout"], 45);
    assert_eq!(call["max_duration"], 90);
    // The trunk's own, of the moment when it is dialed: while it waits, it may change.
    assert_eq!(call["caller_id"], json!(null));
    assert_eq!(call["scenario"], "default");
    let nulls =
        json!({"phone": "79522675444", "caller_id": null, "ring_timeout": null, "custom_metadata": null});
    assert_eq!(
        Answer::of(bot.post("/api/calls/initiate").json(&nulls)).await.expect(201)["ring_timeout"],
        45
    );
}

#[tokio::test]
async fn the_answer_waits_for_the_call() {
    let bot = Bot::start().await;
    let cases = [
        ("?wait=answered", json!({}), vec![Status::Ringing, Status::Answered], "answered"),
        ("", json!({"wait": "answered"}), vec![Status::Ringing, Status::Busy], "busy"),
        ("?wait=ended&wait_timeout=30", json!({}), vec![Status::Answered, Status::Completed], "completed"),
        ("?wait=answered", json!({"wait": "ended"}), vec![Status::Answered, Status::Completed], "completed"),
    ];
    for (query, mut body, steps, status) in cases {
        body["phone"] = json!("+79522675444");
        let request = bot.post(&format!("/api/calls/initiate{query}")).json(&body);
        let waiting = tokio::spawn(Answer::of(request));
        let id = bot.engine.live(1).await[0].to_string();
        for step in steps {
            assert!(!waiting.is_finished(), "{query} {body}");
            bot.engine.step(&id, step).await;
        }
        let answer = waiting.await.expect("an answer");
        assert_eq!(answer.header("x-wait-timed-out"), None);
        let call = answer.expect(201);
        assert_eq!((&call["id"], &call["status"]), (&json!(id), &json!(status)), "{query} {body}");
        if status == "answered" {
            bot.engine.step(&id, Status::Completed).await;
        }
    }
}

#[tokio::test]
async fn a_wait_ends_when_its_time_is_over_and_the_call_goes_on() {
    let bot = Bot::start().await;
    let answer = Answer::of(
        bot.post("/api/calls/initiate")
            .json(&json!({"phone": "+79522675444", "wait": "ended", "wait_timeout": 1})),
    )
    .await;
    assert_eq!(answer.header("x-wait-timed-out"), Some("true"));
    let call = answer.expect(201);
    assert_eq!(call["status"], "queued");
    bot.engine.step(call["id"].as_str().expect("an id"), Status::Dialing).await;
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_end_its_call() {
    let bot = Bot::start().await;
    let waiting = tokio::spawn(Answer::of(bot.initiate("+79522675444").query(&[("wait", "ended")])));
    let id = bot.engine.live(1).await[0].to_string();
    waiting.abort();
    assert!(waiting.await.is_err_and(|e| e.is_cancelled()));
    bot.engine.step(&id, Status::Answered).await;
    let call = Answer::of(bot.get(&format!("/api/calls/{id}"))).await.expect(200);
    assert_eq!(call["status"], "answered");
}

#[tokio::test]
async fn a_stop_ends_waits_at_once() {
    let bot = Bot::start().await;
    let waiting = tokio::spawn(Answer::of(bot.initiate("+79522675444").query(&[("wait", "ended")])));
    bot.engine.live(1).await;
    bot.begin_stop();
    let answer = waiting.await.expect("an answer");
    assert_eq!(answer.header("x-wait-timed-out"), Some("true"));
    assert_eq!(answer.expect(201)["status"], "queued");
    bot.stop().await;
}

#[tokio::test]
async fn metadata_comes_back_as_it_was_given() {
    let bot = Bot::start().await;
    let given = r#"{ "z": 123456789012345678901234567890, "a": [1.10, 1E2, "\u0061\/"],
        "m": {"y": null, "x": "л"} }"#;
    let compact = r#""custom_metadata":{"z":123456789012345678901234567890,"a":[1.10,1E2,"\u0061\/"],"m":{"y":null,"x":"л"}}"#;
    let body = format!(r#"{{"phone": "+79522675444", "custom_metadata": {given}}}"#);
    let request = bot.post("/api/calls/initiate").header("Content-Type", "application/json").body(body);
    let answer = Answer::of(request).await;
    assert!(answer.text.contains(compact), "{answer:?}");
    let id = answer.expect(201)["id"].as_str().expect("an id").to_owned();
    for path in [format!("/api/calls/{id}"), "/api/calls".to_owned()] {
        let answer = Answer::of(bot.get(&path)).await;
        assert!(answer.text.contains(compact), "{path}: {answer:?}");
    }
    let event = bot.events(&format!("/api/calls/{id}/events")).await.next().await.expect("an event");
    assert_eq!(event.data["call"]["custom_metadata"]["m"]["x"], "л");
}
