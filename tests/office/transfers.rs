//! Somebody transfers one side of a call, or parks it: by the phone's own button, by the switchboard's program, by typed
//! digits. The record's call is over with the talk of the two sides, its end names who did it or nobody, and a hang-up
//! of ours never reaches whoever talks on.

use crate::support::{
    Bot, Call, Client, Desk, Lab, Manager, Phone, SOON, Way, by_each_way,
    desk::{EXTERNAL_TONE, until_all_hear},
    end, until,
};

/// A call of an extension that may transfer to a number that may, and a third phone of the office.
struct Talk {
    lab: Lab,
    desk: Desk,
    other: Desk,
    number: Phone,
    client: Client,
    call: Call,
    bot: Bot,
}

impl Talk {
    async fn begin(way: Way) -> Self {
        let lab = Lab::shared().await;
        let [desk, other] = lab.two_desks().await;
        let bot = Bot::start(&lab, desk.office, way, &[]).await;
        let client = bot.client(desk.office);
        let random = format!("{:07}", uuid::Uuid::now_v7().as_u128() % 10_000_000);
        let number = desk.at(&format!("+37529{random}0200"));
        let call = client
            .place_answered(&format!("29{}", desk.name), &desk.at(&format!("+37555{random}0200")))
            .await;
        number.until_connected().await;
        // One that is transferred in the moment of the answer may be lost with the halves of the Local channel (seen on 16.28).
        until_all_hear(&[(&*desk, &[EXTERNAL_TONE]), (&number, &[desk.tone()])]).await;
        Talk { lab, desk, other, number, client, call, bot }
    }

    async fn manager(&self) -> Manager {
        Manager::login(&self.lab, self.desk.office).await
    }

    /// The channel at the office of the extension, or of the number.
    async fn channel(&self, of: &Phone) -> String {
        let list = self.lab.run("cli", &[self.desk.office, "core show channels concise"]).await;
        let device = format!("{}-", self.desk.device());
        let is_its = |line: &&str| match of.name.starts_with('+') {
            // As it was dialed, before the dialplan gave it another beginning.
            true => line.starts_with("PJSIP/trunk-") && line.contains(&of.name["+37529".len()..]),
            false => line.starts_with(&device),
        };
        let line = list.lines().find(is_its).unwrap_or_else(|| panic!("{} has no channel:\n{list}", of.name));
        line.split('!').next().expect("a name").to_owned()
    }

    /// It is over, though a client asks for its end too; and these two talk on, until the colleague puts the phone down.
    async fn assert_over(&self, by: &[&str], talks_on: &Phone) {
        self.assert_ended(by).await;
        for phone in [talks_on, &*self.other] {
            assert_eq!(phone.states().await, ["Up"], "{}", phone.name);
        }
        self.other.hang_up().await;
        talks_on.until_free().await;
    }

    async fn assert_ended(&self, by: &[&str]) {
        self.client.hang_up(&self.call.id()).await;
        let call = self.client.until_ended(&self.call.id()).await;
        let story = self.client.story(&self.call.id()).await;
        let is_said = |by: &&str| end(&call).starts_with(&format!("completed hung_up {by} answered"));
        assert!(by.iter().any(is_said), "{}, not by {by:?}\n{story}", end(&call));
    }
}

/// The phone's own button: a blind transfer by SIP REFER.
async fn the_extension_refers(way: Way) {
    let talk = Talk::begin(way).await;
    talk.desk.transfers(&talk.other.name).await;
    talk.other.until_connected().await;
    talk.assert_over(&["unknown"], &talk.number).await;
}

async fn the_number_refers(way: Way) {
    let talk = Talk::begin(way).await;
    talk.number.transfers(&talk.other.name).await;
    talk.other.until_connected().await;
    talk.assert_over(&["unknown"], &talk.desk).await;
}

/// The switchboard's program: AMI's BlindTransfer, whose Channel is who transfers.
async fn the_switchboard_transfers(way: Way) {
    let talk = Talk::begin(way).await;
    let channel = talk.channel(&talk.desk).await;
    let fields = [("Channel", channel.as_str()), ("Context", "inoffice"), ("Exten", &talk.other.name)];
    talk.manager().await.does("BlindTransfer", &fields).await;
    talk.other.until_connected().await;
    talk.assert_over(&["unknown"], &talk.number).await;
}

/// The extension's phone parks the number, and a colleague takes it from there.
async fn the_extension_parks(way: Way) {
    let talk = Talk::begin(way).await;
    let channel = talk.channel(&talk.number).await;
    talk.desk.transfers("700").await;
    let space = until("the number is parked", SOON, async || {
        let lot = talk.lab.run("cli", &[talk.desk.office, "parking show default"]).await;
        // By ARI the number talks through a Local channel.
        let local = format!("Local/29{}@", talk.desk.name);
        let mut parked = lot.split("Space ").filter(|one| one.contains(&channel) || one.contains(&local));
        let space = parked.next().and_then(|one| one.split([':', '\n']).nth(1));
        space.map(|space| space.trim().to_owned()).ok_or(lot.clone())
    })
    .await;
    // The phone that parks stays to hear the number of the space; neither it nor who is parked is hung up.
    talk.client.hang_up(&talk.call.id()).await;
    talk.other.dials(&talk.desk.at(&space)).await;
    talk.other.until_connected().await;
    // It may have put itself down, and that may have been seen.
    talk.assert_over(&["unknown", "extension"], &talk.number).await;
}

/// AMI's Atxfer: the extension asks a colleague first, while the number waits. Then the two sides live, and talk with others.
async fn the_extension_consults(way: Way) {
    let talk = Talk::begin(way).await;
    let channel = talk.channel(&talk.desk).await;
    let fields = [("Channel", channel.as_str()), ("Context", "inoffice"), ("Exten", &talk.other.name)];
    talk.manager().await.does("Atxfer", &fields).await;
    talk.other.until_connected().await;
    let id = talk.call.id();
    talk.client.hang_up(&id).await;
    until("the sides are apart", SOON, async || {
        let story = talk.client.story(&id).await;
        if story.contains("apart ") { Ok(()) } else { Err(story) }
    })
    .await;
    assert_eq!(talk.client.call(&id).await.status(), "answered");
    for phone in [&*talk.desk, &*talk.other, &talk.number] {
        assert_eq!(phone.states().await, ["Up"], "{}", phone.name);
    }
    talk.desk.hang_up().await;
    talk.assert_over(&["unknown"], &talk.number).await;
}

/// The number does the same, and puts itself down: that is seen where every event is told.
async fn the_number_consults(way: Way) {
    let talk = Talk::begin(way).await;
    let channel = talk.channel(&talk.number).await;
    let fields = [("Channel", channel.as_str()), ("Context", "inoffice"), ("Exten", &talk.other.name)];
    talk.manager().await.does("Atxfer", &fields).await;
    talk.other.until_connected().await;
    talk.number.hang_up().await;
    talk.client.until_ended(&talk.call.id()).await;
    talk.assert_over(&["callee"], &talk.desk).await;
}

/// The extension transfers before the number has answered: the number rings on for the colleague, who is as good as a
/// follow-me.
async fn the_extension_refers_while_the_number_rings(way: Way) {
    let lab = Lab::shared().await;
    let [desk, other] = lab.two_desks().await;
    let bot = Bot::start(&lab, desk.office, way, &[]).await;
    let client = bot.client(desk.office);
    let number = desk.number("0180");
    let call = client.place(&desk.name, &number).await;
    client.until_status(&call, "ringing").await;
    desk.transfers(&other.name).await;
    other.until_connected().await;
    desk.until_free().await;
    assert_eq!(client.call(&call).await.status(), "ringing", "{}", client.story(&call).await);
    client.hang_up(&call).await;
    let ended = client.until_ended(&call).await;
    let story = client.story(&call).await;
    assert!(end(&ended).starts_with("canceled hung_up api ringing"), "{}\n{story}", end(&ended));
    other.until_free().await;
    number.until_free().await;
}

/// While the bot is away. Who talks with whom at its return is not what was ordered, and not hung up.
async fn a_transfer_that_nobody_saw(way: Way) {
    let mut talk = Talk::begin(way).await;
    talk.bot.kill();
    talk.desk.transfers(&talk.other.name).await;
    talk.other.until_connected().await;
    talk.desk.until_free().await;
    talk.bot.launch();
    talk.bot.until_live().await;
    talk.assert_over(&["unknown"], &talk.number).await;
}

by_each_way!(
    a_transfer_that_nobody_saw,
    the_extension_refers,
    the_extension_refers_while_the_number_rings,
    the_number_refers,
    the_switchboard_transfers,
    the_extension_parks,
    the_extension_consults,
);
by_each_way!(the_number_consults: by_ami Ami, by_ari Ari);
