//! Where the bot's own limit is: one core for the bot, another for a simulated Asterisk and the load. A rate
//! counts as sustained when nothing is lost and no queue grows.

use std::time::{Duration, Instant};

use super::Place;
use crate::{
    bot::Bot,
    load::{self, Load, Placed},
    report::{Goal, Part},
    sim::{Behaviour, Sim},
};

const CONNECTIONS: usize = 256;

struct Step {
    placed: Placed,
    cpu_per_call: f64,
    /// Share of one core.
    cpu: f64,
    most_open: f64,
    drained: Duration,
    /// Placed, dialed once and completed.
    whole: bool,
    sustained: bool,
}

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("The bot's own limit, on one core, against a simulated Asterisk");
    let (sim, bot) = place.simulated("limit", Behaviour::default()).await?;
    let time = place.seconds(20, 4);
    // Warm: pages, caches, the store's file.
    step(&bot, &sim, 300.0, Duration::from_secs(2)).await?;
    let mut best: Option<(f64, f64)> = None;
    let mut everything_whole = true;
    let mut bad: Option<f64> = None;
    let mut rate = 250.0_f64;
    // Twice as much each time until it fails, then by halves of what lies between.
    while rate <= 8000.0 {
        let step = step(&bot, &sim, rate, time).await?;
        let ms = |share: f64| step.placed.answers.value_at_quantile(share) as f64 / 1000.0;
        println!(
            "  {rate:>5.0}/s: {} of {} accepted at {:.0}/s, CPU {:.0} µs a call ({:.0} % of the core), at most {:.0} open, all ended after {:.2} s, POST p50 {:.1} ms p99 {:.1} ms{}",
            step.placed.accepted,
            step.placed.accepted + step.placed.refused,
            step.placed.accepted as f64 / step.placed.seconds,
            step.cpu_per_call,
            100.0 * step.cpu,
            step.most_open,
            step.drained.as_secs_f64(),
            ms(0.5),
            ms(0.99),
            if step.sustained { "" } else { ": not sustained" }
        );
        if let Some(why) = &step.placed.why {
            println!("         the first refusal: {why}");
        }
        everything_whole &= step.whole;
        part.point("CPU, µs a call", rate, step.cpu_per_call);
        part.point("POST p99, ms", rate, ms(0.99));
        match (step.sustained, bad) {
            (true, _) => best = best.filter(|(other, _)| *other > rate).or(Some((rate, step.cpu_per_call))),
            (false, _) => bad = Some(bad.map_or(rate, |bad| bad.min(rate))),
        }
        let good = best.map_or(0.0, |(rate, _)| rate);
        rate = match bad {
            None => rate * 2.0,
            Some(bad) if bad - good > 0.05 * bad && bad > 100.0 => ((good + bad) / 2.0 / 10.0).round() * 10.0,
            Some(_) => break,
        };
    }
    let (rate, cpu) = best.unwrap_or_default();
    part.goal("highest rate sustained, nothing lost", rate, "calls/s", Goal::AtLeast(2000.0));
    part.figure("CPU of the bot at that rate", cpu, "µs/call");
    part.figure(
        "whole at every step: placed = dialed once = completed",
        f64::from(u8::from(everything_whole)),
        "(1: yes)",
    );
    part.figure("memory of the bot at the end", bot.memory()? as f64 / 1e6, "MB");
    part.note(format!("each step {} s; sustained: at least 99 % of the rate kept, all ended within 1 s of the last answer, at most half a second's calls open", time.as_secs()));
    bot.stop().await?;
    Ok(part)
}

async fn step(bot: &Bot, sim: &Sim, rate: f64, time: Duration) -> anyhow::Result<Step> {
    let (dialed, completed) = (sim.counts(), bot.count("&status=completed").await?);
    let (cpu, begin) = (bot.cpu()?, Instant::now());
    let load = load::run(bot.address, Load { rate: Some(rate), connections: CONNECTIONS, time });
    tokio::pin!(load);
    let mut most_open = 0.0_f64;
    let placed = loop {
        tokio::select! {
            placed = &mut load => break placed?,
            () = tokio::time::sleep(Duration::from_millis(250)) => {
                let metrics = bot.metrics().await?;
                let open = metrics.value("novofon_bot_calls_live") + metrics.value("novofon_bot_calls_queued");
                most_open = most_open.max(open);
            }
        }
    };
    let drained = bot.until_idle(Duration::from_secs(120)).await?;
    let cpu = (bot.cpu()? - cpu).as_secs_f64();
    let took = begin.elapsed().as_secs_f64();
    let after = sim.counts();
    let completed = bot.count("&status=completed").await? - completed;
    let whole = after.originates - dialed.originates == placed.accepted
        && after.twice == dialed.twice
        && completed == placed.accepted;
    // What was not taken in time was put off: the rate itself was not kept.
    let in_time = placed.accepted as f64 / placed.seconds >= 0.99 * rate;
    let sustained = whole
        && placed.refused == 0
        && in_time
        && drained < Duration::from_secs(1)
        && most_open <= (0.5 * rate).max(100.0);
    Ok(Step {
        cpu_per_call: 1e6 * cpu / placed.accepted.max(1) as f64,
        cpu: cpu / took,
        most_open,
        drained,
        whole,
        sustained,
        placed,
    })
}
