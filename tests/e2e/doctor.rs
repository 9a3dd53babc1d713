//! `novofon-bot doctor` on this program's Asterisk, be it the newest or the oldest; each of its findings is
//! staged in `tests/doctor`.

use std::process::Output;

use serde_json::Value;

use crate::support::{Bot, Lab};

/// The checks that failed, and the whole report.
fn failed(output: &Output) -> (Vec<String>, Value) {
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().expect("a list").iter();
    let failed = checks.filter(|check| check["level"] == "fail").filter_map(|check| check["id"].as_str());
    (failed.map(str::to_owned).collect(), report)
}

/// What doctor says by console and ARI, by ARI alone, and by the files alone.
fn examine(bot: &Bot, lab: &Lab) -> [(Vec<String>, Value); 3] {
    let folder = lab.etc().ancestors().nth(2).expect("the lab's folder").display().to_string();
    // As scripts/quickstart tells it.
    let console = format!("'{}/scripts/lab' cli pbx '{folder}'", env!("CARGO_MANIFEST_DIR"));
    let etc = lab.etc().display().to_string();
    let closed = ("ari.password", "closed");
    [
        failed(&bot.doctor(&["--cli", &console], &[])),
        failed(&bot.doctor(&[], &[])),
        failed(&bot.doctor(&["--etc", &etc], &[closed])),
    ]
}

#[tokio::test]
async fn a_sound_system_has_none() {
    let lab = Lab::shared();
    let bot = Bot::start(&lab, &[]).await;
    let [whole, ari, files] = examine(&bot, &lab);
    assert_eq!(whole.0, [""; 0], "{:#}", whole.1);
    assert_eq!(ari.0, [""; 0], "{:#}", ari.1);
    assert_eq!(files.0, ["ari_authorised"], "{:#}", files.1);
}

#[tokio::test]
async fn auth_in_place_of_outbound_auth() {
    let lab = Lab::to_spoil();
    lab.spoil("trunk-auth-instead-of-outbound-auth");
    let bot = Bot::start(&lab, &[]).await;
    let [whole, ari, files] = examine(&bot, &lab);
    assert_eq!(whole.0, ["endpoint_auth"], "{:#}", whole.1);
    assert_eq!(ari.0, ["endpoint_auth"], "{:#}", ari.1);
    assert_eq!(files.0, ["ari_authorised", "endpoint_auth"], "{:#}", files.1);
}

#[tokio::test]
async fn a_carrier_that_is_gone_and_no_way_out() {
    let lab = Lab::to_spoil();
    lab.spoil("trunk-gone");
    lab.spoil("no-outgoing");
    lab.console("pbx", "pjsip qualify novofon");
    lab.until_trunk("Unavail").await;
    let bot = Bot::start(&lab, &[]).await;
    let [whole, ari, files] = examine(&bot, &lab);
    assert_eq!(whole.0, ["endpoint_contact", "outgoing"], "{:#}", whole.1);
    // ARI has one word, "offline", for a carrier that did not answer and for one that was not asked since the reload.
    assert_eq!(ari.0, [""; 0], "{:#}", ari.1);
    assert_eq!(files.0, ["ari_authorised", "outgoing"], "{:#}", files.1);
}
