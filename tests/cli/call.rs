//! `call`: the timeline, the verdict, the exit status.

use axum::http::Method;
use call::{CallRecord, OutgoingCall, Reason, Status, hint_of};
use chrono::Utc;
use lang::Lang;
use serde_json::{Value, json};

use crate::{
    daemon::{
        Daemon, ID, PHONE, Reply, Then, accepted, all_sent, completed, completed_events, events_path,
        problem, queued, refused, refused_events, sent, step,
    },
    program::{program, run},
};

#[tokio::test]
async fn a_refused_call_is_shown_with_its_reason() {
    let daemon = Daemon::with_call(all_sent(&refused_events())).await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    insta::assert_snapshot!(said.out, @r#"
    09:30:00.000    +0.000  api       the call was accepted  → queued
    09:30:00.085    +0.085  dialplan  the carrier's last word was "401 Unauthorized"; DIALSTATUS CHANUNAVAIL
    09:30:00.087    +0.087  bot       failed: trunk_auth_failed, ended by carrier; the carrier said 401 Unauthorized  → failed
    ✗ failed: trunk_auth_failed — the carrier said 401 Unauthorized, ended by carrier
    → Check the trunk's password.
    "#);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains(ID), "{}", said.err);
}

#[tokio::test]
async fn an_answered_call_is_a_success() {
    let daemon = Daemon::with_call(all_sent(&completed_events())).await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let verdict = "✓ completed: hung_up — the carrier said 200 OK, talked for 12.2 s, ended by callee";
    assert_eq!(said.lines()[3], verdict);
}

/// Answered, and nothing was said: to whoever counts on the message that is no success.
#[tokio::test]
async fn an_answered_call_whose_sound_failed_is_none() {
    for (lang, verdict, hint) in [
        (Lang::En, "✓ completed: scenario_ended", "the callee did not hear it"),
        (Lang::Ru, "✓ completed", "абонент его не услышал"),
    ] {
        let request: Result<OutgoingCall, _> = serde_json::from_value(json!({
            "phone": PHONE, "scenario": "hello", "ring_timeout": 60, "max_duration": 60,
            "requested_by": null, "caller_id": null, "custom_metadata": null,
        }));
        let mut record = CallRecord::new(ID.parse().expect("an id"), request.expect("a request"), Utc::now());
        (record.last.status, record.last.reason) = (Status::Completed, Some(Reason::ScenarioEnded));
        let told = hint_of(&record, lang).expect("it ended");
        record.scenario_result = Some("sound_failed".into());
        let told_of_silence = hint_of(&record, lang).expect("it ended");
        assert!(told_of_silence.contains(hint) && !told.contains(hint), "{told_of_silence}");

        let mut call = completed();
        for (name, value) in
            [("scenario_result", "sound_failed"), ("reason", "scenario_ended"), ("hint", told_of_silence)]
        {
            call[name] = json!(value);
        }
        let end = step(15, "09:30:16.250", "bot", "ended", "completed", &call);
        let daemon = Daemon::with_call(vec![sent(&accepted(10)), sent(&end)]).await;
        let said = run(program(&daemon, &["--lang", lang.code(), "call", PHONE])).await;
        assert!(
            said.out.contains(verdict) && said.out.contains(&format!("→ {told_of_silence}")),
            "{}",
            said.out
        );
        assert_eq!(said.code, Some(1), "{}", said.out);
    }
}

/// Half a minute of silence looks like a program that hangs.
#[tokio::test]
async fn a_call_that_waits_says_for_what() {
    for (lang, health, expected) in [
        (
            "en",
            json!({"status": "unhealthy", "error": "cannot reach Asterisk"}),
            "waits for Asterisk: cannot reach Asterisk",
        ),
        (
            "ru",
            json!({"status": "unhealthy", "error": "не добраться до Asterisk"}),
            "ждёт Asterisk: не добраться до Asterisk",
        ),
        ("ru", json!({"status": "healthy", "version": "22"}), "ждёт своей очереди"),
    ] {
        let daemon = Daemon::plays(move |request| match request.path.as_str() {
            "/api/calls/initiate" => Reply::Json(201, queued()),
            "/health/asterisk" => Reply::Json(200, health.clone()),
            path if path == events_path() => {
                let rest = all_sent(&completed_events());
                Reply::Events(vec![sent(&accepted(10))], Then::After("/health/asterisk".into(), rest))
            }
            _ => Reply::Text(500, "not in the script"),
        })
        .await;
        let said = run(program(&daemon, &["--lang", lang, "call", PHONE])).await;
        assert!(said.err.contains(expected), "{}", said.err);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

#[tokio::test]
async fn in_russian_by_the_locale() {
    let daemon = Daemon::with_call(all_sent(&refused_events())).await;
    let mut command = program(&daemon, &["call", PHONE]);
    command.env("LANG", "ru_RU.UTF-8");
    let said = run(command).await;
    insta::assert_snapshot!(said.out, @r"
    09:30:00.000    +0.000  api       звонок принят  → queued
    09:30:00.085    +0.085  dialplan  последнее слово оператора — «401 Unauthorized»; DIALSTATUS CHANUNAVAIL
    09:30:00.087    +0.087  bot       failed: trunk_auth_failed, завершил: оператор; оператор ответил «401 Unauthorized»  → failed
    ✗ failed (позвонить не удалось): trunk_auth_failed — оператор ответил «401 Unauthorized», завершил: оператор
    → Check the trunk's password.
    ");
    let asked = daemon.asked(Method::GET, &events_path());
    assert_eq!(asked[0].header("accept-language"), Some("ru"), "the hint's language");
}

#[tokio::test]
async fn what_was_asked_for_is_sent() {
    let daemon = Daemon::with_call(all_sent(&completed_events())).await;
    let args = ["call", PHONE, "--scenario", "hello", "--caller-id", "+78120000000"];
    let args = [&args[..], &["--ring-timeout", "30", "--max-duration", "90"]].concat();
    let mut command = program(&daemon, &args);
    command.env("NOVOFON_BOT_API_KEY", "0123456789abcdef");
    assert_eq!(run(command).await.code, Some(0));
    let asked = &daemon.asked(Method::POST, "/api/calls/initiate")[0];
    let body = json!({
        "phone": PHONE, "scenario": "hello", "caller_id": "+78120000000", "ring_timeout": 30, "max_duration": 90,
    });
    assert_eq!(asked.body, body);
    assert_eq!(asked.header("authorization"), Some("Bearer 0123456789abcdef"));
    assert!(asked.header("idempotency-key").is_some());
}

#[tokio::test]
async fn json_for_scripts() {
    let events = refused_events();
    let daemon = Daemon::with_call(all_sent(&events)).await;
    let said = run(program(&daemon, &["call", PHONE, "--json"])).await;
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1], events[1]);
    assert!(lines[2].get("call").is_none() && lines[2]["status"] == "failed");
    assert_eq!(lines[3], json!({"call": refused()}));
    assert_eq!(said.code, Some(1));
}

#[tokio::test]
async fn no_wait_returns_once_it_is_accepted() {
    let daemon = Daemon::with_call(vec![]).await;
    let said = run(program(&daemon, &["call", PHONE, "--no-wait"])).await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), format!("{ID}\n").as_str()));
    assert!(daemon.asked(Method::GET, &events_path()).is_empty());
    let said = run(program(&daemon, &["call", PHONE, "--no-wait", "--json"])).await;
    let shown: Value = serde_json::from_str(&said.out).expect("one line");
    assert_eq!(shown, json!({"call": queued()}));
}

#[tokio::test]
async fn a_refusal_is_shown_with_what_to_do() {
    let daemon = Daemon::plays(|_| {
        Reply::Json(403, problem(403, "destination_not_allowed", "calls to +1 are not allowed"))
    })
    .await;
    let said = run(program(&daemon, &["call", "+16502530000"])).await;
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    let expected =
        "novofon-bot: The title: calls to +1 are not allowed (403 destination_not_allowed)\n→ Do this.\n";
    assert_eq!(said.err, expected);
    assert_eq!(daemon.seen().len(), 1, "a refusal is final");
    let said = run(program(&daemon, &["--lang", "ru", "call", "+16502530000"])).await;
    let expected = "novofon-bot: звонить туда не разрешено: calls to +1 are not allowed (403 destination_not_allowed)\n\
        → если такие звонки нужны, добавьте начало номера в `dial.allow`\n";
    assert_eq!(said.err, expected);
}

#[tokio::test]
async fn a_carriers_words_do_not_steer_the_terminal() {
    let mut call = refused();
    call["sip_text"] = json!("\u{1b}]0;owned\u{7}\u{9b}2J\nUnauthorized");
    call["hint"] = json!("look\u{1b}[8m");
    let end = step(13, "09:30:00.087", "bot", "ended\r", "failed\u{1b}[2Jby\u{202e}carrier", &call);
    let daemon = Daemon::with_call(vec![sent(&accepted(10)), sent(&end)]).await;
    let is_raw = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';

    let said = run(program(&daemon, &["call", PHONE])).await;
    assert!(!said.out.contains(is_raw), "{:?}", said.out);
    assert!(said.out.contains(r"401 \u{1b}]0;owned\u{7}\u{9b}2J\u{a}Unauthorized"), "{}", said.out);
    assert_eq!(said.out.lines().count(), 4);

    let said = run(program(&daemon, &["call", PHONE, "--json"])).await;
    assert!(!said.out.contains(is_raw), "{:?}", said.out);
    let last: Value = serde_json::from_str(said.lines()[2]).expect("JSON");
    assert_eq!(last["call"]["sip_text"], call["sip_text"], "a script gets the words themselves");
}

#[tokio::test]
async fn a_call_that_has_ended_before_the_stream_began() {
    let daemon = Daemon::plays(|request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        path if path == events_path() => Reply::NoContent,
        _ => Reply::Json(200, refused()),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert!(said.out.starts_with("✗ failed: trunk_auth_failed"), "{said:?}");
    assert_eq!(said.code, Some(1));
}

#[tokio::test]
async fn the_event_named_end_ends_it_too() {
    let daemon = Daemon::plays(|request| match request.path.as_str() {
        "/api/calls/initiate" => Reply::Json(201, queued()),
        path if path == events_path() => {
            let events = vec![sent(&accepted(10)), "event: end\ndata: {}\n\n".to_owned()];
            Reply::Events(events, Then::Stay)
        }
        _ => Reply::Json(200, crate::daemon::completed()),
    })
    .await;
    let said = run(program(&daemon, &["call", PHONE])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
}
