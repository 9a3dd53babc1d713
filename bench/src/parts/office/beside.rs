//! One request at a time: `sshpass ssh` for each, as the service of old did it, beside the bot by each way.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use asterisk::secret::Secret;
use asterisk::ssh::{KnownHosts, SshAuth, SshHost, SshLimits, SshTarget};
use hdrhistogram::Histogram;

use super::{Office, PHONE, Way, ask, extension, milliseconds};
use crate::{
    bot::Metrics,
    load,
    report::{Goal, Part},
};

/// Between two requests, so that none meets the work of the one before.
const PAUSE: Duration = Duration::from_millis(40);

/// The first requests connect, and meet the bot's first pages of memory and its first statements.
const WARM_UP: usize = 5;

/// What was measured of one way.
struct Measured {
    way: Way,
    /// From the request to its answer, microseconds.
    took: Histogram<u64>,
    /// The request that found no connection to the host.
    first: Histogram<u64>,
    /// Sums of the bot's own histograms, seconds.
    server: f64,
    intent: f64,
    order: f64,
    requests: f64,
    cpu: Duration,
}

impl Measured {
    fn new(way: Way) -> Self {
        let (took, first) = (load::histogram(), load::histogram());
        Measured {
            way,
            took,
            first,
            server: 0.0,
            intent: 0.0,
            order: 0.0,
            requests: 0.0,
            cpu: Duration::ZERO,
        }
    }

    fn add(&mut self, before: &Metrics, after: &Metrics) {
        let sum = |name: &str, label: &str| after.since(before, name, label);
        self.server += sum("novofon_bot_http_request_seconds_sum", "makecallexternal");
        self.intent += after.value("novofon_bot_office_intent_seconds_sum")
            - before.value("novofon_bot_office_intent_seconds_sum");
        self.order += sum("novofon_bot_office_order_seconds_sum", "host=");
        self.requests += sum("novofon_bot_http_request_seconds_count", "makecallexternal");
    }
}

pub async fn run(office: &Office<'_>, part: &mut Part) -> anyhow::Result<()> {
    let short = office.place.short;
    let (rounds, requests, by_hand) = if short { (2, 20, 3) } else { (6, 40, 5) };
    let mut ways = Way::ALL.map(Measured::new);
    let mut sshpass = load::histogram();
    let mut nth = 0;
    // Asterisk's and sshd's own first ones are slower.
    by_sshpass(office, nth)?;
    for round in 0..rounds {
        // Forwards, then backwards: nobody always follows the same one, and what drifts hits all.
        let mut order: Vec<Option<usize>> = vec![None, Some(0), Some(1), Some(2), Some(3)];
        if round % 2 == 1 {
            order.reverse();
        }
        for one in order {
            match one {
                None => {
                    for _ in 0..by_hand {
                        nth += 1;
                        sshpass.saturating_record(by_sshpass(office, nth)?.as_micros() as u64);
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Some(way) => slice(office, &mut ways[way], requests, &mut nth).await?,
            }
        }
        part.point("sshpass", round as f64, ms(&sshpass, 0.5));
    }
    figures(part, "sshpass ssh for each request", &sshpass);
    for measured in &ways {
        figures(part, measured.way.name(), &measured.took);
        let ratio = ms(&sshpass, 0.5) / ms(&measured.took, 0.5);
        let name = format!("{}: times faster than sshpass, at p50", measured.way.name());
        match measured.way {
            Way::Exec => part.goal(name, ratio, "", Goal::AtLeast(20.0)),
            Way::Socket => part.goal(name, ratio, "", Goal::AtLeast(100.0)),
            Way::Ami | Way::Ari => part.figure(name, ratio, ""),
        }
    }
    for measured in &ways {
        share(part, measured);
    }
    floor(office, part, if short { 10 } else { 100 }).await?;
    part.note(format!(
        "{} by sshpass and {} by each way, in {rounds} rounds forwards and backwards, one at a time, {} ms apart, each of \
         another extension, whose phone declines at once",
        rounds * by_hand,
        rounds * requests,
        PAUSE.as_millis()
    ));
    Ok(())
}

/// A bot of its own for each slice, so that no other one hears of the calls.
async fn slice(
    office: &Office<'_>,
    measured: &mut Measured,
    requests: usize,
    nth: &mut u64,
) -> anyhow::Result<()> {
    let folder = office.place.fresh("office")?;
    let bot = office.bot(measured.way, &folder).await?;
    let mut http = bot.connect().await?;
    let call = office.calls();
    let mut next = || {
        *nth += 1;
        call(*nth)
    };
    let first = ask(&mut http, &next()).await?;
    measured.first.saturating_record(first.as_micros() as u64);
    for _ in 1..WARM_UP {
        ask(&mut http, &next()).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let (before, cpu) = (bot.bot.metrics().await?, bot.bot.cpu()?);
    for _ in 0..requests {
        let took = ask(&mut http, &next()).await?;
        measured.took.saturating_record(took.as_micros() as u64);
        tokio::time::sleep(PAUSE).await;
    }
    measured.cpu += bot.bot.cpu()? - cpu;
    measured.add(&before, &bot.bot.metrics().await?);
    bot.until_idle().await?;
    bot.stop().await
}

/// The order of the documents, given as they give it.
fn by_sshpass(office: &Office<'_>, nth: u64) -> anyhow::Result<Duration> {
    let setting = |name: &str| office.place.office(name);
    let ssh = setting("SSH")?;
    let mut command = Command::new(setting("SSHPASS")?);
    if !ssh.starts_with("/usr/") {
        command.env("LD_LIBRARY_PATH", setting("TOOL_LIBRARIES")?);
    }
    command.args(["-p", setting("JUNE_SSH_PASSWORD")?]).args([ssh, "-F", "none"]);
    command.args([
        "-p",
        setting("JUNE_SSH_PORT")?,
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "ConnectTimeout=10",
    ]);
    // Not into the file of whoever runs this.
    command.args(["-o", &format!("UserKnownHostsFile={}", setting("JUNE_KNOWN_HOSTS")?)]);
    command.arg(format!("{}@{}", setting("JUNE_SSH_USER")?, setting("JUNE_IP")?)).arg(order(nth));
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().context("sshpass can't be run")?;
    let took = begin.elapsed();
    ensure!(output.status.success(), "sshpass: {}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

fn order(nth: u64) -> String {
    format!(
        "asterisk -rx \"channel originate LOCAL/{}@inoffice application Dial LOCAL/{PHONE}@inoffice\"",
        extension(nth)
    )
}

/// What the connection alone saves: a session for each command over a kept one, without a bot.
async fn floor(office: &Office<'_>, part: &mut Part, times: usize) -> anyhow::Result<()> {
    let setting = |name: &str| office.place.office(name);
    let target = SshTarget {
        host: setting("JUNE_IP")?.to_owned(),
        port: setting("JUNE_SSH_PORT")?.parse()?,
        user: setting("JUNE_SSH_USER")?.to_owned(),
        auth: vec![SshAuth::Password(Secret::new(setting("JUNE_SSH_PASSWORD")?))],
        limits: SshLimits::default(),
        known_hosts: KnownHosts::new(office.place.fresh("office")?.join("known_hosts")).into(),
    };
    let host = SshHost::new(target);
    host.exec("true").await?;
    let (mut nothing, mut asterisk) = (load::histogram(), load::histogram());
    for nth in 0..times {
        for (command, took) in [("true".to_owned(), &mut nothing), (order(nth as u64), &mut asterisk)] {
            let begin = Instant::now();
            let output = host.exec(&command).await?;
            took.saturating_record(begin.elapsed().as_micros() as u64);
            ensure!(output.success(), "`{command}` failed: {}", output.stderr_text());
            tokio::time::sleep(PAUSE / 4).await;
        }
    }
    host.close().await;
    part.figure("a session each over one connection, without a bot: `true`, p50", ms(&nothing, 0.5), "ms");
    part.figure(
        "a session each over one connection, without a bot: the order by `asterisk -rx`, p50",
        ms(&asterisk, 0.5),
        "ms",
    );
    Ok(())
}

fn figures(part: &mut Part, what: &str, took: &Histogram<u64>) {
    for share in [0.5, 0.95, 0.99] {
        part.figure(format!("{what}: p{:.0}", 100.0 * share), ms(took, share), "ms");
    }
}

/// Where the time goes, by the bot's own histograms; means, for they can be added up.
fn share(part: &mut Part, measured: &Measured) {
    let name = measured.way.name();
    let each = |sum: f64| 1000.0 * sum / measured.requests.max(1.0);
    let whole = measured.took.mean() / 1000.0;
    let rest = each(measured.server - measured.intent - measured.order);
    part.figure(format!("{name}: mean"), whole, "ms");
    part.figure(format!("{name}: of that, the order at the host"), each(measured.order), "ms");
    part.figure(format!("{name}: of that, the record on disk"), each(measured.intent), "ms");
    part.figure(format!("{name}: of that, who asks, what, and tasks"), rest, "ms");
    part.figure(format!("{name}: of that, HTTP on both sides"), whole - each(measured.server), "ms");
    part.figure(format!("{name}: the first request, which connects"), ms(&measured.first, 0.5), "ms");
    let cpu = milliseconds(measured.cpu) / measured.requests.max(1.0);
    part.figure(format!("{name}: CPU of the bot, with following the call"), 1000.0 * cpu, "µs/call");
}

fn ms(took: &Histogram<u64>, share: f64) -> f64 {
    took.value_at_quantile(share) as f64 / 1000.0
}
