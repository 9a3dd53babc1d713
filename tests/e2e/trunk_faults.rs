//! The trunk set up wrongly or gone: seed 000's failure and its relatives, each with its own name.

use std::time::Duration;

use serde_json::json;

use crate::support::{Bot, Call, Lab, assert_end, assert_words};

const NUMBER: &str = "+79005550200";
const STEPS: (&str, &str) = ("scenarios.default.steps", "[{hangup=true}]");

async fn place(bot: &Bot) -> Call {
    bot.place_and_wait(json!({"phone": NUMBER}), Duration::from_secs(20)).await
}

/// Repairs the trunk, and shows that the next call works.
async fn repair(lab: &Lab, bot: &Bot, repair: &str) {
    lab.spoil(repair);
    let call = place(bot).await;
    assert_end(bot, &call, "completed scenario_ended bot answered 200 OK").await;
    assert_eq!(bot.carrier.calls_from(&bot.caller).len(), 1, "only the call after the repair arrived");
}

/// The failure that this program exists for: the phone never rang, and it must never say it did.
async fn assert_refused(bot: &Bot) {
    let call = place(bot).await;
    assert_words(bot, &call, "failed trunk_auth_failed carrier trying 401 Unauthorized").await;
    assert_eq!(call.text("q850_cause"), "21");
    assert_eq!(call.text("ringing_at"), "-");
    assert!(call.text("error_message").contains("401"), "{call:?}");
    assert_eq!(bot.reached(NUMBER), 0, "nothing gets past the password");
    let log = bot.log_text();
    let warned = log.lines().find(|line| line.contains("WARN") && line.contains("reason=trunk_auth_failed"));
    let warned = warned.unwrap_or_else(|| panic!("no warning: {log}"));
    assert!(warned.contains(&call.id()) && warned.contains("outbound_auth"), "{warned}");
    assert!(log.lines().any(|line| line.contains("INFO") && line.contains("status=failed")), "{log}");
}

#[tokio::test]
async fn a_wrong_trunk_password_is_named() {
    let lab = Lab::to_spoil();
    lab.spoil("wrong-password");
    let bot = Bot::start(&lab, &[STEPS]).await;
    assert_refused(&bot).await;
    assert_eq!(bot.carrier.count("refused", NUMBER), 1, "one INVITE with wrong credentials, not more");
    repair(&lab, &bot, "right-password").await;
}

#[tokio::test]
async fn auth_in_place_of_outbound_auth_is_named() {
    let lab = Lab::to_spoil();
    lab.spoil("trunk-auth-instead-of-outbound-auth");
    let bot = Bot::start(&lab, &[STEPS]).await;
    assert_refused(&bot).await;
    assert_eq!(bot.carrier.count("challenged", NUMBER), 1, "the challenge was not answered");
    assert_eq!(bot.carrier.count("refused", NUMBER), 0);
    repair(&lab, &bot, "right-password").await;
}

#[tokio::test]
async fn a_missing_outgoing_context_is_named() {
    let lab = Lab::to_spoil();
    lab.spoil("no-outgoing");
    let bot = Bot::start(&lab, &[STEPS]).await;
    let call = place(&bot).await;
    assert_end(&bot, &call, "failed dialplan_missing pbx none").await;
    assert_eq!(call.text("q850_cause"), "-");
    repair(&lab, &bot, "outgoing").await;
}

#[tokio::test]
async fn a_missing_endpoint_is_named() {
    let lab = Lab::to_spoil();
    lab.spoil("endpoint-missing");
    let bot = Bot::start(&lab, &[STEPS]).await;
    let call = place(&bot).await;
    assert_end(&bot, &call, "failed trunk_unreachable pbx none").await;
    repair(&lab, &bot, "endpoint-back").await;
}

#[tokio::test]
async fn a_trunk_host_that_is_known_to_be_gone_is_named() {
    let lab = Lab::to_spoil();
    let bot = Bot::start(&lab, &[STEPS]).await;
    lab.spoil("trunk-gone");
    lab.console("pbx", "pjsip qualify novofon");
    lab.until_trunk("Unavail").await;
    let call = place(&bot).await;
    assert_end(&bot, &call, "failed trunk_unreachable pbx none").await;
    repair(&lab, &bot, "trunk-back").await;
}

#[tokio::test]
async fn a_trunk_host_that_went_unnoticed_is_silent() {
    let lab = Lab::to_spoil();
    let bot = Bot::start(&lab, &[STEPS]).await;
    lab.spoil("trunk-gone");
    let request = json!({"phone": NUMBER, "ring_timeout": 5});
    let call = bot.place_and_wait(request, Duration::from_secs(20)).await;
    assert_words(&bot, &call, "failed carrier_silent limit sent").await;
    assert_eq!(bot.reached(NUMBER), 0);
    repair(&lab, &bot, "trunk-back").await;
}
