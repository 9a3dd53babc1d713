//! Monitoring: who hears whom, measured by the tones that each phone plays, by each way to the host; when it is
//! refused, how it is ended, and what is left of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    Bot, Client, Desk, Lab, Phone, SOON, Way, by_each_way,
    desk::{EXTERNAL_TONE, until_all_hear},
    end, until,
};

/// Two phones and a bot at their office.
async fn ready(way: Way) -> ([Desk; 2], Bot, Client) {
    let lab = Lab::shared().await;
    let desks = lab.two_desks().await;
    let bot = Bot::start(&lab, desks[0].office, way, &[]).await;
    let client = bot.client(desks[0].office);
    (desks, bot, client)
}

/// The listener is ended by its record, and the call that was listened to goes on.
async fn assert_ended(client: &Client, id: &str, listener: &Phone) {
    assert_eq!(client.hang_up(id).await.status, 200);
    listener.until_free().await;
    let call = client.until_ended(id).await;
    assert!(end(&call).starts_with("completed hung_up api answered"), "{call:?}\n{}", client.story(id).await);
}

/// Both in the call hear what the mode says, and the listener hears both.
async fn assert_heard(talk: [&Phone; 2], tones: [u16; 2], listener: &Desk, mode: &str) {
    let [target, number] = talk;
    let mut at_target = vec![EXTERNAL_TONE];
    let mut at_number = vec![tones[0]];
    if mode != "spy" {
        at_target.push(tones[1]);
    }
    if mode == "barge" {
        at_number.push(tones[1]);
    }
    let at_listener = [tones[0], EXTERNAL_TONE];
    until_all_hear(&[(target, &at_target), (number, &at_number), (listener, &at_listener)]).await;
}

async fn who_hears_whom(way: Way) {
    let ([target, listener], bot, client) = ready(way).await;
    let lab = Lab::shared().await;
    let number = target.number("0200");
    let talk = client.place_answered(&target.name, &number).await;
    for (action, name, mode) in
        [("09", "подслушивание", "spy"), ("01", "суфлирование", "whisper"), ("02", "вмешательство", "barge")]
    {
        let answer = client.monitor(action, &target.name, &listener.name, &[("wait", "answered")]).await;
        let (id, record) = (answer.call_id(), answer.call());
        let said = answer.json();
        assert_eq!(
            said["message"],
            format!("Monitoring initiated successfully: {name} for {}", target.device())
        );
        assert_eq!((record.status().as_str(), record.text("phone")), ("answered", target.name.clone()));
        let office = record.field("office");
        assert_eq!(
            (&office["kind"], &office["mode"], &office["extension"], &office["connected"], &office["way"]),
            (&json!("monitor"), &json!(mode), &json!(listener.name), &json!(true), &json!(way.taken()))
        );
        listener.until_connected().await;
        assert_heard([&target, &number], [target.tone(), listener.tone()], &listener, mode).await;
        let log = bot.log_text();
        let audit = log.lines().find(|line| line.contains("listened_to=") && line.contains(&id));
        let audit = audit.unwrap_or_else(|| panic!("no audit of {id}"));
        for part in [client_number(&target), &listener.name, &target.name, action] {
            assert!(audit.contains(part), "no {part} in {audit}");
        }
        assert_ended(&client, &id, &listener).await;
        assert_eq!(client.call(&talk.id()).await.status(), "answered");
        until_nobody_snoops(&lab, &target, &id).await;
    }
    // Nothing of it is left in the ears of the two.
    until_all_hear(&[(&target, &[EXTERNAL_TONE]), (&number, &[target.tone()])]).await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;
    assert_eq!(
        (number.arrivals().await, client.until_ended(&talk.id()).await.status()),
        (1, "completed".into())
    );
}

/// Nothing of a monitoring is left on the target's call.
pub async fn until_nobody_snoops(lab: &Lab, target: &Desk, id: &str) {
    until("no channel snoops", SOON, async || {
        let channels = lab.run("cli", &[target.office, "core show channels concise"]).await;
        let bridges = lab.run("cli", &[target.office, "bridge show all"]).await;
        let is_left = channels.contains(&format!("!{id};snoop")) || bridges.contains(id);
        if is_left { Err(channels + &bridges) } else { Ok(()) }
    })
    .await;
}

/// The row changes in the middle of a monitoring by ARI, and its connection breaks: it goes on. It goes another way from
/// then on, and ends: nothing of it stays on the target's call, though nobody needs ARI any more.
#[tokio::test]
async fn the_row_changes_in_the_middle() {
    let lab = Lab::shared().await;
    let [target, listener] = lab.two_desks().await;
    let mut bot = Bot::stopped(&lab, target.office, Way::Ari, &[]);
    let secret = "b".repeat(32);
    let host = lab.office(target.office, "IP");
    bot.has_enterprises(&[&["0b00", "row", host, "--secret-file", "secret"]], &[("secret", &secret)]);
    bot.launch();
    bot.until_live().await;
    let client = bot.client_with(&secret);
    let number = target.number("0200");
    let talk = client.place_answered(&target.name, &number).await.id();
    let spy = client.monitor("09", &target.name, &listener.name, &[("wait", "answered")]).await.call_id();
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    for change in [["--context", "inoffice"], ["--ssh-port", "5060"], ["--way", "ami"]] {
        bot.changes_enterprise("0b00", &change);
        // The row is read with a request, and each call is looked for when the connection is there again.
        client.get(&format!("/api/extensions/{}/calls", target.name)).await;
        lab.run("ari-drop", &[target.office]).await;
        until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
        assert_eq!(client.call(&spy).await.status(), "answered", "{change:?}: {}", client.story(&spy).await);
    }
    client.hang_up(&talk).await;
    client.until_ended(&talk).await;
    client.hang_up(&spy).await;
    assert_eq!(end(&client.until_ended(&spy).await), "completed hung_up api answered - 16");
    listener.until_free().await;
    target.until_free().await;
    until_nobody_snoops(&lab, &target, &spy).await;
}

/// The number of the office's enterprise.
fn client_number(desk: &Desk) -> &'static str {
    if desk.office == "june" { "0367" } else { "0368" }
}

/// By POST it is refused when there is nothing to listen to; by GET the order is given all the same, as it always was.
async fn a_target_that_is_not_in_a_call(way: Way) {
    let ([target, listener], _bot, client) = ready(way).await;
    let mut order = json!({"action": "09", "target": target.name, "monitor_from": listener.name});
    let before = listener.arrivals().await;
    let refused = client.post("/api/monitor", order.clone()).await;
    assert_eq!(
        (refused.status, refused.detail()),
        (409, format!("Extension {} is not in a call", target.name))
    );
    // Ringing is no call yet.
    let number = target.number("0200");
    target.does("ring").await;
    let ringing = client.place(&target.name, &number).await;
    target.until_rings().await;
    assert_eq!(client.post("/api/monitor", order.clone()).await.status, 409);
    client.hang_up(&ringing).await;
    target.until_free().await;
    // Nor is it one while the number rings, though the target has picked up.
    target.does("answer").await;
    let ringing = client.place(&target.name, &target.number("0180")).await;
    client.until_status(&ringing, "ringing").await;
    let busy = client.get(&format!("/api/extensions/{}/calls", target.name)).await.json();
    let said = (&busy["calls"][0]["state"], &busy["calls"][0]["talking"], &busy["calls"][0]["with"]);
    assert_eq!(said, (&"Up".into(), &false.into(), &Value::Null), "{busy}");
    assert_eq!(client.post("/api/monitor", order.clone()).await.status, 409);
    client.hang_up(&ringing).await;
    target.until_free().await;
    assert_eq!(listener.arrivals().await, before, "the listener was called");
    let calls = client.get("/api/calls").await.json();
    assert_eq!(
        calls["calls"].as_array().map(Vec::len),
        Some(2),
        "a refused monitoring has no record: {calls}"
    );

    let id = client.monitor("09", &target.name, &listener.name, &[]).await.call_id();
    listener.until_connected().await;
    assert_eq!(listener.arrivals().await, before + 1);
    // It waits for the target's call.
    target.does("answer").await;
    let talk = client.place_answered(&target.name, &number).await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    assert_ended(&client, &id, &listener).await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;

    let talk = client.place_answered(&target.name, &number).await;
    order["wait"] = "answered".into();
    let id = client.post("/api/monitor", order).await.call_id();
    listener.until_connected().await;
    assert_ended(&client, &id, &listener).await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;
}

/// The listener stays, and hears whom the target talks to next; the call it heard first ends by itself.
async fn the_next_call(way: Way) {
    let ([target, listener], _bot, client) = ready(way).await;
    let lab = Lab::shared().await;
    let (first, second) = (target.number("0200"), target.number("0200"));
    let talk = client.place_answered(&target.name, &first).await;
    let id = client.monitor("01", &target.name, &listener.name, &[("wait", "answered")]).await.call_id();
    let tones = [target.tone(), listener.tone()];
    listener.until_connected().await;
    assert_heard([&target, &first], tones, &listener, "whisper").await;
    first.hang_up().await;
    client.until_ended(&talk.id()).await;
    target.until_free().await;

    // One that the phone dials by itself.
    target.dials(&second).await;
    second.until_connected().await;
    assert_heard([&target, &second], tones, &listener, "whisper").await;
    assert_eq!(client.call(&id).await.status(), "answered");
    assert_ended(&client, &id, &listener).await;
    until_nobody_snoops(&lab, &target, &id).await;
    until_all_hear(&[(&target, &[EXTERNAL_TONE])]).await;
    second.hang_up().await;
    target.until_free().await;
}

/// Channels are told by the beginning of their names, and that of 1500's begins with 150.
async fn an_extension_whose_number_begins_alike(way: Way) {
    let lab = Lab::shared().await;
    let [target, listener, other] = lab.alike().await;
    let bot = Bot::start(&lab, target.office, way, &[]).await;
    let client = bot.client(target.office);
    let (number, others) = (target.number("0200"), target.number("0201"));
    let others_talk = client.place_answered(&other.name, &others).await;
    let order = json!({"action": "09", "target": target.name, "monitor_from": listener.name});
    assert_eq!(client.post("/api/monitor", order).await.status, 409, "1500 is in a call, 150 is not");
    let calls = client.get("/api/extensions/150/calls").await.json();
    assert_eq!(calls, json!({"extension": "150", "calls": []}));

    let talk = client.place_answered(&target.name, &number).await;
    let spy = client.monitor("09", &target.name, &listener.name, &[("wait", "answered")]).await.call_id();
    listener.until_connected().await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE]), (&others, &[other.tone()])]).await;
    // The call that is listened to is over: the other one is still not listened to.
    client.hang_up(&talk.id()).await;
    target.until_free().await;
    assert_does_not_hear(&lab, &listener, other.tone()).await;
    client.hang_up(&spy).await;
    client.hang_up(&others_talk.id()).await;
    other.until_free().await;
    listener.until_free().await;

    // The same, with the other one's call to come.
    let talk = client.place_answered(&target.name, &number).await;
    let spy = client.monitor("09", &target.name, &listener.name, &[("wait", "answered")]).await.call_id();
    listener.until_connected().await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    let others_talk = client.place_answered(&other.name, &others).await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;
    assert_does_not_hear(&lab, &listener, other.tone()).await;
    client.hang_up(&spy).await;
    client.hang_up(&others_talk.id()).await;
    listener.until_free().await;
    other.until_free().await;
}

/// Whether it still listens or not, it hears nothing of that for two seconds.
async fn assert_does_not_hear(lab: &Lab, listener: &Desk, tone: u16) {
    let phone = format!("{}/{}", listener.office, listener.name);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        match lab.try_run("listen", &["1", &phone]).await {
            Ok(line) => {
                let heard: serde_json::Value = serde_json::from_str(&line).expect("JSON");
                let level = heard["db"][tone.to_string()].as_f64().expect("a level");
                assert!(level < -50.0, "{} hears {tone} Hz: {line}", listener.name);
            }
            // It is in no call any more.
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// The call that is listened to ends, or the listener does.
async fn how_it_ends(way: Way) {
    let ([target, listener], _bot, client) = ready(way).await;
    let number = target.number("0200");
    let talk = client.place_answered(&target.name, &number).await;
    let spy = client.monitor("09", &target.name, &listener.name, &[("wait", "answered")]).await.call_id();
    listener.until_connected().await;
    listener.hang_up().await;
    let call = client.until_ended(&spy).await;
    let by = if way.tells_all() { "extension" } else { "unknown" };
    assert!(
        end(&call).starts_with(&format!("completed hung_up {by} answered")),
        "{call:?}\n{}",
        client.story(&spy).await
    );
    assert_eq!(client.call(&talk.id()).await.status(), "answered");

    // Nobody picks the listener's phone up.
    for (behaviour, told) in
        [("busy", "failed extension_busy extension"), ("decline", "failed extension_declined extension")]
    {
        listener.does(behaviour).await;
        let spy = client.monitor("09", &target.name, &listener.name, &[]).await.call_id();
        let call = client.until_ended(&spy).await;
        let expected = if way.tells_all() { told } else { "unknown" };
        assert!(end(&call).starts_with(expected), "{behaviour}: {call:?}\n{}", client.story(&spy).await);
    }
    client.hang_up(&talk.id()).await;
    target.until_free().await;
}

by_each_way!(who_hears_whom, a_target_that_is_not_in_a_call, the_next_call, how_it_ends);
// The order by a process is that by the socket.
by_each_way!(an_extension_whose_number_begins_alike: by_the_socket Socket, by_ami Ami, by_ari Ari);
