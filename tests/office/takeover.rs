//! Somebody else takes a call over: the record's call is over with the talk of the two sides that were ordered, and
//! nobody's talk is hung up but theirs.

use crate::support::{
    Bot, Call, Client, Desk, Lab, Manager, Phone, Way, by_each_way, desk::until_all_hear, end,
};

/// A call that both sides have answered, and a third phone of the office.
pub async fn connected(way: Way) -> (Lab, [Desk; 2], Bot, Client, Phone, Call) {
    let lab = Lab::shared().await;
    let desks = lab.two_desks().await;
    let bot = Bot::start(&lab, desks[0].office, way, &[]).await;
    let client = bot.client(desks[0].office);
    let number = desks[0].number("0200");
    let call = client.place_answered(&desks[0].name, &number).await;
    number.until_connected().await;
    (lab, desks, bot, client, number, call)
}

/// Somebody at the PBX sends a channel to another extension: the one whose name begins so and that has this number, for
/// other tests' calls are there too.
async fn redirect(lab: &Lab, desk: &Desk, begins: &str, number: &str, to: &Desk) {
    let name = channel(lab, desk, begins, number).await;
    lab.run("cli", &[desk.office, &format!("channel redirect {name} inoffice,{},1", to.name)]).await;
}

/// The channel whose name begins so and that has this number, for other tests' calls are there too.
async fn channel(lab: &Lab, desk: &Desk, begins: &str, number: &str) -> String {
    let list = lab.run("cli", &[desk.office, "core show channels concise"]).await;
    let channel =
        list.lines().find(|line| line.starts_with(begins) && line.contains(number)).expect("a channel of it");
    channel.split('!').next().expect("a name").to_owned()
}

/// The call is over, whoever asks for its end, and the other two talk on.
async fn assert_they_talk_on(client: &Client, call: &Call, talk: [(&Phone, u16); 2]) {
    // It may have been seen to be over already.
    client.hang_up(&call.id()).await;
    let call = client.until_ended(&call.id()).await;
    let story = client.story(&call.id()).await;
    assert!(end(&call).starts_with("completed hung_up unknown answered"), "{}\n{story}", end(&call));
    let [(one, tone), (other, other_tone)] = talk;
    until_all_hear(&[(one, &[other_tone]), (other, &[tone])]).await;
}

async fn the_number_is_taken_away(way: Way) {
    let (lab, [desk, other], _bot, client, number, call) = connected(way).await;
    redirect(&lab, &desk, "PJSIP/trunk-", number.name.trim_start_matches('+'), &other).await;
    other.until_connected().await;
    let talk = [(&number, crate::support::desk::EXTERNAL_TONE), (&*other, other.tone())];
    assert_they_talk_on(&client, &call, talk).await;
    desk.until_free().await;
    other.hang_up().await;
}

async fn the_extension_is_taken_away(way: Way) {
    let (lab, [desk, other], _bot, client, number, call) = connected(way).await;
    redirect(&lab, &desk, &format!("{}-", desk.device()), "", &other).await;
    other.until_connected().await;
    assert_they_talk_on(&client, &call, [(&*desk, desk.tone()), (&*other, other.tone())]).await;
    number.until_free().await;
    other.hang_up().await;
}

/// The number rings on, or is canceled with that. Nobody was connected with it, and the two who talk are nobody's to hang
/// up.
async fn the_extension_is_taken_away_while_the_number_rings(way: Way) {
    let lab = Lab::shared().await;
    let [desk, other] = lab.two_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0180");
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "ringing").await;
    redirect(&lab, &desk, &format!("{}-", desk.device()), "", &other).await;
    other.until_connected().await;
    assert_taken(&client, &call, way).await;
    until_all_hear(&[(&*desk, &[other.tone()]), (&*other, &[desk.tone()])]).await;
    other.hang_up().await;
    number.until_free().await;
}

/// Nobody was connected, and who took the side away is not told.
async fn assert_taken(client: &Client, call: &str, way: Way) {
    let ended = client.until_ended(call).await;
    let story = client.story(call).await;
    let told = if way.tells_all() {
        "canceled hung_up pbx ringing"
    } else {
        "unknown not_connected unknown ringing"
    };
    assert!(end(&ended).starts_with(told), "{}\n{story}", end(&ended));
    assert!(story.contains("leg_taken_over"), "{story}");
}

/// A colleague takes the number's leg away while it rings: whoever answers is not the number.
async fn a_colleague_picks_up_the_number(way: Way) {
    let lab = Lab::shared().await;
    let [desk, other] = lab.two_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0180");
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "ringing").await;
    let channel = channel(&lab, &desk, "PJSIP/trunk-", number.name.trim_start_matches('+')).await;
    let fields = [
        ("Channel", other.device()),
        ("Application", "PickupChan".to_owned()),
        ("Data", channel),
        ("Async", "true".to_owned()),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    Manager::login(&lab, desk.office).await.does("Originate", &fields).await;
    other.until_connected().await;
    if way.tells_all() {
        client.hang_up(&call).await;
    }
    assert_taken(&client, &call, way).await;
    until_all_hear(&[(&*desk, &[other.tone()]), (&*other, &[desk.tone()])]).await;
    other.hang_up().await;
    desk.until_free().await;
}

/// A colleague picks the call up that rings at the extension: it is the colleague who is connected, and who ends it.
async fn a_colleague_picks_up(way: Way) {
    let lab = Lab::shared().await;
    let [desk, other] = lab.two_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0200");
    desk.does("ring").await;
    let call = client.place(&desk.name, &number).await;
    desk.until_rings().await;
    other.dials(&desk.at(&format!("28{}", desk.name))).await;
    client.until_status(&call, "answered").await;
    other.until_connected().await;
    other.hang_up().await;
    let by = if way.tells_all() { "extension" } else { "unknown" };
    let ended = client.until_ended(&call).await;
    let story = client.story(&call).await;
    assert!(end(&ended).starts_with(&format!("completed hung_up {by} answered")), "{}\n{story}", end(&ended));
    number.until_free().await;
    desk.does("answer").await;
}

/// A call whose number rings, two colleagues, and a switchboard's program.
struct Ringing {
    lab: Lab,
    desk: Desk,
    other: Desk,
    number: Phone,
    manager: Manager,
    client: Client,
    call: String,
    _bot: Bot,
}

impl Ringing {
    async fn begin(way: Way, extension: &str) -> Self {
        let lab = Lab::shared().await;
        let [desk, other] = lab.two_desks().await;
        let bot = Bot::start(&lab, desk.office, way, &[]).await;
        let client = bot.client(desk.office);
        let number = desk.number("0180");
        let call = client.place(&format!("{extension}{}", desk.name), &number).await;
        client.until_status(&call, "ringing").await;
        let manager = Manager::login(&lab, desk.office).await;
        Ringing { lab, desk, other, number, manager, client, call, _bot: bot }
    }

    async fn desk_channel(&self) -> String {
        channel(&self.lab, &self.desk, &format!("{}-", self.desk.device()), "").await
    }

    async fn other_channel(&self) -> String {
        channel(&self.lab, &self.desk, &format!("{}-", self.other.device()), "").await
    }

    async fn trunk_channel(&self) -> String {
        channel(&self.lab, &self.desk, "PJSIP/trunk-", self.number.name.trim_start_matches('+')).await
    }

    async fn assert_taken(&self, way: Way) {
        assert_taken(&self.client, &self.call, way).await;
        assert_eq!(self.desk.states().await, ["Up"], "it talks on");
        self.desk.hang_up().await;
        self.other.hang_up().await;
        self.number.until_free().await;
    }
}

/// AMI's Bridge puts the extension together with a colleague, who talked with a menu.
async fn a_bridge_takes_the_extension(way: Way) {
    let mut ringing = Ringing::begin(way, "").await;
    ringing.other.dials(&ringing.desk.at("22150")).await;
    ringing.other.until_connected().await;
    let (one, other) = (ringing.desk_channel().await, ringing.other_channel().await);
    ringing.manager.does("Bridge", &[("Channel1", one.as_str()), ("Channel2", other.as_str())]).await;
    ringing.assert_taken(way).await;
}

/// It is sent to the parking lot.
async fn the_extension_is_parked(way: Way) {
    let mut ringing = Ringing::begin(way, "").await;
    let channel = ringing.desk_channel().await;
    let fields =
        [("Channel", channel.as_str()), ("Context", "inoffice"), ("Exten", "700"), ("Priority", "1")];
    ringing.manager.does("Redirect", &fields).await;
    ringing.assert_taken(way).await;
}

/// The number's leg is sent to a colleague before it was answered.
async fn the_ringing_number_is_sent_away(way: Way) {
    let ringing = Ringing::begin(way, "").await;
    let channel = ringing.trunk_channel().await;
    let to = format!("channel redirect {channel} inoffice,{},1", ringing.other.name);
    ringing.lab.run("cli", &[ringing.desk.office, &to]).await;
    ringing.client.hang_up(&ringing.call).await;
    let ended = ringing.client.until_ended(&ringing.call).await;
    let story = ringing.client.story(&ringing.call).await;
    assert!(!story.contains("answered") && !end(&ended).contains("completed"), "{}\n{story}", end(&ended));
    for phone in [&*ringing.desk, &*ringing.other, &ringing.number] {
        phone.hang_up().await;
    }
}

/// Somebody barges in on a call: that changes nothing about it.
async fn somebody_barges_in(way: Way) {
    let (lab, [desk, other], _bot, client, number, call) = connected(way).await;
    let device = format!("{}-,Bbq", desk.device());
    let listener = other.device();
    let fields = [
        ("Channel", listener.as_str()),
        ("Application", "ChanSpy"),
        ("Data", device.as_str()),
        ("Async", "true"),
    ];
    Manager::login(&lab, desk.office).await.does("Originate", &fields).await;
    other.until_connected().await;
    other.hang_up().await;
    other.until_free().await;
    assert_eq!(client.call(&call.id()).await.status(), "answered");
    client.hang_up(&call.id()).await;
    let ended = client.until_ended(&call.id()).await;
    assert!(end(&ended).starts_with("completed hung_up api answered"), "{}", end(&ended));
    number.until_free().await;
}

/// A listener is sent to a colleague: the listening is over, and nobody hangs the two up.
async fn a_listener_is_taken_away(way: Way) {
    let lab = Lab::shared().await;
    let [desk, listener, other] = lab.three_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0200");
    client.place_answered(&desk.name, &number).await;
    let call = client.monitor("09", &desk.name, &listener.name, &[]).await.call_id();
    client.until_status(&call, "answered").await;
    redirect(&lab, &desk, &format!("{}-", listener.device()), "", &other).await;
    other.until_connected().await;
    let ended = client.until_ended(&call).await;
    let story = client.story(&call).await;
    assert!(end(&ended).starts_with("completed hung_up unknown answered"), "{}\n{story}", end(&ended));
    until_all_hear(&[(&*listener, &[other.tone()]), (&*other, &[listener.tone()])]).await;
    for phone in [&*desk, &*other] {
        phone.hang_up().await;
    }
    number.until_free().await;
}

by_each_way!(
    a_bridge_takes_the_extension,
    a_listener_is_taken_away,
    somebody_barges_in,
    the_extension_is_parked,
    the_ringing_number_is_sent_away,
    the_number_is_taken_away,
    the_extension_is_taken_away,
    the_extension_is_taken_away_while_the_number_rings,
    a_colleague_picks_up,
    a_colleague_picks_up_the_number,
);
