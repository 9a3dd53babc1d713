//! What a live call costs in memory: 5,000 of them held, against the same bot after a warm-up.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Place;
use crate::{
    load::{self, Load},
    report::{Goal, Part},
    sim::Behaviour,
};

const CALLS: u64 = 5000;
const RATE: f64 = 250.0;

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("Memory for each live call");
    let (sim, bot) = place.simulated("memory", Behaviour::default()).await?;
    let empty = bot.memory()?;
    // Connections, statements, the store's page cache: what a bot has that has worked at all. At the same
    // rate and for as long, so that only the live calls differ.
    let load = Load { rate: Some(RATE), connections: 16, time: Duration::from_secs_f64(CALLS as f64 / RATE) };
    load::run(bot.address, load).await?;
    bot.until_idle(Duration::from_secs(30)).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = bot.memory()?;

    sim.behave(Behaviour { talk: None, ..Behaviour::default() });
    let placed = load::run(bot.address, load).await?;
    ensure!(placed.refused == 0, "{} calls were refused: {:?}", placed.refused, placed.why);
    let begin = Instant::now();
    while bot.count("&status=answered").await? < placed.accepted {
        ensure!(begin.elapsed() < Duration::from_secs(30), "not all calls were answered");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let held = bot.memory()?;
    let cpu = bot.cpu()?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle_cpu = (bot.cpu()? - cpu).as_secs_f64() / 5.0;
    sim.end_all();
    bot.until_idle(Duration::from_secs(60)).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = bot.memory()?;
    let completed = bot.count("&status=completed").await?;
    ensure!(
        completed == sim.counts().originates,
        "{completed} of {} calls completed",
        sim.counts().originates
    );

    let calls = placed.accepted as f64;
    part.goal(
        "memory for each live call",
        (held as f64 - before as f64) / calls / 1000.0,
        "KB",
        Goal::LessThan(20.0),
    );
    part.figure("live calls", calls, "calls");
    let labels = [
        ("just started", empty),
        ("after as many calls, none live", before),
        ("with them live", held),
        ("after their end", after),
    ];
    for (name, bytes) in labels {
        part.figure(format!("memory of the bot, {name}"), bytes as f64 / 1e6, "MB");
    }
    part.figure("CPU with all of them live and silent", 100.0 * idle_cpu, "% of a core");
    bot.stop().await?;
    Ok(part)
}
