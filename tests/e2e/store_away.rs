//! A call that is not on disk is not dialed, whatever became of the store.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::support::{Bot, Lab, SOON, assert_end, until};

/// Holds the database so that nobody else can write.
async fn lock(bot: &Bot) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(bot.store_file()).busy_timeout(SOON);
    let mut connection = options.connect().await.expect("the bot's store");
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await.expect("the lock");
    connection
}

async fn unlock(mut connection: SqliteConnection) {
    sqlx::query("ROLLBACK").execute(&mut connection).await.expect("the end of the lock");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn a_call_that_can_not_be_stored_is_refused_and_never_dialed() {
    let mut bot = Bot::start(&Lab::shared(), &[("scenarios.default.steps", "[{hangup=true}]")]).await;
    let held = lock(&bot).await;
    // The first waits for the disk in vain; the next is refused at once.
    for _ in 0..2 {
        let answer = bot.initiate(json!({"phone": "+79005550201"})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
    }
    let ready = bot.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.body);
    unlock(held).await;

    bot.until_ready().await;
    let call = bot.place_and_wait(json!({"phone": "+79005550486"}), SOON).await;
    assert_end(&bot, &call, "busy busy callee trying 486 Busy Here").await;
    for refused in bot.until_all_ended(SOON).await.iter().filter(|call| call.text("phone") == "+79005550201")
    {
        assert_end(&bot, refused, "canceled store_unavailable bot none").await;
    }
    assert_eq!(bot.reached("+79005550201"), 0);
    // Nor does a later start find something to dial.
    bot.crash().await;
    bot.until_all_ended(SOON).await;
    assert_eq!(bot.reached("+79005550201"), 0);
}

/// A call that lives while the store is away is carried on, and written when it is back.
#[tokio::test]
async fn a_live_call_outlives_the_stores_absence() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[("scenarios.default.steps", "[{wait=600}]")]).await;
    let call = bot.place_to("+79005550201").await;
    let sip_call_id = bot.until_status(&call.id(), "answered").await.text("novofon_call_id");
    let held = lock(&bot).await;
    lab.put_down(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    assert_eq!(bot.call(&call.id()).await.status(), "answered", "what is shown is what is on disk");
    unlock(held).await;
    let call = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &call, "completed hung_up callee answered 200 OK").await;
    assert_eq!(bot.carrier.arrivals(&sip_call_id), 1);
}

/// A queued call whose intent can't be written is not dialed while that lasts.
#[tokio::test]
async fn no_call_leaves_before_its_intent_is_on_disk() {
    let settings = [("scenarios.default.steps", "[{wait=600}]"), ("dial.max_concurrent", "1")];
    let bot = Bot::start(&Lab::shared(), &settings).await;
    let talk = bot.place_to("+79005550201").await;
    bot.until_status(&talk.id(), "answered").await;
    let waiting = bot.place_to("+79005550486").await;
    let held = lock(&bot).await;
    bot.hang_up(&talk.id()).await;
    until("the slot is free", SOON, async || {
        let live = bot.metric("novofon_bot_calls_queued").await;
        let store = bot.metric("novofon_bot_store_up").await;
        if store == 0.0 { Ok(()) } else { Err(format!("queued {live}, store up {store}")) }
    })
    .await;
    assert_eq!(bot.reached("+79005550486"), 0);
    unlock(held).await;
    let waiting = bot.until_ended(&waiting.id(), Duration::from_secs(20)).await;
    assert_end(&bot, &waiting, "busy busy callee trying 486 Busy Here").await;
    assert_eq!(bot.reached("+79005550486"), 1);
}
