//! What the bot does on answer: the scenario that the request names, and what is told of it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Bot, Call, Lab, assert_end};

const SCENARIOS: [(&str, &str); 3] = [
    (
        "scenarios.greeting.steps",
        r#"[{play=["sound:beep","digits:42"]},{wait=0.5},{play="sound:beep"},{hangup=true}]"#,
    ),
    (
        "scenarios.broken.steps",
        r#"[{play="sound:there-is-no-such-sound"},{play="sound:beep"},{hangup=true}]"#,
    ),
    ("scenarios.long.steps", r#"[{play="sound:beep"},{wait=600}]"#),
];
const COMPLETED: &str = "completed scenario_ended bot answered 200 OK";

async fn run(bot: &Bot, number: &str, scenario: &str) -> Call {
    bot.place_and_wait(json!({"phone": number, "scenario": scenario}), Duration::from_secs(30)).await
}

/// The sounds that the API lists as played.
async fn played(bot: &Bot, call: &Call) -> Vec<String> {
    let answer = bot.get(&format!("/api/calls/{}/messages", call.id())).await;
    let messages = answer.body.as_array().expect("a list").clone();
    for message in &messages {
        assert_eq!((&message["role"], &message["call_id"]), (&json!("bot"), &json!(call.id())));
        assert!(message["audio_duration"].as_f64().is_some_and(|seconds| seconds > 0.1), "{message}");
    }
    messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_named_scenario_plays_its_sounds_and_hangs_up() {
    let bot = Bot::start(&Lab::shared(), &SCENARIOS).await;
    let call = run(&bot, "+79005550200", "greeting").await;
    assert_end(&bot, &call, COMPLETED).await;
    assert_eq!(call.text("scenario_result"), "completed");
    assert_eq!(call.text("scenario"), "greeting");
    assert_eq!(played(&bot, &call).await, ["sound:beep", "digits:42", "sound:beep"]);
    assert!(call.seconds("talk_seconds") > 1.0, "sounds and a pause take their time: {call:?}");
}

#[tokio::test]
async fn the_shipped_scenario_says_hello() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    let call = bot.place_and_wait(json!({"phone": "+79005550201"}), Duration::from_secs(30)).await;
    assert_end(&bot, &call, COMPLETED).await;
    assert_eq!(played(&bot, &call).await, ["sound:hello-world"]);
}

#[tokio::test]
async fn a_missing_sound_spoils_the_scenario_and_not_the_call() {
    let bot = Bot::start(&Lab::shared(), &SCENARIOS).await;
    let call = run(&bot, "+79005550201", "broken").await;
    assert_end(&bot, &call, COMPLETED).await;
    assert_eq!(call.text("scenario_result"), "sound_failed");
    let hint = call.text("hint");
    assert!(hint.contains("did not hear it") && hint.contains("into the folder"), "{hint}");
    assert_eq!(played(&bot, &call).await, ["sound:beep"], "the next step goes on");
    assert!(bot.events(&call.id()).await.iter().any(|event| event == "sound_failed"));
}

#[tokio::test]
async fn a_callee_who_hangs_up_interrupts_it() {
    let bot = Bot::start(&Lab::shared(), &SCENARIOS).await;
    let call = run(&bot, "+79005550211", "long").await;
    assert_end(&bot, &call, "completed hung_up callee answered 200 OK").await;
    assert_eq!(call.text("scenario_result"), "interrupted");
}

#[tokio::test]
async fn nothing_is_played_to_ringing() {
    let bot = Bot::start(&Lab::shared(), &SCENARIOS).await;
    let call = run(&bot, "+79005551486", "greeting").await;
    assert_end(&bot, &call, "busy busy callee ringing 486 Busy Here").await;
    assert_eq!(call.text("scenario_result"), "-");
    assert!(played(&bot, &call).await.is_empty());
}

#[tokio::test]
async fn an_unknown_scenario_is_refused() {
    let bot = Bot::start(&Lab::shared(), &SCENARIOS).await;
    let answer = bot.initiate(json!({"phone": "+79005550200", "scenario": "missing"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "unknown_scenario"));
    assert_eq!(bot.reached("+79005550200"), 0);
}

/// Sound reaches the callee as it is, and costs the PBX no conversion: without word of ours a Local channel carries
/// linear sound at 192 kHz, at three times the processor's time and half the loudness.
#[tokio::test]
async fn the_trunk_converts_nothing() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &SCENARIOS).await;
    let call = bot.place(json!({"phone": "+79005550201", "scenario": "long"})).await;
    bot.until_status(&call.id(), "answered").await;
    let timeline = bot.timeline(&call.id()).await;
    let created = timeline.iter().find(|entry| entry["event"] == "trunk_created").expect("it was dialed");
    let id = created["data"]["channel"].as_str().expect("a channel's id");
    let listed = lab.console("pbx", "core show channels concise");
    let line = listed.lines().find(|line| line.ends_with(&format!("!{id}"))).expect("it is up");
    let shown =
        lab.console("pbx", &format!("core show channel {}", line.split('!').next().unwrap_or_default()));
    let told: Vec<&str> = shown.lines().map(str::trim).filter(|line| line.contains("Transcode:")).collect();
    assert_eq!(told, ["WriteTranscode: No", "ReadTranscode: No"], "{shown}");
    assert_eq!(bot.hang_up(&call.id()).await.status, StatusCode::OK);
}
