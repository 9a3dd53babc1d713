//! Where the bot's CPU goes: sampled by `perf` with whole stacks, each sample given to the innermost frame
//! that says whose it is.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};

use super::Place;
use crate::{
    load::{self, Load},
    report::Part,
    sim::Behaviour,
};

const HANDING: &str = "SQLite: handing work between threads";

/// What a frame says; the first that fits, from the innermost frame outwards, wins.
const SIGNS: [(&str, &[&str]); 16] = [
    ("disk: fsync", &["fsync", "fdatasync"]),
    ("disk: reading and writing", &["pwrite", "pread", "unixWrite", "unixRead"]),
    ("JSON", &["serde_json", "asterisk::ari::event", "serde_core"]),
    ("number parsing", &["phonenumber", "call::number"]),
    ("log", &["tracing", "novofon_bot::logging", "engine::journal"]),
    (
        "SQLite: handing work between threads",
        &["flume", "ConnectionWorker", "sqlx_sqlite::connection::worker"],
    ),
    ("SQLite: sqlx's rows and statements", &["sqlx"]),
    ("SQLite: itself", &["sqlite3"]),
    ("websocket and ARI client", &["tungstenite", "asterisk"]),
    ("HTTP server", &["hyper", "axum", "tower", "http::"]),
    ("API's own", &["novofon_bot::api", "utoipa"]),
    ("metrics", &["prometheus"]),
    ("store's own", &["ledger"]),
    ("engine and machines", &["novofon_bot::engine", "call", "call::scenario"]),
    ("tokio: timers", &["tokio::runtime::time", "tokio::time"]),
    ("tokio: tasks, waking and polling", &["tokio", "mio::"]),
];

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("Where the bot's CPU goes");
    for rate in [150.0, 1000.0] {
        at(place, rate, &mut part).await?;
    }
    part.note("perf, cpu-clock, 999 samples a second with DWARF stacks; a sample belongs to the innermost frame that says whose it is, kernel time to who asked for it");
    Ok(part)
}

async fn at(place: &Place, rate: f64, part: &mut Part) -> anyhow::Result<()> {
    let (_sim, bot) = place.simulated("profile", Behaviour::default()).await?;
    let time = place.seconds(20, 6);
    load::run(bot.address, Load { rate: Some(rate), connections: 64, time: Duration::from_secs(2) }).await?;
    let data = bot.store.with_file_name("perf.data");
    let mut perf = Command::new("perf")
        .args([
            "record",
            "-e",
            "cpu-clock",
            "-F",
            "999",
            "--call-graph",
            "dwarf,16384",
            "-p",
            &bot.pid().to_string(),
            "-o",
        ])
        .arg(&data)
        .args(["sleep", &(time.as_secs() - 1).to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("perf can't be run (Debian: linux-perf)")?;
    let cpu = bot.cpu()?;
    let placed = load::run(bot.address, Load { rate: Some(rate), connections: 64, time }).await?;
    bot.until_idle(Duration::from_secs(60)).await?;
    let cpu = (bot.cpu()? - cpu).as_micros() as f64 / placed.accepted as f64;
    while perf.try_wait()?.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let output = Command::new("perf")
        .args(["script", "--no-inline", "-F", "comm,ip,sym", "-i"])
        .arg(&data)
        .stderr(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "perf script failed");
    let shares = shares(&String::from_utf8_lossy(&output.stdout));
    ensure!(!shares.is_empty(), "perf took no samples");
    part.figure(format!("at {rate:.0} calls/s: CPU"), cpu, "µs/call");
    let mut sorted: Vec<(&str, f64)> = shares.into_iter().collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (name, share) in sorted {
        part.figure(format!("at {rate:.0} calls/s: {name}"), cpu * share, "µs/call");
    }
    std::fs::remove_file(&data)?;
    bot.stop().await
}

/// The share of each kind in the samples of `perf script`.
fn shares(text: &str) -> BTreeMap<&'static str, f64> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for sample in text.split("\n\n").map(str::trim).filter(|sample| !sample.is_empty()) {
        let of_sqlite = sample.starts_with("sqlx");
        let frames = sample.lines().skip(1).filter_map(|line| line.trim().split_once(' '));
        let mut frames = frames.map(|(_, symbol)| symbol);
        let kind = frames.find_map(|symbol| {
            SIGNS
                .iter()
                .find(|(_, signs)| signs.iter().any(|sign| symbol.contains(sign)))
                .map(|(kind, _)| *kind)
        });
        // SQLite's own thread has no tasks: it waits for work and wakes those who wait for it.
        let kind = match kind {
            Some(kind) if of_sqlite && kind.starts_with("tokio") => HANDING,
            None if of_sqlite => HANDING,
            kind => kind.unwrap_or("else"),
        };
        *counts.entry(kind).or_default() += 1;
    }
    let all: u64 = counts.values().sum();
    counts.into_iter().map(|(kind, count)| (kind, count as f64 / all as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_belongs_to_the_innermost_frame_that_tells() {
        let text = "w 1\n\tff inode_to_bdi\n\tff __x64_sys_fsync\n\tfec fsync\n\t13 sqlite3_step\n\n\
                    w 1\n\tff memcpy\n\t12 sqlite3VdbeExec\n\t11 sqlx_sqlite::connection::handle\n\n\
                    t 1\n\tff memcpy\n\t11 serde_json::de::from_str\n\t11 hyper::x\n\n\
                    t 1\n\tff clone3\n\n\
                    sqlx-sqlite-wor 1\n\tff futex_wait\n\tfe std::thread::park\n";
        let shares = shares(text);
        let kinds: Vec<&str> = shares.into_keys().collect();
        assert_eq!(kinds, ["JSON", HANDING, "SQLite: itself", "disk: fsync", "else"]);
    }
}
