//! How many calls a second the office API takes, and what it costs the database to know who asks.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Context;
use hdrhistogram::Histogram;

use super::{Office, Way, ask, sql};
use crate::{
    http::Http,
    load,
    report::{Goal, Part},
};

const CLIENTS: [usize; 3] = [1, 8, 50];

/// Requests a second of the one enterprise that the database is watched under.
const BUSY: f64 = 1000.0;

/// The database tells of what it did once a second.
const TOLD: Duration = Duration::from_millis(1500);

pub async fn run(office: &Office<'_>, part: &mut Part) -> anyhow::Result<()> {
    let time = office.place.seconds(5, 1);
    let (mut nth, mut asked, mut failed) = (100_000, 0, 0);
    let call = Rc::new(office.calls());
    for way in [Way::Socket, Way::Exec, Way::Ami, Way::Ari] {
        let folder = office.place.fresh("office")?;
        let bot = office.bot(way, &folder).await?;
        let mut http = bot.connect().await?;
        ask(&mut http, &call(nth)).await?;
        for clients in CLIENTS {
            let first = nth + 1;
            let cpu = bot.bot.cpu()?;
            let one = call.clone();
            let many = many(bot.api, clients, time, move |n| one(first + n)).await?;
            nth = first + many.asked;
            bot.until_idle().await?;
            let cpu = (bot.bot.cpu()? - cpu).as_secs_f64() / many.asked as f64;
            let name = format!("{}, {clients} clients", way.name());
            part.figure(format!("{name}: calls per second"), many.good() / many.seconds, "calls/s");
            part.figure(format!("{name}: p99"), many.took.value_at_quantile(0.99) as f64 / 1000.0, "ms");
            part.figure(format!("{name}: CPU of the bot"), 1e6 * cpu, "µs/call");
            asked += many.asked;
            failed += many.failed;
            if let Some(why) = &many.why {
                part.note(format!("{name}: {} refused, the first: {why}", many.failed));
            }
        }
        bot.stop().await?;
    }
    part.goal(format!("requests that were refused, of {asked}"), failed as f64, "", Goal::LessThan(1.0));
    identify(office, part).await
}

struct Many {
    asked: u64,
    failed: u64,
    seconds: f64,
    took: Histogram<u64>,
    why: Option<String>,
}

impl Many {
    fn good(&self) -> f64 {
        (self.asked - self.failed) as f64
    }
}

/// Clients that each ask again as soon as they are answered.
async fn many(
    api: SocketAddr,
    clients: usize,
    time: Duration,
    path: impl Fn(u64) -> String + 'static,
) -> anyhow::Result<Many> {
    let many = Many { asked: 0, failed: 0, seconds: 0.0, took: load::histogram(), why: None };
    let (many, path) = (Rc::new(RefCell::new(many)), Rc::new(path));
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Http::connect(api).await?);
    }
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for mut http in connections {
        let (many, path) = (many.clone(), path.clone());
        tasks.push(tokio::task::spawn_local(async move {
            while begin.elapsed() < time {
                let nth = many.borrow().asked;
                many.borrow_mut().asked += 1;
                let asked = Instant::now();
                let answer = ask(&mut http, &path(nth)).await;
                let mut many = many.borrow_mut();
                many.took.saturating_record((asked.elapsed().as_micros() as u64).max(1));
                if let Err(error) = answer {
                    many.failed += 1;
                    many.why.get_or_insert(format!("{error:#}"));
                }
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    many.borrow_mut().seconds = begin.elapsed().as_secs_f64();
    Ok(Rc::try_unwrap(many).ok().context("a client goes on")?.into_inner())
}

/// Look-ups in the table while one enterprise asks a thousand times a second, beside those for a bot that is left alone.
async fn identify(office: &Office<'_>, part: &mut Part) -> anyhow::Result<()> {
    let time = office.place.seconds(10, 3);
    let folder = office.place.fresh("office")?;
    let bot = office.bot(Way::Socket, &folder).await?;
    let path = format!("/api/calls?limit=1&clientId={}", office.secret);
    let mut took = load::histogram();
    let mut per_second = [0.0; 2];
    for (is_busy, rate) in [false, true].into_iter().zip(&mut per_second) {
        let before = scans(office).await?;
        // Anew: a connection that rests is closed after ten seconds.
        let mut http = bot.connect().await?;
        let begin = Instant::now();
        while begin.elapsed() < time {
            let due = Duration::from_secs_f64(took.len() as f64 / BUSY);
            if is_busy {
                tokio::time::sleep_until((begin + due).into()).await;
                took.saturating_record((ask(&mut http, &path).await?.as_micros() as u64).max(1));
            } else {
                tokio::time::sleep(time).await;
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        *rate = (scans(office).await? - before) / seconds;
        if is_busy {
            let asked = took.len() as f64 / seconds;
            part.figure("who asks: requests per second of one enterprise", asked, "1/s");
        }
    }
    let [idle, busy] = per_second;
    part.figure("who asks: look-ups in the enterprises' table meanwhile", busy, "1/s");
    part.figure("who asks: look-ups while nobody asks", idle, "1/s");
    part.goal("who asks: look-ups for these requests", busy - idle, "1/s", Goal::LessThan(3.0));
    part.figure(
        "who asks: such a request, a list of one call, p50",
        took.value_at_quantile(0.5) as f64 / 1000.0,
        "ms",
    );
    bot.stop().await
}

/// How often the table was read since the start.
async fn scans(office: &Office<'_>) -> anyhow::Result<f64> {
    tokio::time::sleep(TOLD).await;
    let query =
        "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'enterprises'";
    Ok(sql(office.place, query)?.parse()?)
}
