//! Hostile texts in every parameter of every request, by each way: none is an error of the program's, and nothing of
//! them reaches a host. The bot has connected to none before, so not even a connection may be seen there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::form_urlencoded::{byte_serialize, parse};

use crate::{
    hostile,
    support::{Firm, Lab, Log, Part, Site, watch},
};

/// So many clients at once.
const CLIENTS: usize = 6;

/// What the bot may need more for all of it, MiB.
const MEMORY: u64 = 150;

/// A request, and whether an empty or odd value may be none of the program's business.
struct Attempt {
    what: String,
    request: Vec<u8>,
    must_refuse: bool,
}

/// The parameters of a request that would be right.
type Right<'a> = Vec<(&'a str, &'a str)>;

fn right<'a>(path: &str, secret: &'a str) -> Right<'a> {
    match path {
        "/api/makecallexternal" => vec![("code", "150"), ("phone", "+375296254070"), ("clientId", secret)],
        _ => vec![("action", "09"), ("target", "150"), ("monitor_from", "151"), ("clientId", secret)],
    }
}

/// Whether this is what the parameter is for.
fn fits(parameter: &str, text: &str, in_query: bool) -> bool {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parameter {
        "code" | "target" | "monitor_from" => digits(text, 10),
        "phone" => {
            digits(text.strip_prefix(if in_query { ['+', ' '] } else { ['+', '+'] }).unwrap_or(text), 20)
        }
        "wait_timeout" => text.parse::<u64>().is_ok(),
        _ => false,
    }
}

fn head(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: bot\r\n")
}

/// An address of its own for each, so that a limit on guesses is not what refuses it.
fn from_somewhere() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a00_0001);
    let [a, b, c, d] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    format!("X-Forwarded-For: {a}.{b}.{c}.{d}\r\n")
}

fn get(path: &str, pairs: &[(&str, &str)], headers: &str) -> Vec<u8> {
    let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) };
    format!("{}{}{headers}\r\n", head("GET", &target), from_somewhere()).into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    format!("{}{}{headers}\r\n{body}", head("POST", path), from_somewhere()).into_bytes()
}

/// The right parameters with one of them spoiled.
fn spoiled<'a>(right: &Right<'a>, parameter: &'a str, value: &'a str) -> Right<'a> {
    let mut pairs = right.clone();
    match pairs.iter_mut().find(|(name, _)| *name == parameter) {
        Some(pair) => pair.1 = value,
        None => pairs.push((parameter, value)),
    }
    pairs
}

const PATHS: [(&str, &[&str]); 2] = [
    ("/api/makecallexternal", &["code", "phone", "clientId", "wait", "wait_timeout"]),
    ("/api/monitor", &["action", "target", "monitor_from", "clientId", "wait", "wait_timeout"]),
];

/// What would go to a host.
const HOSTS_OWN: [&str; 4] = ["code", "phone", "target", "monitor_from"];

/// Every text and value in those parameters that are asked for.
fn in_parameters(firm: &Firm, which: impl Fn(&str) -> bool, attempts: &mut Vec<Attempt>) {
    let texts = hostile::texts();
    for (path, parameters) in PATHS {
        let right = right(path, &firm.secret);
        for parameter in parameters.iter().filter(|parameter| which(parameter)) {
            let what = |value: &str, how: &str| {
                format!(
                    "{how} {path} by {}: {parameter}={:?}",
                    firm.way,
                    value.chars().take(60).collect::<String>()
                )
            };
            for text in &texts {
                let pairs = spoiled(&right, parameter, text);
                if !fits(parameter, text, true) {
                    let request = get(path, &pairs, "");
                    attempts.push(Attempt { what: what(text, "GET"), request, must_refuse: true });
                }
                if !fits(parameter, text, false) {
                    let body: Map<String, Value> =
                        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
                    let request = post(path, &Value::Object(body).to_string());
                    attempts.push(Attempt { what: what(text, "POST"), request, must_refuse: true });
                }
                // As it is, where it can stand in a line at all; `+` and `%31` mean something there.
                let is_line = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#".contains(&byte));
                let means = parse(format!("x={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
                let means = means.unwrap_or_default();
                if is_line && text.len() < 5000 && !fits(parameter, &means, true) {
                    let raw: Vec<String> =
                        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    let target = format!("{path}?{}", raw.join("&"));
                    let request = format!("{}{}\r\n", head("GET", &target), from_somewhere()).into_bytes();
                    attempts.push(Attempt { what: what(text, "raw GET"), request, must_refuse: true });
                }
            }
            for value in hostile::values() {
                if *parameter == "wait_timeout" && value.as_u64().is_some_and(|number| number <= 600) {
                    continue;
                }
                // What need not be there may be null.
                if ["wait", "wait_timeout"].contains(parameter) && value.is_null() {
                    continue;
                }
                let pairs = right.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
                let mut body: Map<String, Value> = pairs.collect();
                body.insert((*parameter).to_owned(), value.clone());
                let request = post(path, &Value::Object(body).to_string());
                attempts.push(Attempt { what: what(&value.to_string(), "POST"), request, must_refuse: true });
            }
            // Twice: the last one counts.
            let mut twice = right.clone();
            twice.push((parameter, "150;id"));
            attempts.push(Attempt {
                what: what("twice", "GET"),
                request: get(path, &twice, ""),
                must_refuse: true,
            });
            let right_one =
                right.iter().find(|(name, _)| name == parameter).map_or("150", |(_, value)| *value);
            let others: Right<'_> = right.iter().copied().filter(|(name, _)| name != parameter).collect();
            if right.len() > others.len() {
                for name in [
                    format!("{parameter}[]"),
                    format!("{parameter}\0"),
                    parameter.to_uppercase(),
                    format!(" {parameter}"),
                ] {
                    let mut pairs: Vec<(String, &str)> =
                        others.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
                    pairs.push((byte_serialize(name.as_bytes()).collect(), right_one));
                    let pairs: Vec<(&str, &str)> =
                        pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                    attempts.push(Attempt {
                        what: what(&name, "GET named"),
                        request: get(path, &pairs, ""),
                        must_refuse: true,
                    });
                }
            }
        }
    }
}

fn in_headers_and_paths(firm: &Firm, attempts: &mut Vec<Attempt>) {
    let bearer = format!("Authorization: Bearer {}\r\n", firm.secret);
    for text in hostile::texts() {
        let shown: String = text.chars().take(60).collect();
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut add = |what: &str, request: Vec<u8>, must_refuse: bool| {
            attempts.push(Attempt { what: format!("{what} {shown:?}"), request, must_refuse });
        };
        let path = "/api/makecallexternal";
        let call = [("code", "150"), ("phone", "+375296254070")];
        // Lines of its own in a header are the client's own headers.
        if !text.contains(['\r', '\n']) {
            for scheme in ["Authorization: Bearer ", "Authorization: ", "X-API-Key: "] {
                add(scheme, get(path, &call, &format!("{scheme}{text}\r\n")), true);
            }
            let wrong = [call.as_slice(), &[("clientId", "nobodys-secret")]].concat();
            add("X-Forwarded-For", get(path, &wrong, &format!("X-Forwarded-For: {text}\r\n")), true);
            add("X-Real-IP", get(path, &wrong, &format!("X-Real-IP: {text}\r\n")), true);
        }
        if text.len() > 2000 {
            continue;
        }
        for (before, after) in [
            ("/api/extensions/", "/calls"),
            ("/api/calls/", ""),
            ("/api/calls/", "/timeline"),
            ("/api/calls/", "/events"),
        ] {
            let is_one = before == "/api/extensions/" && fits("code", &text, false);
            add(
                before,
                get(&format!("{before}{escaped}{after}"), &[], &bearer),
                !(is_one || text.is_empty()),
            );
        }
        let hang_up = format!(
            "{}{bearer}Content-Length: 0\r\n\r\n",
            head("POST", &format!("/api/calls/{escaped}/hangup"))
        );
        add("hangup", hang_up.into_bytes(), true);
        for name in ["status", "phone", "from", "to", "limit", "offset", "cursor"] {
            let must_refuse = !text.trim().is_empty() && !fits("phone", &text, true) && name != "status";
            add(name, get("/api/calls", &[(name, &text)], &bearer), must_refuse);
        }
    }
}

/// What is no text at all.
fn malformed(firm: &Firm, attempts: &mut Vec<Attempt>) {
    let secret = &firm.secret;
    let path = "/api/makecallexternal";
    let mut add = |what: &str, request: Vec<u8>| {
        attempts.push(Attempt { what: what.to_owned(), request, must_refuse: true });
    };
    for bytes in ["%ff", "%C0%B1%C0%B5", "150%ED%A0%80", "%F8%88%80%80%80", "1%", "150%0", "%zz", "150%00%00"]
    {
        for parameter in ["code", "phone"] {
            let other = if parameter == "code" { "phone=%2B375296254070" } else { "code=150" };
            let target = format!("{path}?{other}&{parameter}={bytes}&clientId={secret}");
            add(&target, format!("{}\r\n", head("GET", &target)).into_bytes());
        }
    }
    let bodies = [
        r#"{"code":"150\ud800","phone":"+375296254070"}"#.to_owned(),
        r#"{"code":"150","code":";id","phone":"+375296254070"}"#.to_owned(),
        r#"{"code":"150","phone":"+375296254070""#.to_owned(),
        r#"["150","+375296254070"]"#.to_owned(),
        r#""150""#.to_owned(),
        "150".to_owned(),
        "null".to_owned(),
        String::new(),
        "{".repeat(5000),
        "[".repeat(50_000),
        format!(r#"{{"code":"150","phone":"{}"}}"#, "1".repeat(70_000)),
        r#"{"code":"1\u0000","phone":"+375296254070"}"#.to_owned(),
        r#"{"code":NaN,"phone":"+375296254070"}"#.to_owned(),
        "code=150&phone=%2B375296254070".to_owned(),
    ];
    for body in bodies {
        let head = head("POST", path);
        let length = body.len();
        let bearer = format!("Authorization: Bearer {secret}\r\nContent-Length: {length}\r\n");
        let what: String = body.chars().take(60).collect();
        for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "application/xml"]
        {
            let request = format!("{head}{bearer}Content-Type: {kind}\r\n\r\n{body}");
            add(&format!("{kind}: {what}"), request.into_bytes());
        }
    }
    let long = "1".repeat(100_000);
    add("a long query", get(path, &[("code", &long), ("phone", "+375296254070"), ("clientId", secret)], ""));
    add(
        "a long header",
        get(path, &[("code", "150"), ("phone", "+375296254070")], &format!("X-API-Key: {long}\r\n")),
    );
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "FOO"] {
        let target = format!("{path}?code=150&phone=%2B375296254070&clientId={secret}");
        if method != "HEAD" {
            add(method, format!("{}\r\n", head(method, &target)).into_bytes());
        }
    }
}

/// A client that sends what it is told, byte for byte.
struct Raw {
    address: String,
    connection: Option<TcpStream>,
}

impl Raw {
    /// Status and body.
    async fn send(&mut self, request: &[u8]) -> Result<(u16, String), String> {
        // A connection that is kept may just be closed by the other side.
        for _ in 0..2 {
            let is_fresh = self.connection.is_none();
            match tokio::time::timeout(Duration::from_secs(30), self.try_send(request)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) if is_fresh => return Err(error),
                Ok(Err(_)) => self.connection = None,
                Err(_) => return Err("no answer in 30 s".to_owned()),
            }
        }
        Err("it was closed twice".to_owned())
    }

    async fn try_send(&mut self, request: &[u8]) -> Result<(u16, String), String> {
        let told = |error: std::io::Error| error.to_string();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => TcpStream::connect(&self.address).await.map_err(told)?,
        };
        // One that is refused in the middle has an answer none the less.
        let sent = connection.write_all(request).await;
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 8192];
            let read = connection.read(&mut chunk).await.map_err(told)?;
            bytes.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(head)?;
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
                });
                if body.len() >= length.unwrap_or(0) || read == 0 {
                    let closes = head.to_ascii_lowercase().contains("connection: close");
                    self.connection = (!closes && sent.is_ok() && length.is_some()).then_some(connection);
                    return Ok((status, body.to_owned()));
                }
            }
            if read == 0 {
                return Err(format!("closed after {:?}", &text[..text.len().min(100)]));
            }
        }
    }
}

/// Sends them all; what was wrong with the answers.
async fn send_all(site: &Site, attempts: Vec<Attempt>, secrets: &[String]) -> Vec<String> {
    let (attempts, next) = (Arc::new(attempts), Arc::new(AtomicUsize::new(0)));
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let address = site.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (attempts, next, wrong) = (attempts.clone(), next.clone(), wrong.clone());
        let mut raw = Raw { address: address.clone(), connection: None };
        let secrets = secrets.to_vec();
        clients.push(tokio::spawn(async move {
            while let Some(attempt) = attempts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = raw.send(&attempt.request).await;
                let problem = match &answer {
                    Err(error) => Some(error.clone()),
                    Ok((status, body)) if *status >= 500 => Some(format!("{status} {body}")),
                    Ok((status, body)) if attempt.must_refuse && *status < 400 => {
                        Some(format!("{status} {body}"))
                    }
                    Ok((status, body)) if secrets.iter().any(|secret| body.contains(&secret[..9])) => {
                        Some(format!("{status} tells a secret: {body}"))
                    }
                    Ok((status, body)) if body.len() > 20_000 => {
                        Some(format!("{status} with {} bytes", body.len()))
                    }
                    Ok(_) => None,
                };
                wrong.lock().extend(problem.map(|problem| format!("{}: {problem}", attempt.what)));
            }
        }));
    }
    for client in clients {
        client.await.expect("a client");
    }
    std::mem::take(&mut *wrong.lock())
}

/// What the hosts have seen of anybody.
struct Witness {
    sshd: [Log; 2],
    asterisk: [Log; 2],
    processed: Vec<u64>,
}

const SIGNS: [&str; 4] =
    ["Manager 'office' logged on", "Creating Stasis app", "WebSocket connection", "Launching"];

impl Witness {
    async fn call(lab: &Lab) -> Self {
        let mut processed = Vec::new();
        for which in ["june", "july", "phones"] {
            processed.push(lab.calls_processed(which).await);
        }
        Witness {
            sshd: ["june", "july"].map(|office| lab.sshd_log(office)),
            asterisk: ["june", "july"].map(|office| lab.asterisk_log(office)),
            processed,
        }
    }

    /// Connections to each sshd, signs in each Asterisk's log, calls of each Asterisk.
    async fn has_seen(&self, lab: &Lab) -> (Vec<usize>, Vec<usize>, Vec<u64>) {
        let mut processed = Vec::new();
        for (which, before) in ["june", "july", "phones"].iter().zip(&self.processed) {
            processed.push(lab.calls_processed(which).await - before);
        }
        let sshd = self.sshd.iter().map(|log| log.count("Connection from")).collect();
        let signs = |log: &Log| SIGNS.iter().map(|sign| log.count(sign)).sum();
        (sshd, self.asterisk.iter().map(signs).collect(), processed)
    }
}

#[tokio::test]
async fn nothing_hostile_reaches_a_host() {
    let lab = Lab::hold(&[Part::June, Part::July, Part::Postgres]).await;
    assert!(hostile::texts().len() >= 200, "{}", hostile::texts().len());
    let firms = ["ssh", "ami", "ari"].map(|way| Firm::of("june", way));
    let site =
        Site::on_postgres(&lab, &firms.each_ref(), &[("office.trusted_proxies", "[\"127.0.0.1\"]")]).await;
    let witness = Witness::call(&lab).await;
    let before = watch::memory(site.pid(), "VmRSS");

    let mut attempts = Vec::new();
    in_parameters(&firms[0], |_| true, &mut attempts);
    for firm in &firms[1..] {
        // The others are read before anybody asks which way it goes.
        in_parameters(firm, |parameter| HOSTS_OWN.contains(&parameter), &mut attempts);
    }
    in_headers_and_paths(&firms[0], &mut attempts);
    malformed(&firms[0], &mut attempts);
    let many = attempts.len();
    let begun = std::time::Instant::now();
    let wrong = send_all(&site, attempts, &site.secrets()).await;
    let peak = watch::memory(site.pid(), "VmHWM");
    println!("{many} requests in {:.1?}; memory {before} MiB before, {peak} at most", begun.elapsed());
    assert!(
        wrong.is_empty(),
        "{} of {many} wrong:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(40)].join("\n")
    );

    assert_eq!(witness.has_seen(&lab).await, (vec![0, 0], vec![0, 0], vec![0, 0, 0]), "a host was spoken to");
    assert!(peak <= before + MEMORY, "from {before} to {peak} MiB");
    let status = site.client(&firms[0]).get("/api/status").await.json();
    assert_eq!(status["live_calls"], 0, "{status}");
    let records = site.main.calls().await;

    assert!(records.is_empty(), "{records:?}");

    // The same witnesses see each way when it is really used, so they were not blind.
    futures_util::future::join_all(firms.iter().map(|firm| site.works(firm))).await;
    let (sshd, signs, processed) = witness.has_seen(&lab).await;
    assert!(sshd[0] == 1 && sshd[1] == 0, "{sshd:?}");
    assert!(signs[0] >= 3 && signs[1] == 0, "{signs:?}");
    assert!(processed[0] >= 6 && processed[1] == 0 && processed[2] >= 6, "{processed:?}");
}
