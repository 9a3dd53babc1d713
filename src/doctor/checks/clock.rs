//! The clock: call records and allowed hours are worth what it is worth.

use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use tokio::{process::Command, time::timeout};

use crate::doctor::finding::{Finding, say};

const ID: &str = "clock";

/// Asterisk's `Date` counts whole seconds, and the request takes some time.
const TOLERANCE: u64 = 5;

/// This program did not exist before.
const FIRST_YEAR: i32 = 2025;
const LAST_YEAR: i32 = 2100;

/// `asterisk`: the time Asterisk told, just now.
pub async fn check(now: DateTime<Utc>, asterisk: Option<(DateTime<Utc>, DateTime<Utc>)>) -> Vec<Finding> {
    vec![judge(
        now,
        asterisk.map(|(told, at)| (told - at).num_seconds().unsigned_abs()),
        is_synchronised().await,
    )]
}

fn judge(now: DateTime<Utc>, apart: Option<u64>, synchronised: Option<bool>) -> Finding {
    let shown = now.format("%Y-%m-%d %H:%M:%S UTC");
    if !(FIRST_YEAR..LAST_YEAR).contains(&now.year()) {
        return Finding::fail(
            ID,
            say!("it shows {shown}, which can't be", "показывает {shown}, чего не может быть"),
            say!("set it: timedatectl set-ntp true", "установите время: timedatectl set-ntp true"),
        );
    }
    if let Some(apart) = apart.filter(|apart| *apart > TOLERANCE) {
        return Finding::warn(
            ID,
            say!(
                "Asterisk's clock is {apart} s away from ours ({shown})",
                "часы Asterisk расходятся с нашими на {apart} с ({shown})"
            ),
            say!("switch NTP on, on both machines", "включите NTP на обеих машинах"),
        );
    }
    match synchronised {
        Some(false) => Finding::warn(
            ID,
            say!("{shown}; no time server keeps it right", "{shown}; сервер времени её не сверяет"),
            say!("timedatectl set-ntp true, or chrony", "timedatectl set-ntp true или chrony"),
        ),
        Some(true) => {
            Finding::ok(ID, say!("{shown}, kept by a time server", "{shown}, сверяется с сервером времени"))
        }
        None => Finding::ok(
            ID,
            say!(
                "{shown}; whether a time server keeps it right can't be told here",
                "{shown}; сверяется ли она с сервером времени, здесь не узнать"
            ),
        ),
    }
}

/// What systemd knows of the kernel's clock; `None` where there is no systemd.
async fn is_synchronised() -> Option<bool> {
    let ask = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(3), ask).await.ok()?.ok()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn what_a_clock_can_be() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let good = at("2026-11-21T10:00:00Z");
        for (now, apart, synchronised, expected) in [
            (good, Some(1), Some(true), Level::Ok),
            (good, None, None, Level::Ok),
            (good, Some(3600), Some(true), Level::Warn),
            (good, Some(0), Some(false), Level::Warn),
            (at("1970-01-01T00:10:00Z"), None, Some(true), Level::Fail),
        ] {
            assert_eq!(judge(now, apart, synchronised).level, expected, "{now} {apart:?} {synchronised:?}");
        }
    }
}
