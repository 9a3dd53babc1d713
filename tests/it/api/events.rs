//! Event streams: nothing missing, nothing twice.

use call::Status;
use serde_json::json;

use crate::support::{Answer, Bot, EventStream, entry};

async fn placed(bot: &Bot) -> String {
    bot.placed().await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_calls_stream_tells_its_whole_life() {
    let bot = Bot::start().await;
    let id = placed(&bot).await;
    bot.engine.step(&id, Status::Dialing).await;
    let mut stream = bot.events(&format!("/api/calls/{id}/events")).await;
    let first = stream.next().await.expect("an event");
    assert_eq!((first.id, first.name.as_str()), (Some(1), "queued"));
    assert_eq!(first.data["call_id"], json!(id));
    assert_eq!(first.data["event"], "accepted");
    assert_eq!(first.data["call"]["id"], json!(id));
    assert_eq!(stream.next().await.map(|e| e.name).as_deref(), Some("dialing"));
    // From here on it is live; another call's events are not told.
    placed(&bot).await;
    bot.engine.record(&id, entry("trunk_trying", None, None), |_| {});
    let evidence = stream.next().await.expect("an event");
    assert_eq!((evidence.id, evidence.name.as_str()), (Some(4), "evidence"));
    assert_eq!(evidence.data.get("call"), None);
    bot.engine.step(&id, Status::Ringing).await;
    bot.engine.step(&id, Status::Busy).await;
    let rest = stream.rest().await;
    let names: Vec<_> = rest.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["ringing", "busy", "end"]);
    assert_eq!(rest[1].data["call"]["status"], "busy");
    assert_eq!(rest[2].id, None);
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let bot = Bot::start().await;
    let id = placed(&bot).await;
    for step in [Status::Dialing, Status::Ringing, Status::Answered, Status::Completed] {
        bot.engine.step(&id, step).await;
    }
    let path = format!("/api/calls/{id}/events");
    let whole = bot.events(&path).await.rest().await;
    assert_eq!(whole.len(), 6);
    for seen in 0..5 {
        let last = whole[seen].id.expect("an id").to_string();
        let rest = EventStream::open_or_done(bot.get(&path).header("Last-Event-ID", &last)).await;
        match rest {
            Some(stream) => assert_eq!(stream.rest().await, whole[seen + 1..], "after {last}"),
            None => assert_eq!(seen, 4, "only after the end there is nothing to come"),
        }
    }
    let by_query = bot.events(&format!("{path}?last_event_id=3")).await.rest().await;
    assert_eq!(by_query, whole[3..]);
    let ahead = Answer::of(bot.get(&path).header("Last-Event-ID", "99999")).await;
    assert_eq!(ahead.status, 204);
}

#[tokio::test]
async fn all_calls_from_now_on_or_from_before() {
    let bot = Bot::start().await;
    let first = placed(&bot).await;
    let mut now = bot.events("/api/events").await;
    let mut before = bot.events("/api/events?last_event_id=0").await;
    let second = placed(&bot).await;
    bot.engine.step(&first, Status::Failed).await;
    for (stream, expected) in [(&mut now, 2..=3), (&mut before, 1..=3)] {
        for seq in expected {
            let event = stream.next().await.expect("an event");
            let of = if seq == 2 { &second } else { &first };
            assert_eq!((event.id, &event.data["call_id"]), (Some(seq), &json!(of)));
        }
    }
}

#[tokio::test]
async fn a_slow_reader_misses_nothing() {
    let bot = Bot::start().await;
    let id = placed(&bot).await;
    let mut stream = bot.events("/api/events?last_event_id=0").await;
    stream.next().await.expect("an event");
    // Far more than the changes that may wait, and than the sockets take; nobody reads meanwhile.
    let text = "x".repeat(20_000);
    for n in 0..500 {
        bot.engine.record(&id, entry("noise", None, Some(json!({"n": n, "text": text}))), |_| {});
    }
    bot.engine.step(&id, Status::Completed).await;
    for n in 0..500 {
        let event = stream.next().await.expect("an event");
        assert_eq!((event.id, &event.data["data"]["n"]), (Some(n + 2), &json!(n)));
    }
    assert_eq!(stream.next().await.map(|e| e.name).as_deref(), Some("completed"));
}

#[tokio::test]
async fn streams_are_bounded_and_freed() {
    let bot = Bot::with(&[("HTTP__MAX_CONNECTIONS", "4")]).await;
    let open =
        [bot.events("/api/events").await, bot.events("/api/events").await, bot.events("/api/events").await];
    let answer = Answer::of(bot.get("/api/events")).await;
    assert_eq!(answer.problem(503), "too_many_streams");
    drop(open);
    // A stream is free when the server has seen its client go.
    let mut stream = loop {
        if let Some(stream) = EventStream::open_or_refused(bot.get("/api/events")).await {
            break stream;
        }
    };
    placed(&bot).await;
    assert!(stream.next().await.is_some());
}

#[tokio::test]
async fn a_stop_ends_streams() {
    let bot = Bot::start().await;
    let stream = bot.events("/api/events").await;
    bot.begin_stop();
    assert_eq!(stream.rest().await, []);
    bot.stop().await;
}
