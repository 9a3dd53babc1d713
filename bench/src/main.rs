//! Measures novofon-bot. `scripts/bench` builds it and gives it what it needs; docs/performance.md explains
//! what it finds.

mod bare;
mod bot;
mod flood;
mod http;
mod load;
mod machine;
mod million;
mod parts;
mod plot;
mod report;
mod sim;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use tokio::{net::TcpListener, task::LocalSet};

use sim::{Behaviour, Sim};

/// As the bot has it: the readers of a flood are measured in processes of this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures novofon-bot")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, once")]
enum Command {
    /// Runs parts, keeps what they measured as JSON and draws the plots
    Run {
        /// real, limit, memory, latency, initiate, list, node, profile, office, flood, or all
        #[arg(required = true)]
        parts: Vec<String>,
        /// The program under test
        #[arg(long)]
        bot: PathBuf,
        /// Where bots get their folders; on the disk that shall be measured
        #[arg(long)]
        folder: PathBuf,
        /// The settings of a lab that is up (DIR/env of scripts/lab)
        #[arg(long, default_value = "")]
        lab: PathBuf,
        /// The folder of offices that are up (DIR of scripts/offices)
        #[arg(long, default_value = "offices")]
        offices: PathBuf,
        /// scripts/offices
        #[arg(long, default_value = "scripts/offices")]
        offices_program: PathBuf,
        /// The folder of place.js
        #[arg(long, default_value = "bench/node")]
        node: PathBuf,
        /// A Python that has panoramisk
        #[arg(long, default_value = "python3")]
        python: PathBuf,
        /// The folder of read.py
        #[arg(long, default_value = "bench/flood")]
        flood: PathBuf,
        /// Recorded AMI events
        #[arg(long, default_value = "tests/fixtures/ami/22")]
        recordings: PathBuf,
        /// Seconds instead of minutes: shows that it works, not how fast the bot is
        #[arg(long)]
        short: bool,
        #[arg(long)]
        results: PathBuf,
        /// A folder for the plots
        #[arg(long)]
        plots: PathBuf,
        /// What the bot was built from
        #[arg(long, default_value = "")]
        commit: String,
    },
    /// Writes the table of figures, from the JSON
    Table {
        #[arg(long)]
        results: PathBuf,
        /// Puts it between the marks of this document instead of printing it
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// A simulated Asterisk (ARI only), until it is stopped
    SimAri {
        #[arg(long, default_value = "127.0.0.1:8088")]
        listen: SocketAddr,
        /// From the originate to the carrier's first answer, milliseconds
        #[arg(long, default_value_t = 2)]
        setup_ms: u64,
        /// 0: answers without ringing
        #[arg(long, default_value_t = 0)]
        ring_ms: u64,
        /// From the answer to the callee's hang-up
        #[arg(long, default_value_t = 0)]
        talk_ms: u64,
        /// The callee stays on the line
        #[arg(long)]
        hold: bool,
        /// Run on this core only
        #[arg(long)]
        core: Option<usize>,
    },
    /// Places calls by a bot's API
    Load {
        #[arg(long, default_value = "127.0.0.1:8080")]
        to: SocketAddr,
        /// Calls per second; without it as many as the connections can
        #[arg(long)]
        rate: Option<f64>,
        #[arg(long, default_value_t = 64)]
        concurrency: usize,
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
        #[arg(long)]
        core: Option<usize>,
    },
    /// Reads the flood of the part of that name, and prints what it cost; runs by itself
    #[command(hide = true)]
    ReadFlood {
        reader: flood::reader::Reader,
        #[arg(long)]
        from: SocketAddr,
        /// Takes no more than so many events a second
        #[arg(long)]
        slow: Option<u64>,
    },
    /// Both in one process, on one core, and the bot on another: for a profiler
    Drive {
        #[arg(long)]
        bot: PathBuf,
        /// The bot's folder
        #[arg(long)]
        folder: PathBuf,
        #[arg(long, default_value_t = 500.0)]
        rate: f64,
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    // On a runtime as the bot's.
    if let Command::ReadFlood { reader, from, slow } = cli.command {
        flood::reader::run(reader, from, slow)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(cli.command))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run {
            parts,
            bot,
            folder,
            lab,
            offices,
            offices_program,
            node,
            python,
            flood,
            recordings,
            short,
            results,
            plots,
            commit,
        } => {
            std::fs::create_dir_all(&folder)?;
            let place = parts::Place {
                program: bot.canonicalize()?,
                folder: folder.canonicalize()?,
                lab: parts::read_lab(&lab),
                offices: parts::read_lab(&offices.join("env")),
                offices_program,
                offices_folder: offices,
                node,
                python,
                read_py: flood.join("read.py"),
                recordings,
                short,
            };
            return measure(&place, &parts, &commit, &results, &plots).await;
        }
        Command::Table { results, into } => {
            let results = report::Results::load(&results)?;
            match into {
                Some(document) => results.publish(&document)?,
                None => print!("{}", results.markdown()),
            }
        }
        Command::SimAri { listen, setup_ms, ring_ms, talk_ms, hold, core } => {
            pin(core)?;
            let ms = Duration::from_millis;
            let talk = (!hold).then(|| ms(talk_ms));
            let sim =
                Sim::new(Behaviour { setup: ms(setup_ms), ring: ms(ring_ms), talk, ..Behaviour::default() });
            println!("a simulated Asterisk on http://{listen}, any user and password");
            let printing = sim.clone();
            tokio::task::spawn_local(async move {
                let mut before = printing.counts();
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    let now = printing.counts();
                    let calls = now.originates - before.originates;
                    if calls > 0 || now.live > 0 || now.ended != before.ended {
                        println!(
                            "{calls} calls/s, {} live, {} in all, {} ended",
                            now.live, now.originates, now.ended
                        );
                    }
                    before = now;
                }
            });
            sim::serve(sim, TcpListener::bind(listen).await?).await?;
        }
        Command::Load { to, rate, concurrency, seconds, core } => {
            pin(core)?;
            let time = Duration::from_secs_f64(seconds);
            let placed = load::run(to, load::Load { rate, connections: concurrency, time }).await?;
            show(&placed);
        }
        Command::Drive { bot, folder, rate, seconds } => drive(&bot, &folder, rate, seconds).await?,
        Command::ReadFlood { reader, from, slow } => flood::reader::run(reader, from, slow)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the parts one after the other. One that fails is told, and holds up none of the others.
async fn measure(
    place: &parts::Place,
    names: &[String],
    commit: &str,
    results: &Path,
    plots: &Path,
) -> anyhow::Result<ExitCode> {
    let all = names.iter().any(|name| name == "all");
    let names: Vec<&str> = if all { parts::ALL.to_vec() } else { names.iter().map(String::as_str).collect() };
    let mut kept = report::Results::load(results)?;
    kept.machine = machine::look(&place.folder)?;
    let mut code = ExitCode::SUCCESS;
    for name in names {
        println!("{name}:");
        pin(None)?;
        match parts::run(name, place).await {
            Ok(mut part) => {
                part.commit = commit.to_owned();
                part.short = place.short;
                kept.parts.insert(name.to_owned(), part);
                kept.save(results)?;
            }
            Err(error) => {
                println!("  {name} FAILED: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    plot::draw(&kept, plots)?;
    Ok(code)
}

async fn drive(
    program: &std::path::Path,
    folder: &std::path::Path,
    rate: f64,
    seconds: f64,
) -> anyhow::Result<()> {
    pin(Some(bot::OUR_CORE))?;
    let sim = Sim::new(Behaviour::default());
    let ari = sim::spawn(&sim, "127.0.0.1:0".parse()?).await?;
    let bot = bot::Bot::start(&bot::Setup::simulated(program, folder, &format!("http://{ari}"))).await?;
    println!("the bot: pid {}, http://{}", bot.pid(), bot.address);
    let before = bot.cpu()?;
    let time = Duration::from_secs_f64(seconds);
    let placed = load::run(bot.address, load::Load { rate: Some(rate), connections: 64, time }).await?;
    let drained = bot.until_idle(Duration::from_secs(60)).await?;
    let cpu = bot.cpu()? - before;
    show(&placed);
    println!("all ended {drained:?} after the last answer; {:?}", sim.counts());
    println!(
        "CPU of the bot: {:.0} µs a call; completed: {}",
        cpu.as_micros() as f64 / placed.accepted as f64,
        bot.count("&status=completed").await?
    );
    bot.stop().await
}

fn show(placed: &load::Placed) {
    let ms = |share: f64| placed.answers.value_at_quantile(share) as f64 / 1000.0;
    println!(
        "{} accepted, {} refused in {:.1} s ({:.0}/s); answers p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        placed.accepted,
        placed.refused,
        placed.seconds,
        placed.accepted as f64 / placed.seconds,
        ms(0.5),
        ms(0.99),
        ms(1.0)
    );
    if let Some(why) = &placed.why {
        println!("the first refusal: {why}");
    }
}

/// Runs our one thread on one core only, or on any.
pub fn pin(core: Option<usize>) -> anyhow::Result<()> {
    let cores = match core {
        Some(core) => core.to_string(),
        None => std::fs::read_to_string("/sys/devices/system/cpu/online")?.trim().to_owned(),
    };
    let us = std::process::id().to_string();
    let output = std::process::Command::new("taskset").args(["-cp", &cores, &us]).output()?;
    anyhow::ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
