//! asterisk.sh and all.sh where no systemd has the unit: the bot as a process, which they start, ask, and stop.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

use crate::support::{said, script, write};

const BOT: &str = env!("CARGO_BIN_EXE_novofon-bot");

/// Pairs of ports of this process.
static PORTS: AtomicU16 = AtomicU16::new(0);

/// A bot's configuration and folder; what runs with it is ended with this.
struct Service {
    folder: tempfile::TempDir,
    main: String,
    office: String,
    /// Of its one enterprise.
    secret: String,
}

impl Service {
    /// With an office API, whose enterprises are in an SQLite file.
    fn new() -> Self {
        let mut service = Self::without_office();
        let database = service.database();
        service.append(&format!(
            "[office]\nlisten = \"{}\"\ndatabase = \"{database}\"\nssh_known_hosts = \"{}\"\n",
            service.office,
            service.at("known_hosts").display()
        ));
        let added = Command::new(BOT)
            .args(["enterprise", "add", "0367", "june", "127.0.0.1", "--database", &database])
            .output()
            .expect("the program can be run");
        assert!(added.status.success(), "{}", said(&added));
        service.secret = String::from_utf8(added.stdout).expect("UTF-8").trim().to_owned();
        service
    }

    fn database(&self) -> String {
        format!("sqlite://{}", self.at("enterprises.db").display())
    }

    fn without_office() -> Self {
        // An address of its own on the loopback network: no other process takes its ports.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let (address, n) =
            (format!("127.{}.{b}.{c}", 192 + a % 32), PORTS.fetch_add(2, Ordering::Relaxed) % 100);
        let (main, office) = (format!("{address}:{}", 8018 + n), format!("{address}:{}", 8019 + n));
        let secret = String::new();
        let service = Service { folder: tempfile::tempdir().expect("a folder"), main, office, secret };
        let config = format!(
            "[http]\nlisten = \"{}\"\n[ari]\nurl = \"http://127.0.0.1:9\"\nusername = \"nobody\"\npassword = \"nothing\"\n\
             [store]\nurl = \"sqlite://{}\"\n",
            service.main,
            service.at("bot.db").display()
        );
        write(&service.config(), config.as_bytes(), 0o600);
        service
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.at("config.toml")
    }

    fn append(&self, text: &str) {
        let config = fs::read_to_string(self.config()).expect("the configuration");
        write(&self.config(), (config + text).as_bytes(), 0o600);
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = script(name);
        command.args(arguments).stdin(Stdio::null());
        command.env("NOVOFON_BOT_CONFIG", self.config()).env("NOVOFON_BOT", BOT);
        command
    }

    /// Into files, not pipes: what is started would hold a pipe open.
    fn run(&self, mut command: Command) -> Output {
        let [out, err] = ["out", "err"].map(|name| self.at(name));
        let file = |path: &Path| fs::File::create(path).expect("a file");
        let status = command.stdout(file(&out)).stderr(file(&err)).status().expect("the script can be run");
        let read = |path: &Path| fs::read(path).expect("a file");
        Output { status, stdout: read(&out), stderr: read(&err) }
    }

    #[track_caller]
    fn ends_with(&self, command: Command, code: i32, words: &[&str]) {
        let output = self.run(command);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(code), "{told}");
        for words in words {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[track_caller]
    fn asterisk(&self, verb: &str, code: i32, words: &[&str]) {
        self.ends_with(self.command("asterisk.sh", &[verb]), code, words);
    }

    #[track_caller]
    fn all(&self, verb: &str, code: i32, words: &[&str]) {
        self.ends_with(self.command("all.sh", &[verb]), code, words);
    }

    /// The number in the file, whoever that is.
    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.at("novofon-bot.pid")).ok()?.lines().next()?.parse().ok()
    }

    fn started_by_nobody(&self, pid: u32) {
        write(&self.at("novofon-bot.pid"), format!("{pid}\n{}\n", birth(pid)).as_bytes(), 0o600);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.at("asterisk_service.log")).unwrap_or_default());
        }
        self.run(self.command("asterisk.sh", &["stop"]));
    }
}

/// The fields of /proc/PID/stat after the name; none for one that is dead.
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields =
        text.rsplit_once(") ").map_or(Vec::new(), |(_, rest)| rest.split(' ').map(str::to_owned).collect());
    if fields.first().is_some_and(|state| state == "Z") { Vec::new() } else { fields }
}

fn is_alive(pid: u32) -> bool {
    !stat(pid).is_empty()
}

fn birth(pid: u32) -> String {
    stat(pid)[19].clone()
}

fn shell(script: &str) -> Child {
    Command::new("sh").args(["-c", script, "serve"]).stdin(Stdio::null()).spawn().expect("a shell")
}

#[test]
fn it_is_started_once_tried_and_stopped() {
    let service = Service::new();
    service.asterisk("status", 3, &["it does not run"]);
    service.asterisk("start", 0, &["started"]);
    let pid = service.pid().expect("it has a pid file");
    assert_eq!(stat(pid)[3], pid.to_string(), "it is in a session of its own");
    service.asterisk("start", 0, &["it runs already", &pid.to_string()]);
    assert_eq!(service.pid(), Some(pid));
    let url = format!("http://{}", service.office);
    service.asterisk("status", 0, &[&url, "database of enterprises: connected", "live calls: 0"]);
    service.asterisk("logs", 0, &["the office API is ready"]);
    service.asterisk("test", 0, &["/health", "/api/status", "422", "401", "all is well"]);
    // What the tests ask by, nobody has, and no call came of it.
    let log = fs::read_to_string(service.at("asterisk_service.log")).expect("the log");
    assert!(log.contains("Invalid clientId") && !log.contains("the call was accepted"), "{log}");

    service.asterisk("restart", 0, &["stopped", "started"]);
    let next = service.pid().expect("it has a pid file");
    assert!(next != pid && !is_alive(pid) && is_alive(next));

    // A configuration that got broken meanwhile is no reason to go on.
    service.append("[dial\n");
    service.asterisk("restart", 6, &["config.toml", "put the configuration right"]);
    assert!(is_alive(next), "the new one could not have started");
    service.asterisk("stop", 0, &["✓ stopped"]);
    assert!(!is_alive(next));
    service.asterisk("stop", 0, &["it is stopped already"]);
    service.asterisk("status", 3, &[]);
}

#[test]
fn it_speaks_russian() {
    let service = Service::new();
    let russian = |verb: &str| {
        let mut command = service.command("asterisk.sh", &[verb]);
        command.env("LANG", "ru_RU.UTF-8");
        command
    };
    service.ends_with(russian("start"), 0, &["✓ запущен"]);
    service.ends_with(russian("status"), 0, &["✓ работает", "база предприятий: подключена"]);
    service.ends_with(russian("test"), 0, &["чужой clientId — 401", "всё в порядке"]);
    service.ends_with(russian("stop"), 0, &["✓ остановлен"]);
    service.ends_with(russian("status"), 3, &["не работает"]);
    service.ends_with(russian("begin"), 2, &["Использование"]);
    // What the program itself says of a configuration, too.
    service.append("[dial]\nmax_queued = -1\n");
    for (name, verb) in [("all.sh", "start"), ("all.sh", "reload"), ("asterisk.sh", "reload")] {
        let mut command = service.command(name, &[verb]);
        command.env("LANG", "ru_RU.UTF-8");
        service.ends_with(command, 6, &["dial.max_queued", "исправьте настройки", "нужно: целое число"]);
    }
}

/// Only root can stage it: whoever may not read the configuration is told so in both languages.
#[test]
fn a_configuration_that_may_not_be_read_is_told() {
    use std::os::unix::process::CommandExt;
    let service = Service::new();
    if std::os::unix::fs::chown(service.config(), Some(0), Some(0)).is_err() {
        return;
    }
    // Where another user gets at it.
    let bot = service.at("novofon-bot");
    fs::copy(BOT, &bot).expect("copied");
    fs::set_permissions(service.folder.path(), PermissionsExt::from_mode(0o755)).expect("root can");
    for (lang, words) in
        [("ru_RU.UTF-8", "прочитать нельзя: запустите через sudo"), ("C", "no right to read")]
    {
        for verb in ["start", "status"] {
            let mut command = service.command("all.sh", &[verb]);
            command.uid(65534).gid(65534).env("LANG", lang).env("NOVOFON_BOT", &bot);
            service.ends_with(command, 4, &[words]);
        }
    }
}

/// A secret of an enterprise can be tried, and is in no list of processes.
#[test]
fn the_test_tries_a_secret_and_finds_what_is_wrong() {
    let service = Service::new();
    // One that does not run is said to, once.
    let stopped = said(&service.run(service.command("asterisk.sh", &["test"])));
    assert!(stopped.starts_with("✗ it does not run") && stopped.contains("asterisk.sh start"), "{stopped}");
    assert_eq!(stopped.lines().count(), 1, "{stopped}");
    let elsewhere = service.command("asterisk.sh", &["test", &format!("http://{}", service.office)]);
    let silent = said(&service.run(elsewhere));
    assert!(silent.contains("does not answer: curl:"), "{silent}");
    assert_eq!(silent.matches('✗').count(), 2, "each line of it, and the sum: {silent}");
    service.asterisk("start", 0, &[]);
    let with = |secret: &str, url: &str| {
        let mut command = service.command("asterisk.sh", &["test", url]);
        command.env("CLIENT_ID", secret);
        command
    };
    let url = format!("http://{}", service.office);
    service.ends_with(with(&service.secret, &url), 0, &["✓ CLIENT_ID is the secret of an enterprise"]);
    service.ends_with(
        with("d68409d67e3b4b87a6675e76dae74a85", &url),
        1,
        &["✗ CLIENT_ID", "expected 200 and \"calls\":[, got 401 and ", "Invalid clientId"],
    );
    service.asterisk("stop", 0, &[]);

    let config = fs::read_to_string(service.config()).expect("it is read");
    let away = config.replace(&service.database(), "postgres://nobody@127.0.0.1:9/none");
    write(&service.config(), away.as_bytes(), 0o600);
    service.asterisk("start", 0, &[]);
    service.asterisk("status", 0, &["✗ the database of enterprises is away", "Connection refused"]);
    let mut russian = service.command("asterisk.sh", &["status"]);
    russian.env("LANG", "ru_RU.UTF-8");
    service.ends_with(russian, 0, &["✗ база предприятий недоступна", "в соединении отказано"]);
    let away = ["✓ /health", "✗ /api/status", "is away: ", "Connection refused", "Database connection error"];
    service.asterisk("test", 1, &away);
}

#[test]
fn a_number_in_a_file_may_be_anybodys() {
    let service = Service::new();
    let mut other = Command::new("sleep").arg("600").spawn().expect("sleep");
    for birth in [birth(other.id()), "1".to_owned()] {
        write(&service.at("novofon-bot.pid"), format!("{}\n{birth}\n", other.id()).as_bytes(), 0o600);
        service.asterisk("status", 3, &[]);
        service.asterisk("stop", 0, &["it is stopped already"]);
        assert!(is_alive(other.id()), "a process that is not ours is left alone");
    }
    other.kill().expect("our child");
    other.wait().expect("our child");
}

/// Live calls have their time: `stop` returns when the process has ended, and not before.
#[test]
fn a_stop_waits_for_the_end() {
    let service = Service::new();
    let mut slow = shell("trap 'sleep 2; exit' TERM; while :; do sleep 0.1; done");
    service.started_by_nobody(slow.id());
    let begun = Instant::now();
    service.asterisk("stop", 0, &["✓ stopped"]);
    assert!(!is_alive(slow.id()) && begun.elapsed() >= Duration::from_secs(2));
    slow.wait().expect("our child");
}

#[test]
fn what_hinders_a_start_is_told() {
    let service = Service::new();
    let mut start = service.command("asterisk.sh", &["start"]);
    start.env("NOVOFON_BOT", "/nonexistent/novofon-bot");
    service.ends_with(start, 5, &["there is no program /nonexistent/novofon-bot", "cargo build"]);

    let mut start = service.command("asterisk.sh", &["start"]);
    start.env("NOVOFON_BOT_CONFIG", "/nonexistent/config.toml");
    service.ends_with(start, 6, &["/nonexistent/config.toml", "NOVOFON_BOT_CONFIG=/path/config.toml"]);

    let mut start = service.command("asterisk.sh", &["start"]);
    start.env("NOVOFON_BOT_STORE__URL", "sqlite:///nonexistent/folder/bot.db");
    service.ends_with(start, 6, &["there is no folder /nonexistent/folder", "install -d"]);

    let taken = TcpListener::bind(&service.office).expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    service.asterisk(
        "start",
        1,
        &[&format!("port {port} of"), "is taken by another program", "office.listen"],
    );
    drop(taken);
    assert_eq!(service.pid(), None, "nothing was started");

    // One that ends at once: its own last words are shown.
    let ends = service.at("ends");
    let text =
        format!("#!/bin/sh\n[ \"$1\" = serve ] || exec '{BOT}' \"$@\"\necho 'a disk is full'; exit 1\n");
    write(&ends, text.as_bytes(), 0o755);
    let mut start = service.command("asterisk.sh", &["start"]);
    start.env("NOVOFON_BOT", &ends);
    service.ends_with(start, 1, &["| a disk is full", "it did not start"]);
    assert_eq!(service.pid(), None);

    service.asterisk("", 2, &["Usage"]);
    service.all("logs", 2, &["Usage"]);
}

#[test]
fn all_says_what_is_set_up() {
    let service = Service::without_office();
    service.asterisk("start", 6, &["the API for enterprises is not set up", "office.database"]);
    service.all("status", 3, &["does not run"]);
    let main = format!("✓ main API: http://{}", service.main);
    service.all("start", 0, &["started", &main, "API for enterprises: not set up"]);
    service.all("status", 0, &[&main, "API for enterprises: not set up"]);
    service.all("stop", 0, &["stopped"]);

    let service = Service::new();
    let both = [
        format!("✓ main API: http://{}", service.main),
        format!("✓ API for enterprises: http://{}", service.office),
    ];
    service.all("start", 0, &[&both[0], &both[1]]);
    // The two scripts speak of the same process.
    service.asterisk("status", 0, &[]);
    service.all("status", 0, &[&both[0], &both[1]]);
    service.all("restart", 0, &["stopped", "started"]);
    service.all("stop", 0, &["stopped"]);
    service.asterisk("status", 3, &[]);
}

#[test]
fn a_reload_tells_what_the_bot_made_of_it() {
    let service = Service::new();
    service.asterisk("reload", 7, &["it does not run"]);
    service.all("start", 0, &[]);
    let pid = service.pid();
    service.all("reload", 0, &["nothing to change", "✓ the configuration was read again"]);
    service.append("[dial]\nmax_concurrent = 7\n");
    service.asterisk("reload", 0, &["dial.max_concurrent", "→ 7", "✓ the configuration was read again"]);
    service.append("max_queued = -1\n");
    service.asterisk("reload", 6, &["dial.max_queued", "put the configuration right"]);
    assert_eq!(service.pid(), pid, "it is the same process");
    let log = fs::read_to_string(service.at("asterisk_service.log")).expect("the log");
    assert_eq!(log.matches("configuration read again").count(), 2, "{log}");
    service.all("stop", 0, &[]);
}

/// Only root can stage it: run by root once, then by the folder's owner.
#[test]
fn nothing_that_root_made_is_in_its_owners_way() {
    use std::os::unix::fs::{MetadataExt, chown};
    let service = Service::new();
    let nobody = 65534;
    if chown(service.folder.path(), Some(nobody), Some(nobody)).is_err() {
        return;
    }
    service.asterisk("start", 0, &["started"]);
    service.asterisk("stop", 0, &["stopped"]);
    let made = fs::read_dir(service.folder.path()).expect("the folder");
    let made = made.map(|entry| entry.expect("an entry").path());
    // What the test itself put there is the test's.
    let given = ["bot.toml", "out", "err", "enterprises.db", "config.toml"];
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let of_bot: Vec<PathBuf> = made.filter(|path| !given.contains(&name(path).as_str())).collect();
    assert!(of_bot.len() >= 3, "{of_bot:?}");
    for path in of_bot {
        assert_eq!(fs::metadata(&path).expect("it is there").uid(), nobody, "{}", path.display());
    }
}

/// There is no file that the number and the log could lie beside: they stay where the user runs it from.
#[test]
fn with_postgresql_all_lies_beside_the_configuration() {
    let service = Service::without_office();
    let config = fs::read_to_string(service.config()).expect("it is read");
    let store = format!("sqlite://{}", service.at("bot.db").display());
    let postgres = config.replace(&store, "postgres://nobody@127.0.0.1:9/none");
    write(&service.config(), postgres.as_bytes(), 0o600);
    // There is no such server, so it ends at once.
    let log = service.at("asterisk_service.log").display().to_string();
    service.all("start", 1, &["it did not start", &log]);
    assert!(service.at("novofon-bot.lock").exists());
}

/// A child that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().expect("our child");
        self.0.wait().expect("our child");
    }
}

/// quickstart, a terminal, another script: whoever started it, it runs, and whoever started it stops it.
#[test]
fn a_bot_that_was_started_another_way_is_seen() {
    let service = Service::new();
    let log = service.at("terminal.log");
    let other = Command::new(BOT)
        .args(["serve", "--config", "config.toml"])
        .current_dir(service.folder.path())
        .stdin(Stdio::null())
        .stderr(fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("the program can be run");
    let other = Ended(other);
    let pid = format!("pid {}", other.0.id());
    let kill = format!("To stop it: kill {}", other.0.id());
    let until = Instant::now() + Duration::from_secs(30);
    while !fs::read_to_string(&log).expect("its log").contains("the office API is ready") {
        assert!(Instant::now() < until, "it did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let main = format!("✓ main API: http://{}", service.main);
    service.all("status", 0, &["started another way", &pid, &kill, &main]);
    service.all("start", 0, &["started another way", &pid, &main]);
    service.asterisk("status", 0, &["started another way", &pid, &log.display().to_string()]);
    service.asterisk("logs", 0, &["the office API is ready"]);
    service.append("[dial]\nmax_concurrent = 7\n");
    service.asterisk("reload", 0, &["dial.max_concurrent", "→ 7", "✓ the configuration was read again"]);
    service.all("stop", 1, &["started another way", &pid, &kill]);
    service.all("restart", 1, &[&kill]);
    assert!(is_alive(other.0.id()) && service.pid().is_none(), "there is one bot, and it goes on");

    // Who asks for another bot is told that there is this one.
    let config = service.config().display().to_string();
    let stranger = Service::new();
    // As it can be named from anywhere, though it was not started so.
    stranger.all(
        "status",
        3,
        &["does not run", "another bot runs", &pid, &format!("NOVOFON_BOT_CONFIG={config} ")],
    );
    stranger.all("stop", 0, &["it is stopped already", &pid]);
    let mut listed = stranger.command("all.sh", &["status"]);
    listed.env("NOVOFON_BOT_CONFIG", &config);
    stranger.ends_with(listed, 0, &[&pid]);

    drop(other);
    service.all("status", 3, &["does not run"]);
}

#[test]
fn a_process_beside_systemd_is_found() {
    let service = Service::new();
    service.asterisk("start", 0, &[]);
    let pid = service.pid().expect("it runs").to_string();
    let lib = crate::support::root().join("scripts/lib/bots.sh");
    let listed = || {
        let mut bash = Command::new("bash");
        bash.args(["-c", "set -euo pipefail; . \"$1\"; running_bots", "-"]).arg(&lib);
        let output = bash.output().expect("bash can be run");
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let config = service.config().display().to_string();
    let is_ours = |line: &str| line.starts_with(&format!("{pid} ")) && line.ends_with(&config);
    assert!(listed().lines().any(is_ours), "{}", listed());
    service.asterisk("stop", 0, &[]);
    assert!(!listed().lines().any(is_ours), "{}", listed());
}
