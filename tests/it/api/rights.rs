//! What a key may do: its own calls by default, every path alike, and how a revoked one ends.

use std::{sync::Arc, time::Duration};

use call::{CallId, CallRecord, OfficeCall, Status, Technology, Tenant, What};
use ledger::Commit;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Bot, EventStream, TOKEN, entry};

const CRM: &str = "crm-0123456789abcdef";
const SITE: &str = "site-0123456789abcdef";
const KEYS: &str = r#"[
    {name = "crm", key = "crm-0123456789abcdef", rights = ["call", "read"]},
    {name = "Сайт и касса", key = "site-0123456789abcdef", rights = ["call", "read"]},
    {name = "caller", key = "caller-0123456789abcdef", rights = ["call"]},
    {name = "reader", key = "reader-0123456789abcdef", rights = ["read"]},
    {name = "report", key = "report-0123456789abcdef", rights = ["read-all"]},
    {name = "both", key = "both-0123456789abcdef", rights = ["call", "read-all"]},
    {name = "boss", key = "boss-0123456789abcdef", rights = ["admin"]},
    "old:old-0123456789abcdef",
]"#;

fn of(key: &str) -> String {
    if key == TOKEN { key.to_owned() } else { format!("{key}-0123456789abcdef") }
}

async fn bot() -> Bot {
    Bot::with(&[("HTTP__API_KEYS", KEYS)]).await
}

async fn placed(bot: &Bot, key: &str) -> String {
    let call = Answer::of(bot.initiate("+79522675444").bearer_auth(key)).await.expect(201);
    call["id"].as_str().expect("an id").to_owned()
}

/// The answer's status, and of a refusal its code and the right that it names.
async fn said(request: RequestBuilder) -> (u16, String, String) {
    let answer = Answer::of(request).await;
    if answer.status < 400 {
        return (answer.status, String::new(), String::new());
    }
    let code = answer.problem(answer.status);
    (answer.status, code, answer.json()["right"].as_str().unwrap_or_default().to_owned())
}

fn ok() -> (u16, String, String) {
    (200, String::new(), String::new())
}

fn missing(right: &str) -> (u16, String, String) {
    (403, "right_missing".into(), right.into())
}

fn no_call() -> (u16, String, String) {
    (404, "call_not_found".into(), String::new())
}

#[tokio::test]
async fn what_is_not_ones_own_is_as_good_as_none() {
    let bot = bot().await;
    let id = placed(&bot, CRM).await;
    for key in ["crm", "report", "both", "boss", "old", TOKEN] {
        for path in ["", "/timeline", "/messages"] {
            let request = bot.get(&format!("/api/calls/{id}{path}")).bearer_auth(of(key));
            assert_eq!(said(request).await, ok(), "{key} {path}");
        }
    }
    for (key, expected) in [("site", no_call()), ("reader", no_call()), ("caller", missing("read"))] {
        for path in ["", "/timeline", "/messages", "/events"] {
            let request = bot.get(&format!("/api/calls/{id}{path}")).bearer_auth(of(key));
            assert_eq!(said(request).await, expected, "{key} {path}");
        }
    }
    // A call that is none and one that is another's are told alike.
    let nobody = format!("/api/calls/{}", Uuid::now_v7());
    let of_nobody = Answer::of(bot.get(&nobody).bearer_auth(SITE)).await;
    let of_other = Answer::of(bot.get(&format!("/api/calls/{id}")).bearer_auth(SITE)).await;
    assert_eq!(of_nobody.text.replace(&nobody[11..], "ID"), of_other.text.replace(&id, "ID"));
}

#[tokio::test]
async fn who_may_hang_up_and_delete() {
    let bot = bot().await;
    let id = placed(&bot, CRM).await;
    let hangup = |key: &str| said(bot.post(&format!("/api/calls/{id}/hangup")).bearer_auth(of(key)));
    let delete =
        |key: &str| said(bot.request(Method::DELETE, &format!("/api/calls/{id}")).bearer_auth(of(key)));
    for (key, expected) in [
        ("site", no_call()),
        ("caller", no_call()),
        ("reader", missing("call")),
        ("report", missing("call")),
        ("both", missing("admin")),
    ] {
        assert_eq!(hangup(key).await, expected, "{key}");
        assert_eq!(delete(key).await, expected, "{key}");
    }
    for key in ["crm", "boss", "old", TOKEN] {
        assert_eq!(hangup(key).await, ok(), "{key}");
    }
    bot.engine.step(&id, Status::Canceled).await;
    for key in ["site", "caller", "both", "reader"] {
        assert_ne!(delete(key).await, ok(), "{key}");
    }
    // It is another's also when it has ended.
    assert_eq!(hangup("site").await, no_call());
    assert_eq!(delete("crm").await, ok());
}

#[tokio::test]
async fn who_may_cancel_whose_waiting_calls() {
    let bot = bot().await;
    for key in ["crm", "crm", "crm", "caller", "caller", "both"] {
        placed(&bot, &of(key)).await;
    }
    // One whose turn has come waits no more.
    let begun = placed(&bot, &of("caller")).await;
    bot.engine.step(&begun, Status::Dialing).await;
    let cancel = async |key: &str, body: Value| {
        let request = bot.post("/api/calls/cancel").json(&body).bearer_auth(of(key));
        Answer::of(request).await
    };
    for (key, body, count) in [
        ("caller", json!({}), 2),
        ("caller", json!({"dry_run": true}), 2),
        ("caller", json!({"client": "caller"}), 2),
        ("caller", json!({"prefix": "+7812"}), 0),
        ("crm", json!({"prefix": "+7952"}), 3),
        ("both", json!({}), 1),
        ("boss", json!({}), 6),
        ("boss", json!({"client": "crm"}), 3),
        ("boss", json!({"client": "caller", "prefix": "+7952"}), 2),
        ("boss", json!({"client": "nobody"}), 0),
        ("boss", json!({"client": "boss"}), 0),
        ("old", json!({"client": "both"}), 1),
        (TOKEN, json!({}), 6),
    ] {
        assert_eq!(cancel(key, body.clone()).await.expect(200)["canceled"], count, "{key} {body}");
    }
    for (key, body, right) in [
        ("caller", json!({"client": "crm"}), "admin"),
        ("crm", json!({"client": "Crm", "dry_run": true}), "admin"),
        // It may see the calls of all, and end its own.
        ("both", json!({"client": "crm"}), "admin"),
        ("reader", json!({}), "call"),
        ("reader", json!({"client": "reader"}), "call"),
        ("report", json!({"client": "crm"}), "call"),
    ] {
        let request = bot.post("/api/calls/cancel").json(&body).bearer_auth(of(key));
        assert_eq!(said(request).await, missing(right), "{key} {body}");
    }
}

#[tokio::test]
async fn a_list_has_ones_own_calls_and_those_alone() {
    let bot = bot().await;
    let mut own = Vec::new();
    for n in 0..7 {
        let id = placed(&bot, if n % 2 == 0 { SITE } else { CRM }).await;
        if n % 2 == 0 {
            own.push(id);
        }
    }
    office_call(&bot, "Сайт и касса");
    let list = async |key: &str, query: &str| {
        Answer::of(bot.get(&format!("/api/calls{query}")).bearer_auth(of(key))).await.expect(200)
    };
    let ids = |list: &Value| -> Vec<String> {
        let calls = list["calls"].as_array().expect("calls").iter();
        calls.map(|call| call["id"].as_str().expect("an id").to_owned()).collect()
    };
    own.reverse();
    for query in [
        "",
        "?status=queued",
        "?phone=%2B79522675444",
        "?limit=1000&from=2020-01-01",
        "?status=pending,ringing",
    ] {
        let found = list("site", query).await;
        assert_eq!((&found["total"], ids(&found)), (&json!(4), own.clone()), "{query}");
    }
    let first = list("site", "?limit=3").await;
    assert_eq!(ids(&first), own[..3]);
    let cursor = first["next_cursor"].as_str().expect("there is one more");
    assert_eq!(ids(&list("site", &format!("?limit=3&cursor={cursor}")).await), own[3..]);
    assert_eq!(ids(&list("site", "?offset=2").await), own[2..]);
    for (key, total) in [("report", 8), ("boss", 8), ("old", 8), (TOKEN, 8), ("crm", 3), ("reader", 0)] {
        assert_eq!(list(key, "").await["total"], total, "{key}");
    }
    assert_eq!(said(bot.get("/api/calls").bearer_auth(of("caller"))).await, missing("read"));
    assert_eq!(said(bot.get("/api/calls/").bearer_auth(of("caller"))).await, missing("read"));
}

/// An office's call, which no key owns, whatever its enterprise is called.
fn office_call(bot: &Bot, name: &str) -> CallId {
    let request = OfficeCall {
        what: What::Dial("+375296254070".parse().expect("digits")),
        tenant: Tenant { number: "0367".into(), name: name.into() },
        host: "10.0.0.1".into(),
        extension: "150".parse().expect("digits"),
        context: "inoffice".into(),
        technology: Technology::Sip,
        client: None,
        ring_timeout: 60,
        max_duration: 60,
    };
    let record = CallRecord::new(CallId(Uuid::now_v7()), request, chrono::Utc::now());
    let id = record.id;
    let entries = vec![entry("accepted", Some(Status::Queued), None)];
    bot.store.submit(Commit {
        record: Arc::new(record),
        entries,
        idempotency: None,
        urgent: true,
        done: None,
    });
    id
}

#[tokio::test]
async fn placing_needs_its_right_and_metrics_theirs() {
    let bot = bot().await;
    for key in ["reader", "report"] {
        assert_eq!(said(bot.initiate("+79522675444").bearer_auth(of(key))).await, missing("call"), "{key}");
    }
    for key in ["caller", "both", "boss", "old", TOKEN] {
        placed(&bot, &of(key)).await;
    }
    assert_eq!(bot.engine.asked(), 5);
    assert_eq!(said(bot.get("/metrics").bearer_auth(CRM)).await, missing("read-all"));
    assert_eq!(said(bot.get("/metrics").bearer_auth(of("report"))).await, ok());
    assert_eq!(said(bot.get("/health").bearer_auth(of("caller"))).await, ok());
    assert_eq!(said(bot.get("/api/events").bearer_auth(of("caller"))).await, missing("read"));
    let refused = Answer::of(bot.initiate("+79522675444").bearer_auth(of("reader"))).await.json();
    assert_eq!(refused["detail"], "this needs the right `call`, which the key `reader` does not have");
}

#[tokio::test]
async fn a_stream_has_ones_own_events_and_goes_on_after_any() {
    let bot = bot().await;
    let open = async |last: &str| {
        let path = format!("/api/events{last}");
        EventStream::open(bot.get(&path).bearer_auth(SITE)).await
    };
    let mut now = open("").await;
    let mut before = open("?last_event_id=0").await;
    let mut expected = Vec::new();
    for n in 0..40 {
        let key = if n % 4 == 3 { SITE } else { CRM };
        let id = placed(&bot, key).await;
        office_call(&bot, "Сайт и касса");
        bot.engine.step(&id, Status::Ringing).await;
        if key == SITE {
            expected.extend([(id.clone(), "queued"), (id, "ringing")]);
        }
    }
    for stream in [&mut now, &mut before, &mut open("?last_event_id=0").await] {
        for (id, name) in &expected {
            let event = stream.next().await.expect("an event");
            assert_eq!((&event.data["call_id"], event.name.as_str()), (&json!(id), *name));
        }
    }
    let mut all = EventStream::open(bot.get("/api/events?last_event_id=0").bearer_auth(of("report"))).await;
    for seq in 1..=120 {
        assert_eq!(all.next().await.expect("an event").id, Some(seq));
    }
}

/// Waits for a stream's end, and not longer than a revoked key's may go on.
async fn ends_within_a_second(stream: EventStream) {
    tokio::time::timeout(Duration::from_secs(1), stream.rest()).await.expect("it ends within a second");
}

#[tokio::test]
async fn a_revoked_key_loses_what_goes_on() {
    let bot = bot().await;
    let id = placed(&bot, SITE).await;
    let of_call = EventStream::open(bot.get(&format!("/api/calls/{id}/events")).bearer_auth(SITE)).await;
    let of_all = EventStream::open(bot.get("/api/events").bearer_auth(SITE)).await;
    let mut others = EventStream::open(bot.get("/api/events").bearer_auth(CRM)).await;
    let mut local = EventStream::open(bot.get("/api/events").bearer_auth(TOKEN)).await;
    let body = json!({"phone": "+79522675445", "wait": "ended", "wait_timeout": 60});
    let waits = bot.post("/api/calls/initiate").json(&body).bearer_auth(SITE);
    let waits = tokio::spawn(Answer::of(waits));
    bot.engine.live(2).await;

    let without = KEYS.replace("site-", "another-");
    bot.set_config(&[("HTTP__API_KEYS", &without)]);
    ends_within_a_second(of_call).await;
    ends_within_a_second(of_all).await;
    let waited =
        tokio::time::timeout(Duration::from_secs(1), waits).await.expect("at once").expect("an answer");
    assert_eq!(waited.header("x-wait-timed-out"), Some("true"));
    assert_eq!(waited.expect(201)["status"], "queued");
    assert_eq!(said(bot.get("/api/events").bearer_auth(SITE)).await.0, 401);
    // Nobody else notices.
    let id = placed(&bot, CRM).await;
    assert_eq!(others.next().await.expect("an event").data["call_id"], json!(id));
    while local.next().await.expect("an event").data["call_id"] != json!(id) {}

    // Fewer rights end a stream too, or it would go on with the old ones.
    bot.set_config(&[(
        "HTTP__API_KEYS",
        &without.replace(r#"abcdef", rights = ["call", "read"]"#, r#"abcdef", rights = ["call"]"#),
    )]);
    ends_within_a_second(others).await;
}

#[tokio::test]
async fn the_first_key_ends_what_goes_on_without_one() {
    let bot = Bot::start().await;
    let stream = EventStream::open(bot.get("/api/events")).await;
    let other = EventStream::open(bot.get("/api/events")).await;
    bot.set_config(&[("HTTP__RATE_LIMIT", "7")]);
    bot.set_config(&[("HTTP__API_KEYS", KEYS)]);
    ends_within_a_second(stream).await;
    ends_within_a_second(other).await;
    assert_eq!(said(bot.get("/api/calls")).await.0, 401);
    assert_eq!(said(bot.get("/api/calls").bearer_auth(TOKEN)).await, ok());
}
