//! How often may be asked: by an enterprise, and from an address for a number; and whose word is taken for what
//! the address is. No phone is called here: the enterprises' host refuses connections.

use std::net::{IpAddr, TcpListener};

use reqwest::{RequestBuilder, Response};

use crate::support::{Bot, Lab, Way};

struct Limited {
    bot: Bot,
    secrets: [String; 2],
}

/// Two enterprises, the second with a limit of its own.
async fn two(settings: &[(&str, &str)], own_limit: &str) -> Limited {
    let lab = Lab::shared().await;
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = nobody.local_addr().expect("it is bound").port().to_string();
    drop(nobody);
    let mut bot = Bot::stopped(&lab, "june", Way::Socket, settings);
    let secrets = ["1".repeat(32), "2".repeat(32)];
    let host = ["127.0.0.1", "--ssh-port", &port];
    let rows = [
        [["0001", "one"].as_slice(), &host, &["--secret-file", "one"]].concat(),
        [["0002", "two"].as_slice(), &host, &["--secret-file", "two", "--rate-limit", own_limit]].concat(),
    ];
    bot.has_enterprises(&rows.each_ref().map(Vec::as_slice), &[("one", &secrets[0]), ("two", &secrets[1])]);
    bot.launch();
    bot.until_live().await;
    Limited { bot, secrets }
}

impl Limited {
    /// A call that leads nowhere (500), from this address.
    fn call(&self, from: &str, secret: usize, phone: &str) -> RequestBuilder {
        let from: IpAddr = from.parse().expect("an address");
        let http = reqwest::Client::builder().local_address(from).build().expect("a client");
        let query = [("code", "150"), ("phone", phone), ("clientId", &self.secrets[secret])];
        http.get(format!("{}/api/makecallexternal", self.bot.url)).query(&query)
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.expect("the bot answers").status().as_u16()
}

/// Too many: after how many seconds to come again, and why.
async fn refused(response: Response) -> (u64, String) {
    assert_eq!(response.status().as_u16(), 429);
    let wait = response.headers()["retry-after"].to_str().expect("a text").parse().expect("seconds");
    let body: serde_json::Value = response.json().await.expect("JSON");
    (wait, body["detail"].as_str().expect("a text").to_owned())
}

#[tokio::test]
async fn an_enterprise_has_so_many_requests_a_minute() {
    let two = two(&[("office.rate_limit", "3")], "2").await;
    let [one, other] = two.secrets.each_ref().map(|secret| two.bot.client_with(secret));
    for _ in 0..3 {
        assert_eq!(one.get("/api/calls").await.status, 200);
    }
    // Whatever it asks for; the next one may come in a third of a minute.
    let answer = one.get("/api/calls").await;
    assert_eq!(
        (answer.status, answer.detail().as_str()),
        (429, "Too many requests: 3 per minute are allowed")
    );
    let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=20).contains(&wait), "{wait} s");
    let (wait, _) = refused(two.call("127.0.0.1", 0, "+375291110000").send().await.expect("an answer")).await;
    assert!((1..=20).contains(&wait), "{wait} s");
    // Another enterprise has a count, and here a limit, of its own.
    assert_eq!(other.get("/api/calls").await.status, 200);
    assert_eq!(status(two.call("127.0.0.1", 1, "+375291110000")).await, 500);
    let answer = other.get("/api/calls").await;
    assert_eq!(
        (answer.status, answer.detail().as_str()),
        (429, "Too many requests: 2 per minute are allowed")
    );
    // What needs no secret is not counted.
    let status = reqwest::get(format!("{}/api/status", two.bot.url)).await.expect("an answer");
    assert_eq!(status.status().as_u16(), 200);
}

#[tokio::test]
async fn an_address_may_call_a_number_so_often() {
    let two = two(&[("office.number_limit", "1")], "0").await;
    let number = "+375291110000";
    assert_eq!(status(two.call("127.0.0.1", 0, number)).await, 500);
    // Whoever asks for it.
    for secret in [0, 1] {
        let (wait, detail) =
            refused(two.call("127.0.0.1", secret, number).send().await.expect("an answer")).await;
        assert!((1..=60).contains(&wait), "{wait} s");
        assert_eq!(detail, format!("Too many calls to {number}: 1 per minute are allowed"));
    }
    assert_eq!(status(two.call("127.0.0.1", 0, "+375291110001")).await, 500, "another number");
    assert_eq!(status(two.call("127.0.0.3", 0, number)).await, 500, "another address");
    let calls = two.bot.client_with(&two.secrets[0]).get("/api/calls").await.json();
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(3), "what is refused has no record: {calls}");
}

#[tokio::test]
async fn only_a_trusted_proxy_tells_the_clients_address() {
    let settings = [("office.number_limit", "1"), ("office.trusted_proxies", r#"["127.0.0.5"]"#)];
    let two = two(&settings, "0").await;
    let number = "+375291110000";
    let by = |proxy: &str, header: &str, value: &str| two.call(proxy, 0, number).header(header, value);
    // By the proxy each client has its own count.
    assert_eq!(status(by("127.0.0.5", "X-Forwarded-For", "203.0.113.7")).await, 500);
    assert_eq!(status(by("127.0.0.5", "X-Forwarded-For", "203.0.113.8")).await, 500);
    assert_eq!(status(by("127.0.0.5", "X-Forwarded-For", "203.0.113.7")).await, 429);
    // What the client wrote before it counts for nothing.
    assert_eq!(status(by("127.0.0.5", "X-Forwarded-For", "198.51.100.1, 203.0.113.7")).await, 429);
    assert_eq!(status(by("127.0.0.5", "X-Real-IP", "203.0.113.7")).await, 429);
    assert_eq!(status(by("127.0.0.5", "X-Real-IP", "203.0.113.9")).await, 500);
    // Others may say what they want.
    assert_eq!(status(by("127.0.0.6", "X-Forwarded-For", "203.0.113.10")).await, 500);
    assert_eq!(status(by("127.0.0.6", "X-Forwarded-For", "203.0.113.11")).await, 429);
    assert_eq!(status(by("127.0.0.6", "X-Real-IP", "203.0.113.12")).await, 429);
    let log = two.bot.log_text();
    assert!(log.contains("203.0.113.7"), "the client's address is in the log");
    assert!(!log.contains("203.0.113.11"), "an invented address is in the log");
}

/// Whoever tries secrets out is stopped, and nobody else is.
#[tokio::test]
async fn guesses_are_few() {
    let two = two(&[], "0").await;
    let wrong = two.bot.client_with(&"3".repeat(32));
    let mut tried = 0;
    let stopped = loop {
        let answer = wrong.get("/api/calls").await;
        if answer.status != 401 {
            break answer;
        }
        tried += 1;
        assert!(tried < 300, "nobody stops it");
    };
    assert!(tried >= 60, "{tried} only");
    assert!(stopped.status == 429 && stopped.header("retry-after").is_some(), "{}", stopped.text);
    assert_eq!(two.bot.client_with(&two.secrets[0]).get("/api/calls").await.status, 200);
}

/// Its client asked too early. Nothing of that is left when the enterprise is there.
#[tokio::test]
async fn who_is_added_is_let_in_by_the_next_request() {
    let two = two(&[], "0").await;
    let early = two.bot.client_with(&"4".repeat(32));
    for _ in 0..3 {
        assert_eq!(early.get("/api/calls").await.status, 401);
    }
    let row = ["0004", "four", "127.0.0.1", "--secret-file", "four"];
    two.bot.adds_enterprise(&row, ("four", &"4".repeat(32)));
    assert_eq!(early.get("/api/calls").await.status, 200);
}
