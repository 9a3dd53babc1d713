//! The line to Asterisk cut and frozen: calls go on to their right end, and no new one leaves blindly.

use std::time::Duration;

use reqwest::StatusCode;

use crate::support::{Bot, BreakableLine, Call, Lab, SOON, assert_end, until};

const STAY: &str = "[{wait=600}]";
const HANG_UP: &str = "[{hangup=true}]";

/// A lab, and a bot whose line to its PBX can be broken.
async fn bot_on_a_line(steps: &str, more: &[(&str, &str)]) -> (Lab, BreakableLine, Bot) {
    let lab = Lab::shared();
    let line = BreakableLine::to(lab.ari_address()).await;
    let url = line.url();
    let mut settings = vec![("ari.url", url.as_str()), ("scenarios.default.steps", steps)];
    settings.extend(more);
    let bot = Bot::start(&lab, &settings).await;
    (lab, line, bot)
}

async fn cut(line: &BreakableLine, bot: &Bot) {
    line.cut();
    until("the loss is seen", SOON, async || {
        let answer = bot.get("/health/ready").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
}

async fn mend(line: &BreakableLine, bot: &mut Bot) {
    line.mend();
    bot.until_ready().await;
}

async fn ended(bot: &Bot, call: &Call, expected: &str) {
    let call = bot.until_ended(&call.id(), SOON).await;
    assert_end(bot, &call, expected).await;
    assert_eq!(bot.reached(&call.text("phone")), 1, "dialed once");
}

/// The callee picks up after the line is whole again. No new call leaves while it was cut.
#[tokio::test]
async fn cut_in_mid_ring_and_answered_after() {
    let (lab, line, mut bot) = bot_on_a_line(HANG_UP, &[]).await;
    let call = bot.place_to("+79005550180").await;
    let sip_call_id = bot.until_status(&call.id(), "ringing").await.text("novofon_call_id");
    cut(&line, &bot).await;
    let waiting = bot.place_to("+79005550486").await;
    bot.until_event(&waiting.id(), "accepted").await;
    assert_eq!(bot.call(&waiting.id()).await.status(), "queued");
    assert_eq!(bot.reached("+79005550486"), 0);
    mend(&line, &mut bot).await;
    lab.pick_up(&sip_call_id).await;
    ended(&bot, &call, "completed scenario_ended bot answered 200 OK").await;
    ended(&bot, &waiting, "busy busy callee trying 486 Busy Here").await;
}

/// Asterisk hangs up at once when a call is answered for an application that is not there: that, and
/// who picked up, nobody saw.
#[tokio::test]
async fn cut_in_mid_ring_and_answered_meanwhile() {
    let (lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550180").await;
    let sip_call_id = bot.until_status(&call.id(), "ringing").await.text("novofon_call_id");
    cut(&line, &bot).await;
    lab.pick_up(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    mend(&line, &mut bot).await;
    ended(&bot, &call, "unknown outcome_lost unknown ringing").await;
}

#[tokio::test]
async fn cut_in_mid_ring_and_still_ringing() {
    let (_lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550180").await;
    bot.until_status(&call.id(), "ringing").await;
    cut(&line, &bot).await;
    mend(&line, &mut bot).await;
    assert_eq!(bot.call(&call.id()).await.status(), "ringing");
    bot.hang_up(&call.id()).await;
    ended(&bot, &call, "canceled hung_up api ringing").await;
}

#[tokio::test]
async fn cut_in_mid_ring_and_ended_meanwhile() {
    let (lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550180").await;
    let sip_call_id = bot.until_status(&call.id(), "ringing").await.text("novofon_call_id");
    cut(&line, &bot).await;
    lab.refuse(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    assert_eq!(bot.call(&call.id()).await.status(), "ringing", "nothing is concluded while nothing is known");
    mend(&line, &mut bot).await;
    ended(&bot, &call, "unknown outcome_lost unknown ringing").await;
}

#[tokio::test]
async fn cut_in_mid_talk_and_still_talking() {
    let (_lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550201").await;
    bot.until_status(&call.id(), "answered").await;
    cut(&line, &bot).await;
    mend(&line, &mut bot).await;
    assert_eq!(bot.call(&call.id()).await.status(), "answered");
    bot.hang_up(&call.id()).await;
    ended(&bot, &call, "completed hung_up api answered 200 OK").await;
}

#[tokio::test]
async fn cut_in_mid_talk_and_ended_meanwhile() {
    let (lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550201").await;
    let sip_call_id = bot.until_status(&call.id(), "answered").await.text("novofon_call_id");
    cut(&line, &bot).await;
    lab.put_down(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    mend(&line, &mut bot).await;
    ended(&bot, &call, "completed outcome_lost unknown answered").await;
}

/// The end was asked for while nobody could be told: it is carried out after.
#[tokio::test]
async fn a_hang_up_during_the_cut_is_carried_out_after_it() {
    let (lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550201").await;
    bot.until_status(&call.id(), "answered").await;
    cut(&line, &bot).await;
    assert_eq!(bot.hang_up(&call.id()).await.status, StatusCode::OK);
    assert!(lab.asterisk().state(&call.id()).await.is_some(), "Asterisk can't know yet");
    mend(&line, &mut bot).await;
    ended(&bot, &call, "completed hung_up api answered 200 OK").await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
}

/// A sound is being played when the line breaks: the scenario goes on after it.
#[tokio::test]
async fn cut_in_the_middle_of_a_sound() {
    let steps = r#"[{play="digits:12345678"},{hangup=true}]"#;
    let (_lab, line, mut bot) = bot_on_a_line(steps, &[]).await;
    let call = bot.place_to("+79005550201").await;
    bot.until_status(&call.id(), "answered").await;
    cut(&line, &bot).await;
    mend(&line, &mut bot).await;
    let call = bot.until_ended(&call.id(), Duration::from_secs(20)).await;
    assert_end(&bot, &call, "completed scenario_ended bot answered 200 OK").await;
}

#[tokio::test]
async fn away_for_too_long_ends_what_waits() {
    let (_lab, line, mut bot) = bot_on_a_line(STAY, &[("dial.unreachable_timeout", "2")]).await;
    cut(&line, &bot).await;
    let call = bot.place_to("+79005550201").await;
    let call = bot.until_ended(&call.id(), SOON).await;
    assert_end(&bot, &call, "failed asterisk_unreachable pbx none").await;
    mend(&line, &mut bot).await;
    let next = bot.place_to("+79005550486").await;
    ended(&bot, &next, "busy busy callee trying 486 Busy Here").await;
    assert_eq!(bot.reached("+79005550201"), 0, "it is not dialed after its end");
}

/// The connection stands, and nothing comes through: only the silence tells.
#[tokio::test]
async fn frozen_in_mid_talk() {
    let (lab, line, mut bot) = bot_on_a_line(STAY, &[]).await;
    let call = bot.place_to("+79005550201").await;
    let sip_call_id = bot.until_status(&call.id(), "answered").await.text("novofon_call_id");
    line.freeze();
    lab.put_down(&sip_call_id).await;
    lab.asterisk().until_free_of(&[&call.id()], &bot.caller, SOON).await;
    until("the silence is noticed", Duration::from_secs(25), async || {
        let answer = bot.get("/health/ready").await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    mend(&line, &mut bot).await;
    ended(&bot, &call, "completed outcome_lost unknown answered").await;
}

/// A bot that starts while Asterisk is away takes calls, and dials them when it is back.
#[tokio::test]
async fn away_at_the_start() {
    let lab = Lab::shared();
    let line = BreakableLine::to(lab.ari_address()).await;
    line.cut();
    let url = line.url();
    let mut bot = Bot::stopped(&lab, &[("ari.url", &url), ("scenarios.default.steps", HANG_UP)]);
    bot.launch();
    bot.until_live().await;
    let ready = bot.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.body);
    let call = bot.place_to("+79005550201").await;
    assert_eq!(call.status(), "queued");
    mend(&line, &mut bot).await;
    ended(&bot, &call, "completed scenario_ended bot answered 200 OK").await;
}
