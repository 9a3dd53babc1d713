//! Every error is problem JSON with a stable code.

use std::time::Duration;

use novofon_bot::engine::PlaceError;
use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Bot};

const ID: &str = "019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f";

/// What programs read is the same in each language.
#[tokio::test]
async fn problems_are_told_in_the_clients_language() {
    let bot = Bot::start().await;
    let cases = [
        ("/api/calls?limit=0", "`limit`: нужно целое число от 1 до 1000"),
        ("/api/calls?limti=1", "параметра `limti` нет"),
        ("/api/calls?status=x", "`status`: состояния `x` нет; есть queued"),
        ("/api/nothing", "по этому адресу ничего нет"),
        (
            "/api/calls/019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f",
            "звонка 019abc5e-7d1a-7c3e-9f00-5a8c2d1e4b6f нет",
        ),
    ];
    for (path, detail) in cases {
        let english = Answer::of(bot.get(path)).await.json();
        let russian = Answer::of(bot.get(path).header("Accept-Language", "ru-RU,en;q=0.5")).await.json();
        assert!(russian["detail"].as_str().is_some_and(|told| told.starts_with(detail)), "{path}: {russian}");
        let is_russian = |word: &str| {
            russian[word].as_str().is_some_and(|text| text.chars().any(|c| ('а'..='я').contains(&c)))
        };
        assert!(is_russian("title") && is_russian("hint"), "{russian}");
        assert!(english["detail"].as_str().is_some_and(str::is_ascii), "{english}");
        for word in ["type", "status", "code", "field"] {
            assert_eq!(english[word], russian[word], "{path}: {word}");
        }
    }
    let body = r#"{"phone": "112"}"#;
    let request = bot.post("/api/calls/initiate").header("content-type", "application/json").body(body);
    let told = Answer::of(request.header("Accept-Language", "ru")).await.json();
    assert_eq!(told["detail"], "`112` похож на номер, но такого быть не может; проверьте цифры");
}

/// What FastAPI, with which the older bot was made, leads to the right place.
#[tokio::test]
async fn a_slash_at_the_end_is_as_good_as_none() {
    let bot = Bot::start().await;
    let body = r#"{"phone": "+79522675444"}"#;
    let request = bot.post("/api/calls/initiate/").header("content-type", "application/json").body(body);
    let call = Answer::of(request).await.expect(201);
    let listed = Answer::of(bot.get("/api/calls/?limit=1")).await.expect(200);
    assert_eq!(listed["calls"][0]["id"], call["id"]);
    assert_eq!(Answer::of(bot.get("/api/nothing/")).await.problem(404), "not_found");
}

#[tokio::test]
async fn bodies_that_are_wrong() {
    let bot = Bot::start().await;
    let cases = [
        ("", 400, "invalid_json", None),
        ("{\"phone\": ", 400, "invalid_json", None),
        ("{}", 422, "missing_field", Some("phone")),
        (r#"{"phone": "+79522675444", "fone": 1}"#, 422, "unknown_field", Some("fone")),
        (r#"{"phone": 79522675444}"#, 422, "invalid_field", Some("phone")),
        (r#"{"phone": "112"}"#, 422, "invalid_phone", Some("phone")),
        (r#"{"phone": "+79522675444@outgoing"}"#, 422, "invalid_phone", Some("phone")),
        (r#"{"phone": ""}"#, 422, "invalid_phone", Some("phone")),
        (r#"{"phone": "+79522675444", "caller_id": "me"}"#, 422, "invalid_phone", Some("caller_id")),
        (r#"{"phone": "+79522675444", "ring_timeout": 4}"#, 422, "invalid_field", Some("ring_timeout")),
        (r#"{"phone": "+79522675444", "ring_timeout": 301}"#, 422, "invalid_field", Some("ring_timeout")),
        (r#"{"phone": "+79522675444", "max_duration": 0}"#, 422, "invalid_field", Some("max_duration")),
        (
            r#"{"phone": "+79522675444", "max_duration": 4294967297}"#,
            422,
            "invalid_field",
            Some("max_duration"),
        ),
        (
            r#"{"phone": "+79522675444", "custom_metadata": []}"#,
            422,
            "invalid_field",
            Some("custom_metadata"),
        ),
        (
            r#"{"phone": "+79522675444", "custom_metadata": {"a": {"b": 1, "b": 2}}}"#,
            422,
            "invalid_field",
            Some("custom_metadata"),
        ),
        (r#"{"phone": "+79522675444", "scenario": ""}"#, 422, "invalid_field", Some("scenario")),
        (r#"{"phone": "+79522675444", "wait": "rung"}"#, 422, "invalid_field", Some("wait")),
        (r#"{"phone": "+79522675444", "wait_timeout": 601}"#, 422, "invalid_field", Some("wait_timeout")),
        (r#"["+79522675444"]"#, 422, "invalid_field", None),
    ];
    for (body, status, code, field) in cases {
        let request = bot.post("/api/calls/initiate").header("content-type", "application/json").body(body);
        let answer = Answer::of(request).await;
        assert_eq!(answer.problem(status), code, "{body}");
        assert_eq!(answer.json()["field"].as_str(), field, "{body}");
        assert!(answer.json()["hint"].is_string(), "{body}: {answer:?}");
    }
    assert_eq!(bot.engine.asked(), 0);
}

#[tokio::test]
async fn an_encoded_body_is_refused_and_not_read_as_something_else() {
    let bot = Bot::start().await;
    let placing = |encoding: &'static str| bot.initiate("+79522675444").header("content-encoding", encoding);
    for encoding in ["gzip", "deflate", "br", "identity, gzip", "x-unknown"] {
        assert_eq!(Answer::of(placing(encoding)).await.problem(415), "unsupported_encoding", "{encoding}");
    }
    assert_eq!(bot.engine.asked(), 0);
    Answer::of(placing("identity")).await.expect(201);
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let bot = Bot::start().await;
    let deep = |open: &str| open.repeat(10_000);
    let bodies = [
        (deep("["), 422),
        (deep("{\"a\":"), 422),
        (format!("{{\"phone\": {}", deep("[")), 422),
        (format!("{{\"phone\": \"1\", \"custom_metadata\": {}", deep("[")), 400),
        (format!("{{\"custom_metadata\": {{\"a\":{}{}}}}}", deep("["), deep("]")), 422),
    ];
    for (body, status) in bodies {
        let start = body[..40].to_owned();
        let request = bot.post("/api/calls/initiate").header("content-type", "application/json");
        let answer = Answer::of(request.body(body)).await;
        assert_eq!(answer.status, status, "{start}: {answer:?}");
        answer.problem(status);
    }
    assert_eq!(bot.engine.asked(), 0);
}

#[tokio::test]
async fn a_problem_tells_all_that_helps() {
    let bot = Bot::start().await;
    let request = bot.post("/api/calls/initiate").json(&json!({"phone": "+7952267544"}));
    insta::assert_json_snapshot!(Answer::of(request).await.json(), @r#"
    {
      "code": "invalid_phone",
      "detail": "`+7952267544` has the form of a number, but no such number can exist; check its digits",
      "field": "phone",
      "hint": "Give the number in full, as +79522675444.",
      "status": 422,
      "title": "A phone number is wrong",
      "type": "urn:novofon-bot:problem:invalid_phone"
    }
    "#);
}

#[tokio::test]
async fn the_engines_refusals() {
    let bot = Bot::start().await;
    let cases = [
        (PlaceError::NotAllowed("+1".into()), 403, "destination_not_allowed", None),
        (PlaceError::TooSoon(Duration::from_millis(6500)), 429, "number_too_soon", Some("7")),
        (PlaceError::NoScenario("x".into()), 422, "unknown_scenario", None),
        (PlaceError::QueueFull(9), 503, "queue_full", Some("5")),
        (PlaceError::Store("/secret/path".into()), 503, "store_unavailable", Some("5")),
        (PlaceError::Stopping, 503, "stopping", Some("5")),
    ];
    for (error, status, code, retry_after) in cases {
        *bot.engine.refuse.lock() = Some(error);
        let answer = Answer::of(bot.initiate("+79522675444")).await;
        assert_eq!(answer.problem(status), code);
        assert_eq!(answer.header("retry-after"), retry_after, "{code}");
        assert!(!answer.text.contains("/secret"), "{answer:?}");
    }
}

#[tokio::test]
async fn an_engine_that_does_not_answer() {
    let bot = Bot::with(&[("HTTP__REQUEST_TIMEOUT", "1")]).await;
    let _gate = bot.engine.gate.clone().write_owned().await;
    assert_eq!(Answer::of(bot.initiate("+79522675444")).await.problem(503), "timed_out");
}

#[tokio::test]
async fn a_store_that_is_closed() {
    let bot = Bot::start().await;
    bot.store.close().await;
    for path in ["/api/calls", &format!("/api/calls/{ID}"), "/api/events"] {
        assert_eq!(Answer::of(bot.get(path)).await.problem(503), "store_unavailable", "{path}");
    }
    let deletion = bot.request(Method::DELETE, &format!("/api/calls/{ID}"));
    assert_eq!(Answer::of(deletion).await.problem(503), "stopping");
}

#[tokio::test]
async fn paths_and_methods() {
    let bot = Bot::start().await;
    for path in ["/", "/api", "/api/call", "/docs/nothing.js", "/api/calls/x/y/z"] {
        assert_eq!(Answer::of(bot.get(path)).await.problem(404), "not_found", "{path}");
    }
    let cases = [
        (Method::PUT, "/api/calls", "GET,HEAD"),
        (Method::DELETE, "/api/calls/initiate", "POST"),
        (Method::PATCH, "/health/live", "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
    ];
    for (method, path, allowed) in cases {
        let answer = Answer::of(bot.request(method, path)).await;
        assert_eq!(answer.problem(405), "method_not_allowed", "{path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
    for path in ["", "/timeline", "/messages", "/events"] {
        assert_eq!(
            Answer::of(bot.get(&format!("/api/calls/{ID}{path}"))).await.problem(404),
            "call_not_found"
        );
        let answer = Answer::of(bot.get(&format!("/api/calls/17{path}"))).await;
        assert_eq!(answer.problem(422), "invalid_parameter");
        assert_eq!(answer.json()["field"], "id");
    }
    assert_eq!(Answer::of(bot.post(&format!("/api/calls/{ID}/hangup"))).await.problem(404), "call_not_found");
}

#[tokio::test]
async fn content_types_and_sizes() {
    let bot = Bot::with(&[("HTTP__BODY_LIMIT", "1024")]).await;
    let post = || bot.post("/api/calls/initiate");
    let body = r#"{"phone": "+79522675444"}"#;
    let untyped = post().body(body);
    assert_eq!(Answer::of(untyped).await.problem(415), "unsupported_media_type");
    let form = post().header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(Answer::of(form).await.problem(415), "unsupported_media_type");
    let charset = post().header("content-type", "Application/JSON; charset=utf-8").body(body);
    Answer::of(charset).await.expect(201);

    let long = format!(r#"{{"phone": "{}"}}"#, " ".repeat(1024));
    let announced = post().header("content-type", "application/json").body(long.clone());
    assert_eq!(Answer::of(announced).await.problem(413), "body_too_large");
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(long)]);
    let chunked = post().header("content-type", "application/json").body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(Answer::of(chunked).await.problem(413), "body_too_large");
}

#[tokio::test]
async fn queries_that_are_wrong() {
    let bot = Bot::start().await;
    let cases = [
        ("stauts=busy", "unknown_parameter", "stauts"),
        ("status=up", "invalid_parameter", "status"),
        ("limit=0", "invalid_parameter", "limit"),
        ("limit=1001", "invalid_parameter", "limit"),
        ("limit=1&limit=2", "invalid_parameter", "limit"),
        ("offset=-1", "invalid_parameter", "offset"),
        ("from=yesterday", "invalid_parameter", "from"),
        ("cursor=abc", "invalid_parameter", "cursor"),
        ("phone=abc", "invalid_phone", "phone"),
    ];
    for (query, code, field) in cases {
        let answer = Answer::of(bot.get(&format!("/api/calls?{query}"))).await;
        assert_eq!(answer.problem(422), code, "{query}");
        assert_eq!(answer.json()["field"], field, "{query}");
    }
    let answer = Answer::of(bot.initiate("+79522675444").query(&[("wait", "rung")])).await;
    assert_eq!(answer.problem(422), "invalid_parameter");
    let answer = Answer::of(bot.get("/api/events").header("Last-Event-ID", "abc")).await;
    assert_eq!(answer.problem(400), "invalid_header");
    let answer = Answer::of(bot.initiate("+79522675444").header("Idempotency-Key", "two words")).await;
    assert_eq!(answer.problem(400), "invalid_header");
}
