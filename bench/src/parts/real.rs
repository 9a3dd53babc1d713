//! The bot beside a bare ARI loop, and beside node's ari-client, on one real Asterisk in one run. Each has
//! its slices in turn, so that what drifts hits all; none is connected while another has its slice.

use std::{
    cell::Cell,
    process::Command,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{Place, carrier::Carrier};
use crate::{
    bare::{self, Hears, Target},
    bot::{Bot, Setup, cpu_of},
    http::Http,
    report::{Goal, Part},
};

/// The carrier answers it and hangs up at once.
const PHONE: &str = "+79005550210";

/// Calls at the same time, for each of them.
const AT_ONCE: usize = 40;

/// Connections that place calls at the bot.
const POSTERS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arm {
    Bot,
    Bare,
    BareLeast,
    Node,
}

impl Arm {
    fn name(self) -> &'static str {
        match self {
            Arm::Bot => "the bot",
            Arm::Bare => "bare loop, the bot's events",
            Arm::BareLeast => "bare loop, fewest events",
            Arm::Node => "node ari-client",
        }
    }

    /// The number that its calls carry, by which the carrier counts them.
    fn caller(self) -> &'static str {
        match self {
            Arm::Bot => "+79520000001",
            Arm::Bare => "+79520000002",
            Arm::BareLeast => "+79520000003",
            Arm::Node => "+79520000004",
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    placed: u64,
    /// Ended as it should.
    ended: u64,
    seconds: f64,
    cpu: f64,
    memory: u64,
}

struct Run<'a> {
    place: &'a Place,
    arms: Vec<Arm>,
    slices: Vec<(Arm, Slice)>,
}

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("The bot beside a bare ARI loop, on a real Asterisk");
    let run = measure(place, vec![Arm::Bot, Arm::Bare, Arm::BareLeast], &mut part).await?;
    let bot = run.rate(Arm::Bot);
    for arm in &run.arms {
        part.figure(format!("{}: calls per second", arm.name()), run.rate(*arm), "calls/s");
    }
    part.goal("the bot ÷ bare loop, the bot's events", bot / run.rate(Arm::Bare), "", Goal::AtLeast(0.95));
    part.goal("the bot ÷ bare loop, fewest events", bot / run.rate(Arm::BareLeast), "", Goal::AtLeast(0.95));
    part.figure("CPU of the bot", run.cpu_per_call(Arm::Bot), "µs/call");
    part.figure("CPU of the bare loop, the bot's events", run.cpu_per_call(Arm::Bare), "µs/call");
    Ok(part)
}

pub async fn beside_node(place: &Place) -> anyhow::Result<Part> {
    let mut part = Part::new("The bot beside node ari-client, on a real Asterisk");
    let run = measure(place, vec![Arm::Bot, Arm::Node], &mut part).await?;
    for arm in &run.arms {
        part.figure(format!("{}: calls per second", arm.name()), run.rate(*arm), "calls/s");
        part.figure(format!("{}: CPU", arm.name()), run.cpu_per_call(*arm), "µs/call");
        part.figure(format!("{}: memory", arm.name()), run.memory(*arm) as f64 / 1e6, "MB");
    }
    let ratio = run.cpu_per_call(Arm::Bot) / run.cpu_per_call(Arm::Node);
    part.goal("CPU per call, the bot ÷ node", ratio, "", Goal::LessThan(0.25));
    Ok(part)
}

async fn measure<'a>(place: &'a Place, arms: Vec<Arm>, part: &mut Part) -> anyhow::Result<Run<'a>> {
    let carrier = Carrier::new(place)?;
    let folder = place.fresh("real")?;
    let (rounds, slice) =
        if place.short { (1, Duration::from_secs(5)) } else { (6, Duration::from_secs(10)) };
    let mut run = Run { place, arms, slices: Vec::new() };
    // Asterisk's own first calls are slower.
    let target = run.target()?;
    bare::run(&target, Hears::Least, PHONE, "+79520000000", AT_ONCE, Duration::from_secs(2)).await?;
    for round in 0..rounds {
        // A B C, then C B A: nobody always follows the same one.
        let mut order = run.arms.clone();
        if round % 2 == 1 {
            order.reverse();
        }
        for arm in order {
            let slice = match arm {
                Arm::Bot => run.bot(&folder, slice).await?,
                Arm::Bare => run.bare(Hears::All, arm, slice).await?,
                Arm::BareLeast => run.bare(Hears::Least, arm, slice).await?,
                Arm::Node => run.node(slice)?,
            };
            let rate = slice.ended as f64 / slice.seconds;
            let cpu = 1e6 * slice.cpu / slice.ended.max(1) as f64;
            println!(
                "  round {}, {}: {} calls, {rate:.1}/s, CPU {cpu:.0} µs a call",
                round + 1,
                arm.name(),
                slice.ended
            );
            part.point(arm.name(), (round + 1) as f64, rate);
            run.slices.push((arm, slice));
        }
    }
    for arm in &run.arms {
        let (placed, ended) = (run.sum(*arm, |slice| slice.placed), run.sum(*arm, |slice| slice.ended));
        let arrived = carrier.calls_when(arm.caller(), placed).await?;
        part.note(format!(
            "{}: {placed} placed, {arrived} reached the carrier, {ended} ended as they should",
            arm.name()
        ));
        if *arm == Arm::Bot {
            let lost = placed.abs_diff(arrived).max(placed.abs_diff(ended));
            part.goal(
                "calls of the bot lost, doubled or with a wrong verdict",
                lost as f64,
                "calls",
                Goal::LessThan(1.0),
            );
        }
    }
    part.note(format!("{rounds} slices of {} s each, {AT_ONCE} calls at once, to a number that answers and hangs up at once", slice.as_secs()));
    Ok(run)
}

impl Run<'_> {
    fn sum(&self, arm: Arm, of: impl Fn(&Slice) -> u64) -> u64 {
        self.slices.iter().filter(|(of, _)| *of == arm).map(|(_, slice)| of(slice)).sum()
    }

    fn rate(&self, arm: Arm) -> f64 {
        let seconds: f64 =
            self.slices.iter().filter(|(of, _)| *of == arm).map(|(_, slice)| slice.seconds).sum();
        self.sum(arm, |slice| slice.ended) as f64 / seconds
    }

    fn cpu_per_call(&self, arm: Arm) -> f64 {
        let cpu: f64 = self.slices.iter().filter(|(of, _)| *of == arm).map(|(_, slice)| slice.cpu).sum();
        1e6 * cpu / self.sum(arm, |slice| slice.ended).max(1) as f64
    }

    fn memory(&self, arm: Arm) -> u64 {
        self.slices.iter().filter(|(of, _)| *of == arm).map(|(_, slice)| slice.memory).max().unwrap_or(0)
    }

    fn target(&self) -> anyhow::Result<Target<'_>> {
        let place = self.place;
        Ok(Target {
            url: place.lab("PBX_ARI_URL")?,
            user: place.lab("PBX_ARI_USER")?,
            password: place.lab("PBX_ARI_PASSWORD")?,
        })
    }

    async fn bare(&self, hears: Hears, arm: Arm, time: Duration) -> anyhow::Result<Slice> {
        let cpu = cpu_of(std::process::id())?;
        let looped = bare::run(&self.target()?, hears, PHONE, arm.caller(), AT_ONCE, time).await?;
        let cpu = (cpu_of(std::process::id())? - cpu).as_secs_f64();
        ensure!(looped.refused == 0, "{} originates of the bare loop were refused", looped.refused);
        let ended = looped.ended.min(looped.answered);
        Ok(Slice { placed: looped.placed, ended, seconds: looped.seconds, cpu, memory: 0 })
    }

    async fn bot(&self, folder: &std::path::Path, time: Duration) -> anyhow::Result<Slice> {
        let target = self.target()?;
        let setup = Setup {
            program: &self.place.program,
            folder,
            core: None,
            ari_url: target.url,
            ari_user: target.user,
            ari_password: target.password,
            caller_id: Arm::Bot.caller(),
            steps: "[{ wait = 60 }]",
            concurrency: AT_ONCE,
            rate: crate::bot::HIGHEST_RATE,
        };
        let bot = Bot::start(&setup).await?;
        let ended_before = bot.count("&status=user_hangup").await?;
        let cpu = bot.cpu()?;
        let begin = Instant::now();
        let placed = keep_busy(&bot, time).await?;
        bot.until_idle(Duration::from_secs(60)).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let (cpu, memory) = ((bot.cpu()? - cpu).as_secs_f64(), bot.memory()?);
        // Completed, and ended by the callee: the right verdict for this number.
        let ended = bot.count("&status=user_hangup").await? - ended_before;
        bot.stop().await?;
        Ok(Slice { placed, ended, seconds, cpu, memory })
    }

    fn node(&self, time: Duration) -> anyhow::Result<Slice> {
        #[derive(Deserialize)]
        struct Told {
            placed: u64,
            ended: u64,
            seconds: f64,
            cpu: f64,
            memory: u64,
        }
        let target = self.target()?;
        let output = Command::new("node")
            .arg("place.js")
            .args([target.url, target.user, PHONE, Arm::Node.caller()])
            .args([AT_ONCE.to_string(), time.as_secs().to_string()])
            .env("ARI_PASSWORD", target.password)
            .current_dir(&self.place.node)
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("node can't be run")?;
        ensure!(output.status.success(), "place.js failed: {}", output.status);
        // Before it, what its packages have to say.
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().next_back().context("place.js told nothing")?;
        let Told { placed, ended, seconds, cpu, memory } = serde_json::from_str(told)?;
        Ok(Slice { placed, ended, seconds, cpu, memory })
    }
}

/// Keeps as many calls waiting at the bot as it may dial at once, so that no slot is ever idle; how many
/// were placed.
async fn keep_busy(bot: &Bot, time: Duration) -> anyhow::Result<u64> {
    let (wanted, placed) = (Rc::new(Cell::new(2 * AT_ONCE as i64)), Rc::new(Cell::new(0_u64)));
    let mut posters = Vec::new();
    let begin = Instant::now();
    for _ in 0..POSTERS {
        let mut http = Http::connect(bot.address).await?;
        let (wanted, placed) = (wanted.clone(), placed.clone());
        posters.push(tokio::task::spawn_local(async move {
            let body = format!(r#"{{"phone":"{PHONE}"}}"#);
            while begin.elapsed() < time {
                if wanted.get() <= 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                wanted.set(wanted.get() - 1);
                let answer = http.request("POST", "/api/calls/initiate", &body).await?;
                ensure!(
                    answer.status == 201,
                    "the bot refused a call: {}",
                    String::from_utf8_lossy(&answer.body)
                );
                placed.set(placed.get() + 1);
            }
            anyhow::Ok(())
        }));
    }
    while begin.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let queued = bot.metrics().await?.value("novofon_bot_calls_queued") as i64;
        wanted.set(2 * AT_ONCE as i64 - queued);
    }
    for poster in posters {
        poster.await??;
    }
    Ok(placed.get())
}
