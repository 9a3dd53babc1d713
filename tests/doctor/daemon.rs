//! The daemon and the application's name.

use std::time::Duration;

use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::bench::Bench;

/// Another program that takes the application's name, for as long as it is held.
async fn stranger(bench: &Bench) -> impl Sized {
    let pbx = &bench.pbx;
    let url = bench.setting("ari.url").replacen("http", "ws", 1);
    let key = format!("{}:{}", pbx.setting("PBX_ARI_USER"), pbx.setting("PBX_ARI_PASSWORD"));
    let request = format!("{url}/ari/events?app={}&api_key={key}", bench.setting("ari.app"));
    let request = request.into_client_request().expect("an address");
    let (socket, _) = tokio::time::timeout(Duration::from_secs(10), connect_async(request))
        .await
        .expect("in time")
        .expect("Asterisk takes it");
    socket
}

#[tokio::test]
async fn another_program_takes_the_name_from_the_daemon() {
    let bench = Bench::with_daemon();
    let _held = stranger(&bench).await;
    bench.until_ready(false);
    let report = bench.doctor_with(&[]);
    report.fails(&["daemon", "ari_app"]).says("ari_app", "another program took the name");
    report.says("daemon", "Asterisk is away");
}

#[tokio::test]
async fn another_program_has_the_name_before_the_daemon_starts() {
    let bench = Bench::new();
    let _held = stranger(&bench).await;
    bench.doctor(&[]).fails(&["ari_app"]).says("ari_app", "is held by another program");
}

#[test]
fn the_daemon_has_the_store_and_does_not_answer() {
    let bench = Bench::with_daemon();
    bench.freeze();
    bench.doctor(&[]).fails(&["daemon"]).says("daemon", "has the store but does not answer");
}

#[test]
fn the_daemon_runs_with_another_application() {
    let mut bench = Bench::with_daemon();
    bench.set("ari.app", "renamed");
    bench.doctor(&[]).fails(&["ari_app"]).says("ari_app", "another configuration");
}

#[test]
fn a_test_call_without_the_daemon() {
    let bench = Bench::new();
    let report = bench.doctor(&["--call", "+79005550211"]);
    report.fails(&["test_call"]).says("test_call", "was not placed");
}

#[test]
fn a_test_call_that_is_not_allowed() {
    let bench = Bench::with_daemon();
    let report = bench.doctor(&["--call", "+4912345678901"]);
    report.fails(&["test_call"]).says("test_call", "HTTP 4");
}

#[tokio::test]
async fn the_daemon_holds_the_name_and_does_not_hear_the_trunk() {
    let bench = Bench::with_daemon();
    let pbx = &bench.pbx;
    let request = reqwest::Client::new().delete(format!(
        "{}/ari/applications/{}/subscription?eventSource=endpoint:PJSIP/novofon",
        bench.setting("ari.url"),
        bench.setting("ari.app")
    ));
    let request = request.basic_auth(pbx.setting("PBX_ARI_USER"), Some(pbx.setting("PBX_ARI_PASSWORD")));
    // The daemon subscribes again within some seconds: doctor may come too late to see it.
    for _ in 0..10 {
        let answer = request.try_clone().expect("it has no body").send().await;
        assert!(answer.expect("ARI answers").status().is_success());
        let report = bench.doctor(&[]);
        if report.ids("warn").contains(&"ari_app") {
            report.warns(&["ari_app"]).says("ari_app", "not subscribed to PJSIP/novofon");
            return;
        }
    }
    panic!("it was never seen without the subscription");
}

#[test]
fn a_test_call_without_the_key() {
    let bench = Bench::with_daemon();
    // Nor the token that the daemon made for its machine's own command line.
    let nothing = ["env", "-u", "NOVOFON_BOT_API_KEY", "NOVOFON_BOT_HTTP__TOKEN_FILE=/nonexistent/token"];
    let report = bench.doctor_by(&nothing, &["--call", "+79005550211"]);
    report.fails(&["test_call"]).says("test_call", "set NOVOFON_BOT_API_KEY");
}

/// The trunk works; it is the number that does not.
#[test]
fn a_test_call_to_a_number_that_is_none() {
    let bench = Bench::with_daemon();
    let report = bench.doctor(&["--call", "+79005550404"]);
    report.warns(&["test_call"]).says("test_call", "number_invalid, SIP 404");
}
