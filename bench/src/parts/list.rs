//! Lists and filters at a million stored calls, over HTTP, and the start with them.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::Place;
use crate::{
    bot::{Bot, OUR_CORE, Setup},
    http::Http,
    load, million, pin,
    report::{Goal, Part},
    sim::{self, Behaviour, Sim},
};

/// The parameters of the nth request of a kind.
type Query = Box<dyn Fn(usize) -> String>;

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    let calls: u64 = if place.short { 100_000 } else { 1_000_000 };
    let mut part = Part::new("Lists and filters at a million stored calls");
    let folder = place.folder.join(format!("million-{calls}"));
    let made = folder.join("made");
    let age = fs::metadata(&made).and_then(|made| made.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_none_or(|age| age > million::FRESH) {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        pin(None)?;
        million::make(&folder.join("bot.db"), calls).await?;
        fs::write(&made, "")?;
    }
    pin(Some(OUR_CORE))?;
    let sim = Sim::new(Behaviour::default());
    let ari = format!("http://{}", sim::spawn(&sim, "127.0.0.1:0".parse()?).await?);
    let setup = Setup::simulated(&place.program, &folder, &ari);
    forget_pages(&folder.join("bot.db"))?;
    let bot = Bot::start(&setup).await?;
    part.goal(
        "start-up, the file not in memory, to the first answer",
        bot.start_up.as_secs_f64(),
        "s",
        Goal::LessThan(1.0),
    );
    part.goal("the same, until ready for calls", bot.ready_after.as_secs_f64(), "s", Goal::LessThan(1.0));
    bot.stop().await?;
    let bot = Bot::start(&setup).await?;
    part.goal(
        "start-up, the file in memory, to the first answer",
        bot.start_up.as_secs_f64(),
        "s",
        Goal::LessThan(1.0),
    );

    let stored = bot.count("").await?;
    ensure!(stored == calls, "the store has {stored} calls, not {calls}");
    let times = if place.short { 50 } else { 300 };
    let day = |ago: i64| (chrono::Utc::now() - chrono::TimeDelta::days(ago)).format("%Y-%m-%d").to_string();
    let deep = cursor_at(&bot, &day(150)).await?;
    let phones: Vec<String> = (0..1000).map(|n| million::phone(n * 7919).replace('+', "%2B")).collect();
    let queries: Vec<(&str, Query)> = vec![
        ("newest 100", Box::new(|_| "limit=100".into())),
        ("newest 20", Box::new(|_| "limit=20".into())),
        ("by number", Box::new(move |n| format!("phone={}", phones[n % phones.len()]))),
        ("by number, never called", Box::new(|n| format!("phone=%2B7495{n:07}"))),
        ("one common status", Box::new(|_| "status=completed&limit=50".into())),
        ("one rare status", Box::new(|_| "status=unknown&limit=50".into())),
        ("three statuses", Box::new(|_| "status=busy,no_answer,rejected&limit=50".into())),
        ("who ended it", Box::new(|_| "status=user_hangup&limit=50".into())),
        ("live calls", Box::new(|_| "status=queued,dialing,ringing,answered&limit=50".into())),
        (
            "one day",
            Box::new({
                move |n| {
                    let d = day(1 + n as i64 % 290);
                    format!("from={d}&to={d}&limit=50")
                }
            }),
        ),
        (
            "90 days, one status",
            Box::new(move |n| {
                let at = |ago: i64| {
                    (chrono::Utc::now() - chrono::TimeDelta::days(ago)).format("%Y-%m-%d").to_string()
                };
                let end = n as i64 % 200;
                format!("from={}&to={}&status=no_answer&limit=50", at(end + 90), at(end))
            }),
        ),
        (
            "number and status",
            Box::new(|n| format!("phone={}&status=busy", million::phone(n as u64).replace('+', "%2B"))),
        ),
        ("by cursor, in the middle", Box::new(move |_| format!("limit=100&cursor={deep}"))),
        ("offset 10,000", Box::new(|_| "limit=50&offset=10000".into())),
        ("offset 500,000", Box::new(|_| "limit=50&offset=500000".into())),
    ];
    let mut http = Http::connect(bot.address).await?;
    let mut worst = 0.0_f64;
    for (name, query) in &queries {
        let mut took = load::histogram();
        for n in 0..times {
            let path = format!("/api/calls?{}", query(n));
            let begin = Instant::now();
            let answer = http.get(&path).await?;
            took.saturating_record(begin.elapsed().as_micros() as u64);
            ensure!(answer.status == 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        }
        let ms = |share: f64| took.value_at_quantile(share) as f64 / 1000.0;
        worst = worst.max(ms(0.99));
        part.goal(format!("{name}, p99"), ms(0.99), "ms", Goal::LessThan(10.0));
    }
    part.figure("the slowest of them, p99", worst, "ms");
    let size = fs::metadata(&bot.store)?.len() as f64;
    part.figure("the file, with the timelines", size / 1e6, "MB");
    part.figure("memory of the bot", bot.memory()? as f64 / 1e6, "MB");
    part.note(format!("{calls} calls of {} numbers within 300 days, {times} requests of each kind, one at a time, over HTTP with the JSON of the whole page", million::NUMBERS));
    bot.stop().await?;
    Ok(part)
}

/// A cursor that leads on from a day.
async fn cursor_at(bot: &Bot, day: &str) -> anyhow::Result<String> {
    let list = bot.json(&format!("/api/calls?limit=1&to={day}")).await?;
    Ok(list["next_cursor"].as_str().context("a page with more after it")?.to_owned())
}

/// Asks the system to drop a file's pages, as after a start of the machine.
fn forget_pages(path: &Path) -> anyhow::Result<()> {
    let file = fs::File::open(path)?;
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}
