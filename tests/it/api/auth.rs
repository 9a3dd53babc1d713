//! Who may ask, and how often.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

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

/// Sends these bytes and gives the whole answer: a client of HTTP can't be talked into some of them.
async fn raw(bot: &Bot, request: &str) -> String {
    let mut stream = TcpStream::connect(bot.address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

fn placing(line: &str, headers: &str) -> String {
    let body = r#"{"phone":"+79522675444"}"#;
    let length = body.len();
    format!(
        "{line}\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn without_keys_nothing_is_taken_from_a_proxy() {
    let bot = Bot::start().await;
    for (name, value) in [
        ("X-Real-IP", "203.0.113.9"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Server", "bot.example"),
        ("Forwarded", "for=203.0.113.9"),
        ("Via", "1.1 varnish"),
    ] {
        for request in [bot.initiate("+79522675444"), bot.get("/api/calls"), bot.get("/metrics")] {
            let answer = Answer::of(request.header(name, value)).await;
            assert_eq!(answer.problem(403), "forwarded", "{name}: {value}");
            let json = answer.json();
            assert!(json["detail"].as_str().expect("text").contains(&name.to_lowercase()), "{json}");
            assert!(json["hint"].as_str().expect("text").contains("http.api_keys"), "{json}");
        }
    }
    let host = format!("Host: {}\r\n", bot.address);
    // Debian's nginx with a bare proxy_pass.
    let bare = raw(&bot, &placing("POST /api/calls/initiate HTTP/1.0", &host)).await;
    assert!(bare.starts_with("HTTP/1.0 403 ") && bare.contains(r#""code":"forwarded""#), "{bare}");
    assert!(
        bare.contains("/health/live") && bare.contains("HTTP/1.1"),
        "a health check learns what to do: {bare}"
    );
    for (line, headers) in [
        ("POST /api/calls/initiate HTTP/1.1", ""),
        ("POST http://evil.example/api/calls/initiate HTTP/1.1", host.as_str()),
    ] {
        let answer = raw(&bot, &placing(line, headers)).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("foreign_site"), "{line}: {answer}");
    }
    assert_eq!(bot.engine.asked(), 0);
    for line in ["GET /health/live HTTP/1.0", "GET /health/ready HTTP/1.0"] {
        let answer = raw(&bot, &format!("{line}\r\nVia: 1.0 haproxy\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.0 200 "), "probes are for all: {answer}");
    }
    // Who has a key is known, whatever brought it.
    bot.set_config(&[("HTTP__API_KEYS", KEYS)]);
    let keyed = bot.initiate("+79522675444").header("X-Forwarded-For", "203.0.113.9");
    Answer::of(keyed.bearer_auth("0123456789abcdef")).await.expect(201);
    let keyed = format!("{host}X-API-Key: 0123456789abcdef\r\n");
    let answer = raw(&bot, &placing("POST /api/calls/initiate HTTP/1.0", &keyed)).await;
    assert!(answer.starts_with("HTTP/1.0 201 "), "{answer}");
}

#[tokio::test]
async fn another_port_of_this_machine_is_another_site() {
    let bot = Bot::start().await;
    let port = bot.address.port();
    for origin in [
        "http://127.0.0.1:3000".to_owned(),
        "http://localhost:3000".to_owned(),
        format!("http://localhost:{port}"),
        format!("https://127.0.0.1:{port}"),
        "http://127.0.0.1".to_owned(),
        "null".to_owned(),
    ] {
        let answer = Answer::of(bot.initiate("+79522675444").header("Origin", &origin)).await;
        assert_eq!(answer.problem(403), "foreign_site", "{origin}");
    }
    let form = bot.initiate("+79522675444").header("Sec-Fetch-Site", "same-site");
    assert_eq!(Answer::of(form).await.problem(403), "foreign_site");
    assert_eq!(bot.engine.asked(), 0);
    let own = bot.initiate("+79522675444").header("Sec-Fetch-Site", "same-origin");
    Answer::of(own.header("Origin", format!("http://{}", bot.address))).await.expect(201);
}

#[tokio::test]
async fn no_page_may_be_framed() {
    let bot = Bot::start().await;
    for path in ["/docs/", "/docs/index.html", "/openapi.json", "/api/calls", "/health/live", "/nothing"] {
        let answer = Answer::of(bot.get(path)).await;
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("content-security-policy"), Some("frame-ancestors 'none'"), "{path}");
    }
}
