//! Connections that break: nothing is missed, nothing comes twice, no call is placed twice.

use axum::http::Method;

use crate::{
    daemon::{
        Daemon, PHONE, Reply, Then, accepted, all_sent, completed_events, entry, events_path, problem,
        queued, sent,
    },
    program::{program, run},
};

#[tokio::test]
async fn a_stream_that_breaks_goes_on_where_it_was() {
    let daemon = Daemon::plays(|request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        path if path == events_path() => match request.nth {
            0 => {
                let started = entry(11, "09:30:00.010", "ari", "trunk_created", "the trunk leg was created");
                // The last event is cut in half: it has not come.
                let half = "id: 12\nevent: evidence\ndata: {\"call_id\"".to_owned();
                Reply::Events(vec![sent(&accepted(10)), sent(&started), half], Then::Break)
            }
            1 => Reply::Json(503, problem(503, "stopping", "the bot is stopping")),
            // One that was told already is told again.
            _ => Reply::Events(all_sent(&completed_events()), Then::Stay),
        },
        _ => Reply::Text(500, "not in the script"),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let texts: Vec<&str> = said.lines().iter().map(|line| line.get(34..).unwrap_or_default()).collect();
    assert_eq!(
        texts[..4],
        [
            "call to +79522675444 accepted  → queued",
            "the trunk leg was created",
            "the trunk leg is up  → answered",
            "completed: hung_up, ended by callee; the carrier said 200 OK  → completed",
        ]
    );
    let asked = daemon.asked(Method::GET, &events_path());
    let last: Vec<_> = asked.iter().map(|request| request.header("last-event-id")).collect();
    assert_eq!(last, [None, Some("11"), Some("11")]);
    assert!(said.err.contains("the connection to the daemon is lost"), "{}", said.err);
    assert!(said.err.contains("connected again"), "{}", said.err);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let daemon = Daemon::plays(|request| match (request.path.as_str(), request.nth) {
        ("/api/calls/initiate", 0) => Reply::Lost,
        ("/api/calls/initiate", 1) => {
            Reply::Json(409, problem(409, "idempotency_in_progress", "still at it"))
        }
        ("/api/calls/initiate", 2) => Reply::Text(502, "Bad Gateway"),
        ("/api/calls/initiate", _) => Reply::Json(201, queued()),
        _ => Reply::Events(all_sent(&completed_events()), Then::Stay),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let asked = daemon.asked(Method::POST, "/api/calls/initiate");
    assert_eq!(asked.len(), 4);
    let key = asked[0].header("idempotency-key").expect("a key");
    assert!(asked.iter().all(|request| request.header("idempotency-key") == Some(key)));
    assert_eq!(said.err.matches("can't place a second call").count(), 1, "{}", said.err);
}

#[tokio::test]
async fn two_calls_have_two_keys() {
    let daemon = Daemon::with_call(vec![]).await;
    for _ in 0..2 {
        assert_eq!(run(program(&daemon, &["call", PHONE, "--no-wait"])).await.code, Some(0));
    }
    let asked = daemon.asked(Method::POST, "/api/calls/initiate");
    assert_ne!(asked[0].header("idempotency-key"), asked[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_it_open() {
    let daemon = Daemon::plays(|request| match request.nth {
        0 => Reply::Lost,
        _ => Reply::Json(401, problem(401, "unauthorized", "the API key is not known here")),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("whether the call was placed is not known"), "{}", said.err);
}

#[tokio::test]
async fn a_refusal_of_the_stream_is_final() {
    let daemon = Daemon::plays(|request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        _ => Reply::Json(404, problem(404, "call_not_found", "Call not found")),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("call_not_found"), "{}", said.err);
}
