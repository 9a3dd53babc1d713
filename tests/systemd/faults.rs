//! A service that dies or stands still is started again, and its calls are taken up.

use std::time::Duration;

use crate::{
    machine::Machine,
    support::{Lab, SOON},
};

/// A ringing call goes on through what is done to the service, and is dialed once.
async fn survives(machine: &Machine, lab: &Lab, signal: &str, result: &str) {
    let call = machine.api.place_to("+79005550180").await;
    let sip_call_id = machine.api.until_status(&call.id(), "ringing").await.text("novofon_call_id");
    machine.signal(signal);
    machine.until_service("Result", result, Duration::from_secs(15)).await;
    machine.until_service("ActiveState", "active", Duration::from_secs(15)).await;
    assert_eq!(machine.service("NRestarts"), "1");
    machine.until_ready().await;
    assert_eq!(machine.api.call(&call.id()).await.status(), "ringing", "it goes on as it was");
    lab.pick_up(&sip_call_id).await;
    machine.api.until_status(&call.id(), "answered").await;
    machine.api.hang_up(&call.id()).await;
    let call = machine.api.until_ended(&call.id(), SOON).await;
    assert_eq!((call.status().as_str(), call.text("ended_by").as_str()), ("completed", "api"));
    assert_eq!(machine.carrier.arrivals(&sip_call_id), 1);
    assert!(machine.journal(&[]).contains("calls of the former run are taken up"));
}

#[tokio::test]
async fn killed() {
    let lab = Lab::shared();
    let machine = Machine::running(&lab, "").await;
    survives(&machine, &lab, "KILL", "signal").await;
}

/// It lives, and does nothing: only the watchdog sees it.
#[tokio::test]
async fn frozen() {
    let lab = Lab::shared();
    let machine = Machine::running(&lab, "WatchdogSec=3").await;
    survives(&machine, &lab, "STOP", "watchdog").await;
}

/// What no restart mends is tried for ever: the day somebody mends it, the service comes by itself.
#[tokio::test]
async fn started_again_until_it_can_run() {
    let lab = Lab::shared();
    let machine = Machine::installed(&lab);
    machine.drop_in("test", "RestartSec=100ms");
    assert!(!machine.try_run(&["systemctl", "start", "novofon-bot"]).status.success(), "it has no password");
    // Often enough for a limit of starts, if there were one.
    crate::support::until("it was tried 12 times", SOON, async || {
        let tries: u32 = machine.service("NRestarts").parse().expect("a number");
        if tries >= 12 { Ok(()) } else { Err(tries) }
    })
    .await;
    assert!(machine.journal(&[]).contains("ari.password_file"), "it says what is missing");
    machine.give_password(&lab);
    machine.until_service("SubState", "running", SOON).await;
    machine.until_ready().await;
}
