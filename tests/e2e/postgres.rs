//! The bot with its store in PostgreSQL: what is promised of a file holds there too, with a server that is killed and one that
//! stands still.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    cluster::Cluster,
    support::{Bot, Lab, SOON, assert_end, until},
};

/// A server may stand still longer than the bot's patience with one statement.
const LATER: Duration = Duration::from_secs(60);

async fn server() -> Cluster {
    Cluster::with("GRANT CREATE ON DATABASE office TO bot").await
}

async fn bot_on(server: &Cluster, lab: &Lab, settings: &[(&str, &str)]) -> Bot {
    let url = server.url_with_password("bot");
    let all = [("store.url", url.as_str()), ("store.node", "касса-1")];
    Bot::start(lab, &[&all[..], settings].concat()).await
}

async fn until_away(bot: &Bot, why: &str) {
    until("the loss of the store is seen", LATER, async || {
        let ready = bot.get("/health/ready").await;
        let health = bot.get("/health/database").await.body;
        let told = health["error"].as_str().is_some_and(|error| error.contains(why));
        let is_away = ready.status == StatusCode::SERVICE_UNAVAILABLE && health["status"] == "unhealthy";
        if is_away && told { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
}

/// A crash, then a server that is killed: live calls go on and are found again, nothing is dialed twice, nothing without its
/// intent on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_outlive_a_crash_of_the_bot_and_of_the_server() {
    let (lab, mut server) = (Lab::shared(), server().await);
    let settings = [("scenarios.default.steps", "[{wait=600}]"), ("dial.max_concurrent", "2")];
    let mut bot = bot_on(&server, &lab, &settings).await;
    assert_eq!(bot.get("/health/database").await.body["database"], "postgresql");
    let report = bot.doctor(&[], &[]);
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(report.contains("is written by a running daemon, node `касса-1`"), "{report}");
    let talk = bot.place_to("+79005550201").await;
    let sip_call_id = bot.until_status(&talk.id(), "answered").await.text("novofon_call_id");
    let rings = bot.place_to("+79005550180").await;
    bot.until_status(&rings.id(), "ringing").await;
    let waiting = bot.place_to("+79005550486").await;
    bot.crash().await;
    assert_eq!(bot.call(&talk.id()).await.status(), "answered");
    assert_eq!(bot.call(&waiting.id()).await.status(), "queued");

    server.kill();
    until_away(&bot, "refused").await;
    let answer = bot.initiate(json!({"phone": "+79005550200"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
    let read = bot.get(&format!("/api/calls/{}/timeline", talk.id())).await;
    assert_eq!((read.status, read.code()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
    // The slot that becomes free is nobody's until the store is back.
    lab.put_down(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&talk.id()], "-", SOON).await;
    assert_eq!(bot.reached("+79005550486"), 0);

    server.start_server();
    bot.until_ready().await;
    let talk = bot.until_ended(&talk.id(), SOON).await;
    assert_end(&bot, &talk, "completed hung_up callee answered 200 OK").await;
    let waited = bot.until_ended(&waiting.id(), LATER).await;
    assert_end(&bot, &waited, "busy busy callee trying 486 Busy Here").await;
    bot.hang_up(&rings.id()).await;
    let rang = bot.until_ended(&rings.id(), SOON).await;
    assert_end(&bot, &rang, "canceled hung_up api ringing").await;
    for (number, times) in
        [("+79005550201", 1), ("+79005550180", 1), ("+79005550486", 1), ("+79005550200", 0)]
    {
        assert_eq!(bot.reached(number), times, "{number}");
    }
    assert!(!bot.log_text().contains(crate::cluster::PASSWORD), "the log has the database's password");
}

/// It accepts connections and answers nothing: there is no error to see, only silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_away() {
    let (lab, server) = (Lab::shared(), server().await);
    let bot = bot_on(&server, &lab, &[("scenarios.default.steps", "[{wait=600}]")]).await;
    let talk = bot.place_to("+79005550201").await;
    let sip_call_id = bot.until_status(&talk.id(), "answered").await.text("novofon_call_id");
    server.freeze();
    lab.put_down(&sip_call_id).await;
    until_away(&bot, "has not answered").await;
    let answer = bot.initiate(json!({"phone": "+79005550486"})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
    let begun = std::time::Instant::now();
    let read = bot.get("/api/calls").await;
    assert_eq!((read.status, read.code()), (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"));
    assert!(begun.elapsed() < SOON, "who reads is told in time: {:?}", begun.elapsed());
    let report = bot.doctor(&[], &[]);
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(report.contains("no connection within") || report.contains("has not answered"), "{report}");
    // Longer than it is waited for: the session of before, which has the lock, comes to life as well.
    until("the connection is given up", LATER, async || {
        let health = bot.get("/health/database").await.body["error"].to_string();
        if health.contains("no connection") { Ok(()) } else { Err(health) }
    })
    .await;
    server.thaw();
    let talk = bot.until_ended(&talk.id(), LATER).await;
    assert_end(&bot, &talk, "completed hung_up callee answered 200 OK").await;
    assert_eq!((bot.reached("+79005550201"), bot.reached("+79005550486")), (1, 0));
    let events = bot.events(&talk.id()).await;
    assert_eq!(events.iter().filter(|event| *event == "ended").count(), 1, "{events:?}");
}
