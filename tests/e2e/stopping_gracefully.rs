//! `core stop gracefully` and its like: Asterisk takes no new calls and tells nobody so; the queue waits.

use std::{process::Stdio, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Bot, Call, Lab, SOON, assert_end, until};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");

/// A call in progress, which keeps Asterisk from ending, and an Asterisk that was told to stop after it.
async fn stopping(command: &str) -> (Lab, Bot, Call) {
    let lab = Lab::to_stop().await;
    let bot = Bot::start(&lab, &[STAY, ("dial.unreachable_timeout", "120")]).await;
    let live = bot.place_to("+79005550201").await;
    bot.until_status(&live.id(), "answered").await;
    // The console command waits for the end itself.
    let console = lab.console_command();
    let mut asking = std::process::Command::new(console);
    asking.args(["-rx", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends with the stop, or when that is called off.
    let mut asking = asking.spawn().expect("the console");
    std::thread::spawn(move || asking.wait());
    until("Asterisk is stopping", SOON, async || {
        let said = lab.console("pbx", "core show uptime");
        if said.contains("cannot be run during shutdown") { Ok(()) } else { Err(said) }
    })
    .await;
    (lab, bot, live)
}

/// Calls whose turn comes now. They wait, and /ready says why.
async fn wait_in_it(bot: &Bot) -> Vec<Call> {
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(bot.place_to("+79005550486").await);
    }
    until("the refusal is seen", SOON, async || {
        let answer = bot.get("/health/ready").await;
        let said = answer.body.to_string();
        let told = answer.status == StatusCode::SERVICE_UNAVAILABLE && said.contains("takes no calls");
        if told { Ok(()) } else { Err(said) }
    })
    .await;
    bot.until_event(&waiting[0].id(), "originate_refused").await;
    // Long enough for the looks that follow a refusal, and for two probes.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for call in &waiting {
        let call = bot.call(&call.id()).await;
        assert!(["queued", "dialing"].contains(&call.status().as_str()), "none is burnt: {call:?}");
    }
    waiting
}

async fn all_dialed_once(bot: &mut Bot, waiting: &[Call]) {
    for call in waiting {
        let call = bot.until_ended(&call.id(), Duration::from_secs(30)).await;
        assert_end(bot, &call, "busy busy callee trying 486 Busy Here").await;
    }
    assert_eq!(bot.reached("+79005550486"), waiting.len(), "each was dialed once");
    bot.until_ready().await;
}

#[tokio::test]
async fn the_queue_waits_until_the_stop_is_called_off() {
    let (lab, mut bot, live) = stopping("core stop gracefully").await;
    let waiting = wait_in_it(&bot).await;
    lab.console("pbx", "core abort shutdown");
    all_dialed_once(&mut bot, &waiting).await;
    assert_eq!(bot.call(&live.id()).await.status(), "answered");
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
}

#[tokio::test]
async fn the_queue_waits_until_asterisk_was_restarted() {
    let (lab, mut bot, live) = stopping("core restart gracefully").await;
    let waiting = wait_in_it(&bot).await;
    bot.hang_up(&live.id()).await;
    bot.until_ended(&live.id(), SOON).await;
    until("Asterisk has ended", SOON, async || {
        let said = bot.get("/health/ready").await.body.to_string();
        if said.contains("Asterisk is away") { Ok(()) } else { Err(said) }
    })
    .await;
    // An unpacked Asterisk can't start itself anew.
    lab.spoil("pbx-kill");
    lab.spoil("pbx-start");
    all_dialed_once(&mut bot, &waiting).await;
}

/// What waits in a stop can be canceled, and the refused call too.
#[tokio::test]
async fn what_waits_in_a_stop_can_be_canceled() {
    let (lab, bot, live) = stopping("core stop gracefully").await;
    let waiting = wait_in_it(&bot).await;
    for call in &waiting {
        bot.hang_up(&call.id()).await;
        let call = bot.until_ended(&call.id(), SOON).await;
        assert_end(&bot, &call, "canceled hung_up api none").await;
    }
    lab.console("pbx", "core abort shutdown");
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
    assert_eq!(bot.reached("+79005550486"), 0);
}

/// All at once, the one that was refused among them: nothing of it is on its way.
#[tokio::test]
async fn all_that_waits_in_a_stop_can_be_canceled_at_once() {
    let (lab, bot, live) = stopping("core stop gracefully").await;
    let waiting = wait_in_it(&bot).await;
    let answer = bot.send(Method::POST, "/api/calls/cancel", Some(json!({})), None).await;
    let canceled = answer.expect("the bot answers").body;
    assert_eq!(canceled["canceled"], waiting.len(), "{canceled}");
    for call in &waiting {
        assert_end(&bot, &bot.call(&call.id()).await, "canceled hung_up api none").await;
    }
    lab.console("pbx", "core abort shutdown");
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
    assert_eq!(bot.reached("+79005550486"), 0);
}

/// Killed while they wait, some of them after a refused attempt: they wait on, and each is dialed once, by an attempt of
/// its own.
#[tokio::test]
async fn a_bot_that_is_killed_meanwhile_loses_none() {
    let (lab, mut bot, live) = stopping("core stop gracefully").await;
    let waiting = wait_in_it(&bot).await;
    bot.until_event(&waiting[0].id(), "attempt_over").await;
    bot.kill();
    bot.launch();
    bot.until_live().await;
    // The new run asks before it dials anything, and says why it waits.
    until("the refusal is seen again", SOON, async || {
        let said = bot.get("/health/ready").await.body.to_string();
        if said.contains("takes no calls") { Ok(()) } else { Err(said) }
    })
    .await;
    lab.console("pbx", "core abort shutdown");
    all_dialed_once(&mut bot, &waiting).await;
    let call = bot.call(&waiting[0].id()).await;
    let attempts: Vec<String> = call
        .field("attempts")
        .as_array()
        .expect("a list")
        .iter()
        .map(|attempt| format!("{} {} {}", attempt["id"], attempt["reason"], attempt["sip_code"]))
        .collect();
    let id = call.id();
    let expected = [format!("\"{id}\" \"asterisk_refused\" null"), format!("\"{id}.2\" \"busy\" 486")];
    assert_eq!(attempts, expected);
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
}
