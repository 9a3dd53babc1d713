//! A configuration of the bot beside the PBX, the daemon if a test wants it, and doctor's report.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::asterisk::Asterisk;

pub const KEY: &str = "a-key-of-the-tests-0123456789";

pub struct Bench {
    pub pbx: Asterisk,
    pub folder: TempDir,
    pub address: String,
    settings: BTreeMap<String, String>,
    daemon: Option<Child>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Bench {
    /// A sound system without a running daemon.
    pub fn new() -> Self {
        let pbx = Asterisk::sound();
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let store = format!("sqlite://{}", folder.path().join("bot.db").display());
        let application = format!("doctor_{}", uuid::Uuid::now_v7().simple());
        let settings = [
            ("http.listen", address.as_str()),
            ("http.api_keys", &format!("[{{name=\"tests\",key=\"{KEY}\",rights=[\"admin\"]}}]")),
            ("ari.url", pbx.setting("PBX_ARI_URL")),
            ("ari.username", pbx.setting("PBX_ARI_USER")),
            ("ari.password", pbx.setting("PBX_ARI_PASSWORD")),
            ("ari.app", &application),
            ("store.url", &store),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let console = folder.path().join("asterisk");
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = -rx ] && exec '{}' cli pbx '{}' \"$2\"\n",
            crate::asterisk::root().join("scripts/lab").display(),
            pbx.dir.display()
        );
        fs::write(&console, script).expect("the console");
        fs::set_permissions(console, Permissions::from_mode(0o755)).expect("the console");
        Bench { pbx, folder, address, settings, daemon: None }
    }

    /// The same with a daemon that is ready.
    pub fn with_daemon() -> Self {
        let mut bench = Bench::new();
        bench.start();
        bench
    }

    pub fn set(&mut self, key: &str, value: &str) -> &mut Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn setting(&self, key: &str) -> &str {
        &self.settings[key]
    }

    pub fn start(&mut self) {
        let log = File::create(self.folder.path().join("daemon.log")).expect("a log");
        let log_too = log.try_clone().expect("a second handle");
        let daemon = self.program().arg("serve").stdout(log).stderr(log_too).spawn();
        self.daemon = Some(daemon.expect("the daemon starts"));
        self.until_ready(true);
    }

    pub fn stop(&mut self) {
        let mut daemon = self.daemon.take().expect("a running daemon");
        daemon.kill().expect("killed");
        daemon.wait().expect("ended");
    }

    /// It lives, and does nothing any more.
    pub fn freeze(&self) {
        let pid = self.daemon.as_ref().expect("a running daemon").id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().expect("kill can be run").success());
    }

    /// Asks the daemon for a call, and gives its answer.
    pub async fn call(&self, number: &str, wait: Option<&str>) -> (u16, Value) {
        let body = serde_json::json!({"phone": number, "wait": wait});
        let request = reqwest::Client::new().post(format!("http://{}/api/calls/initiate", self.address));
        let answer = request.bearer_auth(KEY).json(&body).send().await.expect("the daemon answers");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Until the daemon says that it is ready, or that it is not.
    pub fn until_ready(&self, expected: bool) {
        let begun = Instant::now();
        while self.is_ready() != Some(expected) {
            let log = fs::read_to_string(self.folder.path().join("daemon.log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(20), "the daemon's readiness: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> Option<bool> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.starts_with("HTTP/1.1 200"))
    }

    /// With the console.
    pub fn doctor(&self, arguments: &[&str]) -> Report {
        let console = self.folder.path().join("asterisk").display().to_string();
        self.doctor_with(&[&["--cli", console.as_str()], arguments].concat())
    }

    /// Without it, so that only ARI tells.
    pub fn doctor_with(&self, arguments: &[&str]) -> Report {
        self.examine(self.program(), arguments)
    }

    /// With the console, and started by another program: `unshare`, `env`.
    pub fn doctor_by(&self, starter: &[&str], arguments: &[&str]) -> Report {
        let program = self.program();
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(program.get_program()).stdin(Stdio::null());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let console = self.folder.path().join("asterisk").display().to_string();
        self.examine(command, &[&["--cli", console.as_str()], arguments].concat())
    }

    fn examine(&self, mut command: Command, arguments: &[&str]) -> Report {
        let doctor = command.args(["doctor", "--json"].iter().chain(arguments));
        let output = doctor.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("doctor runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        for secret in [self.pbx.setting("PBX_ARI_PASSWORD"), self.pbx.setting("TRUNK_PASSWORD"), KEY] {
            assert!(!text.contains(secret) && !errors.contains(secret), "a secret is shown");
        }
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {errors}"));
        Report { code: output.status.code(), json }
    }

    /// The program in an environment that has only this configuration.
    pub fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
        command
            .env("NOVOFON_BOT_API_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (key, value) in &self.settings {
            command.env(format!("NOVOFON_BOT_{}", key.replace('.', "__").to_uppercase()), value);
        }
        command
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What doctor said.
#[derive(Debug)]
pub struct Report {
    pub code: Option<i32>,
    pub json: Value,
}

impl Report {
    /// The ids of this level, each once.
    pub fn ids(&self, level: &str) -> Vec<&str> {
        let mut ids: Vec<&str> =
            self.checks().filter(|c| c["level"] == level).filter_map(|c| c["id"].as_str()).collect();
        ids.dedup();
        ids
    }

    /// These checks failed and no other; the exit code says so too.
    #[track_caller]
    pub fn fails(&self, expected: &[&str]) -> &Self {
        assert_eq!(self.ids("fail"), expected, "{:#}", self.json);
        assert_eq!(self.code, Some(i32::from(!expected.is_empty())));
        self
    }

    /// All that a check said: what was seen and how to mend it.
    pub fn text(&self, id: &str) -> String {
        let of = self.checks().filter(|check| check["id"] == id);
        let texts = of.map(|c| {
            format!(
                "{} → {}\n",
                c["seen"].as_str().unwrap_or_default(),
                c["mend"].as_str().unwrap_or_default()
            )
        });
        texts.collect()
    }

    /// Nothing failed, and these checks warn.
    #[track_caller]
    pub fn warns(&self, expected: &[&str]) -> &Self {
        let warned = self.ids("warn");
        assert!(expected.iter().all(|id| warned.contains(id)), "{:#}", self.json);
        self.fails(&[])
    }

    /// The level of a check's first finding.
    pub fn level(&self, id: &str) -> &str {
        self.checks().find(|check| check["id"] == id).and_then(|check| check["level"].as_str()).unwrap_or("-")
    }

    #[track_caller]
    pub fn says(&self, id: &str, expected: &str) -> &Self {
        let text = self.text(id);
        assert!(text.contains(expected), "{id}: {text}");
        self
    }

    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.json["checks"].as_array().into_iter().flatten()
    }
}
