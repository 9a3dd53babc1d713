//! The program itself, as a child process: `novofon-bot serve` with its own store, address, ARI
//! application and caller id, so that many run beside each other on one PBX.

use std::{
    fs::{self, OpenOptions},
    hash::{BuildHasher, RandomState},
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use super::{Lab, SOON, api::Api, carrier::Carrier, until};

/// Bots of this process.
static BOTS: AtomicU32 = AtomicU32::new(0);

/// Of a failed test's bot, so many last bytes of the log are shown.
const LOG_SHOWN: usize = 20_000;

pub struct Bot {
    api: Api,
    /// The number that its calls carry, and no other bot's: by it they are known at the carrier.
    pub caller: String,
    pub carrier: Carrier,
    settings: Vec<(String, String)>,
    /// A command that runs the program in surroundings of its own, as the same process.
    wrapper: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

impl Deref for Bot {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Bot {
    /// Starts a bot and waits until it is ready. `settings`: keys of the configuration such as
    /// `dial.max_concurrent`.
    pub async fn start(lab: &Lab, settings: &[(&str, &str)]) -> Self {
        let mut bot = Bot::stopped(lab, settings);
        bot.launch();
        bot.until_ready().await;
        bot
    }

    /// A bot that is not started yet.
    pub fn stopped(lab: &Lab, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (pid, number) = (std::process::id(), BOTS.fetch_add(1, Ordering::Relaxed));
        // An address of its own on the loopback network: no other process takes its port.
        let [_, a, b, c] = pid.to_be_bytes();
        let listen = format!("127.{}.{b}.{c}:{}", 64 + a % 64, 8100 + number % 1000);
        let caller = format!("+7952{:07}", RandomState::new().hash_one((pid, number)) % 10_000_000);
        let store = folder.path().join("bot.db");
        let mut all = vec![
            ("http.listen", listen.as_str()),
            ("http.rate_limit", "0"),
            ("ari.url", lab.setting("PBX_ARI_URL")),
            ("ari.username", lab.setting("PBX_ARI_USER")),
            ("ari.password", lab.setting("PBX_ARI_PASSWORD")),
            ("trunk.caller_id", &caller),
            // Some tests tell their calls apart by the caller id that each asks for.
            ("trunk.caller_ids", "*"),
            ("dial.calls_per_second", "500"),
            ("dial.max_concurrent", "200"),
            ("log.level", "debug"),
        ];
        let application = format!("e2e_{pid}_{number}");
        all.push(("ari.app", &application));
        let url = format!("sqlite://{}", store.display());
        all.push(("store.url", &url));
        all.extend(settings);
        let settings = all.into_iter().map(|(key, value)| (variable(key), value.to_owned())).collect();
        let api = Api::new(format!("http://{listen}"));
        Bot { api, caller, carrier: lab.carrier(), settings, wrapper: Vec::new(), folder, process: None }
    }

    /// The program is run by this command from now on, which has to become the program itself (`exec`).
    pub fn run_by(&mut self, command: &[&str]) {
        self.wrapper = command.iter().map(|&word| word.to_owned()).collect();
    }

    /// A setting or a variable of the environment for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        let name = if key.contains('.') { variable(key) } else { key.to_owned() };
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// The next start goes without this setting.
    pub fn unset(&mut self, key: &str) {
        let name = variable(key);
        self.settings.retain(|(known, _)| *known != name);
    }

    /// Starts the program; the store is the one it had.
    pub fn launch(&mut self) {
        self.launch_with("");
    }

    /// The same with this as its file.
    pub fn launch_with(&mut self, file: &str) {
        assert!(self.process.is_none(), "it runs already");
        // No file of this machine has a say.
        let empty = self.folder.path().join("empty.toml");
        fs::write(&empty, file).expect("the configuration");
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("the log");
        let child = self
            .program()
            .args(["serve", "--config"])
            .arg(empty)
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the program can be run");
        self.process = Some(child);
    }

    /// `novofon-bot doctor --json` with the bot's configuration and these settings on top of it.
    pub fn doctor(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let settings = settings.iter().map(|(key, value)| (variable(key), value));
        let mut command = self.program();
        command.args(["doctor", "--json"]).args(arguments).envs(settings).output().expect("doctor runs")
    }

    /// The program in an environment that has only this bot's configuration.
    fn program(&self) -> Command {
        let ours = |name: &str| name.starts_with("NOVOFON_BOT_") || name == "RUST_LOG";
        let mut words = self.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_novofon-bot")]);
        let mut command = Command::new(words.next().expect("there is the program itself"));
        command.args(words);
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.envs(self.settings.iter().cloned()).stdin(Stdio::null());
        command
    }

    pub async fn until_ready(&mut self) {
        self.until_live().await;
        until("the bot is ready", SOON, async || {
            let answer = self.api.get("/health/ready").await;
            if answer.status.is_success() { Ok(()) } else { Err(answer.body.to_string()) }
        })
        .await;
    }

    /// Until it answers at all.
    pub async fn until_live(&mut self) {
        let (api, process) = (&self.api, &mut self.process);
        until("the bot answers", SOON, async || {
            let ended = process.as_mut().expect("it was started").try_wait().expect("our child");
            assert!(ended.is_none(), "the bot ended at once: {ended:?}");
            match api.send(reqwest::Method::GET, "/health/live", None, None).await {
                Ok(answer) if answer.status.is_success() => Ok(()),
                Ok(answer) => Err(answer.status.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// `kill -9`: nothing of the program runs after this.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("our child");
        process.wait().expect("our child");
    }

    /// `kill -9`, then a start on the same store.
    pub async fn crash(&mut self) {
        self.kill();
        self.launch();
        self.until_ready().await;
    }

    /// SIGTERM, and nothing more.
    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status().expect("kill can be run");
        assert!(status.success());
    }

    /// The exit status of a bot that was told to stop.
    pub async fn until_exit(&mut self, time: Duration) -> ExitStatus {
        let process = self.process.as_mut().expect("it runs");
        let status =
            until("the bot has ended", time, async || match process.try_wait().expect("our child") {
                Some(status) => Ok(status),
                None => Err("it still runs"),
            })
            .await;
        self.process = None;
        status
    }

    /// The name of its Stasis application.
    pub fn application(&self) -> &str {
        let name = variable("ari.app");
        self.settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
            .expect("it has one")
    }

    pub fn store_file(&self) -> PathBuf {
        self.folder.path().join("bot.db")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many files, sockets and pipes it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    /// What it has written to its log.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).expect("the log")
    }

    /// Memory in use, MiB.
    pub fn memory(&self) -> u64 {
        self.resident() / 1024
    }

    /// Memory in use, KiB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How many of its calls to this number reached the carrier.
    pub fn reached(&self, number: &str) -> usize {
        self.carrier.calls_from(&self.caller).iter().filter(|(called, _)| called == number).count()
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("bot.log")
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_SHOWN));
            let whole = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bot-{}.log", self.caller));
            let _ = fs::write(&whole, &log);
            eprintln!("---- the end of {} ----\n{}", whole.display(), &log[start..]);
        }
    }
}

fn variable(key: &str) -> String {
    format!("NOVOFON_BOT_{}", key.replace('.', "__").to_uppercase())
}
