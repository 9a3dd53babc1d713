//! The bot is killed in the middle of calls: the next start finds them at the host, dials none of them again, and
//! each ends as it really did.

use std::time::Duration;

use crate::{
    monitor::until_nobody_snoops,
    support::{
        Bot, Call, Client, Desk, Lab, SOON, Way, by_each_way,
        desk::{EXTERNAL_TONE, until_all_hear},
        end, until,
    },
};

async fn assert_end(client: &Client, id: &str, expected: &str) {
    let call = client.until_ended(id).await;
    let story = client.story(id).await;
    assert!(end(&call).starts_with(expected), "expected {expected}, got {}: {call:?}\n{story}", end(&call));
    assert!(story.contains("restarted"), "{story}");
}

async fn killed_in_the_middle(way: Way) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let mut bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let before = desk.arrivals().await;
    let numbers = ["0180", "0200", "0200", "0180"].map(|digits| desk.number(digits));
    let [rings, talks, talked, rang] = &numbers;
    let mut calls = Vec::new();
    for number in &numbers {
        calls.push(client.place(&desk.name, number).await);
    }
    for (call, status) in calls.iter().zip(["ringing", "answered", "answered", "ringing"]) {
        client.until_status(call, status).await;
    }

    bot.kill();
    talked.hang_up().await;
    rang.hang_up().await;
    bot.launch();
    bot.until_live().await;

    // Those that ended meanwhile: nobody saw how.
    assert_end(&client, &calls[2], "completed hung_up unknown answered").await;
    assert_end(&client, &calls[3], "unknown outcome_lost unknown ringing").await;
    // Those that go on are what they were, and go on to be told.
    assert_eq!(client.call(&calls[0]).await.status(), "ringing");
    assert_eq!(client.call(&calls[1]).await.status(), "answered");
    rings.until_rings().await;
    talks.until_connected().await;
    assert_eq!(client.hang_up(&calls[0]).await.status, 200);
    assert_end(&client, &calls[0], "canceled hung_up api ringing").await;
    rings.until_free().await;
    talks.hang_up().await;
    let by = if way.tells_all() { "callee" } else { "unknown" };
    assert_end(&client, &calls[1], &format!("completed hung_up {by} answered")).await;

    for number in &numbers {
        assert_eq!(number.arrivals().await, 1, "calls of {}", number.name);
    }
    assert_eq!(desk.arrivals().await - before, 4);
    desk.until_free().await;
}

/// The number is not dialed yet: the extension's phone still rings when the bot is killed, and is picked up after.
async fn killed_before_the_number_was_dialed(way: Way) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    desk.does("answer 6000").await;
    let mut bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0200");
    let call = client.place(&desk.name, &number).await;
    desk.until_rings().await;
    bot.kill();
    bot.launch();
    bot.until_live().await;
    client.until_status(&call, "answered").await;
    desk.until_connected().await;
    number.until_connected().await;
    client.hang_up(&call).await;
    assert_end(&client, &call, "completed hung_up api answered").await;
    assert_eq!(number.arrivals().await, 1);
    desk.until_free().await;
    number.until_free().await;
}

/// A phone that talks, and one beside it that may listen.
async fn a_talk(lab: &Lab, way: Way) -> ([Desk; 2], Bot, Client, Call) {
    let desks = lab.two_desks().await;
    let bot = Bot::start(lab, desks[0].office, way, &[]).await;
    let client = bot.client(desks[0].office);
    let talk = client.place_answered(&desks[0].name, &desks[0].number("0200")).await;
    (desks, bot, client, talk)
}

/// The listener's phone rings when the bot is killed: whoever picks it up listens, and it ends when it is asked to.
async fn killed_before_the_listener_picked_up(way: Way) {
    let lab = Lab::shared().await;
    let ([target, listener], mut bot, client, talk) = a_talk(&lab, way).await;
    listener.does("answer 5000").await;
    let id = client.monitor("09", &target.name, &listener.name, &[]).await.call_id();
    listener.until_rings().await;
    bot.kill();
    bot.launch();
    bot.until_live().await;
    client.until_status(&id, "answered").await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    client.hang_up(&id).await;
    assert_end(&client, &id, "completed hung_up api answered").await;
    listener.until_free().await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;
}

/// The listener's phone is picked up while the bot is away: it stays, and listens as soon as the bot is back.
async fn picked_up_while_the_bot_was_away(way: Way) {
    let lab = Lab::shared().await;
    let ([target, listener], mut bot, client, talk) = a_talk(&lab, way).await;
    let before = listener.arrivals().await;
    listener.does("answer 2000").await;
    let id = client.monitor("09", &target.name, &listener.name, &[]).await.call_id();
    listener.until_rings().await;
    bot.kill();
    listener.until_connected().await;
    bot.launch();
    bot.until_live().await;
    client.until_status(&id, "answered").await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    listener.hang_up().await;
    let by = if way.tells_all() { "extension" } else { "unknown" };
    assert_end(&client, &id, &format!("completed hung_up {by} answered")).await;
    assert_eq!(listener.arrivals().await - before, 1);
    until_nobody_snoops(&lab, &target, &id).await;
    client.hang_up(&talk.id()).await;
    target.until_free().await;
}

/// Two listen when the bot is killed: one puts its phone down, the other one hears the target's next call.
async fn killed_while_somebody_listens(way: Way) {
    let lab = Lab::shared().await;
    let [target, leaves, stays] = lab.three_desks().await;
    let mut bot = Bot::start(&lab, target.office, way, &[]).await;
    let client = bot.client(target.office);
    let (first, second) = (target.number("0200"), target.number("0200"));
    let talk = client.place_answered(&target.name, &first).await;
    let mut spies = Vec::new();
    for listener in [&leaves, &stays] {
        let order = client.monitor("09", &target.name, &listener.name, &[("wait", "answered")]).await;
        listener.until_connected().await;
        spies.push(order.call_id());
    }
    until_all_hear(&[(&leaves, &[target.tone(), EXTERNAL_TONE]), (&stays, &[target.tone(), EXTERNAL_TONE])])
        .await;
    bot.kill();
    leaves.hang_up().await;
    first.hang_up().await;
    target.until_free().await;
    target.dials(&second).await;
    second.until_connected().await;
    bot.launch();
    bot.until_live().await;
    until_all_hear(&[(&stays, &[target.tone(), EXTERNAL_TONE])]).await;
    assert_end(&client, &spies[0], "completed hung_up unknown answered").await;
    assert_eq!(client.call(&spies[1]).await.status(), "answered");
    until_nobody_snoops(&lab, &target, &spies[0]).await;
    client.until_ended(&talk.id()).await;
    client.hang_up(&spies[1]).await;
    assert_end(&client, &spies[1], "completed hung_up api answered").await;
    stays.until_free().await;
    until_nobody_snoops(&lab, &target, &spies[1]).await;
    second.hang_up().await;
    target.until_free().await;
}

/// The enterprise goes another way when the bot is there again: its calls of before are known by the way that they went.
async fn the_way_changed_while_the_bot_was_away(way: Way) {
    let lab = Lab::shared().await;
    let [desk, listener] = lab.two_desks().await;
    let mut bot = Bot::stopped(&lab, desk.office, way, &[]);
    let secret = "5".repeat(32);
    let host = lab.office(desk.office, "IP");
    bot.has_enterprises(&[&["0500", "mover", host, "--secret-file", "secret"]], &[("secret", &secret)]);
    bot.changes_enterprise("0500", &["--way", way.setting()]);
    bot.launch();
    bot.until_live().await;
    let client = bot.client_with(&secret);
    let number = desk.number("0200");
    let call = client.place_answered(&desk.name, &number).await.id();
    let spy = client.monitor("09", &desk.name, &listener.name, &[("wait", "answered")]).await.call_id();
    bot.kill();
    bot.changes_enterprise("0500", &["--way", if way.setting() == "ssh" { "ari" } else { "ssh" }]);
    bot.launch();
    bot.until_live().await;
    for id in [&spy, &call] {
        assert_eq!(client.hang_up(id).await.status, 200);
        assert_end(&client, id, "completed hung_up api answered").await;
    }
    listener.until_free().await;
    desk.until_free().await;
    number.until_free().await;
    until_nobody_snoops(&lab, &desk, &spy).await;
}

/// The enterprise has another host when the bot is there again: that one knows nothing of the call, and is not asked.
#[tokio::test]
async fn the_enterprise_moved_while_the_bot_was_away() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let mut bot = Bot::stopped(&lab, desk.office, Way::Socket, &[]);
    let secret = "4".repeat(32);
    let host = lab.office(desk.office, "IP");
    bot.has_enterprises(&[&["0400", "mover", host, "--secret-file", "secret"]], &[("secret", &secret)]);
    bot.launch();
    bot.until_live().await;
    let client = bot.client_with(&secret);
    let number = desk.number("0200");
    let call = client.place_answered(&desk.name, &number).await.id();
    bot.kill();
    let elsewhere = lab.office(if desk.office == "june" { "july" } else { "june" }, "IP");
    bot.changes_enterprise("0400", &["--ip", elsewhere]);
    bot.launch();
    bot.until_live().await;

    until("it is told", SOON, async || {
        let story = client.story(&call).await;
        let why = format!("enterprise 0400 is at {elsewhere} now, and this call is at {host}");
        if story.contains(&why) { Ok(()) } else { Err(story) }
    })
    .await;
    assert_eq!(client.call(&call).await.status(), "answered");
    number.until_connected().await;
    // It is where it was.
    bot.changes_enterprise("0400", &["--ip", host]);
    until("it is found", Duration::from_secs(30), async || {
        let answer = client.hang_up(&call).await;
        let states = number.states().await;
        if states.is_empty() { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert_end(&client, &call, "completed hung_up api answered").await;
    assert_eq!(number.arrivals().await, 1);
    desk.until_free().await;
}

by_each_way!(
    killed_in_the_middle,
    killed_before_the_number_was_dialed,
    killed_before_the_listener_picked_up,
    picked_up_while_the_bot_was_away,
    the_way_changed_while_the_bot_was_away,
    killed_while_somebody_listens
);
