//! Calls that wait in the queue, and what takes them out of it: a narrower `dial.allow`, a revoked API key, a client.

use std::{fs, process::Command};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Bot, Lab, SOON, assert_end, until};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");
const ONE: (&str, &str) = ("dial.max_concurrent", "1");
const CRM: &str = "crm-crm-crm-crm-crm";
const SHOP: &str = "shop-shop-shop-shop";

/// Reads the configuration again, with this as its file.
async fn reload(bot: &Bot, file: &str) {
    fs::write(bot.folder().join("empty.toml"), file).expect("the configuration");
    hang_up_signal(bot).await;
}

async fn hang_up_signal(bot: &Bot) {
    let before = bot.log_text().matches("configuration read again").count();
    assert!(Command::new("kill").args(["-HUP", &bot.pid().to_string()]).status().expect("kill").success());
    until("the configuration was read", SOON, async || {
        (bot.log_text().matches("configuration read again").count() > before).then_some(()).ok_or("not yet")
    })
    .await;
}

#[tokio::test]
async fn a_narrower_allow_list_ends_what_waits() {
    let mut bot = Bot::start(&Lab::shared(), &[STAY, ONE]).await;
    let live = bot.place_to("+79005550201").await;
    bot.until_status(&live.id(), "answered").await;
    let leak = bot.place_to("+79005550486").await;
    let other = bot.place_to("+74955550486").await;
    reload(&bot, "[dial]\nallow = ['+7495']").await;
    let call = bot.until_ended(&leak.id(), SOON).await;
    assert_end(&bot, &call, "failed not_allowed bot none").await;
    assert_eq!(bot.call(&live.id()).await.status(), "answered", "what was dialed goes on");
    assert_eq!(bot.call(&other.id()).await.status(), "queued", "what is allowed waits on");
    // The same where the bot was restarted with it.
    bot.kill();
    bot.set("dial.allow", "+7812");
    bot.launch();
    bot.until_ready().await;
    let call = bot.until_ended(&other.id(), SOON).await;
    assert_end(&bot, &call, "failed not_allowed bot none").await;
    assert_eq!((bot.reached("+79005550486"), bot.reached("+74955550486")), (0, 0));
}

/// The number to show is checked as the number to call is; what asked for none shows the trunk's own of its turn.
#[tokio::test]
async fn narrower_caller_ids_end_what_waits_and_asked_for_another() {
    let mut bot = Bot::stopped(&Lab::shared(), &[STAY, ONE]);
    for key in ["trunk.caller_ids", "trunk.caller_id"] {
        bot.unset(key);
    }
    let file = |own: &str, others: &str| format!("[trunk]\ncaller_id = '{own}'\ncaller_ids = [{others}]");
    // Numbers of this test alone: by them its calls are known at the carrier.
    let own = bot.caller.clone();
    let [later, removed, left] = ["+7953", "+7956", "+7957"].map(|code| format!("{code}{}", &own[5..]));
    bot.launch_with(&file(&own, &format!("'{removed}', '{left}'")));
    bot.until_ready().await;
    let live = bot.place_to("+79005550201").await;
    let live = bot.until_status(&live.id(), "answered").await;
    assert_eq!(live.text("caller_id"), own);
    let wish = |caller: &str| json!({"phone": "+79005550486", "caller_id": caller});
    let gone = bot.place(wish(&removed)).await;
    let kept = bot.place(wish(&left)).await;
    let plain = bot.place(json!({"phone": "+79005550404"})).await;
    reload(&bot, &file(&later, &format!("'{left}'"))).await;
    let call = bot.until_ended(&gone.id(), SOON).await;
    assert_end(&bot, &call, "failed caller_id_not_allowed bot none").await;
    for call in [&kept, &plain] {
        assert_eq!(bot.call(&call.id()).await.status(), "queued");
    }
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
    assert_end(&bot, &bot.call(&kept.id()).await, "busy busy callee trying 486 Busy Here").await;
    assert_eq!(bot.call(&kept.id()).await.text("caller_id"), left);
    assert_eq!(bot.call(&plain.id()).await.text("caller_id"), later);
    let shown = |caller: &str| bot.carrier.calls_from(caller).len();
    assert_eq!((shown(&later), shown(&removed)), (1, 0));
    // And after a restart with a narrower list.
    let live = bot.place_to("+79005550201").await;
    bot.until_status(&live.id(), "answered").await;
    let waits = bot.place(wish(&left)).await;
    bot.kill();
    bot.launch_with(&file(&later, ""));
    bot.until_ready().await;
    let call = bot.until_ended(&waits.id(), SOON).await;
    assert_end(&bot, &call, "failed caller_id_not_allowed bot none").await;
}

/// One request with an API key.
async fn ask(bot: &Bot, key: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = reqwest::Client::new().request(method, bot.address(path)).bearer_auth(key);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("the bot answers");
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

async fn place(bot: &Bot, key: &str, phone: &str) -> String {
    let (status, call) = ask(bot, key, "/api/calls/initiate", Some(json!({"phone": phone}))).await;
    assert_eq!(status, StatusCode::CREATED, "{call}");
    call["id"].as_str().expect("an id").to_owned()
}

async fn until_call(bot: &Bot, key: &str, id: &str, words: &str) {
    until(words, SOON, async || {
        let (_, call) = ask(bot, key, &format!("/api/calls/{id}"), None).await;
        let text = |name: &str| call[name].as_str().unwrap_or("-").to_owned();
        let now = format!("{} {} {}", text("status"), text("reason"), text("ended_by"));
        if now == words { Ok(()) } else { Err(now) }
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_revoked_key_are_not_dialed() {
    let keys = tempfile::NamedTempFile::new().expect("a file");
    let write = |text: &str| fs::write(keys.path(), text).expect("the keys");
    write(&format!("crm:{CRM}\nshop:{SHOP}\n"));
    let file = keys.path().display().to_string();
    let mut bot = Bot::start(&Lab::shared(), &[STAY, ONE, ("http.api_keys_file", &file)]).await;
    let live = place(&bot, SHOP, "+79005550201").await;
    until_call(&bot, CRM, &live, "answered - -").await;
    let revoked = place(&bot, SHOP, "+79005550486").await;
    let kept = place(&bot, CRM, "+79005550404").await;
    write(&format!("crm:{CRM}\n"));
    hang_up_signal(&bot).await;
    until_call(&bot, CRM, &revoked, "failed client_revoked bot").await;
    until_call(&bot, CRM, &kept, "queued - -").await;
    // The same where the bot was restarted with it.
    bot.kill();
    write(&format!("shop:{SHOP}\n"));
    bot.launch();
    bot.until_ready().await;
    until_call(&bot, SHOP, &kept, "failed client_revoked bot").await;
    assert_eq!((bot.reached("+79005550486"), bot.reached("+79005550404")), (0, 0));
}

/// Where the keys are gone altogether, the listener is open: nobody's key was taken away.
#[tokio::test]
async fn an_open_listener_revokes_nobody() {
    let keys = tempfile::NamedTempFile::new().expect("a file");
    fs::write(keys.path(), format!("crm:{CRM}\n")).expect("the keys");
    let file = keys.path().display().to_string();
    let mut bot = Bot::start(&Lab::shared(), &[STAY, ONE, ("http.api_keys_file", &file)]).await;
    let live = place(&bot, CRM, "+79005550201").await;
    until_call(&bot, CRM, &live, "answered - -").await;
    let waits = place(&bot, CRM, "+79005550486").await;
    bot.kill();
    bot.set("http.api_keys_file", "");
    bot.launch();
    bot.until_ready().await;
    assert_eq!(bot.call(&waits).await.status(), "queued");
}

async fn cancel(bot: &Bot, body: Value) -> u64 {
    let answer =
        bot.send(Method::POST, "/api/calls/cancel", Some(body), None).await.expect("the bot answers");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["canceled"].as_u64().expect("a count")
}

#[tokio::test]
async fn what_waits_is_canceled_and_never_dialed() {
    let mut bot = Bot::start(&Lab::shared(), &[STAY, ONE]).await;
    let live = bot.place_to("+79005550201").await;
    bot.until_status(&live.id(), "answered").await;
    let mut waiting = Vec::new();
    for n in 0..40 {
        let number = if n % 4 == 0 { "+74955550486" } else { "+79005550486" };
        waiting.push((number, bot.place_to(number).await.id()));
    }
    assert_eq!(cancel(&bot, json!({"dry_run": true})).await, 40);
    assert_eq!(cancel(&bot, json!({"prefix": "+7495", "dry_run": true})).await, 10);
    assert_eq!(cancel(&bot, json!({"client": "nobody"})).await, 0);
    assert_eq!(cancel(&bot, json!({"prefix": "+7495"})).await, 10);
    // The answer is not earlier than the disk: a crash in the next moment forgets nothing.
    bot.kill();
    bot.set("dial.max_concurrent", "200");
    bot.set("dial.calls_per_second", "0.01");
    bot.launch();
    bot.until_ready().await;
    for (number, id) in &waiting {
        let call = bot.call(id).await;
        if *number == "+74955550486" {
            assert_end(&bot, &call, "canceled hung_up api none").await;
        }
    }
    let canceled = cancel(&bot, json!({})).await;
    assert!((29..=30).contains(&canceled), "{canceled}: one may have had its turn");
    bot.hang_up(&live.id()).await;
    bot.until_all_ended(SOON).await;
    assert_eq!(bot.reached("+74955550486"), 0);
    assert_eq!(bot.reached("+79005550486"), 30 - usize::try_from(canceled).expect("few"));
}

#[tokio::test]
async fn only_the_trunks_own_caller_id_and_those_of_the_list_are_shown() {
    let mut bot = Bot::start(&Lab::shared(), &[("trunk.caller_ids", "84951234567")]).await;
    let wish = |caller: &str| json!({"phone": "+79005550486", "caller_id": caller, "wait": "ended"});
    let answer = bot.initiate(wish("+74950000000")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "caller_id_not_allowed"));
    assert!(
        answer.body["hint"].as_str().is_some_and(|hint| hint.contains("trunk.caller_ids")),
        "{}",
        answer.body
    );
    let own = bot.caller.clone();
    assert_eq!(bot.initiate(wish(&own)).await.call().text("caller_id"), own);
    assert_eq!(bot.initiate(wish("8 495 123-45-67")).await.call().text("caller_id"), "+74951234567");
    // Where nothing is configured, nothing may be asked for, and the dialplan decides.
    bot.kill();
    bot.set("trunk.caller_ids", "");
    bot.set("trunk.caller_id", "");
    bot.launch();
    bot.until_ready().await;
    assert_eq!(bot.initiate(wish("+74951234567")).await.code(), "caller_id_not_allowed");
    bot.kill();
    bot.set("trunk.caller_ids", "*");
    bot.launch();
    bot.until_ready().await;
    assert_eq!(bot.initiate(wish("+74950000000")).await.call().text("caller_id"), "+74950000000");
}

#[tokio::test]
async fn the_default_is_russia_and_not_all_of_seven() {
    let bot = Bot::start(&Lab::shared(), &[]).await;
    for (number, prefix) in [
        ("+77012345678", "+77"),
        ("+79402345678", "+7940"),
        ("+78091234567", "+7809"),
        ("+78081234567", "+7808"),
    ] {
        let answer = bot.initiate(json!({"phone": number})).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::FORBIDDEN, "destination_not_allowed"),
            "{number}"
        );
        let said = format!("{} {}", answer.body["detail"], answer.body["hint"]);
        assert!(said.contains("russia") && said.contains(&format!("{prefix}\\\"")), "{said}");
    }
}
