//! The requests that the clients were written for, byte for byte, and the answers that they were promised.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Bot, Lab, Way, until};

/// The examples of the API's document, as they stand there: the part of the URL after the host, and the answer.
const CALL: (&str, &str) = (
    "/api/makecallexternal?code=150&phone=%2B375296254070&clientId=d68409d67e3b4b87a6675e76dae74a85",
    r#"{
    "success": true,
    "message": "Call initiated successfully: 150 -> +375296254070",
    "enterprise": "june",
    "enterprise_number": "0367",
    "from_ext": "150",
    "to_phone": "+375296254070",
    "host_ip": "10.88.10.19",
    "response_time_ms": 1399.39
}"#,
);
const SPY: (&str, &str) = (
    "/api/monitor?action=09&target=150&monitor_from=151&clientId=d68409d67e3b4b87a6675e76dae74a85",
    r#"{
    "success": true,
    "message": "Monitoring initiated successfully: подслушивание for SIP/150",
    "action": "09",
    "action_name": "подслушивание",
    "target": "150",
    "monitor_from": "151",
    "target_channel": "SIP/150",
    "enterprise": "june",
    "enterprise_number": "0367",
    "host_ip": "10.88.10.19",
    "response_time_ms": 3160.66
}"#,
);
const HEALTH: (&str, &str) = (
    "/health",
    r#"{
    "status": "healthy",
    "service": "asterisk-call-management",
    "port": 8018
}"#,
);
const STATUS: (&str, &str) = (
    "/api/status",
    r#"{
    "service": "asterisk-call-management",
    "version": "1.0.0",
    "database": "connected",
    "asterisk_config": {
        "method": "SSH CLI",
        "ssh_port": 5059,
        "ssh_user": "root"
    }
}"#,
);
const INVALID: &str = r#"{"detail":"Invalid clientId"}"#;

/// An answer as it came over the wire.
struct Raw {
    status: u16,
    head: String,
    body: String,
}

/// Sends these bytes as the request's target, and no library has a say.
async fn raw_get(bot: &Bot, target: &str) -> Raw {
    let address = bot.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the bot listens");
    let request = format!("GET {target} HTTP/1.1\r\nHost: bot.vochi.by\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the bot reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the bot answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Raw { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A document's JSON as FastAPI writes it: without spaces, and not escaped.
fn compact(document: &str) -> String {
    document.lines().map(str::trim).collect::<String>().replace("\": ", "\":")
}

/// The text of a member's value in a compact object.
fn value<'a>(body: &'a str, name: &str) -> &'a str {
    let (_, rest) = body.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("no {name}: {body}"));
    &rest[..rest.find([',', '}']).expect("an object has an end")]
}

/// The answer to an order is that of the document, with this host and its own time, and then the call's id.
fn assert_as_documented(raw: &Raw, document: &str, host: &str) -> String {
    assert_eq!(raw.status, 200, "{}", raw.body);
    assert!(raw.head.contains("\r\ncontent-type: application/json\r\n"), "{}", raw.head);
    let time = value(&raw.body, "response_time_ms");
    let (whole, decimals) = time.split_once('.').unwrap_or((time, ""));
    let is_number = |digits: &str| digits.chars().all(|digit| digit.is_ascii_digit());
    assert!(is_number(whole) && !whole.is_empty() && is_number(decimals) && decimals.len() <= 2, "{time}");
    let call = value(&raw.body, "call_id").trim_matches('"').to_owned();
    let expected = compact(document);
    let promised = value(&expected, "response_time_ms").to_owned();
    let expected = expected.replace("10.88.10.19", host).replace(&promised, time);
    let expected = format!("{},\"call_id\":\"{call}\"}}", expected.trim_end_matches('}'));
    assert_eq!(raw.body, expected);
    call
}

#[tokio::test]
async fn the_example_requests_get_the_example_answers() {
    let lab = Lab::shared().await;
    let [caller, listener] = lab.desks("june", ["150", "151"]).await;
    // As in the document: phones of chan_sip. It is the name that is looked at here, not what is heard.
    let bot = Bot::start(&lab, "june", Way::Socket, &[("office.technology", "SIP")]).await;
    let (june, host) = (bot.client("june"), lab.office("june", "IP"));

    let call = assert_as_documented(&raw_get(&bot, CALL.0).await, CALL.1, host);
    let phone = caller.at("+375296254070");
    caller.until_connected().await;
    phone.until_connected().await;
    june.hang_up(&call).await;
    june.until_ended(&call).await;
    phone.until_free().await;
    // As clients write it that do not escape it, and as those that send none.
    for (given, meant) in [("+375296254070", "+375296254070"), ("80296254070", "80296254070")] {
        let raw = raw_get(&bot, &CALL.0.replace("%2B375296254070", given)).await;
        let call = assert_as_documented(&raw, &CALL.1.replace("+375296254070", meant), host);
        caller.at(meant).until_connected().await;
        june.hang_up(&call).await;
        june.until_ended(&call).await;
        caller.until_free().await;
    }

    for (action, name) in [("09", "подслушивание"), ("01", "суфлирование"), ("02", "вмешательство")]
    {
        let document = SPY.1.replace("подслушивание", name).replace("\"09\"", &format!("\"{action}\""));
        let raw = raw_get(&bot, &SPY.0.replace("=09", &format!("={action}"))).await;
        let call = assert_as_documented(&raw, &document, host);
        // The order is given whether the target is in a call or not: the phone is called.
        listener.until_connected().await;
        june.hang_up(&call).await;
        june.until_ended(&call).await;
        listener.until_free().await;
    }
    // What those look for who know the older service's log, in its order.
    let log = bot.log_text();
    let mut rest = log.as_str();
    for words in [
        "Запрос на звонок: 150 -> +375296254070, clientId: d68409d6...".to_owned(),
        "Клиент авторизован: june (0367)".to_owned(),
        format!("SSH подключение к {host}: 150 -> +375296254070"),
        format!("CLI команда выполнена на {host}: 150 -> +375296254070"),
        "Запрос на мониторинг (подслушивание): 151 -> 150, clientId: d68409d6...".to_owned(),
        "Клиент авторизован: june (0367)".to_owned(),
        format!("SSH подключение к {host}: 151 -> 150"),
        format!("CLI команда выполнена на {host}: 151 -> 150"),
    ] {
        rest = rest.split_once(&words).unwrap_or_else(|| panic!("no `{words}` after the others:\n{log}")).1;
    }
}

#[tokio::test]
async fn health_and_status_are_as_documented() {
    let lab = Lab::shared().await;
    let bot = Bot::start(&lab, "june", Way::Socket, &[]).await;
    let health = raw_get(&bot, HEALTH.0).await;
    assert_eq!((health.status, health.body), (200, compact(HEALTH.1)));
    let port = format!("\"ssh_port\":{}", lab.office("june", "SSH_PORT"));
    let expected = compact(STATUS.1).replace("\"ssh_port\":5059", &port);
    let expected = expected.strip_suffix('}').expect("an object");
    until("the status is that of the document", Duration::from_secs(10), async || {
        let status = raw_get(&bot, STATUS.0).await;
        // What was added comes after it.
        let is_right = status.status == 200 && status.body.starts_with(&format!("{expected},"));
        if is_right { Ok(()) } else { Err(status.body) }
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_nobody_has_gets_401() {
    let lab = Lab::shared().await;
    let bot = Bot::start(&lab, "june", Way::Socket, &[]).await;
    let (unknown, own) = ("d68409d67e3b4b87a6675e76dae74a86", lab.office("june", "SECRET"));
    // One that is switched off; others that look alike.
    let (off, longer, shorter) = (lab.setting("AUGUST_SECRET"), format!("{own}0"), &own[..31]);
    for secret in [unknown, off, &longer, shorter, "", "%00", "%27%20OR%201=1--"] {
        for (target, _) in [CALL, SPY] {
            let raw = raw_get(&bot, &target.replace(own, secret)).await;
            assert_eq!((raw.status, raw.body.as_str()), (401, INVALID), "{secret}");
        }
    }
    let stranger = bot.client_with(unknown);
    let order = json!({"code": "150", "phone": "+375296254070"});
    for answer in [stranger.post("/api/makecallexternal", order).await, stranger.get("/api/calls").await] {
        assert_eq!((answer.status, answer.text.as_str()), (401, INVALID));
    }
    assert!(!bot.log_text().contains(unknown), "a secret is in the log");
    assert!(bot.log_text().contains("d68409d6..."), "the beginning of the secret is in the log");
}

/// A program that only looks whether a link works calls nobody.
#[tokio::test]
async fn head_orders_nothing() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, Way::Socket, &[]).await;
    let client = bot.client(desk.office);
    let phone = desk.number("0200");
    let path = format!("/api/makecallexternal?code={}&phone=%2B{}", desk.name, &phone.name[1..]);
    let answer = client.send(reqwest::Method::HEAD, &path, None).await;
    assert_eq!(answer.status, 405);
    assert_eq!(client.get("/api/calls").await.json()["calls"], json!([]));
    assert_eq!(phone.arrivals().await, 0);
}

/// What is wrong with the parameters is told before the secret is looked at, as FastAPI does it.
#[tokio::test]
async fn parameters_are_checked_first_and_refused_as_by_fastapi() {
    let lab = Lab::shared().await;
    let bot = Bot::start(&lab, "june", Way::Socket, &[]).await;
    let missing = |names: &[&str]| {
        let one = |name| {
            format!(r#"{{"type":"missing","loc":["query","{name}"],"msg":"Field required","input":null}}"#)
        };
        let all: Vec<String> = names.iter().map(one).collect();
        format!(r#"{{"detail":[{}]}}"#, all.join(","))
    };
    let cases = [
        ("/api/makecallexternal", missing(&["code", "phone", "clientId"])),
        // FastAPI led there with a redirect.
        ("/api/makecallexternal/", missing(&["code", "phone", "clientId"])),
        ("/api/makecallexternal?clientId=wrong", missing(&["code", "phone"])),
        ("/api/makecallexternal?code=150&phone=%2B375296254070", missing(&["clientId"])),
        ("/api/makecallexternal?phone=%2B375296254070&clientId=wrong", missing(&["code"])),
        ("/api/monitor", missing(&["action", "target", "monitor_from", "clientId"])),
        ("/api/monitor?action=09&target=150&clientId=wrong", missing(&["monitor_from"])),
    ];
    for (target, expected) in cases {
        let raw = raw_get(&bot, target).await;
        assert_eq!((raw.status, raw.body), (422, expected), "{target}");
    }
    let raw = raw_get(&bot, "/api/monitor?action=10&target=150;id&monitor_from=151&clientId=wrong").await;
    assert_eq!(raw.status, 422);
    let faults: serde_json::Value = serde_json::from_str(&raw.body).expect("JSON");
    let kinds: Vec<_> =
        [0, 1].map(|at| (&faults["detail"][at]["loc"][1], &faults["detail"][at]["type"])).into();
    assert_eq!(
        kinds,
        [(&json!("action"), &json!("literal_error")), (&json!("target"), &json!("string_pattern_mismatch"))]
    );
    assert_eq!(raw_get(&bot, "/api/nothing").await.body, r#"{"detail":"Not Found"}"#);
    assert_eq!(
        bot.client("june").post("/health", json!({})).await.text,
        r#"{"detail":"Method Not Allowed"}"#
    );
}

/// Secrets do not belong in URLs: each of these leads to the same.
#[tokio::test]
async fn the_secret_may_come_in_a_header_or_a_body() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, Way::Socket, &[]).await;
    let (client, number) = (bot.client(desk.office), desk.number("0200"));
    let http = reqwest::Client::new();
    let url = format!("{}/api/makecallexternal", bot.url);
    let order = json!({"code": desk.name, "phone": number.name});
    let with_secret = json!({"code": desk.name, "phone": number.name, "clientId": client.secret});
    let query = [("code", &desk.name), ("phone", &number.name)];
    let requests = [
        http.post(&url).json(&order).bearer_auth(&client.secret),
        http.post(&url).json(&order).header("X-API-Key", &client.secret),
        http.post(&url).json(&with_secret),
        http.get(&url).query(&query).bearer_auth(&client.secret),
        http.get(&url).query(&query).header("X-API-Key", &client.secret),
    ];
    for request in requests {
        let response = request.send().await.expect("the bot answers");
        let (status, text) = (response.status(), response.text().await.expect("a body"));
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((status.as_u16(), &answer["success"]), (200, &json!(true)), "{text}");
        desk.until_connected().await;
        let id = answer["call_id"].as_str().expect("an id");
        client.hang_up(id).await;
        client.until_ended(id).await;
        desk.until_free().await;
    }
    assert!(!bot.log_text().contains(&client.secret), "the secret is in the log");
}

/// A host that can't be reached: the words of old.
#[tokio::test]
async fn a_host_that_cannot_be_reached_gets_500() {
    let lab = Lab::shared().await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("it is bound").port().to_string();
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let closed = nobody.local_addr().expect("it is bound").port().to_string();
    drop(nobody);
    let mut bot = Bot::stopped(&lab, "june", Way::Socket, &[]);
    let secrets = ["1".repeat(32), "2".repeat(32)];
    bot.has_enterprises(
        &[
            &["0001", "mute", "127.0.0.1", "--ssh-port", &port, "--secret-file", "mute"],
            &["0002", "gone", "127.0.0.1", "--ssh-port", &closed, "--secret-file", "gone"],
        ],
        &[("mute", &secrets[0]), ("gone", &secrets[1])],
    );
    bot.launch();
    bot.until_live().await;
    let call = |secret: &str| CALL.0.replace("d68409d67e3b4b87a6675e76dae74a85", secret);
    let spy = |secret: &str| SPY.0.replace("d68409d67e3b4b87a6675e76dae74a85", secret);
    let begun = Instant::now();
    let timeout = "SSH command failed: Connection timeout";
    let raw = raw_get(&bot, &call(&secrets[0])).await;
    let expected = format!(r#"{{"detail":"Call initiation failed: {timeout}"}}"#);
    assert_eq!((raw.status, raw.body), (500, expected));
    let time = begun.elapsed();
    assert!((9.0..20.0).contains(&time.as_secs_f64()), "{time:?} for a time-out of 10 s");
    let refused = "SSH command failed: Connection refused";
    let raw = raw_get(&bot, &call(&secrets[1])).await;
    assert_eq!(raw.body, format!(r#"{{"detail":"Call initiation failed: {refused}"}}"#));
    let raw = raw_get(&bot, &spy(&secrets[1])).await;
    assert_eq!(raw.body, format!(r#"{{"detail":"Monitoring initiation failed: {refused}"}}"#));
    // Each has a record that says that nothing was dialed.
    let calls = bot.client_with(&secrets[1]).get("/api/calls").await.json();
    let ends: Vec<String> = calls["calls"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| format!("{} {} {}", call["status"], call["reason"], call["office"]["kind"]))
        .collect();
    assert_eq!(ends, [r#""failed" "host_unreachable" "monitor""#, r#""failed" "host_unreachable" "call""#]);
}
