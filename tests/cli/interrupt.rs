//! Ctrl-C while a call is followed.

use axum::http::Method;
use serde_json::json;

use crate::{
    daemon::{
        Daemon, PHONE, Reply, Then, accepted, canceled, entry, events_path, hangup_path, problem, queued,
        sent, step,
    },
    program::{Said, end_of, interrupt, program},
};

fn end_of_canceled() -> Vec<String> {
    let asked = entry(11, "09:30:01.000", "api", "hangup_asked", "a client asked to hang up");
    let text = "canceled: hung_up, ended by api";
    vec![sent(&asked), sent(&step(12, "09:30:02.000", "bot", "ended", text, &canceled()))]
}

/// The call ends when its hang-up was asked for.
fn until_hung_up() -> Reply {
    Reply::Events(vec![sent(&accepted(10))], Then::After(hangup_path(), end_of_canceled()))
}

async fn interrupted_once(hangup: fn(usize) -> Reply) -> (Daemon, Said) {
    let daemon = Daemon::plays(move |request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        path if path == events_path() => until_hung_up(),
        path if path == hangup_path() => hangup(request.nth),
        _ => Reply::Text(500, "not in the script"),
    })
    .await;
    let child = program(&daemon, &["call", PHONE]).spawn().expect("the program starts");
    daemon.is_asked(Method::GET, &events_path()).await;
    interrupt(&child).await;
    let said = end_of(child).await;
    (daemon, said)
}

#[tokio::test]
async fn the_first_asks_to_hang_up_and_shows_the_end() {
    let (daemon, said) =
        interrupted_once(|_| Reply::Json(200, json!({"success": true, "message": "asked"}))).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("asking the daemon to hang up"), "{}", said.err);
    assert!(said.out.contains("✗ canceled: hung_up — ended by api\n"), "{}", said.out);
    assert_eq!(daemon.asked(Method::POST, &hangup_path()).len(), 1);
}

#[tokio::test]
async fn a_call_that_was_faster_is_no_trouble() {
    let (_, said) = interrupted_once(|_| Reply::Json(409, problem(409, "call_ended", "has ended"))).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!said.err.contains("failed"), "{}", said.err);
}

#[tokio::test]
async fn a_hangup_that_fails_is_told() {
    let (_, said) = interrupted_once(|_| Reply::Json(403, problem(403, "forbidden", "not you"))).await;
    assert!(said.err.contains("hanging up failed: The title: not you"), "{}", said.err);
}

#[tokio::test]
async fn the_second_quits() {
    let daemon = Daemon::plays(|request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        path if path == events_path() => Reply::Events(vec![sent(&accepted(10))], Then::Stay),
        _ => Reply::Json(200, json!({"success": true, "message": "asked"})),
    })
    .await;
    let child = program(&daemon, &["call", PHONE]).spawn().expect("the program starts");
    daemon.is_asked(Method::GET, &events_path()).await;
    interrupt(&child).await;
    daemon.is_asked(Method::POST, &hangup_path()).await;
    interrupt(&child).await;
    let said = end_of(child).await;
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.err.contains("novofon-bot show"), "{}", said.err);
}

#[tokio::test]
async fn before_the_call_has_a_name_it_is_kept_in_mind() {
    let daemon = Daemon::plays(|request| match (request.path.as_str(), request.nth) {
        ("/api/calls/initiate", 0..3) => Reply::Lost,
        ("/api/calls/initiate", _) => Reply::Json(201, queued()),
        (path, _) if path == events_path() => until_hung_up(),
        _ => Reply::Json(200, json!({"success": true, "message": "asked"})),
    })
    .await;
    let child = program(&daemon, &["call", PHONE]).spawn().expect("the program starts");
    daemon.is_asked(Method::POST, "/api/calls/initiate").await;
    interrupt(&child).await;
    let said = end_of(child).await;
    assert!(said.err.contains("as soon as the daemon has named it"), "{}", said.err);
    assert_eq!(daemon.asked(Method::POST, &hangup_path()).len(), 1);
    assert!(said.out.contains("✗ canceled"), "{}", said.out);
}
