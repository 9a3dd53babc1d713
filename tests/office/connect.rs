//! A click-to-call, by each way to the host: the two phones are really connected, which is heard, and the record
//! says so, and who ended it as far as the way tells.

use serde_json::json;

use crate::support::{
    Bot, Call, Client, Desk, Lab, Phone, Way, by_each_way,
    desk::{EXTERNAL_TONE, until_all_hear},
    end,
};

/// What the timeline of a call that both sides answered must have, in this order.
fn assert_both_legs(story: &str, way: Way) {
    let words = ["accepted:", "intent_stored:", "order_taken:", "leg_up desk:", "leg_up phone:", "ended:"];
    let mut rest = story;
    for word in words.map(|word| word.replace(':', if word.starts_with("leg") { ":" } else { " :" })) {
        let at = rest.find(&word).unwrap_or_else(|| panic!("no {word} in its place, by {way:?}:\n{story}"));
        rest = &rest[at..];
    }
}

/// Both sides are in the call, hear each other, and nothing else.
async fn assert_connected(client: &Client, desk: &Desk, number: &Phone, call: &Call, way: Way) {
    assert_eq!(call.text("answered_at").len(), "2026-01-01T00:00:00.000Z".len(), "{call:?}");
    let office = call.field("office");
    let said = (&office["connected"], &office["way"], &office["extension"], &office["kind"]);
    let expected = (&true.into(), &way.taken().into(), &desk.name.clone().into(), &"call".into());
    assert_eq!(said, expected, "{call:?}");
    desk.until_connected().await;
    number.until_connected().await;
    until_all_hear(&[(desk, &[EXTERNAL_TONE]), (number, &[desk.tone()])]).await;
    // What the phone is doing is told too, by whatever began it.
    let busy = client.get(&format!("/api/extensions/{}/calls", desk.name)).await.json();
    let [one] = busy["calls"].as_array().expect("a list").as_slice() else { panic!("one call: {busy}") };
    let channel = one["channel"].as_str().expect("a name");
    assert!(channel.starts_with(&format!("{}-", desk.device())), "{busy}");
    let said = (&one["state"], &one["talking"], &one["with"], &one["call_id"]);
    let expected = (&"Up".into(), &true.into(), &number.name.clone().into(), &call.id().into());
    assert_eq!(said, expected, "{busy}");
}

/// Who put the phone down, where the way tells it.
async fn assert_completed(client: &Client, call: &Call, by: &str, way: Way) {
    let call = client.until_ended(&call.id()).await;
    let story = client.story(&call.id()).await;
    let by = if way.tells_all() || by == "api" { by } else { "unknown" };
    assert!(end(&call).starts_with(&format!("completed hung_up {by} answered")), "{call:?}\n{story}");
    assert_both_legs(&story, way);
}

async fn connects(way: Way) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let before = desk.arrivals().await;

    let number = desk.number("0200");
    let call = client.place_answered(&desk.name, &number).await;
    assert_connected(&client, &desk, &number, &call, way).await;
    assert_eq!(client.call(&call.id()).await.status(), "answered");
    assert_eq!(client.hang_up(&call.id()).await.status, 200);
    desk.until_free().await;
    number.until_free().await;
    assert_completed(&client, &call, "api", way).await;
    let idle = client.get(&format!("/api/extensions/{}/calls", desk.name)).await.json();
    assert_eq!(idle, json!({"extension": desk.name, "calls": []}));
    assert_eq!(client.hang_up(&call.id()).await.status, 409);
    assert_eq!(number.arrivals().await, 1);

    // The callee hangs up.
    let number = desk.number("0215");
    let call = client.place_answered(&desk.name, &number).await;
    assert_completed(&client, &call, "callee", way).await;
    desk.until_free().await;

    // The extension does.
    let number = desk.number("0201");
    let call = client.place_answered(&desk.name, &number).await;
    desk.hang_up().await;
    assert_completed(&client, &call, "extension", way).await;
    number.until_free().await;
    assert_eq!(desk.arrivals().await - before, 3);
}

by_each_way!(connects);

#[tokio::test]
async fn by_the_best_that_works() {
    connects(Way::Auto).await;
}
