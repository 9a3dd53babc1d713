//! The token of this machine's command line: made at each start, for those alone who may read it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Output,
};

use crate::daemon::Daemon;

const KEYED: &str = "http.api_keys = [{ name = 'colleague', hash = 'sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f', rights = ['read'] }]\n";

fn said(output: &Output) -> (Option<i32>, String) {
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), err)
}

fn words(daemon: &Daemon, file: &str) -> Vec<String> {
    let text = fs::read_to_string(daemon.path(file)).expect("the token's file");
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn who_may_read_it_needs_no_key() {
    let mut daemon = Daemon::start(KEYED, &[]);
    let path = daemon.path("bot.db.token");
    let file = fs::metadata(&path).expect("beside the database");
    assert_eq!(file.permissions().mode() & 0o7777, 0o600);
    let before = words(&daemon, "bot.db.token");
    assert_eq!((before[0].as_str(), before[2].len()), (daemon.address.as_str(), 64));

    let (code, err) = said(&daemon.run(&["calls"]));
    assert_eq!((code, err.contains("no such calls")), (Some(0), true), "{err}");
    let url = format!("http://{}", daemon.address.replace("127.0.0.1", "localhost"));
    assert_eq!(said(&daemon.run(&["calls", "--url", &url])).0, Some(0));
    // A key that is given is the one that counts.
    let (code, err) = said(&daemon.run(&["calls", "--api-key", "no-key-of-anybody"]));
    assert_eq!((code, err.contains("401 unauthorized")), (Some(2), true), "{err}");

    // Each start has its own, and none is told.
    let log = daemon.log();
    daemon.stop();
    assert!(!path.exists(), "a bot that stops takes it away");
    let daemon = daemon.start_again(KEYED);
    let after = words(&daemon, "bot.db.token");
    assert_ne!(before[2], after[2]);
    let told = format!("{log}{}", daemon.log());
    assert!(!told.contains(&before[2]) && !told.contains(&after[2]), "{told}");
    assert_eq!(said(&daemon.run(&["calls"])).0, Some(0));
}

#[test]
fn one_that_cant_be_read_is_told() {
    let daemon = Daemon::start(KEYED, &[]);
    let path = daemon.path("bot.db.token");
    fs::rename(&path, daemon.path("hidden")).expect("renamed");
    let (code, err) = said(&daemon.run(&["calls"]));
    assert_eq!(code, Some(2));
    assert!(err.contains("needs an API key") && err.contains("run this as root (sudo)"), "{err}");
    assert!(err.contains(path.to_str().expect("UTF-8")), "{err}");
    let (_, err) = said(&daemon.run(&["calls", "--lang", "ru"]));
    assert!(err.contains("требует ключ API") && err.contains("запустите от root"), "{err}");
}

#[test]
fn one_of_a_killed_bot_is_told() {
    let mut daemon = Daemon::start(KEYED, &[]);
    daemon.kill();
    let path = daemon.path("bot.db.token");
    let stale = fs::read_to_string(&path).expect("it stays");
    let (code, err) = said(&daemon.run(&["calls"]));
    assert_eq!(code, Some(2));
    assert!(err.contains(&format!("{} was left behind by a bot that was killed", path.display())), "{err}");
    let (_, err) = said(&daemon.run(&["calls", "--lang", "ru"]));
    assert!(err.contains("остался от бота, который был убит"), "{err}");

    let daemon = daemon.start_again(KEYED);
    assert_eq!(said(&daemon.run(&["calls"])).0, Some(0), "the next start overwrites it");
    fs::write(&path, &stale).expect("written");
    let (code, err) = said(&daemon.run(&["calls"]));
    assert_eq!(code, Some(2));
    assert!(err.contains("is not that of the bot that answers") && err.contains("restart the bot"), "{err}");
    let token = stale.split_whitespace().nth(2).expect("a token");
    assert!(!err.contains(token), "{err}");
}

/// Anybody may listen where a bot was, once it is gone.
#[test]
fn one_of_a_killed_bot_is_sent_to_nobody() {
    let mut daemon = Daemon::start(KEYED, &[]);
    daemon.kill();
    let token = words(&daemon, "bot.db.token").remove(2);
    let other = TcpListener::bind(&daemon.address).expect("the address is free");
    let ear = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().expect("a request");
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            heard.push(byte[0]);
        }
        let body = r#"{"type":"t","title":"t","status":401,"detail":"d","code":"unauthorized"}"#;
        let head = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nConnection: close";
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("answered");
        String::from_utf8_lossy(&heard).into_owned()
    });
    let (code, err) = said(&daemon.run(&["calls"]));
    let heard = ear.join().expect("heard");
    assert!(heard.starts_with("GET /api/calls") && !heard.contains(&token), "{heard}");
    assert_eq!(code, Some(2));
    assert!(err.contains("is not that of the bot that answers") && err.contains("restart the bot"), "{err}");
}

#[test]
fn it_may_lie_elsewhere_and_goes_on_when_keys_come() {
    let daemon = Daemon::start("http.token_file = 'cli'\n", &[]);
    assert_eq!(words(&daemon, "cli").len(), 3);
    assert!(!daemon.path("bot.db.token").exists());
    let keyed = format!("http.token_file = 'cli'\n{KEYED}");
    daemon.reload(&keyed, "http.api_keys [] → [colleague]");
    assert_eq!(said(&daemon.run(&["calls"])).0, Some(0), "the first key does not lock out");

    let daemon = Daemon::start("http.token_file = '/nonexistent/token'\n", &[]);
    let log = daemon.log();
    assert!(log.contains("/nonexistent/token") && log.contains("set `http.token_file`"), "{log}");
    assert_eq!(said(&daemon.run(&["calls"])).0, Some(0), "it needs no key yet");
}
