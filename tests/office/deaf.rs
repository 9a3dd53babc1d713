//! Asterisk does not tell what it was asked to tell: another program has changed the application, or manager.conf keeps events
//! from the user. It is noticed, mended or said, and nothing is made up of what was not told.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Bot, Client, Desk, Lab, SOON, Way, end, until};

/// Another program at an office's ARI.
struct Other {
    url: String,
    login: [String; 2],
}

impl Other {
    fn of(lab: &Lab, desk: &Desk, bot: &Bot) -> Self {
        let of = |name| lab.office(desk.office, name).to_owned();
        let url = format!("{}/ari/applications/{}", of("ARI_URL"), bot.setting("office.ari_app"));
        Other { url, login: [of("ARI_USER"), of("ARI_PASSWORD")] }
    }

    async fn sends(&self, method: Method, path: &str, body: Option<&Value>) {
        let [user, password] = &self.login;
        let url = format!("{}/{path}", self.url);
        let request = reqwest::Client::new().request(method, url).basic_auth(user, Some(password));
        let request = body.into_iter().fold(request, |request, body| request.json(body));
        let answer = request.send().await.expect("ARI answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }

    async fn sets_filter(&self, filter: &Value) {
        self.sends(Method::PUT, "eventFilter", Some(filter)).await;
    }
}

/// Until the bot has found the deafness so many times, and has mended it.
async fn until_mended(bot: &Bot, times: usize) {
    until("it is mended", SOON, async || {
        let log = bot.log_text();
        let told = log.matches("another program has changed that").count();
        let mended = log.matches("is there again").count();
        if told >= times && mended >= times { Ok(()) } else { Err(format!("told {told}, mended {mended}")) }
    })
    .await;
}

async fn assert_end(client: &Client, call: &str, expected: &str) {
    let ended = client.until_ended(call).await;
    let story = client.story(call).await;
    assert!(end(&ended).starts_with(expected), "{}\n{story}", end(&ended));
}

/// It is seen again from its beginning.
async fn assert_sees(client: &Client, desk: &Desk) {
    let call = client.place_and_wait(&desk.name, &desk.number("0486")).await;
    assert!(end(&call).starts_with("busy busy callee"), "{}\n{}", end(&call), client.story(&call.id()).await);
}

async fn begin(way: Way) -> (Lab, Desk, Bot, Client) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    // The connection is made for the first call.
    assert_sees(&client, &desk).await;
    (lab, desk, bot, client)
}

fn only(kinds: &[&str]) -> Value {
    json!({"allowed": kinds.iter().map(|kind| json!({"type": kind})).collect::<Vec<_>>()})
}

/// Ended before anybody could look: what the extension or the number said is not known.
#[tokio::test]
async fn an_end_of_which_half_was_told_is_unknown() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    let filters = [
        only(&["ChannelDestroyed", "RESTResponse"]),
        only(&["ChannelDestroyed", "Dial", "RESTResponse"]),
        only(&["BridgeCreated"]),
        json!({"allowed": [], "disallowed": [{"type": "ChannelHangupRequest"}]}),
    ];
    for (times, filter) in filters.iter().enumerate() {
        other.sets_filter(filter).await;
        let call = client.place(&desk.name, &desk.number("0486")).await;
        assert_end(&client, &call, "unknown outcome_lost unknown").await;
        until_mended(&bot, times + 1).await;
        assert_sees(&client, &desk).await;
    }
}

/// Both sides have answered while nothing was told of it: they are connected, and so it is said.
#[tokio::test]
async fn who_answered_meanwhile_is_connected() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    let number = desk.number("0200");
    other.sets_filter(&only(&["ChannelDestroyed", "RESTResponse"])).await;
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "answered").await;
    number.until_connected().await;
    until_mended(&bot, 1).await;
    client.hang_up(&call).await;
    assert_end(&client, &call, "completed hung_up api answered").await;
    number.until_free().await;
}

/// Hung up by a side before the filter was found.
#[tokio::test]
async fn who_hung_up_meanwhile_is_not_known() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    let number = desk.number("0200");
    let call = client.place_answered(&desk.name, &number).await;
    other.sets_filter(&only(&["ChannelDestroyed", "RESTResponse"])).await;
    number.hang_up().await;
    assert_end(&client, &call.id(), "completed hung_up unknown answered").await;
}

#[tokio::test]
async fn a_subscription_that_was_ended_is_made_again() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    for (times, topic) in ["channel:__AST_CHANNEL_ALL_TOPIC", "bridge:__AST_BRIDGE_ALL_TOPIC"].iter().enumerate() {
        other.sends(Method::DELETE, &format!("subscription?eventSource={topic}"), None).await;
        let call = client.place(&desk.name, &desk.number("0200")).await;
        client.until_status(&call, "answered").await;
        until_mended(&bot, times + 1).await;
        client.hang_up(&call).await;
        assert_end(&client, &call, "completed hung_up api answered").await;
        assert_sees(&client, &desk).await;
    }
}
