//! The bot under test: the program itself as a child process, with a folder, a store and an address of its
//! own, perhaps on one core; and what the system and its own metrics tell of it.

use std::{
    collections::BTreeMap,
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::http::Http;

pub struct Setup<'a> {
    pub program: &'a Path,
    /// Made anew, but for a store that is in it already.
    pub folder: &'a Path,
    pub core: Option<usize>,
    pub ari_url: &'a str,
    pub ari_user: &'a str,
    pub ari_password: &'a str,
    /// The number that its calls carry to the carrier.
    pub caller_id: &'a str,
    pub steps: &'a str,
    pub concurrency: usize,
    pub rate: f64,
}

impl<'a> Setup<'a> {
    /// Against a simulated Asterisk.
    pub fn simulated(program: &'a Path, folder: &'a Path, ari_url: &'a str) -> Self {
        Setup {
            program,
            folder,
            core: Some(BOT_CORE),
            ari_url,
            ari_user: "bench",
            ari_password: "bench",
            caller_id: "+79675558164",
            steps: "[{ wait = 3600 }]",
            concurrency: 10_000,
            rate: HIGHEST_RATE,
        }
    }
}

/// With two cores: one is the bot's, one ours.
pub const BOT_CORE: usize = 0;
pub const OUR_CORE: usize = 1;

/// The most that `dial.calls_per_second` takes.
pub const HIGHEST_RATE: f64 = 10_000.0;

const READY: Duration = Duration::from_secs(30);

pub struct Bot {
    child: Child,
    pub address: SocketAddr,
    pub store: PathBuf,
    /// From the start of the process to its first answer.
    pub start_up: Duration,
    /// To its being ready: with Asterisk at hand.
    pub ready_after: Duration,
}

impl Bot {
    pub async fn start(setup: &Setup<'_>) -> anyhow::Result<Self> {
        let Setup { ari_url, ari_user, ari_password, caller_id, steps, concurrency, rate, .. } = setup;
        let text = format!(
            "[ari]\nurl = \"{ari_url}\"\nusername = \"{ari_user}\"\npassword = \"{ari_password}\"\napp = \"bench_bot\"\n\
             [trunk]\ncaller_id = \"{caller_id}\"\n\
             [dial]\nmax_concurrent = {concurrency}\ncalls_per_second = {rate:.1}\nmax_queued = 1000000\n\
             [scenarios.default]\nsteps = {steps}\n"
        );
        Bot::launch(setup.program, setup.folder, setup.core, &text).await
    }

    /// Starts it with these sections of its configuration, and with an address and a store of its own; until it is
    /// ready.
    pub async fn launch(
        program: &Path,
        folder: &Path,
        core: Option<usize>,
        sections: &str,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let address = free_address()?;
        let store = folder.join("bot.db");
        let config = folder.join("bot.toml");
        let text = format!(
            "[http]\nlisten = \"{address}\"\nrate_limit = 0\nmax_connections = 4096\n\
             [store]\nurl = \"sqlite://{}\"\n[service]\nstop_timeout = 1\n{sections}",
            store.display()
        );
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        std::io::Write::write_all(&mut options.open(&config)?, text.as_bytes())?;
        let log = fs::File::create(folder.join("bot.log"))?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("NOVOFON_BOT_") || name == "RUST_LOG")
        {
            command.env_remove(name);
        }
        command.args(["serve", "--config"]).arg(&config).stdin(Stdio::null());
        let begin = Instant::now();
        let child =
            command.stdout(log.try_clone()?).stderr(log).spawn().context("the bot can't be started")?;
        let mut bot = Bot { child, address, store, start_up: Duration::ZERO, ready_after: Duration::ZERO };
        bot.start_up = bot.until_status("/health/live", begin).await?;
        bot.ready_after = bot.until_status("/health/ready", begin).await?;
        Ok(bot)
    }

    async fn until_status(&mut self, path: &str, begin: Instant) -> anyhow::Result<Duration> {
        while begin.elapsed() < READY {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the bot ended at once ({status}); its log: {}",
                    self.store.with_file_name("bot.log").display()
                );
            }
            if let Ok(mut http) = Http::connect(self.address).await
                && http.get(path).await.is_ok_and(|answer| answer.status == 200)
            {
                return Ok(begin.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!("the bot did not answer {path} within {READY:?}")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.pid())
    }

    /// Resident memory, bytes.
    pub fn memory(&self) -> anyhow::Result<u64> {
        memory_of(self.pid())
    }

    pub async fn json(&self, path: &str) -> anyhow::Result<Value> {
        let answer = Http::connect(self.address).await?.get(path).await?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        Ok(serde_json::from_slice(&answer.body)?)
    }

    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        let answer = Http::connect(self.address).await?.get("/metrics").await?;
        Ok(Metrics::parse(&String::from_utf8_lossy(&answer.body)))
    }

    /// How many stored calls a filter lets through.
    pub async fn count(&self, filter: &str) -> anyhow::Result<u64> {
        let list = self.json(&format!("/api/calls?limit=1{filter}")).await?;
        list["total"].as_u64().context("a list without a total")
    }

    /// Until nothing is queued and nothing lives, on disk too: a slot is free a moment before its call's
    /// end is written. How long it took.
    pub async fn until_idle(&self, patience: Duration) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        loop {
            let metrics = self.metrics().await?;
            let open = metrics.value("novofon_bot_calls_live") + metrics.value("novofon_bot_calls_queued");
            let idle = open == 0.0;
            if idle && self.count("&status=queued,dialing,ringing,early_media,answered").await? == 0 {
                return Ok(begin.elapsed());
            }
            ensure!(begin.elapsed() < patience, "{open} calls are still open after {patience:?}");
            if idle {
                tokio::time::sleep(Duration::from_millis(2)).await;
                continue;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.pid().to_string();
        Command::new("kill").arg(&pid).status()?;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("the bot did not stop within 20 s")
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Nobody else takes it in the moment between; if so, the bot says it.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// User and system time of a process; the system counts them in hundredths of a second.
pub fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may have spaces; what follows its bracket has none.
    let rest = stat.rsplit_once(')').context("/proc/PID/stat without a name")?.1;
    let ticks: Vec<u64> = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    ensure!(ticks.len() == 2, "/proc/PID/stat is too short");
    Ok(Duration::from_millis(10 * (ticks[0] + ticks[1])))
}

pub fn memory_of(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(1024 * kilobytes)
}

/// The bot's metrics at one moment.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    values: BTreeMap<String, f64>,
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Metrics { values: values.collect() }
    }

    /// The sum over all labels.
    pub fn value(&self, name: &str) -> f64 {
        let own = |key: &str| key == name || key.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
        self.values.iter().filter(|(key, _)| own(key)).map(|(_, value)| value).sum()
    }

    /// The sum over the labels in which this text is, since `before`.
    pub fn since(&self, before: &Metrics, name: &str, label: &str) -> f64 {
        let is_it = |key: &str| {
            key.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') && rest.contains(label))
        };
        let all = self.values.iter().filter(|(key, _)| is_it(key));
        all.map(|(key, value)| value - before.values.get(key).unwrap_or(&0.0)).sum()
    }

    /// The upper bound, in seconds, of the bucket in which this share of a histogram's observations since
    /// `before` lies.
    pub fn quantile_since(&self, before: &Metrics, name: &str, share: f64) -> Option<f64> {
        let prefix = format!("{name}_bucket{{le=\"");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (key, value) in &self.values {
            let Some(bound) = key.strip_prefix(&prefix).and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            buckets.push((bound, value - before.values.get(key).unwrap_or(&0.0)));
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = buckets.last()?.1;
        buckets.iter().find(|(_, count)| *count >= share * all && all > 0.0).map(|(bound, _)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_and_quantiles_found() {
        let before =
            Metrics::parse("h_bucket{le=\"0.5\"} 10\nh_bucket{le=\"1.0\"} 10\nh_bucket{le=\"+Inf\"} 10");
        let after = Metrics::parse(
            "# x\na{s=\"1\"} 2\na{s=\"2\"} 3\nab 9\nh_bucket{le=\"0.5\"} 60\nh_bucket{le=\"1.0\"} 109\nh_bucket{le=\"+Inf\"} 110",
        );
        assert_eq!(after.value("a"), 5.0);
        assert_eq!(after.since(&before, "a", "s=\"2\""), 3.0);
        assert_eq!(after.quantile_since(&before, "h", 0.5), Some(0.5));
        assert_eq!(after.quantile_since(&before, "h", 0.99), Some(1.0));
        assert_eq!(after.quantile_since(&before, "x", 0.5), None);
    }

    #[test]
    fn our_own_cpu_and_memory_can_be_read() {
        assert!(memory_of(std::process::id()).expect("Linux") > 100_000);
        assert!(cpu_of(std::process::id()).expect("Linux") < Duration::from_secs(3600));
    }
}
