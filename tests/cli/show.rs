//! `show`: the facts, the timeline, the verdict.

use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, ID, Reply, completed, completed_events, problem, queued},
    program::{program, run},
};

async fn daemon_with(call: Value, entries: Vec<Value>) -> Daemon {
    Daemon::plays(move |request| {
        if request.path == format!("/api/calls/{ID}") {
            return Reply::Json(200, call.clone());
        }
        assert_eq!(request.path, format!("/api/calls/{ID}/timeline"));
        Reply::Json(200, json!({"call_id": ID, "status": call["status"], "entries": entries}))
    })
    .await
}

#[tokio::test]
async fn all_that_is_known() {
    let mut call = completed();
    call["custom_metadata"] = json!({"order": "17\u{9b}"});
    call["novofon_call_id"] = json!("abc@carrier");
    let daemon = daemon_with(call, completed_events()).await;
    let said = run(program(&daemon, &["show", ID])).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(said.out, @r#"
    ID           019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f
    Phone        +79522675444
    Status       completed
    Reached      answered
    Scenario     default
    Accepted     2026-11-21 09:30:00
    Dialed       2026-11-21 09:30:00
    Ringing      2026-11-21 09:30:01
    Answered     2026-11-21 09:30:04
    Ended        2026-11-21 09:30:16
    Rang for     3.0 s
    Talked for   12.2 s
    Q.850 cause  16
    SIP Call-ID  abc@carrier
    Metadata     {"order":"17\u009b"}

    09:30:00.000    +0.000  api       the call was accepted  → queued
    09:30:04.000    +4.000  sip       the trunk leg is up  → answered
    09:30:16.250   +16.250  bot       completed: hung_up, ended by callee; the carrier said 200 OK  → completed

    ✓ completed: hung_up — the carrier said 200 OK, talked for 12.2 s, ended by callee
    → Nothing is to be done.
    "#);
}

/// A click-to-call and a monitoring: whose, from which extension, and of which kind.
#[tokio::test]
async fn a_call_of_an_office_tells_whose_it_is() {
    for (kind, mode, lines) in [
        ("call", Value::Null, ["Enterprise 0367 june", "Extension 150", "Kind call"]),
        ("monitor", json!("whisper"), ["Enterprise 0367 june", "Extension 150", "Kind whisper"]),
    ] {
        let mut call = completed();
        call["office"] = json!({
            "kind": kind, "mode": mode, "enterprise": "0367", "enterprise_name": "june", "host": "10.88.10.19",
            "extension": "150", "connected": true, "way": "ami",
        });
        let daemon = daemon_with(call, completed_events()).await;
        let said = run(program(&daemon, &["show", ID])).await;
        let told: Vec<String> =
            said.lines().iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in lines {
            assert!(told.iter().any(|it| it == line), "{line}: {}", said.out);
        }
    }
}

#[tokio::test]
async fn a_live_call_has_no_verdict() {
    let daemon = daemon_with(queued(), vec![crate::daemon::accepted(1)]).await;
    let said = run(program(&daemon, &["show", ID, "--lang", "ru"])).await;
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("Статус    queued\n") && !said.out.contains('✗'), "{}", said.out);
}

#[tokio::test]
async fn json_is_one_object() {
    let daemon = daemon_with(completed(), completed_events()).await;
    let said = run(program(&daemon, &["show", ID, "--json"])).await;
    let shown: Value = serde_json::from_str(&said.out).expect("one line");
    assert_eq!(shown, json!({"call": completed(), "timeline": completed_events()}));
}

#[tokio::test]
async fn a_call_that_is_not_there() {
    let daemon = Daemon::plays(|_| Reply::Json(404, problem(404, "call_not_found", "Call not found"))).await;
    let said = run(program(&daemon, &["show", ID])).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("(404 call_not_found)\n→ Do this."), "{}", said.err);
}
