//! The office API behind a real nginx, with the files of `asterisk-config/`: nothing is changed, held back, sent
//! twice or believed that should not be, and no log of nginx has a secret.

use std::net::{IpAddr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::{
    nginx_process,
    support::{Bot, Client, Lab, SOON, Way, until},
};

const SEED: &str = "d68409d67e3b4b87a6675e76dae74a85";
const CALL: &str = "/api/makecallexternal?code=150&phone=%2B375296254070&clientId=";
const SPY: &str = "/api/monitor?action=09&target=150&monitor_from=151&clientId=";

/// nginx with a server block as an operator has it.
struct Nginx {
    running: nginx_process::Nginx,
    address: SocketAddr,
}

impl Nginx {
    async fn before(bot: &Bot) -> Self {
        let files = nginx_process::Files::new();
        let at = |name: &str| files.at(name);
        let listen = bot.url.trim_start_matches("http://");
        // Beside the bot, which has an address of its own.
        let address: SocketAddr = listen.parse().expect("an address");
        let address = SocketAddr::new(address.ip(), address.port() + 500);
        files.ship("nginx-office.conf", []);
        let logs = files.path().display().to_string();
        files.ship("nginx-office-api.conf", [("/var/log/nginx", logs.as_str()), ("127.0.0.1:8018", listen)]);
        let http = format!(
            "include {};\n\
             server {{ listen {address}; access_log {} novofon_office; include {}; location / {{ return 404; }} }}",
            at("nginx-office.conf"),
            at("access.log"),
            at("nginx-office-api.conf")
        );
        let running = files.start(&http, address).await;
        Nginx { running, address }
    }

    fn client(&self, secret: &str) -> Client {
        Client::new(&format!("http://{}", self.address), secret)
    }

    /// All that it has written.
    fn logs(&self) -> String {
        self.running.logs(&["novofon-office.log", "access.log", "error.log"])
    }
}

fn address_of(bot: &Bot) -> SocketAddr {
    bot.url.trim_start_matches("http://").parse().expect("an address")
}

/// An answer as it came over the wire.
struct Raw {
    status: u16,
    head: String,
    body: String,
}

/// Sends these bytes as the request's target, from this address.
async fn raw_get(to: SocketAddr, from: &str, target: &str, headers: &str) -> Raw {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from: IpAddr = from.parse().expect("an address");
    socket.bind(SocketAddr::new(from, 0)).expect("all of 127.0.0.0/8 is this machine's");
    let mut stream = socket.connect(to).await.expect("somebody listens");
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: bot.vochi.by\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Raw { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Without what is another one each time.
fn lasting(body: &str) -> String {
    let mut body: String = body.to_owned();
    for name in ["response_time_ms", "call_id", "live_calls"] {
        if let Some(at) = body.find(&format!("\"{name}\":")) {
            let end = at + body[at..].find([',', '}']).expect("an object has an end");
            body.replace_range(at..end, name);
        }
    }
    body
}

#[tokio::test]
async fn the_example_requests_get_the_same_bytes() {
    let lab = Lab::shared().await;
    let [caller, listener] = lab.desks("june", ["150", "151"]).await;
    let bot = Bot::start(&lab, "june", Way::Ami, &[]).await;
    let nginx = Nginx::before(&bot).await;
    let wrong = "0".repeat(32);
    for (target, status) in [
        (format!("{CALL}{SEED}"), 200),
        (format!("{SPY}{SEED}"), 200),
        (format!("{CALL}{wrong}"), 401),
        ("/api/makecallexternal?code=150%0d%0a&phone=%2B375".to_owned(), 422),
        ("/api/status".to_owned(), 200),
        ("/api/nothing".to_owned(), 404),
    ] {
        let direct = raw_get(address_of(&bot), "127.0.0.1", &target, "").await;
        let through = raw_get(nginx.address, "127.0.0.1", &target, "").await;
        assert_eq!((direct.status, through.status), (status, status), "{target}: {}", through.body);
        assert_eq!(lasting(&through.body), lasting(&direct.body), "{target}");
        assert!(through.head.contains("\r\ncontent-type: application/json\r\n"), "{}", through.head);
        assert!(through.head.contains("\r\ncache-control: no-store"), "nobody keeps it: {}", through.head);
    }
    // Nothing but the API is shown to the world.
    let health = raw_get(nginx.address, "127.0.0.1", "/health", "").await;
    assert_eq!(health.status, 404);
    for desk in [caller, listener] {
        desk.hang_up().await;
        desk.until_free().await;
    }
}

#[tokio::test]
async fn streams_are_not_held_back() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, Way::Ami, &[]).await;
    let nginx = Nginx::before(&bot).await;
    let client = nginx.client(lab.office(desk.office, "SECRET"));

    let mut request = format!("ws://{}/api/ws?clientId={}", nginx.address, client.secret)
        .into_client_request()
        .expect("a URL");
    request.headers_mut().insert("accept-language", "en".parse().expect("a header"));
    let (mut live, _) = tokio_tungstenite::connect_async(request).await.expect("the upgrade passes");
    let first = next_message(&mut live).await;
    assert_eq!((&first["type"], &first["calls"]), (&json!("calls"), &json!([])));

    let id = client.place(&desk.name, &desk.number("0180")).await;
    // The number rings for ever: what is told now is told of a call that lives.
    let answer = reqwest::Client::new()
        .get(format!("http://{}/api/calls/{id}/events", nginx.address))
        .bearer_auth(&client.secret)
        .send()
        .await
        .expect("the stream begins");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = answer.bytes_stream();
    let mut told = String::new();
    while !told.contains("\"ringing\"") {
        let bytes = timeout(SOON, events.next()).await.unwrap_or_else(|_| panic!("it is held back: {told}"));
        told += &String::from_utf8_lossy(&bytes.expect("it goes on").expect("it is read"));
    }
    loop {
        let message = next_message(&mut live).await;
        if message["status"] == "ringing" {
            assert_eq!(message["call_id"], json!(id), "{message}");
            break;
        }
    }
    assert_eq!(client.call(&id).await.status(), "ringing");
    assert_eq!(client.hang_up(&id).await.status, 200);
    while let Some(bytes) = timeout(SOON, events.next()).await.expect("it ends with the call") {
        told += &String::from_utf8_lossy(&bytes.expect("it is read"));
    }
    assert!(told.contains("canceled"), "{told}");
    live.send(Message::Close(None)).await.expect("it is closed");
    drop(live);
    until("nginx has logged the WebSocket", SOON, async || {
        let logs = nginx.logs();
        if logs.contains("\"GET /api/ws HTTP/1.1\" 101 ") { Ok(()) } else { Err(logs) }
    })
    .await;
    assert!(!nginx.logs().contains(&client.secret[..9]), "{}", nginx.logs());
}

type Live = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn next_message(live: &mut Live) -> Value {
    loop {
        let message =
            timeout(SOON, live.next()).await.expect("a message").expect("it goes on").expect("it is read");
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).expect("JSON");
        }
    }
}

/// The limit by address and number counts whom nginx names, and nobody can give himself another name.
#[tokio::test]
async fn only_the_proxys_word_for_an_address_counts() {
    let lab = Lab::shared().await;
    let mut bot = Bot::stopped(&lab, "june", Way::Ami, &[("office.number_limit", "1")]);
    // Nobody is at this port: orders fail, and no phone rings.
    bot.has_enterprises(
        &[&["0001", "nobody", "127.0.0.1", "--secret-file", "secret", "--ami-port", "9"]],
        &[("secret", SEED)],
    );
    bot.launch();
    bot.until_live().await;
    let nginx = Nginx::before(&bot).await;
    let mut made_up = 0;
    let mut ask = async |to: SocketAddr, from: &'static str| {
        made_up += 1;
        let headers = format!("X-Forwarded-For: 203.0.113.{made_up}\r\nX-Real-IP: 203.0.113.{made_up}\r\n");
        raw_get(to, from, &format!("{CALL}{SEED}"), &headers).await
    };
    let bot_address = address_of(&bot);
    for to in [nginx.address, bot_address] {
        let from =
            if to == bot_address { ["127.0.49.3", "127.0.49.4"] } else { ["127.0.49.1", "127.0.49.2"] };
        assert_eq!(ask(to, from[0]).await.status, 500, "the first one is let through");
        let second = ask(to, from[0]).await;
        assert_eq!(second.status, 429, "{}", second.body);
        assert!(second.head.contains("\r\nretry-after: "), "{}", second.head);
        assert_eq!(ask(to, from[1]).await.status, 500, "another client has its own limit");
    }
    let log = bot.log_text();
    for address in ["127.0.49.1", "127.0.49.2", "127.0.49.3", "127.0.49.4"] {
        assert!(log.contains(&format!("client={address}")), "{address}");
    }
    assert!(!log.contains("203.0.113."), "nothing that a client made up");
}

#[tokio::test]
async fn no_log_has_a_secret() {
    let lab = Lab::shared().await;
    let mut bot = Bot::stopped(&lab, "june", Way::Ami, &[]);
    bot.has_enterprises(
        &[&["0001", "nobody", "127.0.0.1", "--secret-file", "secret", "--ami-port", "9"]],
        &[("secret", SEED)],
    );
    bot.launch();
    bot.until_live().await;
    let nginx = Nginx::before(&bot).await;
    let get = async |target: &str, headers: &str| raw_get(nginx.address, "127.0.0.1", target, headers).await;
    let call = format!("{CALL}{SEED}");
    assert_eq!(get(&call, "").await.status, 500);
    assert_eq!(get(&format!("{SPY}{SEED}"), "").await.status, 500);
    assert_eq!(get(&format!("/api/calls?limit=1&clientId={SEED}"), "").await.status, 200);
    assert_eq!(get(&format!("/api/calls?CLIENTID={SEED}"), "").await.status, 422);
    assert_eq!(get(&format!("/api/nothing?clientId={SEED}"), "").await.status, 404);
    assert_eq!(get(&format!("/else?clientId={SEED}"), "").await.status, 404);
    // Refused before nginx knows where it goes.
    assert_eq!(get(&call, &format!("X-Long: {}\r\n", "x".repeat(40_000))).await.status, 400);
    assert!(nginx.logs().contains("\"GET /api/makecallexternal HTTP/1.1\" 500 "), "{}", nginx.logs());
    assert!(nginx.logs().contains(" client=d68409d6... "), "an enterprise can be told from another");

    bot.kill();
    let away = get(&call, "").await;
    assert_eq!((away.status, away.body.as_str()), (502, r#"{"detail":"The service does not answer"}"#));
    assert!(away.head.contains("\r\ncontent-type: application/json\r\n"), "{}", away.head);
    let logs = nginx.logs();
    assert!(logs.contains("upstream=502"), "that it failed is told: {logs}");
    assert!(!logs.contains(&SEED[..9]), "{logs}");
}
