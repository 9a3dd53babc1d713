//! `novofon-bot api-key` beside a running daemon: made, used, revoked.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Output,
    time::{Duration, Instant},
};

use crate::daemon::{Daemon, PATIENCE};

const FILE: &str = "http.api_keys_file = 'keys'\n";

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn err(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn opens(daemon: &Daemon, key: &str) -> bool {
    daemon.run(&["calls", "--api-key", key]).status.success()
}

#[test]
fn a_key_is_made_shown_once_and_revoked() {
    let daemon = Daemon::start("", &[]);
    let added =
        daemon.run(&["api-key", "add", "Отдел продаж", "--rights", "call,read", "--rate-limit", "50"]);
    let key = out(&added);
    let told = String::from_utf8_lossy(&added.stderr).into_owned();
    assert_eq!(key.len(), 48);
    assert!(told.contains("/api_keys") && told.contains("api_keys_file = \"api_keys\""), "{told}");
    assert!(!told.contains(&key));
    // On a terminal the key comes last, under what is still to be done.
    assert!(told.trim_end().ends_with("the key itself, which is shown only now:"), "{told}");
    let path = daemon.path("api_keys");
    let text = fs::read_to_string(&path).expect("the file of keys");
    assert!(
        text.contains("Отдел продаж:sha256:") && text.ends_with(":rights=call,read:rate_limit=50\n"),
        "{text}"
    );
    assert!(!text.contains(&key), "only its hash");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o007, 0);

    // Now it is named, and the first key holds.
    let named = "http.api_keys_file = 'api_keys'\n";
    daemon.reload(named, "http.api_keys [] → [Отдел продаж]");
    assert!(opens(&daemon, &key));
    let second = out(&daemon.run(&["api-key", "add", "report", "--rights", "read-all"]));
    daemon.reload(named, "[Отдел продаж] → [Отдел продаж, report]");
    assert!(opens(&daemon, &second));
    let list = out(&daemon.run(&["api-key", "list"]));
    let lines: Vec<_> = list.lines().collect();
    assert!(lines[1].starts_with("Отдел продаж  call,read  50 "), "{list}");
    assert!(lines[2].contains("read-all   600") && lines[2].ends_with("/api_keys:3"), "{list}");
    let json = out(&daemon.run(&["api-key", "list", "--json"]));
    assert!(json.contains(r#""rights":["call","read"]"#) && !json.contains("sha256"), "{json}");

    for (arguments, expected) in [
        (&["api-key", "add", "report"][..], "there is a key named `report` already"),
        (&["api-key", "add", "a:b"], "a key's name has 1 to 64 letters"),
        (&["api-key", "add", "x", "--rights", "call,route"], "there are call, read, read-all, admin"),
        (&["api-key", "revoke", "nobody"], "there is no key named `nobody`"),
    ] {
        let told = err(&daemon.run(arguments));
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }

    let told = daemon.run(&["api-key", "revoke", "Отдел продаж"]);
    assert!(told.status.success() && String::from_utf8_lossy(&told.stderr).contains("reload"), "{told:?}");
    daemon.reload(named, "→ [report]");
    assert!(!opens(&daemon, &key) && opens(&daemon, &second));
    // The last one: nobody is let in then, where without a file of keys everybody would be.
    out(&daemon.run(&["api-key", "revoke", "report"]));
    daemon.reload(named, "[report] → []");
    assert!(!opens(&daemon, &second));
    assert!(daemon.run(&["calls"]).status.success(), "but for this machine's own command line");
}

/// A file that the configuration does not name is read by nobody: its keys open nothing, and never did.
#[test]
fn of_a_file_that_is_not_read_nothing_is_claimed() {
    let daemon = Daemon::start("", &[]);
    let told = |arguments: &[&str]| {
        let output = daemon.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    told(&["api-key", "add", "a"]);
    told(&["api-key", "add", "b"]);
    let list = told(&["api-key", "list"]);
    assert!(list.contains("are not read: http.api_keys_file does not name it"), "{list}");
    let revoked = told(&["api-key", "revoke", "a"]);
    assert!(revoked.contains("it never opened") && !revoked.contains("the last one"), "{revoked}");
}

#[test]
fn a_key_of_the_configuration_is_not_changed_but_told() {
    let config = "http.api_keys = ['old:0123456789abcdef']\n";
    let daemon = Daemon::start(config, &[]);
    assert!(daemon.log().contains("no rights are written for `old`"), "{}", daemon.log());
    let told = err(&daemon.run(&["api-key", "revoke", "old"]));
    assert!(told.contains("bot.toml:4: take it out of `http.api_keys`"), "{told}");
    assert!(err(&daemon.run(&["api-key", "add", "old"])).contains("already"));
    let list = out(&daemon.run(&["api-key", "list"]));
    assert!(list.contains("admin (none written)"), "{list}");
    let check = daemon.run(&["check-config"]);
    let told = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(check.status.success() && told.contains("write rights = [\"call\", \"read\"]"), "{told}");
}

/// A stream of events, as far as its head.
fn stream(daemon: &Daemon, key: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(&daemon.address).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    write!(socket, "GET /api/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n").expect("sent");
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).expect("an answer");
    assert!(line.contains("200"), "{line}");
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).expect("a header");
    }
    reader
}

#[test]
fn the_stream_of_a_revoked_key_ends_within_a_second() {
    let daemon = Daemon::start("", &[]);
    daemon.write_config(FILE);
    let key = out(&daemon.run(&["api-key", "add", "crm"]));
    let other = out(&daemon.run(&["api-key", "add", "site"]));
    daemon.reload(FILE, "→ [crm, site]");
    let (mut revoked, goes_on) = (stream(&daemon, &key), stream(&daemon, &other));
    out(&daemon.run(&["api-key", "revoke", "crm"]));
    let begun = Instant::now();
    daemon.signal("HUP");
    let mut last = String::new();
    revoked.read_line(&mut last).expect("the end, and no time-out");
    assert_eq!(last.trim(), "0", "the last chunk");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let socket = goes_on.get_ref();
    socket.set_nonblocking(true).expect("it can be set");
    let still = socket.peek(&mut [0; 1]).expect_err("nothing has come");
    assert_eq!(still.kind(), std::io::ErrorKind::WouldBlock);
}
