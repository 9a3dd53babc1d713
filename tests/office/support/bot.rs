//! The program itself, as a child process with an office API: its own store, addresses and ARI application, so
//! that many run beside each other at one enterprise.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use super::{Client, Lab, SOON, Way, api::Api, until};

/// Bots of this process.
static BOTS: AtomicU32 = AtomicU32::new(0);

/// Of a failed test's bot, so many last bytes of the log are shown.
const LOG_SHOWN: usize = 20_000;

pub struct Bot {
    lab: Lab,
    /// `http://` and the address of the office API.
    pub url: String,
    /// The main listener.
    pub main: Api,
    settings: Vec<(String, String)>,
    folder: TempDir,
    process: Option<Child>,
}

impl Bot {
    /// Starts a bot that reaches the host of this office by this way, and all that are in the lab's table.
    /// `settings`: keys of the configuration such as `office.rate_limit`.
    pub async fn start(lab: &Lab, office: &str, way: Way, settings: &[(&str, &str)]) -> Self {
        let mut bot = Bot::stopped(lab, office, way, settings);
        bot.launch();
        bot.until_live().await;
        bot
    }

    /// A bot that is not started yet.
    pub fn stopped(lab: &Lab, office: &str, way: Way, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (pid, number) = (std::process::id(), BOTS.fetch_add(1, Ordering::Relaxed) % 50);
        // An address of its own on the loopback network: no other process takes its ports.
        let [_, a, b, c] = pid.to_be_bytes();
        let address = format!("127.{}.{b}.{c}", 64 + a % 64);
        let (main, listen) = (format!("{address}:{}", 8100 + number), format!("{address}:{}", 8018 + number));
        let file = |name: &str| folder.path().join(name).display().to_string();
        let of = |name| lab.office(office, name).to_owned();
        let socket = if way == Way::Exec { "" } else { "/var/run/asterisk/asterisk.ctl" };
        let own = [
            ("http.listen", main.clone()),
            ("http.rate_limit", "0".to_owned()),
            ("store.url", format!("sqlite://{}", file("bot.db"))),
            ("log.level", "debug".to_owned()),
            ("office.listen", listen.clone()),
            ("office.database", lab.setting("PG_URL").to_owned()),
            ("office.way", way.setting().to_owned()),
            ("office.technology", of("TECHNOLOGY")),
            ("office.rate_limit", "0".to_owned()),
            ("office.number_limit", "0".to_owned()),
            ("office.ssh_port", of("SSH_PORT")),
            ("office.ssh_password", of("SSH_PASSWORD")),
            ("office.ssh_known_hosts", file("known_hosts")),
            ("office.ssh_socket", socket.to_owned()),
            ("office.ami_port", of("AMI_PORT")),
            ("office.ami_user", of("AMI_USER")),
            ("office.ami_password", of("AMI_PASSWORD")),
            ("office.ari_port", of("HTTP")),
            ("office.ari_user", of("ARI_USER")),
            ("office.ari_password", of("ARI_PASSWORD")),
            ("office.ari_app", format!("office_{pid}_{number}")),
        ];
        let given = settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let settings = own.into_iter().chain(given).map(|(key, value)| (variable(key), value)).collect();
        let url = format!("http://{listen}");
        let main = Api::new(format!("http://{main}"));
        Bot { lab: lab.clone(), url, main, settings, folder, process: None }
    }

    /// The value of a setting: `office.ari_app`.
    pub fn setting(&self, key: &str) -> &str {
        let name = variable(key);
        // What a test gives comes after what all have.
        let found = self.settings.iter().rfind(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("{key} is not set"))
    }

    /// A setting for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        let name = variable(key);
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// A database of this bot's own, with these rows: the arguments of `enterprise add`, with the texts that its
    /// files (by names without a folder) hold.
    pub fn has_enterprises(&mut self, rows: &[&[&str]], files: &[(&str, &str)]) {
        let url = format!("sqlite://{}", self.file("enterprises.db").display());
        self.set("office.database", &url);
        for (name, text) in files {
            fs::write(self.file(name), text).expect("a file");
        }
        for row in rows {
            self.orders("add", row);
        }
    }

    /// `enterprise add` with these arguments, beside the running bot; and one of its files.
    pub fn adds_enterprise(&self, arguments: &[&str], (name, text): (&str, &str)) {
        fs::write(self.file(name), text).expect("a file");
        self.orders("add", arguments);
    }

    /// `enterprise change` with these arguments.
    pub fn changes_enterprise(&self, number: &str, arguments: &[&str]) {
        self.orders("change", &[&[number], arguments].concat());
    }

    fn orders(&self, order: &str, arguments: &[&str]) {
        let mut command = self.program();
        let done =
            command.current_dir(self.folder.path()).args(["enterprise", order]).args(arguments).output();
        let done = done.expect("the program can be run");
        assert!(done.status.success(), "{order} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A client of an enterprise of the lab's.
    pub fn client(&self, office: &str) -> Client {
        self.client_with(self.lab.office(office, "SECRET"))
    }

    pub fn client_with(&self, secret: &str) -> Client {
        Client::new(&self.url, secret)
    }

    /// Starts the program; the store is the one it had.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        // No file of this machine has a say.
        let empty = self.file("empty.toml");
        fs::write(&empty, "").expect("an empty configuration");
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

    /// The program in an environment that has only this bot's configuration.
    pub fn program(&self) -> Command {
        let ours = |name: &str| name.starts_with("NOVOFON_BOT_") || name == "RUST_LOG";
        let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.envs(self.settings.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Until its office API answers, and its database answers it.
    pub async fn until_live(&mut self) {
        let (url, process) = (format!("{}/api/status", self.url), &mut self.process);
        until("the bot answers", SOON, async || {
            let ended = process.as_mut().expect("it was started").try_wait().expect("our child");
            assert!(ended.is_none(), "the bot ended at once: {ended:?}");
            match reqwest::get(&url).await {
                Ok(answer) => match answer.text().await {
                    Ok(text) if text.contains(r#""database":"connected""#) => Ok(()),
                    other => Err(format!("{other:?}")),
                },
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

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// What it has written to its log.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).expect("the log")
    }

    fn log(&self) -> PathBuf {
        self.file("bot.log")
    }

    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let is_whole = !self.setting("office.ami_user").starts_with("without-")
            && !self.setting("office.ami_user").starts_with("only-");
        if is_whole && !std::thread::panicking() {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let is_said = log.lines().find(|line| line.contains("keeps events from this AMI user"));
            assert!(is_said.is_none(), "nothing is kept from it: {is_said:?}");
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let start = log.ceil_char_boundary(log.len().saturating_sub(LOG_SHOWN));
            let whole =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("office-{}.log", std::process::id()));
            let _ = fs::write(&whole, &log);
            eprintln!("---- the end of {} ----\n{}", whole.display(), &log[start..]);
        }
    }
}

fn variable(key: &str) -> String {
    format!("NOVOFON_BOT_{}", key.replace('.', "__").to_uppercase())
}
