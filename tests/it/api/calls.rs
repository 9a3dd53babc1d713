//! One call: its view, timeline, messages, hang-up and deletion.

use call::{Reason, Status};
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Bot, entry, masked};

#[tokio::test]
async fn a_call_that_failed_tells_why() {
    let bot = Bot::start().await;
    let id = bot.placed().await["id"].as_str().expect("an id").to_owned();
    bot.engine.step(&id, Status::Dialing).await;
    bot.engine.record(
        &id,
        entry("trunk_refused", Some(Status::Failed), Some(json!({"cause": 21}))),
        |call| {
            call.last.reason = Some(Reason::TrunkAuthFailed);
            (call.last.sip_code, call.last.sip_text) = (Some(401), Some("Unauthorized".into()));
            call.last.ended_at = call.last.dialed_at;
        },
    );
    bot.engine.live(0).await;
    let path = format!("/api/calls/{id}");
    let call = Answer::of(bot.get(&path)).await.expect(200);
    assert_eq!((&call["status"], &call["duration"]), (&json!("failed"), &json!(0)));
    assert_eq!(call["start_time"], call["dialed_at"]);
    let message = call["error_message"].as_str().expect("a message");
    assert!(message.starts_with("trunk_auth_failed: 401 Unauthorized – The carrier refused"), "{message}");
    let russian = Answer::of(bot.get(&path).header("Accept-Language", "ru-RU,en;q=0.5")).await.expect(200);
    assert!(russian["hint"].as_str().is_some_and(|hint| hint.starts_with("Оператор не принял")));

    // In the reader's language, where it is a fact of this release.
    let told =
        Answer::of(bot.get(&format!("{path}/timeline")).header("Accept-Language", "ru")).await.expect(200);
    let texts: Vec<_> = (0..3).filter_map(|n| told["entries"][n]["text"].as_str()).collect();
    assert_eq!((texts[0], texts[2]), ("звонок принят", "seen: trunk_refused"));

    let timeline = Answer::of(bot.get(&format!("{path}/timeline"))).await.expect(200);
    assert_eq!(timeline["call_id"], json!(id));
    assert_eq!(timeline["status"], "failed");
    let events: Vec<_> = timeline["entries"].as_array().into_iter().flatten().map(|e| &e["event"]).collect();
    assert_eq!(events, ["accepted", "dialing", "trunk_refused"]);
    insta::assert_json_snapshot!(masked(&timeline["entries"][2], &["at"]), @r#"
    {
      "at": "...",
      "attempt": null,
      "data": {
        "cause": 21
      },
      "event": "trunk_refused",
      "seq": 3,
      "source": "bot",
      "status": "failed",
      "text": "seen: trunk_refused"
    }
    "#);
    assert_eq!(timeline["entries"][1]["data"], json!(null));
}

#[tokio::test]
async fn the_configured_language_is_for_clients_that_name_none() {
    let bot = Bot::with(&[("HTTP__LANGUAGE", "ru")]).await;
    let id = bot.placed().await["id"].as_str().expect("an id").to_owned();
    bot.engine.step(&id, Status::Canceled).await;
    let hint = async |language: &str| {
        let request = bot.get(&format!("/api/calls/{id}")).header("Accept-Language", language);
        Answer::of(request).await.expect(200)["hint"].as_str().expect("a hint").to_owned()
    };
    assert!(hint("de").await.starts_with("Трубку"));
    assert!(hint("en").await.starts_with("The call"));
}

#[tokio::test]
async fn what_the_bot_played() {
    let bot = Bot::start().await;
    let id = bot.placed().await["id"].as_str().expect("an id").to_owned();
    bot.engine.step(&id, Status::Answered).await;
    let data = json!({"media": "sound:hello-world", "seconds": 1.2});
    bot.engine.record(&id, entry("sound_played", None, Some(data)), |_| {});
    bot.engine.step(&id, Status::Completed).await;
    let messages = Answer::of(bot.get(&format!("/api/calls/{id}/messages"))).await.expect(200);
    insta::assert_json_snapshot!(masked(&messages[0], &["call_id", "timestamp"]), @r#"
    {
      "audio_duration": 1.2,
      "call_id": "...",
      "id": 3,
      "role": "bot",
      "text": "sound:hello-world",
      "timestamp": "..."
    }
    "#);
}

#[tokio::test]
async fn hang_up_and_delete() {
    let bot = Bot::start().await;
    let id = bot.placed().await["id"].as_str().expect("an id").to_owned();
    let hangup = || bot.post(&format!("/api/calls/{id}/hangup"));
    let delete = || bot.request(Method::DELETE, &format!("/api/calls/{id}"));
    assert_eq!(Answer::of(delete()).await.problem(409), "call_not_ended");
    let asked = Answer::of(hangup()).await.expect(200);
    assert_eq!(asked, json!({"success": true, "message": format!("Call {id} is being hung up")}));
    bot.engine.step(&id, Status::Canceled).await;
    assert_eq!(Answer::of(hangup()).await.problem(409), "call_ended");
    assert_eq!(Answer::of(delete()).await.expect(200)["success"], true);
    let answer = Answer::of(bot.get(&format!("/api/calls/{id}"))).await;
    assert_eq!(answer.problem(404), "call_not_found");
    assert_eq!(answer.json()["detail"], format!("Call {id} not found"), "the original's words");
    assert_eq!(Answer::of(delete()).await.problem(404), "call_not_found");
}
