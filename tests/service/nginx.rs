//! The main API behind a real nginx, with the file of `asterisk-config/`: who gets the key, that events are not held
//! back, and that no log has a key.

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    process::Command,
};

use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, PATIENCE},
    nginx_process,
};

const OWN: &str = "nginx-own-key-0123456789";
const OF_CRM: &str = "crm-own-key-0123456789";
/// In the allow list, and not.
const ALLOWED: &str = "127.0.0.77";
const OTHER: &str = "127.0.0.78";
const NAME: &str = "bot.example.org";

struct Nginx {
    running: nginx_process::Nginx,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Nginx {
    /// Before a bot, with these changes to the file that is shipped.
    async fn before(bot: &Daemon, changes: &[(&str, &str)], key: Option<&str>) -> Self {
        let files = nginx_process::Files::new();
        let at = |name: &str| files.at(name);
        let free: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let [plain, tls] = [0, 1].map(|n: usize| free[n].local_addr().expect("it is bound"));
        drop(free);
        let extensions = format!(
            "[req]\ndistinguished_name = name\nx509_extensions = more\n[name]\n[more]\n\
             subjectAltName = DNS:{NAME}\nbasicConstraints = critical, CA:FALSE\n"
        );
        fs::write(at("openssl.cnf"), extensions).expect("written");
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(["-subj", &format!("/CN={NAME}"), "-config", &at("openssl.cnf")])
            .args(["-keyout", &at("tls.key"), "-out", &at("tls.pem")])
            .output()
            .expect("openssl can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let here = [
            ("/etc/nginx/novofon-bot.ke[y]", at("novofon-bot.ke[y]")),
            ("listen 80;", format!("listen {plain};")),
            ("listen 443 ssl;", format!("listen {tls} ssl;")),
            ("/etc/ssl/bot.example.org.pem", at("tls.pem")),
            ("/etc/ssl/private/bot.example.org.key", at("tls.key")),
            ("/var/log/nginx", files.path().display().to_string()),
            ("127.0.0.1:8080", bot.address.clone()),
        ];
        let here = here.iter().map(|(there, here)| (*there, here.as_str()));
        files.ship("nginx-api.conf", here.chain(changes.iter().copied()));
        if let Some(key) = key {
            fs::write(at("novofon-bot.key"), format!("1 \"{key}\";\n")).expect("written");
        }
        let http = format!("include {};", at("nginx-api.conf"));
        let running = files.start(&http, plain).await;
        Nginx { running, plain, tls }
    }

    /// With an allow list that has one address, and the key for it.
    async fn with_key(bot: &Daemon) -> Self {
        let line = format!("{ALLOWED}      1;");
        Nginx::before(bot, &[("# 203.0.113.5      1;", line.as_str())], Some(OWN)).await
    }

    fn client(&self, from: &str) -> Asking {
        let from: IpAddr = from.parse().expect("an address");
        let pem = fs::read(self.running.path().join("tls.pem")).expect("the certificate");
        let client = Client::builder()
            .no_proxy()
            .local_address(from)
            .resolve(NAME, self.plain)
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Asking { client, plain: self.plain, tls: self.tls }
    }

    fn logs(&self) -> String {
        self.running.logs(&["novofon-bot.log", "novofon-bot-error.log", "error.log"])
    }
}

/// A program on one address.
struct Asking {
    client: Client,
    plain: SocketAddr,
    tls: SocketAddr,
}

impl Asking {
    /// As the older bot's users place a call: `curl -X POST http://HOST/api/calls/initiate`.
    fn place(&self) -> RequestBuilder {
        let url = format!("http://{NAME}:{}/api/calls/initiate", self.plain.port());
        self.client.post(url).json(&json!({"phone": "+79522675444"}))
    }

    fn by_address(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.plain))
    }

    /// The name leads to both ports.
    fn by_tls(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("https://{NAME}:{}{path}", self.tls.port()))
    }
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.expect("nginx answers").status().as_u16()
}

async fn json_of(answer: Response) -> Value {
    answer.json().await.expect("JSON")
}

fn keyed() -> Daemon {
    // Calls of one test go to one number.
    Daemon::start(&format!("http.api_keys = ['nginx:{OWN}', 'crm:{OF_CRM}']\ndial.min_gap = 0\n"), &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_for_the_allow_list_alone() {
    let bot = keyed();
    let nginx = Nginx::with_key(&bot).await;
    let (allowed, other) = (nginx.client(ALLOWED), nginx.client(OTHER));
    let placed = allowed.place().send().await.expect("nginx answers");
    assert_eq!(placed.status(), 201);
    let id = json_of(placed).await["id"].as_str().expect("an id").to_owned();
    assert_eq!(status(allowed.by_address(&format!("/api/calls/{id}"))).await, 200, "by its address too");

    let refused = other.place().send().await.expect("nginx answers");
    assert_eq!(refused.status(), 401);
    assert_eq!(json_of(refused).await["code"], "unauthorized");
    // Whoever has a key sends it, from wherever.
    for client in [&allowed, &other] {
        assert_eq!(status(client.place().bearer_auth(OF_CRM)).await, 201);
        assert_eq!(status(client.place().header("X-API-Key", OF_CRM)).await, 201);
        assert_eq!(status(client.by_tls("/api/calls").bearer_auth(OF_CRM)).await, 200);
        assert_eq!(status(client.place().header("X-API-Key", "somebody-elses-0123456789")).await, 401);
    }

    // An address that a client makes up is none.
    for (name, value) in
        [("X-Forwarded-For", ALLOWED), ("X-Real-IP", ALLOWED), ("Forwarded", "for=127.0.0.77")]
    {
        assert_eq!(status(other.place().header(name, value)).await, 401, "{name}");
    }
    // A page in a browser at an allowed address is not its program.
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://bot.example.org"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Referer", "http://evil.example/"),
        ("Host", "evil.example"),
        ("Host", "127.0.0.1.evil.example"),
        ("Host", "bot.example.org|bot.example.org"),
        ("Authorization", "|"),
    ] {
        let status = status(allowed.place().header(name, value)).await;
        assert!([400, 401].contains(&status), "{name}: {value}: {status}");
    }
    for word in [OWN, OF_CRM, "somebody-elses"] {
        assert!(!nginx.logs().contains(word) && !bot.log().contains(word), "{word} is in a log");
    }
    assert!(nginx.logs().contains("\"POST /api/calls/initiate HTTP/1.1\" 201 "), "{}", nginx.logs());
    let logs = nginx.logs();
    assert_eq!(logs.matches(" added_key=1").count(), 2, "the first two, and nobody else: {logs}");
}

/// As it is shipped: an empty list, and no file with a key.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_key_by_default() {
    let bot = keyed();
    let nginx = Nginx::before(&bot, &[], None).await;
    for from in [ALLOWED, "127.0.0.1"] {
        let client = nginx.client(from);
        assert_eq!(status(client.place()).await, 401, "{from}");
        assert_eq!(status(client.place().bearer_auth(OF_CRM)).await, 201, "{from}");
        assert_eq!(status(client.by_tls("/docs/")).await, 200, "the page to try it");
        assert_eq!(status(client.by_address("/docs/")).await, 301, "by TLS alone");
        assert_eq!(status(client.by_tls("/health/live")).await, 200);
        for path in ["/metrics", "/health", "/", "/docsx"] {
            assert_eq!(status(client.by_tls(path).bearer_auth(OF_CRM)).await, 404, "{path} is not shown");
        }
    }
    // A bot that has lost its keys takes nothing from here.
    bot.reload("", "configuration read again");
    let refused = nginx.client(ALLOWED).place().send().await.expect("nginx answers");
    assert_eq!(
        (refused.status().as_u16(), json_of(refused).await["code"].clone()),
        (403, json!("forwarded"))
    );
    drop(bot);
    let away = nginx.client(ALLOWED).place().send().await.expect("nginx answers");
    assert_eq!(away.headers()["content-type"], "application/problem+json");
    assert_eq!((away.status().as_u16(), json_of(away).await["code"].clone()), (502, json!("bot_away")));
    assert!(!nginx.logs().contains(OF_CRM), "{}", nginx.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_not_held_back_and_long_answers_are_waited_for() {
    let bot = keyed();
    let nginx = Nginx::with_key(&bot).await;
    let client = nginx.client(ALLOWED);
    let answer = client.by_tls("/api/events").send().await.expect("nginx answers");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = answer.bytes_stream();
    let placed = json_of(client.place().send().await.expect("nginx answers")).await;
    let id = placed["id"].as_str().expect("an id");
    let mut told = String::new();
    while !told.contains(id) {
        let next = tokio::time::timeout(PATIENCE, events.next()).await;
        let bytes = next.unwrap_or_else(|_| panic!("it is held back: {told}"));
        told += &String::from_utf8_lossy(&bytes.expect("it goes on").expect("it is read"));
    }
    // The longest that a client may wait: nginx waits longer.
    let shipped = fs::read_to_string(nginx.running.path().join("nginx-api.conf")).expect("the file");
    let seconds = shipped.split_once("proxy_read_timeout ").expect("it is set").1;
    let seconds: u32 = seconds.split_once('s').expect("in seconds").0.parse().expect("a number");
    assert!(seconds > 600, "{seconds}");
    let waited = client.place().query(&[("wait", "ended"), ("wait_timeout", "1")]).send().await;
    assert_eq!(waited.expect("nginx answers").headers()["x-wait-timed-out"], "true");
    let too_long = client.place().query(&[("wait", "ended"), ("wait_timeout", "601")]).send().await;
    assert_eq!(too_long.expect("nginx answers").status(), 422, "600 s are the most");
}
