//! Another program opens an events socket for our application: Asterisk gives the name to the newcomer,
//! and from then on tells the bot nothing.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio_tungstenite::connect_async;

use crate::{
    judge::{ANSWERS, BUSY, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, one_in_each_state, place},
    support::{Bot, Call, Lab, SOON, assert_end, until},
};

#[tokio::test]
async fn it_is_said_and_calls_end_truthfully() {
    let lab = Lab::shared();
    let application = format!("taken_{}", std::process::id());
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("ari.app", application.as_str()), ("dial.unreachable_timeout", "120")]);
    let mut bot = Bot::start(&lab, &settings).await;
    let before = Before::of(&bot).await;
    let live = one_in_each_state(&bot).await;

    let (mut other, _) = connect_async(lab.asterisk().events_url(&application)).await.expect("a socket");
    let said = until("the bot says it", SOON, async || {
        let health = bot.get("/health/asterisk").await.body;
        let error = health["error"].as_str().unwrap_or_default().to_owned();
        if error.contains("another program took") { Ok(error) } else { Err(health.to_string()) }
    })
    .await;
    assert!(said.contains(&application), "{said}");
    assert!(bot.log_text().contains(&said), "the log says it too");
    assert_eq!(bot.get("/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);

    // A call of the other program's own, in the application that both call theirs.
    let theirs = format!("theirs-{}", std::process::id());
    let query = [("endpoint", "Local/+79005550201@outgoing"), ("app", &application), ("channelId", &theirs)];
    let (status, answer) = lab.asterisk().ask(Method::POST, "channels", &query).await;
    assert_eq!(status, 200, "{answer}");

    // While the name is another's, nothing is dialed, and nothing is concluded from the silence.
    let waiting = place(&bot, BUSY).await;
    assert_eq!(waiting.status(), "queued");
    lab.put_down(&live[3].text("novofon_call_id")).await;
    lab.refuse(&live[1].text("novofon_call_id")).await;
    lab.asterisk().until_free_of(&[&live[1].id(), &live[3].id()], "-", SOON).await;

    // The bot takes its name back after some seconds; the other program is told, and leaves.
    until("the other program is told", Duration::from_secs(20), async || match other.next().await {
        Some(Ok(frame)) if frame.to_string().contains("ApplicationReplaced") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    drop(other);
    bot.until_ready().await;
    bot.hang_up(&live[0].id()).await;
    bot.hang_up(&live[2].id()).await;
    let calls = bot.until_all_ended(Duration::from_secs(20)).await;
    for (call, end) in live.iter().zip([
        "canceled hung_up api trying",
        "unknown outcome_lost unknown ringing",
        "canceled hung_up api early_media",
        "completed outcome_lost unknown answered",
    ]) {
        let call = bot.call(&call.id()).await;
        assert_end(&bot, &call, end).await;
    }
    let live: Vec<String> = live.iter().map(Call::id).collect();
    let rest: Vec<Call> = calls.into_iter().filter(|call| !live.contains(&call.id())).collect();
    assert_eq!(assert_all_true(&bot, &rest, &[]).await, rest.len());
    assert_eq!(lab.asterisk().state(&theirs).await.as_deref(), Some("Up"), "it is not ours to hang up");

    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    lab.asterisk().hang_up(&json!({"id": theirs})).await;
    before.assert_back(&bot).await;
}
