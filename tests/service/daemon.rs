//! The program, running in a folder of its own.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Daemon {
    pub folder: TempDir,
    pub address: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// With this added to its configuration, and these variables.
    pub fn start(config: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("it is bound").to_string();
        drop(free);
        Self::start_in(folder, address, config, variables)
    }

    fn start_in(folder: TempDir, address: String, config: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.arg("serve").env("NOVOFON_BOT_CONFIG", folder.path().join("bot.toml"));
        command.envs(variables.iter().copied()).stderr(Stdio::piped());
        write_config(&folder, &address, config);
        let mut child = command.spawn().expect("the program can be run");
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("a pipe")).lines(), log.clone());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut kept = kept.lock().expect("no thread panics with it");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let daemon = Daemon { folder, address, child, log };
        daemon.until_logged("ready");
        daemon
    }

    pub fn write_config(&self, config: &str) {
        write_config(&self.folder, &self.address, config);
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill can be run").success());
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("no thread panics with it").clone()
    }

    /// Waits for these words in the log and gives all of it.
    #[track_caller]
    pub fn until_logged(&self, words: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if log.contains(words) {
                return log;
            }
            assert!(begun.elapsed() < PATIENCE, "`{words}` is not in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGHUP and gives what is logged up to these words.
    #[track_caller]
    pub fn reload(&self, config: &str, until: &str) -> String {
        let before = self.log().len();
        self.write_config(config);
        self.signal("HUP");
        let begun = Instant::now();
        loop {
            let log = self.log()[before..].to_owned();
            if log.contains(until) {
                return log;
            }
            assert!(begun.elapsed() < PATIENCE, "`{until}` is not in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Another command of the program, with the daemon's configuration.
    pub fn run(&self, arguments: &[&str]) -> Output {
        program()
            .env("NOVOFON_BOT_CONFIG", self.path("bot.toml"))
            .args(arguments)
            .output()
            .expect("the program can be run")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As a crash ends it: it removes nothing.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// The same once more.
    pub fn start_again(self, config: &str) -> Self {
        self.start_again_with(config, &[])
    }

    pub fn start_again_with(mut self, config: &str, variables: &[(&str, &str)]) -> Self {
        let (folder, address) = (
            std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder")),
            self.address.clone(),
        );
        Self::start_in(folder, address, config, variables)
    }

    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("NOVOFON_BOT_")) {
        command.env_remove(variable);
    }
    command.env_remove("NOTIFY_SOCKET").env_remove("RUST_LOG");
    command
}

/// Nothing listens where its Asterisk should be.
fn write_config(folder: &TempDir, address: &str, config: &str) {
    let store = folder.path().join("bot.db");
    let text = format!(
        "http.listen = '{address}'\nstore.url = 'sqlite://{}'\n\
         ari = {{ url = 'http://127.0.0.1:1', username = 'bot', password = 'hunter2' }}\n{config}",
        store.display()
    );
    let path = folder.path().join("bot.toml");
    std::fs::write(path.with_extension("new"), text).expect("it can be written");
    std::fs::rename(path.with_extension("new"), path).expect("it can be renamed");
}
