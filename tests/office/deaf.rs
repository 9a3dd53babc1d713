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
        let request = body.into_iter().fold(request, reqwest::RequestBuilder::json);
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

/// Hung up by a side: told if the filter was found before, else unknown, and by nobody else.
#[tokio::test]
async fn who_hung_up_meanwhile_is_not_known() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    let number = desk.number("0200");
    let call = client.place_answered(&desk.name, &number).await;
    other.sets_filter(&only(&["ChannelDestroyed", "RESTResponse"])).await;
    number.hang_up().await;
    let ended = client.until_ended(&call.id()).await;
    let right = ["completed hung_up unknown answered", "completed hung_up callee answered"];
    let story = client.story(&call.id()).await;
    assert!(right.iter().any(|words| end(&ended).starts_with(words)), "{}\n{story}", end(&ended));
}

#[tokio::test]
async fn a_subscription_that_was_ended_is_made_again() {
    let (lab, desk, bot, client) = begin(Way::Ari).await;
    let other = Other::of(&lab, &desk, &bot);
    for (times, topic) in
        ["channel:__AST_CHANNEL_ALL_TOPIC", "bridge:__AST_BRIDGE_ALL_TOPIC"].iter().enumerate()
    {
        other.sends(Method::DELETE, &format!("subscription?eventSource={topic}"), None).await;
        let call = client.place(&desk.name, &desk.number("0200")).await;
        client.until_status(&call, "answered").await;
        until_mended(&bot, times + 1).await;
        client.hang_up(&call).await;
        assert_end(&client, &call, "completed hung_up api answered").await;
        assert_sees(&client, &desk).await;
    }
}

/// Told of each that the user lacks.
const WARNING: &str = "Asterisk keeps events from this AMI user";

/// From these users manager.conf keeps events away. What they are told is what happened, or unknown; that some is missing, and
/// what to do, is said.
async fn of_what_manager_conf_keeps_away(users: &[&str]) {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let mut wrong = Vec::new();
    for user in users {
        let bot = Bot::start(&lab, desk.office, Way::Ami, &[("office.ami_user", *user)]).await;
        let client = bot.client(desk.office);
        let mut sees = async |what: &str, call: &str, right: &[&str]| {
            let ended = client.until_ended(call).await;
            let is_said = right.iter().any(|words| end(&ended).starts_with(words));
            if !is_said {
                wrong.push(format!("{user}, {what}: {}\n{}", end(&ended), client.story(call).await));
            }
        };
        let call = client.place(&desk.name, &desk.number("0486")).await;
        sees("busy", &call, &["busy busy callee", "unknown outcome_lost unknown"]).await;
        // It is answered after what was found, or before; both are seen.
        let number = desk.number("0200");
        let call = client.place(&desk.name, &number).await;
        client.until_status(&call, "answered").await;
        number.until_connected().await;
        client.hang_up(&call).await;
        sees("hung up by the API", &call, &["completed hung_up api answered"]).await;
        number.until_free().await;
        let call = client.place(&desk.name, &number).await;
        client.until_status(&call, "answered").await;
        desk.hang_up().await;
        let right = ["completed hung_up extension answered", "completed hung_up unknown answered"];
        sees("put down by the extension", &call, &right).await;
        number.until_free().await;
        // One alone does not hear of the bridges that are left.
        let log = bot.log_text();
        if !log.contains(WARNING) || !log.contains("eventfilter") {
            wrong.push(format!("{user}: it is not said"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn manager_conf_keeps_the_dialing_away() {
    of_what_manager_conf_keeps_away(&[
        "without-DialBegin",
        "without-DialEnd",
        "without-Dial",
        "without-Newstate",
    ])
    .await;
}

#[tokio::test]
async fn manager_conf_keeps_the_bridges_away() {
    of_what_manager_conf_keeps_away(&["without-BridgeEnter", "without-Bridge"]).await;
}

#[tokio::test]
async fn manager_conf_keeps_the_ends_away() {
    let users = ["without-HangupRequest", "without-SoftHangupRequest", "without-Hangup"];
    of_what_manager_conf_keeps_away(&users).await;
}

#[tokio::test]
async fn manager_conf_keeps_channels_away() {
    of_what_manager_conf_keeps_away(&["without-Newchannel"]).await;
}

/// A filter by a channel's name: no call is whole, but the list shows who talks.
#[tokio::test]
async fn manager_conf_keeps_the_trunk_away() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let bot = Bot::start(&lab, desk.office, Way::Ami, &[("office.ami_user", "without-trunk")]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0200");
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "answered").await;
    number.until_connected().await;
    client.hang_up(&call).await;
    assert_end(&client, &call, "completed hung_up api answered").await;
    assert!(bot.log_text().contains(WARNING));
    // From now on nothing is made up of what is not told.
    let call = client.place(&desk.name, &desk.number("0486")).await;
    assert_end(&client, &call, "unknown outcome_lost unknown").await;
}
