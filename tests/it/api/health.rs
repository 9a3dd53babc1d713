//! Health and metrics.

use call::Status;
use novofon_bot::engine::{AriState, StoreState};
use serde_json::json;

use crate::support::{Answer, Bot};

#[tokio::test]
async fn healthy_and_degraded() {
    let bot = Bot::start().await;
    let healthy = json!({
        "status": "healthy",
        "checks": {"database": "healthy", "novofon_api": "not_used", "asterisk": "healthy"},
    });
    assert_eq!(Answer::of(bot.get("/health")).await.expect(200), healthy);
    assert_eq!(Answer::of(bot.get("/health/ready")).await.expect(200), json!({"status": "ready"}));
    let asterisk = Answer::of(bot.get("/health/asterisk")).await.expect(200);
    assert_eq!(asterisk, json!({"status": "healthy", "version": "22.10.1"}));

    let since = chrono::DateTime::from_timestamp(1_790_000_000, 0).expect("in range");
    let down = |reason: &str| AriState::Down { reason: reason.into(), since };
    bot.engine.state.send_modify(|state| state.ari = down("connection refused by 10.0.0.5"));
    let in_russian = bot.get("/health/asterisk").header("Accept-Language", "ru");
    bot.engine.state.send_modify(|state| {
        state.ari = down("there is no TLS at `https://10.0.0.5:8088`; write http:// in ari.url, or the port of tlsbindaddr in http.conf");
    });
    assert_eq!(
        Answer::of(in_russian).await.expect(200)["error"],
        "нет TLS по адресу `https://10.0.0.5:8088`; напишите в ari.url http:// или порт из tlsbindaddr в http.conf"
    );
    let degraded = Answer::of(bot.get("/health")).await.expect(200);
    assert_eq!(
        (&degraded["status"], &degraded["checks"]["asterisk"]),
        (&json!("degraded"), &json!("unhealthy"))
    );
    let ready = Answer::of(bot.get("/health/ready")).await;
    assert_eq!(ready.problem(503), "not_ready");
    assert_eq!(ready.json()["detail"], "Asterisk is away since 2026-09-21T14:13:20.000Z");
    assert_eq!(Answer::of(bot.get("/health/live")).await.expect(200)["status"], "live");

    bot.engine.state.send_modify(|state| {
        state.ari = AriState::Up { version: "22".into() };
        state.store = StoreState::Down { reason: "disk full".into(), since };
    });
    assert_eq!(Answer::of(bot.get("/health/ready")).await.problem(503), "not_ready");
    let database = Answer::of(bot.get("/health/database")).await.expect(200);
    assert_eq!(database, json!({"status": "unhealthy", "database": "sqlite", "error": "disk full"}));
    bot.engine.state.send_modify(|state| {
        state.store = StoreState::Up;
        state.stopping = true;
    });
    let ready = Answer::of(bot.get("/health/ready")).await;
    assert_eq!(ready.json()["detail"], "the bot is stopping");
}

#[tokio::test]
async fn what_is_measured() {
    let bot = Bot::start().await;
    let id = bot.placed().await["id"].as_str().expect("an id").to_owned();
    bot.engine.step(&id, Status::Dialing).await;
    Answer::of(bot.get(&format!("/api/calls/{id}"))).await.expect(200);
    bot.engine.state.send_modify(|state| state.live = 1);
    let answer = Answer::of(bot.get("/metrics")).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    for line in [
        "novofon_bot_calls_live 1",
        "novofon_bot_calls_queued 0",
        "novofon_bot_ari_up 1",
        "novofon_bot_store_up 1",
        "novofon_bot_initiate_seconds_count 1",
        r#"novofon_bot_http_request_seconds_count{method="GET",route="/api/calls/{id}",status="200"} 1"#,
    ] {
        assert!(answer.text.lines().any(|found| found == line), "{line}: {}", answer.text);
    }
}
