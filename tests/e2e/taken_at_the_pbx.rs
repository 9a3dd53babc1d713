//! What others do at the PBX to a call that was not answered yet: an operator hangs our side of it up or sends it elsewhere,
//! a colleague picks the ringing leg up, somebody parks it. That is no time-out, no answer and no fault of the dialplan.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Bot, Lab, SOON, assert_end, until, wrong_words};

const STAY: (&str, &str) = ("scenarios.default.steps", "[{wait=600}]");

/// The commands that are needed, and places to send a call to.
fn prepare(lab: &Lab) {
    for module in ["res_clioriginate", "app_directed_pickup"] {
        if lab.console("pbx", &format!("module show like {module}.so")).contains("0 modules") {
            lab.console("pbx", &format!("module load {module}.so"));
        }
    }
    for (place, steps) in [
        ("pbx-answer", &["Answer,", "Wait,600"][..]),
        ("pbx-hold", &["Wait,600"]),
        ("pbx-short", &["Wait,1", "Hangup,"]),
        ("pbx-gone", &["Hangup,"]),
    ] {
        for (step, what) in (1..).zip(steps) {
            let known = format!("dialplan add extension s,{step},{what} into {place} replace");
            lab.console("pbx", &known);
        }
    }
}

/// The channels of a call that is on its way: our two halves and the trunk leg.
struct Channels {
    near: String,
    far: String,
    trunk: String,
}

/// Until the call's trunk leg has come as far as this state of its channel.
async fn channels(lab: &Lab, bot: &Bot, id: &str, state: &str) -> Channels {
    let asterisk = lab.asterisk();
    let sip_call_id = until("the trunk leg is created", SOON, async || {
        let call = bot.call(id).await;
        let sip_call_id = call.text("novofon_call_id");
        if sip_call_id == "-" { Err(call.status()) } else { Ok(sip_call_id) }
    })
    .await;
    until(&format!("the trunk leg is {state}"), SOON, async || {
        let listed = asterisk.channels().await;
        let name = |what: &dyn Fn(&Value) -> bool| {
            let found = listed.iter().find(|channel| what(channel))?;
            found["name"].as_str().map(str::to_owned)
        };
        let near = name(&|channel| channel["id"] == *id);
        let far = name(&|channel| channel["id"] == format!("{id};2"));
        let trunk = name(&|channel| channel["protocol_id"] == *sip_call_id && channel["state"] == *state);
        match (near, far, trunk) {
            (Some(near), Some(far), Some(trunk)) => Ok(Channels { near, far, trunk }),
            found => Err(format!("{found:?}")),
        }
    })
    .await
}

/// what is done at the console | ring time-out | an event that tells of it
///
/// `PICK` is a colleague's extension that picks the trunk leg up.
const DEEDS: &str = "
channel request hangup NEAR              | 30 | hung_up_here
channel request hangup FAR               | 30 | hung_up_here
channel request hangup TRUNK             | 30 | trunk_hung_up_here
channel redirect FAR pbx-answer,s,1      | 30 | dial_ended
channel redirect FAR pbx-hold,s,1        | 5  | dial_ended
channel redirect FAR pbx-short,s,1       | 30 | dial_ended
channel redirect FAR pbx-gone,s,1        | 30 | dial_ended
channel originate Local/PICK application Wait 600 | 30 | picked_up_here
channel originate PJSIP/+79005550201@reserve application PickupChan TRUNK | 30 | picked_up_here
channel originate PJSIP/+79005550201@reserve application PickupChan NEAR | 30 | dial_ended
";

/// The same by the number, which takes any call to it: only in a laboratory that nobody else dials in.
const BY_NUMBER: &str =
    "channel originate PJSIP/+79005550201@reserve application Pickup NUMBER@outgoing | 30 | dial_ended";

/// How far the call came | the last digits of a number that does so | the state of its trunk channel
const WAYS: [(&str, &str, &str); 3] =
    [("ringing", "0180", "Ringing"), ("early_media", "0183", "Down"), ("", "0100", "Down")];

/// Does each of the deeds to calls that have come so far, and looks at their ends.
async fn check(lab: &Lab, bot: &Bot, deeds: &str, trying: &str) {
    let mut wrong = Vec::new();
    for (number, (deed, ring_timeout, event)) in
        deeds.lines().filter(|line| !line.is_empty()).flat_map(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            let [deed, ring_timeout, event] = columns[..] else { panic!("a row has three columns: {line}") };
            WAYS.map(|way| (way, (deed, ring_timeout, event)))
        })
    {
        let (reached, digits, state) = number;
        let ring_timeout: u32 = ring_timeout.parse().expect("seconds");
        let call = json!({"phone": format!("+7900555{digits}"), "ring_timeout": ring_timeout});
        let call = bot.place(call).await;
        if !reached.is_empty() {
            bot.until_status(&call.id(), reached).await;
        }
        let Channels { near, far, trunk } = channels(lab, bot, &call.id(), state).await;
        let pick = format!("pbx-pick-{}", call.id());
        if deed.contains("PICK") {
            lab.console("pbx", &format!("dialplan add extension pick,1,PickupChan,{trunk} into {pick}"));
        }
        let dialed = call.text("phone");
        let pick = format!("pick@{pick}");
        let words = [("NEAR", &near), ("FAR", &far), ("TRUNK", &trunk), ("PICK", &pick), ("NUMBER", &dialed)];
        let done = words.iter().fold(deed.to_owned(), |deed, (word, name)| deed.replace(word, name));
        lab.console("pbx", &done);
        let call = bot.until_ended(&call.id(), Duration::from_secs(12)).await;
        // What was sent elsewhere is told of at its end alone, and may not tell the carrier's words.
        let least = if reached.is_empty() { ["sent", trying] } else { [reached, reached] };
        let ends = least.map(|reached| format!("canceled hung_up pbx {reached}"));
        let mut faults = Vec::new();
        for end in &ends {
            match wrong_words(bot, &call, end).await {
                None => {
                    faults.clear();
                    break;
                }
                Some(fault) => faults.push(format!("{deed}: {fault}")),
            }
        }
        wrong.extend(faults.pop());
        let events = bot.events(&call.id()).await;
        if !events.iter().any(|seen| seen == event) {
            wrong.push(format!("{deed} {digits}: no {event} in {events:?}"));
        }
        if deed.ends_with("PickupChan NEAR") || deed.contains("NUMBER") {
            // He stands where our half would be, and puts the phone down.
            let asterisk = lab.asterisk();
            for channel in asterisk.channels().await {
                if channel["dialplan"]["app_data"] == bot.application() {
                    asterisk.hang_up(&channel).await;
                }
            }
        }
        lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_taken_away_at_the_pbx_is_canceled_by_the_pbx() {
    let lab = Lab::shared();
    prepare(&lab);
    let bot = Bot::start(&lab, &[STAY]).await;
    check(&lab, &bot, DEEDS, "trying").await;
}

#[tokio::test]
async fn picked_up_by_its_number() {
    let lab = Lab::to_spoil();
    prepare(&lab);
    let bot = Bot::start(&lab, &[STAY]).await;
    check(&lab, &bot, BY_NUMBER, "trying").await;
}

#[tokio::test]
async fn the_same_with_a_plain_outgoing() {
    let lab = Lab::to_spoil();
    prepare(&lab);
    lab.spoil("plain-outgoing");
    let own = lab.setting("CALLER_ID").to_owned();
    let mut bot = Bot::start(&lab, &[STAY]).await;
    bot.caller.clone_from(&own);
    check(&lab, &bot, DEEDS, "sent").await;
    check(&lab, &bot, BY_NUMBER, "sent").await;
}

/// The same through a Local channel.
#[tokio::test]
async fn behind_a_local_channel_too() {
    let lab = Lab::shared();
    prepare(&lab);
    let bot = Bot::start(&lab, &[STAY, ("trunk.context", "lab-lcr")]).await;
    for deed in
        ["channel request hangup NEAR", "channel request hangup FAR", "channel redirect FAR pbx-answer,s,1"]
    {
        let call = bot.place(json!({"phone": "+79018001800", "ring_timeout": 30})).await;
        bot.until_status(&call.id(), "ringing").await;
        let Channels { near, far, .. } = channels(&lab, &bot, &call.id(), "Ringing").await;
        lab.console("pbx", &deed.replace("NEAR", &near).replace("FAR", &far));
        let call = bot.until_ended(&call.id(), Duration::from_secs(12)).await;
        assert_end(&bot, &call, "canceled hung_up pbx ringing").await;
    }
}

/// A leg that is taken out of its `Dial` before it was answered lives on as the bot's, and so do its limits.
#[tokio::test]
async fn a_leg_that_is_sent_elsewhere_before_its_answer_stays_ours() {
    let lab = Lab::shared();
    prepare(&lab);
    let bot = Bot::start(&lab, &[STAY]).await;
    for (digits, state, end) in [
        ("0180", "Ringing", "no_answer ring_timeout limit ringing"),
        ("0183", "Down", "no_answer ring_timeout limit early_media"),
        ("0100", "Down", "failed ring_timeout limit trying"),
    ] {
        let call = bot.place(json!({"phone": format!("+7900555{digits}"), "ring_timeout": 5})).await;
        let Channels { trunk, .. } = channels(&lab, &bot, &call.id(), state).await;
        if digits == "0183" {
            bot.until_status(&call.id(), "early_media").await;
        }
        lab.console("pbx", &format!("channel redirect {trunk} pbx-hold,s,1"));
        bot.until_event(&call.id(), "trunk_taken").await;
        let call = bot.until_ended(&call.id(), Duration::from_secs(12)).await;
        assert_end(&bot, &call, end).await;
        lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    }
}
