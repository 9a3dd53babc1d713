//! The program as a child process, its memory and its health.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// For what ought to happen at once, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Bot {
    pub address: SocketAddr,
    client: reqwest::Client,
    process: Child,
    folder: TempDir,
}

impl Bot {
    /// With an Asterisk at this address, and these settings: `http.request_timeout`.
    pub async fn start(asterisk: Option<SocketAddr>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let config = folder.path().join("bot.toml");
        fs::write(&config, "").expect("it can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NOVOFON_BOT_")) {
            command.env_remove(name);
        }
        let asterisk = asterisk.map_or("127.0.0.1:1".to_owned(), |address| address.to_string());
        let all = [
            ("http.listen", address.to_string()),
            ("http.rate_limit", "0".into()),
            ("ari.url", format!("http://{asterisk}")),
            ("ari.username", "bot".into()),
            ("ari.password", "secret".into()),
            ("ari.request_timeout", "2".into()),
            ("store.url", format!("sqlite://{}", folder.path().join("bot.db").display())),
            ("dial.calls_per_second", "1000".into()),
            ("dial.max_concurrent", "1000".into()),
        ];
        let given = settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let variables = all.into_iter().chain(given);
        let log = fs::File::create(folder.path().join("bot.log")).expect("the log");
        let process = command
            .args(["serve", "--config"])
            .arg(config)
            .env_remove("RUST_LOG")
            .envs(variables.map(|(key, value)| {
                (format!("NOVOFON_BOT_{}", key.replace('.', "__").to_uppercase()), value)
            }))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the program can be run");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let bot = Bot { address, client, process, folder };
        bot.until("it answers", async || bot.get("/health/live").await.is_some()).await;
        // What a first call makes once and for all (the plans of numbers) is not the peer's.
        bot.place(&json!({})).await;
        bot
    }

    async fn get(&self, path: &str) -> Option<String> {
        let request = self.client.get(format!("http://{}{path}", self.address)).timeout(SOON);
        let answer = request.send().await.ok().filter(|answer| answer.status() == 200)?;
        answer.text().await.ok()
    }

    /// Places a call with this metadata, and gives its id.
    pub async fn place(&self, metadata: &Value) -> String {
        let url = format!("http://{}/api/calls/initiate", self.address);
        let body = json!({"phone": "+79522675444", "custom_metadata": metadata});
        let begun = Instant::now();
        loop {
            let request = self.client.post(&url).json(&body).timeout(SOON);
            let answer = request.send().await.expect("an answer in time");
            // The disk of a machine at its tests can be slow for a moment.
            if answer.status() == 503 && begun.elapsed() < SOON {
                continue;
            }
            assert_eq!(answer.status(), 201);
            let call: Value = answer.json().await.expect("a call");
            return call["id"].as_str().expect("an id").to_owned();
        }
    }

    /// Calls are taken and shown, each in its time.
    pub async fn goes_on(&self) {
        let begun = Instant::now();
        let id = self.place(&json!({"a": 1})).await;
        assert!(self.get(&format!("/api/calls/{id}")).await.is_some(), "the call is shown");
        assert!(self.get("/health/live").await.is_some(), "it is healthy");
        // Far above what it takes, and far below what a peer could hold it up for.
        assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics").await.expect("metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().expect("a number")
    }

    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !condition().await {
            assert!(begun.elapsed() < SOON, "not in time: {what}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Memory in use, MiB: `VmRSS`, or its peak `VmHWM`.
    pub fn memory(&self, word: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(':'));
        line.expect("Linux tells it").trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// Files and sockets that it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }

    /// Begins a measurement of memory; what is in use now.
    pub fn begin(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").expect("the peak can be reset");
        self.memory("VmRSS")
    }

    /// Memory rose by at most so many MiB since [`Bot::begin`], and comes back near to where it was.
    pub async fn kept_its_memory(&self, what: &str, before: u64, most: u64) {
        let peak = self.memory("VmHWM");
        println!("{what}: {before} MiB before, {peak} at most, {} after", self.memory("VmRSS"));
        assert!(peak <= before + most, "{what}: from {before} to {peak} MiB");
        let is_back = async || {
            // The allocator gives memory back when it is asked for some.
            assert!(self.get("/api/calls?limit=1").await.is_some());
            self.memory("VmRSS") <= before + BACK
        };
        self.until("memory is back", is_back).await;
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let fields: Vec<&str> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        // Linux counts them in hundredths on every machine of today.
        Duration::from_millis(ticks * 10)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("bot.log")).unwrap_or_default()
    }
}

/// What the allocator, the store's cache and the threads may keep, MiB.
const BACK: u64 = 60;

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let log = self.log();
        assert!(std::thread::panicking() || !log.contains("panicked"), "{log}");
        if std::thread::panicking() {
            let start = log.ceil_char_boundary(log.len().saturating_sub(5000));
            eprintln!("---- the bot's log ----\n{}", &log[start..]);
        }
    }
}
