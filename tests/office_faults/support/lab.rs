//! A laboratory of `scripts/offices` that is spoiled on purpose: each test holds the parts that it breaks or counts on,
//! and leaves them whole. Brought up by the first test that needs it, left up for the next.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::process::Command;

use super::until;
use crate::LAB;

/// What a test may have to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    June,
    July,
    Postgres,
}

/// A fault of `scripts/offices`, and the command that takes it back.
const REPAIRS: [(&str, &str); 13] = [
    ("host-down", "host-up"),
    ("ssh-hang", "ssh-thaw"),
    ("ssh-hang-new", "ssh-thaw"),
    ("ssh-newkey", "ssh-thaw"),
    ("ssh-drop", "ssh-thaw"),
    ("ssh-nosocket", "ssh-socket"),
    ("asterisk-stop", "asterisk-start"),
    ("asterisk-kill", "asterisk-start"),
    ("asterisk-freeze", "asterisk-thaw"),
    ("ami-off", "ami-on"),
    ("ari-off", "ari-on"),
    ("pg-stop", "pg-start"),
    ("pg-freeze", "pg-thaw"),
];

/// A phone behind the carrier: its office and its number.
#[derive(Debug, Clone)]
pub struct Phone {
    pub office: &'static str,
    pub name: String,
}

/// Due after each test, of its offices.
const HANG_UP: &str = "hang-up";

#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    env: HashMap<String, String>,
    parts: Vec<Part>,
    /// Commands that are due before anybody else gets the parts; in a file too, for the test may be killed.
    due: Mutex<BTreeSet<String>>,
    _locks: Vec<File>,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::June => "june",
            Part::July => "july",
            Part::Postgres => "pg",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "june" => Part::June,
            "july" => Part::July,
            _ => Part::Postgres,
        }
    }
}

impl Lab {
    /// Waits until no other test has these parts.
    pub async fn hold(parts: &[Part]) -> Self {
        let mut parts = parts.to_vec();
        parts.sort_unstable();
        let (name, first) = LAB;
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(".lab").join(name);
        fs::create_dir_all(&dir).expect("the lab's folder");
        let lock = |name: &str| File::create(dir.join(format!("{name}.lock"))).expect("a lock of the lab");
        let whole = lock("tests");
        loop {
            whole.lock_shared().expect("the lab's lock");
            if is_up(&dir) {
                break;
            }
            whole.unlock().expect("it is locked");
            // Nobody else is in it now.
            whole.lock().expect("the lab's lock");
            if !is_up(&dir) {
                up(&dir, first).await;
            }
            whole.unlock().expect("it is locked");
        }
        let mut locks = vec![whole];
        for part in &parts {
            let lock = lock(&format!("tests-{}", part.name()));
            lock.lock().expect("a part's lock");
            locks.push(lock);
        }
        let due: BTreeSet<String> = parts.iter().flat_map(|part| read_due(&dir, *part)).collect();
        let env = read_env(&dir);
        let inner = Inner { dir, env, parts, due: Mutex::new(due), _locks: locks };
        inner.mend();
        // Should this test be killed, the next one hangs up its calls.
        for part in inner.parts.iter().filter(|part| **part != Part::Postgres) {
            inner.is_due(*part, &[HANG_UP, part.name()], true);
        }
        Lab(Arc::new(inner))
    }

    /// The value of a setting in the lab's `env`.
    pub fn setting(&self, name: &str) -> &str {
        self.0.env.get(name).unwrap_or_else(|| panic!("the lab's env has no {name}"))
    }

    /// A setting of an office: `office("june", "SECRET")`.
    pub fn office(&self, office: &str, name: &str) -> &str {
        self.setting(&format!("{}_{name}", office.to_uppercase()))
    }

    /// All that must be seen nowhere.
    pub fn passwords(&self) -> Vec<String> {
        let is_secret = |name: &&String| name.ends_with("PASSWORD") || name.ends_with("SECRET");
        self.0.env.keys().filter(is_secret).map(|name| self.0.env[name].clone()).collect()
    }

    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// A command of `scripts/offices` on this lab: what it prints.
    pub async fn run(&self, command: &str, arguments: &[&str]) -> String {
        let output = output(self.0.words(command, arguments)).await;
        told(command, arguments, &output)
    }

    /// Breaks something of an office (or of `pg`), or repairs it. What is broken at the end is repaired then.
    pub async fn fault(&self, command: &str, office: &str) {
        let mut words = vec![office];
        if office == "pg" {
            words.clear();
        }
        if let Some((_, repair)) = REPAIRS.iter().find(|(fault, _)| *fault == command) {
            self.0.is_due(Part::of(office), &[&[*repair], words.as_slice()].concat(), true);
        }
        self.run(command, &words).await;
        if REPAIRS.iter().any(|(_, repair)| *repair == command) {
            self.0.is_due(Part::of(office), &[&[command], words.as_slice()].concat(), false);
        }
    }

    /// The host has another password from now on; `None`: its own again.
    pub async fn ssh_password(&self, office: &str, password: Option<&str>) {
        self.0.is_due(Part::of(office), &["ssh-password", office], password.is_some());
        let words: Vec<&str> = std::iter::once(office).chain(password).collect();
        self.run("ssh-password", &words).await;
    }

    pub async fn sql(&self, sql: &str) -> String {
        self.run("sql", &[sql]).await
    }

    /// A command of an Asterisk's console.
    pub async fn console(&self, which: &str, command: &str) -> String {
        self.run("cli", &[which, command]).await
    }

    /// How many calls that Asterisk has ever had.
    pub async fn calls_processed(&self, which: &str) -> u64 {
        let shown = self.console(which, "core show calls").await;
        let count = shown.lines().find_map(|line| line.trim().strip_suffix(" calls processed"));
        let count =
            count.or_else(|| shown.lines().find_map(|line| line.trim().strip_suffix(" call processed")));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{shown}"))
    }

    /// A phone behind the carrier of an office that does what `digits` tells, and that nobody else calls.
    pub fn number(&self, office: &'static str, digits: &str) -> Phone {
        let random = uuid::Uuid::new_v4().as_u128() % 10_000_000_000;
        Phone { office, name: format!("+37529{random:010}{digits}") }
    }

    /// How many calls came to each of these numbers, whatever the bot says.
    pub async fn arrivals(&self, numbers: &[&Phone]) -> Vec<u64> {
        let shown = self.console("phones", "database show arrived").await;
        let count = |phone: &&Phone| {
            let key = format!("/arrived/{}-{} ", phone.office, phone.name);
            let line = shown.lines().find(|line| line.starts_with(&key));
            line.and_then(|line| line.rsplit(' ').find(|word| !word.is_empty())?.parse().ok()).unwrap_or(0)
        };
        numbers.iter().map(count).collect()
    }

    /// What the sshd of an office writes from now on.
    pub fn sshd_log(&self, office: &str) -> Log {
        Log::new(PathBuf::from(self.office(office, "SSH_LOG")))
    }

    /// What an Asterisk writes from now on, with everything that it does.
    pub fn asterisk_log(&self, which: &str) -> Log {
        Log::new(self.0.dir.join(which).join("log/messages.log"))
    }

    /// Nobody at this office is in a call.
    pub async fn until_free(&self, office: &str) {
        until(&format!("{office} has no calls"), Duration::from_secs(30), async || {
            let shown = self.console(office, "core show channels concise").await;
            if shown.trim().is_empty() { Ok(()) } else { Err(shown) }
        })
        .await;
    }
}

impl Inner {
    fn words(&self, command: &str, arguments: &[&str]) -> Vec<String> {
        let dir = self.dir.to_str().expect("the lab's folder has a name in UTF-8");
        [command, dir].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
    }

    fn is_due(&self, part: Part, words: &[&str], is: bool) {
        assert!(self.parts.contains(&part), "this test does not hold {part:?}");
        let mut due = self.due.lock();
        let line = words.join(" ");
        if is {
            due.insert(line)
        } else {
            due.remove(&line)
        };
        self.write_due(&due);
    }

    fn write_due(&self, due: &BTreeSet<String>) {
        for part in &self.parts {
            let is_its = |line: &&String| line.split(' ').nth(1).unwrap_or("pg") == part.name();
            let text: String = due.iter().filter(is_its).map(|line| format!("{line}\n")).collect();
            fs::write(self.dir.join(format!("due-{}", part.name())), text).expect("the lab's folder");
        }
    }

    /// Does what is due; what fails is for the next test to try.
    fn mend(&self) {
        let mut due = self.due.lock();
        // What stands still comes first: it could not be spoken to.
        let mut lines: Vec<String> = due.iter().cloned().collect();
        lines.sort_by_key(|line| (line.contains(HANG_UP), !line.contains("-thaw")));
        for line in lines {
            let (command, arguments) = line.split_once(' ').unwrap_or((&line, ""));
            let arguments: Vec<&str> = arguments.split(' ').filter(|word| !word.is_empty()).collect();
            if command == HANG_UP {
                self.hang_up(arguments[0]);
                due.remove(&line);
                continue;
            }
            let mut script = std::process::Command::new(script());
            let status = script
                .args(self.words(command, &arguments))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status();
            if status.is_ok_and(|status| status.success()) {
                due.remove(&line);
            }
        }
        self.write_due(&due);
    }

    /// Nobody is left in a call: the office's Asterisk, and then the phones that were not told.
    fn hang_up(&self, office: &str) {
        let cli = |which: &str, command: &str| {
            let mut script = std::process::Command::new(script());
            let output = script.args(self.words("cli", &[which, command])).stdin(Stdio::null()).output();
            output.map(|output| text(&output.stdout)).unwrap_or_default()
        };
        cli(office, "channel request hangup all");
        let shown = cli("phones", "core show channels concise");
        let own = format!("PJSIP/{office}-");
        for channel in shown.lines().filter(|line| line.starts_with(&own)) {
            let name = channel.split('!').next().unwrap_or_default();
            cli("phones", &format!("channel request hangup {name}"));
        }
        let heard = fs::read_dir(self.dir.join("heard")).into_iter().flatten().flatten();
        for file in heard.filter(|file| file.file_name().to_string_lossy().starts_with(office)) {
            let _ = fs::remove_file(file.path());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.mend();
    }
}

/// A file from one moment on.
pub struct Log {
    file: PathBuf,
    since: u64,
}

impl Log {
    fn new(file: PathBuf) -> Self {
        let since = fs::metadata(&file).map(|data| data.len()).unwrap_or_default();
        Log { file, since }
    }

    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        let mut file = File::open(&self.file).expect("the log is there");
        file.seek(SeekFrom::Start(self.since)).expect("it only grows");
        file.read_to_end(&mut bytes).expect("it can be read");
        text(&bytes)
    }

    pub fn count(&self, words: &str) -> usize {
        self.text().matches(words).count()
    }
}

/// The phones and the settings are there; the parts may be in the hands of tests that break them.
fn is_up(dir: &Path) -> bool {
    let pid = fs::read_to_string(dir.join("phones.pid")).unwrap_or_default();
    let command = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    dir.join("env").exists() && text(&command).contains(&*dir.to_string_lossy())
}

async fn up(dir: &Path, first: &str) {
    let env = read_env(dir);
    let first = env.get("JUNE_IP").map_or(first, String::as_str);
    let shift = env.get("OFFICES_SHIFT_NOW").map_or("0", String::as_str);
    for command in ["setup", "up"] {
        let mut script = Command::new(script());
        script.arg(command);
        if command == "up" {
            script.arg(dir);
        }
        // Its Asterisks tell all that they do: what never reached them must not be there.
        script.envs([("OFFICES_FIRST", first), ("OFFICES_SHIFT", shift), ("LAB_VERBOSE", "1")]);
        told(command, &[], &output_of(script).await);
    }
    for part in [Part::June, Part::July, Part::Postgres] {
        let _ = fs::remove_file(dir.join(format!("due-{}", part.name())));
    }
}

fn read_due(dir: &Path, part: Part) -> Vec<String> {
    let text = fs::read_to_string(dir.join(format!("due-{}", part.name()))).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn read_env(dir: &Path) -> HashMap<String, String> {
    let text = fs::read_to_string(dir.join("env")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
        .collect()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/offices")
}

async fn output(words: Vec<String>) -> Output {
    let mut command = Command::new(script());
    command.args(words);
    output_of(command).await
}

async fn output_of(mut command: Command) -> Output {
    // Into files, not pipes: the daemons that it starts would hold a pipe open.
    let file = || tempfile::NamedTempFile::new().expect("a temporary file");
    let (out, err) = (file(), file());
    let handle = |file: &tempfile::NamedTempFile| Stdio::from(file.reopen().expect("a second handle"));
    let status = command.stdin(Stdio::null()).stdout(handle(&out)).stderr(handle(&err)).status().await;
    let read = |file: &tempfile::NamedTempFile| fs::read(file.path()).expect("a temporary file");
    Output { status: status.expect("scripts/offices can be run"), stdout: read(&out), stderr: read(&err) }
}

fn told(command: &str, arguments: &[&str], output: &Output) -> String {
    let (said, status) = (text(&output.stdout), output.status);
    let words = arguments.join(" ");
    assert!(status.success(), "scripts/offices {command} {words}: {status}\n{said}{}", text(&output.stderr));
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
