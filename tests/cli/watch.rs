//! `watch`: the live calls, their changes, and a daemon that comes back.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
};

use crate::{
    daemon::{
        Daemon, PATIENCE, PHONE, Reply, Then, accepted, completed_events, entry, problem, queued,
        refused_events, sent,
    },
    program::program,
};

const OTHER: &str = "019b1c3e-7d2a-7c41-9f0e-000000000002";

fn live(seq: usize) -> Reply {
    let mut other = queued();
    other["id"] = json!(OTHER);
    let calls = if seq == 0 { vec![other, queued()] } else { vec![] };
    Reply::Json(200, json!({"total": calls.len(), "calls": calls, "next_cursor": null}))
}

/// First the live ones; then what is known already, evidence, an end; a break, a daemon that is away;
/// then the rest.
async fn daemon() -> Daemon {
    Daemon::plays(|request| match (request.path.as_str(), request.nth) {
        ("/api/calls", nth) => live(nth),
        ("/api/events", 0) => {
            let seen = entry(11, "09:30:00.010", "ari", "trunk_created", "the trunk leg was created");
            let events = [accepted(10), seen, refused_events()[2].clone()];
            Reply::Events(events.iter().map(sent).collect(), Then::Break)
        }
        ("/api/events", 1) => Reply::Json(503, problem(503, "stopping", "the bot is stopping")),
        _ => Reply::Events(completed_events().iter().map(sent).collect(), Then::Stay),
    })
    .await
}

struct Watching {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn begin(daemon: &Daemon, args: &[&str]) -> Self {
        let mut child = program(daemon, args).spawn().expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Watching { _child: child, lines }
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
        line.await.expect("in time").expect("UTF-8").expect("it goes on")
    }
}

#[tokio::test]
async fn live_calls_and_their_changes() {
    let daemon = daemon().await;
    let mut watching = Watching::begin(&daemon, &["watch"]);
    let id = crate::daemon::ID;
    let mut lines = Vec::new();
    for _ in 0..5 {
        lines.push(watching.line().await);
    }
    assert_eq!(
        lines,
        [
            format!("09:30:00.000  {id}  {PHONE}  queued"),
            format!("09:30:00.000  {OTHER}  {PHONE}  queued"),
            format!("09:30:00.087  {id}  {PHONE}  failed  trunk_auth_failed  401 Unauthorized"),
            format!("09:30:04.000  {id}  {PHONE}  answered"),
            format!("09:30:16.250  {id}  {PHONE}  completed  hung_up  200 OK"),
        ]
    );
    let asked = daemon.asked(Method::GET, "/api/events");
    let last: Vec<_> = asked.iter().map(|request| request.header("last-event-id")).collect();
    assert_eq!(last, [None, Some("13"), Some("13")]);
    let query = &daemon.asked(Method::GET, "/api/calls")[0].query;
    assert_eq!(query, "status=queued%2Cdialing%2Cringing%2Cearly_media%2Canswered&limit=1000");
}

#[tokio::test]
async fn json_is_an_event_a_line() {
    let daemon = daemon().await;
    let mut watching = Watching::begin(&daemon, &["watch", "--json"]);
    let mut lines: Vec<Value> = Vec::new();
    for _ in 0..4 {
        lines.push(serde_json::from_str(&watching.line().await).expect("JSON"));
    }
    assert_eq!(lines[0], json!({"call": queued()}));
    assert_eq!(lines[2], refused_events()[2]);
    assert_eq!(lines[3], completed_events()[1]);
}

#[tokio::test]
async fn a_refusal_ends_it() {
    let daemon = Daemon::plays(|request| match request.nth {
        0 => Reply::Events(vec![sent(&accepted(10))], Then::Break),
        _ => Reply::Json(401, problem(401, "unauthorized", "the API key is not known here")),
    })
    .await;
    // The list of live calls is refused, too, once it is asked for.
    let child = program(&daemon, &["watch"]).spawn().expect("the program starts");
    let said = tokio::time::timeout(PATIENCE + Duration::from_secs(1), crate::program::end_of(child));
    let said = said.await.expect("it ends");
    assert_eq!(said.code, Some(2), "{said:?}");
}
