//! Channels in Asterisk's list that are not what they seem: those of other programs, those that our
//! application left long ago, and those that do not exist at all.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;

use crate::{
    judge::ANSWERS,
    load::{SCENARIOS, place, stay_in},
    proxy::{Faults, Proxy},
    support::{Bot, Lab, SOON, assert_end, until},
};

/// A channel that was made for an application, answered, and waits in it.
async fn leave(lab: &Lab, application: &str, id: &str) {
    let query = [("endpoint", "Local/+79005550201@outgoing"), ("app", application), ("channelId", id)];
    let (status, answer) = lab.asterisk().ask(Method::POST, "channels", &query).await;
    assert_eq!(status, 200, "{answer}");
    until("it is up", SOON, async || {
        let (_, channel) = lab.asterisk().ask(Method::GET, &format!("channels/{id}"), &[]).await;
        let there = channel["state"] == "Up" && channel["dialplan"]["app_name"] == "Stasis";
        if there { Ok(()) } else { Err(channel.to_string()) }
    })
    .await;
}

/// As `GET /channels` shows one that `GET /channels/ID` does not know: up for hours, in our application.
fn ghost(id: &str, name: &str, application: &str) -> Value {
    json!({
        "id": id, "name": name, "state": "Up", "accountcode": "", "language": "en",
        "protocol_id": "", "caller": {"name": "", "number": ""}, "connected": {"name": "", "number": ""},
        "creationtime": "2020-01-01T00:00:00.000+0000",
        "dialplan": {"context": "outgoing", "exten": "1", "priority": 1, "app_name": "Stasis", "app_data": application}
    })
}

/// A call of an earlier time, an id that the store never had, an id that is no call's, another program's:
/// only the first is ours.
#[tokio::test]
async fn only_what_is_ours_is_swept() {
    let lab = Lab::shared();
    let pid = std::process::id();
    let (ours, others) = (format!("ghosts_{pid}"), format!("others_{pid}"));
    let mut settings = SCENARIOS.to_vec();
    settings.push(("ari.app", &ours));
    let mut bot = Bot::start(&lab, &settings).await;
    let ended = place(&bot, ANSWERS).await;
    bot.until_ended(&ended.id(), SOON).await;
    bot.kill();

    let (socket, _) = connect_async(lab.asterisk().events_url(&ours)).await.expect("a socket");
    let (other_socket, _) = connect_async(lab.asterisk().events_url(&others)).await.expect("a socket");
    // The call ended in the store, and its channel is here all the same.
    leave(&lab, &ours, &ended.id()).await;
    let unknown = "01a1fe00-0000-7000-8000-000000000001".replace("000000000001", &format!("{pid:012}"));
    let strangers = [
        (&ours, unknown.clone()),
        (&ours, format!("{pid}.no-call")),
        (&others, format!("{pid}.others")),
        (&others, unknown.replace("01a1fe00", "01a1fe01")),
    ];
    for (application, id) in &strangers {
        leave(&lab, application, id).await;
    }
    drop((socket, other_socket));

    bot.launch();
    bot.until_ready().await;
    until("our own is swept away", SOON, async || {
        let state = lab.asterisk().state(&ended.id()).await;
        if state.is_none() { Ok(()) } else { Err(format!("{state:?}")) }
    })
    .await;
    // The sweep has been through the whole list when it has said so of a stranger in our application.
    until("the sweep is through", SOON, async || {
        let log = bot.log_text();
        let said = log.contains("does another program use the name?") && log.contains(&unknown);
        if said { Ok(()) } else { Err("no word of the stranger") }
    })
    .await;
    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
    for (_, id) in &strangers {
        assert_eq!(lab.asterisk().state(id).await.as_deref(), Some("Up"), "{id} is not ours");
        lab.asterisk().hang_up(&json!({"id": id})).await;
    }
    assert_eq!(bot.calls().await.len(), 2, "no call was made of a channel");
}

/// Asterisk lists what it has not: a call whose channels are only ghosts has ended, and ghosts of others
/// keep nothing busy.
#[tokio::test]
async fn what_is_only_listed_does_not_live() {
    let lab = Lab::shared();
    let proxy = Proxy::to(lab.ari_address()).await;
    let (url, application) = (proxy.url(), format!("listed_{}", std::process::id()));
    let mut settings = SCENARIOS.to_vec();
    settings.extend([("ari.url", url.as_str()), ("ari.app", &application)]);
    let mut bot = Bot::start(&lab, &settings).await;
    let talk = stay_in(&bot, "answered").await;
    let rings = stay_in(&bot, "ringing").await;
    let goes_on = stay_in(&bot, "answered").await;
    let listed = lab.asterisk().channels().await;
    let mut ghosts: Vec<Value> = listed
        .into_iter()
        .filter(|channel| {
            let of = |call: &crate::support::Call| {
                channel["id"].as_str().is_some_and(|id| id.starts_with(&call.id()))
                    || channel["protocol_id"] == call.text("novofon_call_id")
            };
            of(&talk) || of(&rings)
        })
        .collect();
    assert_eq!(ghosts.len(), 6, "two halves and a trunk leg each: {ghosts:?}");
    ghosts.push(ghost("01a1fe02-0000-7000-8000-000000000002", "Local/1@outgoing-0;1", &application));
    ghosts.push(ghost("1700000000.1", "PJSIP/novofon-0000dead", "somebody_else"));
    ghosts.push(json!({"id": "1700000000.2", "name": "PJSIP/novofon-0000beef", "state": "Up"}));

    bot.kill();
    lab.put_down(&talk.text("novofon_call_id")).await;
    lab.refuse(&rings.text("novofon_call_id")).await;
    lab.asterisk().until_free_of(&[&talk.id(), &rings.id()], "-", SOON).await;
    proxy.set(Faults { ghosts, ..Faults::default() });
    bot.launch();
    bot.until_ready().await;
    let talk = bot.until_ended(&talk.id(), Duration::from_secs(20)).await;
    assert_end(&bot, &talk, "completed outcome_lost unknown answered").await;
    let rings = bot.until_ended(&rings.id(), Duration::from_secs(20)).await;
    assert_end(&bot, &rings, "unknown outcome_lost unknown ringing").await;
    assert_eq!(bot.call(&goes_on.id()).await.status(), "answered");
    bot.hang_up(&goes_on.id()).await;
    let goes_on = bot.until_ended(&goes_on.id(), SOON).await;
    assert_end(&bot, &goes_on, "completed hung_up api answered 200 OK").await;
    let next = place(&bot, ANSWERS).await;
    let next = bot.until_ended(&next.id(), SOON).await;
    assert_end(&bot, &next, ANSWERS.end).await;
}
