//! `calls`, `hangup` and `cancel`.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    daemon::{Daemon, ID, Reply, completed, hangup_path, problem, refused},
    program::{bare, program, run},
};

fn page(total: u64, calls: &[Value], next: Option<&str>) -> Reply {
    Reply::Json(200, json!({"total": total, "calls": calls, "next_cursor": next}))
}

#[tokio::test]
async fn a_table_newest_first() {
    let daemon = Daemon::plays(|_| page(2, &[completed(), refused()], None)).await;
    let said = run(program(&daemon, &["calls"])).await;
    insta::assert_snapshot!(said.out, @r"
    ID                                    Time                 Phone         Status     Reason             SIP  Talk s
    019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f  2026-11-21 09:30:00  +79522675444  completed  hung_up            200  12.2
    019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f  2026-11-21 09:30:00  +79522675444  failed     trunk_auth_failed  401
    ");
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(daemon.seen()[0].query, "limit=20");
}

/// A click-to-call and a monitoring: whose, from which extension, and of which kind.
#[tokio::test]
async fn calls_of_offices_tell_whose_they_are() {
    let office = |kind: &str, mode: Value| {
        let mut call = completed();
        call["office"] = json!({
            "kind": kind, "mode": mode, "enterprise": "0367", "enterprise_name": "june", "host": "10.88.10.19",
            "extension": "150", "connected": true, "way": "ami",
        });
        call
    };
    let calls = [office("call", Value::Null), office("monitor", json!("whisper")), completed()];
    let daemon = Daemon::plays(move |_| page(3, &calls, None)).await;
    let said = run(program(&daemon, &["calls"])).await;
    let ends: Vec<String> = (said.lines().iter())
        .map(|line| line.split_whitespace().rev().take(3).map(str::to_owned).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(ends[..3], ["Kind Extension Enterprise", "call 150 0367", "whisper 150 0367"], "{}", said.out);
    let mut russian = program(&daemon, &["calls"]);
    russian.env("NOVOFON_BOT_LANG", "ru");
    let said = run(russian).await;
    assert!(said.out.contains("Предприятие") && said.out.contains("суфлирование"), "{}", said.out);
    let said = run(program(&daemon, &["calls", "--json"])).await;
    assert!(said.lines()[1].contains(r#""mode":"whisper""#), "{}", said.out);
}

#[tokio::test]
async fn pages_are_followed_to_the_limit() {
    let daemon = Daemon::plays(|request| match request.nth {
        0 => page(7, &[completed(), completed()], Some("a=b")),
        _ => page(7, &[refused(), refused()], Some("more")),
    })
    .await;
    let said = run(program(&daemon, &["calls", "--limit", "3"])).await;
    assert_eq!(said.lines().len(), 1 + 3);
    assert_eq!(said.err, "3 of 7; more with --limit\n");
    let queries: Vec<String> = daemon.seen().into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["limit=3", "limit=1&cursor=a%3Db"]);
}

#[tokio::test]
async fn filters_are_sent_and_local_times_understood() {
    let daemon = Daemon::plays(|_| page(0, &[], None)).await;
    let args = ["calls", "--status", "failed,busy", "--phone", "+79522675444", "--from", "2026-11-20"];
    let args = [&args[..], &["--to", "2026-11-21 09:30"]].concat();
    let mut command = program(&daemon, &args);
    command.env("TZ", "Europe/Moscow");
    let said = run(command).await;
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", "no such calls\n"));
    let run_with = async |to: &str| {
        run(program(&daemon, &["calls", "--to", to])).await;
        let query = daemon.seen().pop().expect("asked").query;
        query.split('&').next().unwrap_or_default().to_owned()
    };
    assert_eq!(run_with("2026-11-21").await, "to=2026-11-22T00%3A00%3A00Z", "a date is its end");
    assert_eq!(run_with("2026-11-21T09:00:00+03:00").await, "to=2026-11-21T09%3A00%3A00%2B03%3A00");
    let query = &daemon.seen()[0].query;
    let expected = "status=failed%2Cbusy&phone=%2B79522675444&from=2026-11-19T21%3A00%3A00Z\
        &to=2026-11-21T06%3A30%3A00Z&limit=20";
    assert_eq!(query, expected);
}

#[tokio::test]
async fn a_time_that_is_none() {
    let said = run(bare(&["calls", "--from", "yesterday"])).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("`yesterday` is no time for --from"), "{}", said.err);
    assert_eq!(run(bare(&["calls", "--limit", "0"])).await.code, Some(2));
}

#[tokio::test]
async fn json_is_a_call_a_line() {
    let daemon = Daemon::plays(|_| page(2, &[completed(), refused()], None)).await;
    let said = run(program(&daemon, &["calls", "--json"])).await;
    let calls: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(calls, [completed(), refused()]);
}

#[tokio::test]
async fn a_hangup_is_asked_for() {
    let daemon = Daemon::plays(|request| match request.nth {
        0 => Reply::Json(200, json!({"success": true, "message": "asked"})),
        _ => Reply::Json(409, problem(409, "call_ended", "Call has ended already: failed")),
    })
    .await;
    let said = run(program(&daemon, &["hangup", ID])).await;
    assert_eq!((said.code, said.out), (Some(0), format!("call {ID} is being hung up\n")));
    let said = run(program(&daemon, &["hangup", ID, "--lang", "ru"])).await;
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("Call has ended already: failed") && said.err.contains("→ завершать больше нечего"),
        "{said:?}"
    );
    assert_eq!(daemon.asked(Method::POST, &hangup_path()).len(), 2);
    assert_eq!(run(program(&daemon, &["hangup", "../health"])).await.code, Some(2));
    assert_eq!(daemon.seen().len(), 2, "what is no id is not sent");
}

#[tokio::test]
async fn waiting_calls_are_counted_and_canceled() {
    let daemon = Daemon::plays(|_| Reply::Json(200, json!({"canceled": 12, "dry_run": false}))).await;
    let said = run(program(&daemon, &["cancel", "--queued", "--dry-run", "--key", "crm"])).await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), "calls that wait and would be canceled: 12\n"));
    // Nobody is there to answer the question, so nothing is done.
    let said = run(program(&daemon, &["cancel", "--queued"])).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("--yes"), "{said:?}");
    let said =
        run(program(&daemon, &["cancel", "--queued", "--prefix", "+7900", "--yes", "--lang", "ru"])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.starts_with("отменено звонков: 12"), "{said:?}");
    let asked = daemon.asked(Method::POST, "/api/calls/cancel");
    assert_eq!(asked.len(), 3, "the question came before the third");
    // What is canceled is said in words: a slip of the finger empties no queue.
    assert_eq!(run(program(&daemon, &["cancel"])).await.code, Some(2));
}
