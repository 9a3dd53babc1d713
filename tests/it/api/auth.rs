//! Who may ask, and how often.

use crate::support::{Answer, Bot};

const KEYS: &str = r#"["crm:0123456789abcdef", {name = "site", key = "fedcba9876543210", rate_limit = 3}]"#;

#[tokio::test]
async fn a_key_is_needed_when_there_are_keys() {
    let bot = Bot::with(&[("HTTP__API_KEYS", KEYS)]).await;
    for path in ["/api/calls", "/api/events", "/health", "/metrics"] {
        let answer = Answer::of(bot.get(path)).await;
        assert_eq!(answer.problem(401), "unauthorized", "{path}");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="novofon-bot""#));
    }
    for path in ["/health/live", "/health/ready", "/openapi.json", "/docs/"] {
        assert_eq!(Answer::of(bot.get(path)).await.status, 200, "{path}");
    }
    let wrong = Answer::of(bot.get("/api/calls").bearer_auth("0123456789abcdeF")).await;
    assert_eq!(wrong.problem(401), "unauthorized");
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.contains("invalid_token")));
    assert!(!wrong.text.contains("0123456789"));
    let good = [
        bot.get("/api/calls").bearer_auth("0123456789abcdef"),
        bot.get("/api/calls").header("Authorization", "bearer 0123456789abcdef"),
        bot.get("/api/calls").header("X-API-Key", "0123456789abcdef"),
        bot.get("/api/calls").header("X-API-Key", "0123456789abcdef").basic_auth("proxy", Some("x")),
    ];
    for request in good {
        Answer::of(request).await.expect(200);
    }
    let unkeyed = Answer::of(bot.initiate("+79522675444")).await;
    assert_eq!((unkeyed.problem(401).as_str(), bot.engine.asked()), ("unauthorized", 0));
}

#[tokio::test]
async fn each_key_has_its_rate() {
    let bot = Bot::with(&[("HTTP__API_KEYS", KEYS)]).await;
    let site = || bot.get("/api/calls").header("X-API-Key", "fedcba9876543210");
    for _ in 0..3 {
        Answer::of(site()).await.expect(200);
    }
    let answer = Answer::of(site()).await;
    assert_eq!(answer.problem(429), "rate_limited");
    let wait: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    Answer::of(bot.get("/api/calls").bearer_auth("0123456789abcdef")).await.expect(200);
}

#[tokio::test]
async fn without_keys_the_limit_is_for_all() {
    let bot = Bot::with(&[("HTTP__RATE_LIMIT", "2")]).await;
    for _ in 0..2 {
        Answer::of(bot.get("/api/calls")).await.expect(200);
    }
    assert_eq!(Answer::of(bot.get("/api/calls")).await.problem(429), "rate_limited");
    assert_eq!(Answer::of(bot.get("/health/live")).await.status, 200);
}

#[tokio::test]
async fn new_keys_hold_without_a_restart() {
    let bot = Bot::start().await;
    Answer::of(bot.get("/api/calls")).await.expect(200);
    bot.set_config(&[("HTTP__API_KEYS", KEYS)]);
    assert_eq!(Answer::of(bot.get("/api/calls")).await.problem(401), "unauthorized");
}

#[tokio::test]
async fn without_keys_no_other_sites_page_is_served() {
    let bot = Bot::start().await;
    let own = format!("http://{}", bot.address);
    Answer::of(bot.initiate("+79522675444").header("Origin", own)).await.expect(201);
    let hangup = "/api/calls/01a1fd9b-d8f8-76c8-be17-be17e20b35ca/hangup";
    for (name, value) in [("Host", "evil.example"), ("Origin", "http://evil.example"), ("Origin", "null")] {
        for request in
            [bot.initiate("+79522675444"), bot.post(hangup), bot.get("/api/calls"), bot.get("/metrics")]
        {
            let answer = Answer::of(request.header(name, value)).await;
            assert_eq!(answer.problem(403), "foreign_site", "{name}: {value}");
        }
    }
    assert_eq!(bot.engine.asked(), 1);
    // A key can't be guessed by a page, and a proxy may give the bot any name.
    bot.set_config(&[("HTTP__API_KEYS", KEYS)]);
    let keyed = bot.get("/api/calls").bearer_auth("0123456789abcdef").header("Host", "bot.example");
    Answer::of(keyed).await.expect(200);
}
