//! Several phones for one extension, several trunks for one number, and a dialplan that answers by itself: what became of
//! the number is said of the leg that decides, and nobody is connected while no phone is picked up at the extension.

use crate::{
    outcomes::{assert_end, ready},
    support::{Bot, Client, Desk, Lab, Phone, Way, by_each_way, end},
};

/// Digits that no run before has called; with the others they are as many as a request may have.
fn random() -> String {
    format!("{:07}", uuid::Uuid::now_v7().as_u128() % 10_000_000)
}

/// A number of the dialplan that dials two others, one after another (`33`) or at once (`44`); and the second of these.
fn two_numbers(desk: &Desk, how: &str, first: &str, second: &str) -> (Phone, Phone) {
    let random = random();
    (desk.at(&format!("+375{how}{first}{second}{random}")), desk.at(&format!("+37529{random}{second}")))
}

/// Where several were dialed, the timeline says which of them was picked up: one whose name begins so.
async fn assert_names(client: &Client, id: &str, leg: &str, begins: &str) {
    let entries = client.timeline(id).await;
    let up = entries.iter().find(|entry| entry["event"] == "leg_up" && entry["data"]["leg"] == leg);
    let channel = up.and_then(|up| up["data"]["channel"].as_str()).unwrap_or_default();
    assert!(channel.starts_with(begins), "{leg}\n{}", client.story(id).await);
    let text = up.and_then(|up| up["text"].as_str()).unwrap_or_default();
    assert!(text.contains(channel), "{text}");
}

fn unknown(way: Way, told: &str, reached: &str) -> String {
    if way.tells_all() { told.to_owned() } else { format!("unknown not_connected unknown {reached}") }
}

/// Both ring; one of them is busy, or is not picked up.
async fn two_phones_ring(way: Way) {
    let lab = Lab::shared().await;
    let [desk, other] = lab.two_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let both = format!("21{}{}", desk.name, other.name);
    for behaviour in ["busy", "ring"] {
        other.does(behaviour).await;
        let call = client.place_and_wait(&both, &desk.number("0215")).await;
        let by = if way.tells_all() { "callee" } else { "unknown" };
        let story = client.story(&call.id()).await;
        assert!(end(&call).starts_with(&format!("completed hung_up {by} answered")), "{call:?}\n{story}");
        // Asking from time to time, a phone that is busy at once, or rings for a moment, may not be seen.
        if way.tells_all() {
            assert_names(&client, &call.id(), "desk", &format!("{}-", desk.device())).await;
        }
        other.until_free().await;
    }
    other.does("answer").await;
    desk.does("busy").await;
    let call = client.place_and_wait(&both, &desk.number("1480")).await;
    if way.tells_all() {
        assert_eq!(call.text("reason"), "no_answer", "{}", client.story(&call.id()).await);
    } else {
        assert_eq!(call.status(), "unknown");
    }
    desk.does("answer").await;
}

/// A trunk refuses and the next one is taken; or both are tried at once.
async fn two_trunks(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    for (how, first) in [("33", "0503"), ("44", "0486")] {
        let (dialed, number) = two_numbers(&desk, how, first, "0215");
        let call = client.place_and_wait(&desk.name, &dialed).await;
        let by = if way.tells_all() { "callee" } else { "unknown" };
        let story = client.story(&call.id()).await;
        assert!(
            end(&call).starts_with(&format!("completed hung_up {by} answered")),
            "{how}: {call:?}\n{story}"
        );
        assert_eq!(number.arrivals().await, 1);
        if way.tells_all() {
            assert_names(&client, &call.id(), "phone", "PJSIP/trunk-").await;
        }

        let (dialed, _) = two_numbers(&desk, how, first, "1486");
        let call = client.place_and_wait(&desk.name, &dialed).await;
        let story = client.story(&call.id()).await;
        let expected = if way.tells_all() { "busy busy callee ringing" } else { "unknown" };
        assert!(end(&call).starts_with(expected), "{how}: {}\n{story}", end(&call));
    }
}

/// The first trunk's leg that was refused has ended nothing: whoever ends the call after it is who is told.
async fn the_extension_ends_it_after_two_trunks(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    for (how, first) in [("33", "0503"), ("44", "0486")] {
        for (second, status, told) in [
            ("0200", "answered", "completed hung_up extension answered"),
            ("0180", "ringing", "canceled hung_up extension ringing"),
        ] {
            let (dialed, number) = two_numbers(&desk, how, first, second);
            let call = client.place(&desk.name, &dialed).await;
            client.until_status(&call, status).await;
            if status == "answered" {
                number.until_connected().await;
            }
            desk.until_connected().await;
            desk.hang_up().await;
            let ended = client.until_ended(&call).await;
            let story = client.story(&call).await;
            let expected = match (way.tells_all(), status) {
                (true, _) => told,
                (false, "answered") => "completed hung_up unknown answered",
                (false, _) => "unknown not_connected unknown ringing",
            };
            assert!(end(&ended).starts_with(expected), "{how} {second}: {}\n{story}", end(&ended));
            desk.until_free().await;
        }
    }
}

/// Voicemail, a menu: the number talks with a machine, and nobody is connected.
async fn the_dialplan_answers(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    desk.does("ring").await;
    for code in ["22", "23"] {
        let number = desk.number("0215");
        let call = client.place_and_wait(&format!("{code}{}", desk.name), &number).await;
        let story = client.story(&call.id()).await;
        let expected = unknown(way, "failed not_connected callee answered", "");
        assert!(end(&call).starts_with(expected.trim_end()), "{code}: {}\n{story}", end(&call));
        assert!(call.field("answered_at").is_null(), "{call:?}");
        assert_eq!(call.field("office")["connected"], false, "{call:?}");
        assert_eq!(number.arrivals().await, 1);
    }
    // Where somebody picks up in the end, through another extension or behind a greeting, they are connected.
    desk.does("answer").await;
    // Over SSH a phone that is dialed after the number can't be told from the number's, unless it is called after the extension.
    let codes: &[&str] = if way.tells_all() { &["26", "27"] } else { &["26"] };
    for code in codes {
        let call = client.place_answered(&format!("{code}{}", desk.name), &desk.number("0200")).await;
        desk.until_connected().await;
        client.hang_up(&call.id()).await;
        desk.until_free().await;
        let call = client.until_ended(&call.id()).await;
        assert!(end(&call).starts_with("completed hung_up api answered"), "{code}: {call:?}");
    }
}

/// The dialplan itself says that the extension is busy.
async fn the_dialplan_says_busy(way: Way) {
    let (desk, _bot, client) = ready(way, &[]).await;
    for code in ["24", "25"] {
        let call = client.place(&format!("{code}{}", desk.name), &desk.number("0200")).await;
        assert_end(&client, &call, &unknown(way, "failed extension_busy pbx none", "none")).await;
    }
}

by_each_way!(
    two_phones_ring,
    two_trunks,
    the_extension_ends_it_after_two_trunks,
    the_dialplan_answers,
    the_dialplan_says_busy
);
