//! The lab's PBX: its files and its console, and the way back to how it was.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const PBX: &str = "127.0.0.52";
const CARRIER: &str = "127.0.0.53";

pub struct Asterisk {
    pub dir: PathBuf,
    env: BTreeMap<String, String>,
    /// Held for as long as the PBX is this test's.
    _lock: File,
}

impl Asterisk {
    /// The PBX, up and sound whatever the last test left.
    pub fn sound() -> Self {
        let dir = root().join(".lab/doctor");
        fs::create_dir_all(&dir).expect("the lab's folder");
        let lock = File::create(dir.join("tests.lock")).expect("the lab's lock");
        lock.lock().expect("the lab's lock");
        let mut asterisk = Asterisk { dir, env: BTreeMap::new(), _lock: lock };
        asterisk.heal();
        asterisk
    }

    pub fn setting(&self, name: &str) -> &str {
        self.env.get(name).unwrap_or_else(|| panic!("the lab's env has no {name}"))
    }

    pub fn etc(&self) -> PathBuf {
        self.dir.join("pbx/etc")
    }

    /// One of the faults of `scripts/lab`.
    pub fn spoil(&self, fault: &str) {
        lab(&[fault, &self.dir.to_string_lossy()]);
    }

    pub fn console(&self, command: &str) -> String {
        lab(&["cli", "pbx", &self.dir.to_string_lossy(), command])
    }

    /// Until the console says it.
    pub fn until(&self, command: &str, expected: &str) {
        let begun = Instant::now();
        loop {
            let said = self.console(command);
            if said.contains(expected) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "`{command}` never said `{expected}`: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Changes a file of the PBX. The change must hit something.
    pub fn edit(&self, name: &str, change: impl FnOnce(&str) -> String) {
        let path = self.etc().join(name);
        let before = fs::read_to_string(&path).expect("a file of the PBX");
        let after = change(&before);
        assert_ne!(before, after, "{name} is as it was");
        fs::write(path, after).expect("a file of the PBX");
    }

    pub fn reload(&self, module: &str) {
        self.console(&format!("module reload {module}"));
    }

    fn heal(&mut self) {
        // "lab up" makes this folder anew: without the copies, nobody has spoiled anything yet.
        let good = self.etc().join("good");
        lab(&["setup"]);
        self.env = read_env(&self.dir);
        let is_up = !self.env.is_empty() && lab_is_up(&self.dir);
        if is_up && !good.is_dir() {
            self.keep(&good);
        }
        if is_up && !self.differing(&good).is_empty() {
            for name in self.differing(&good) {
                fs::copy(good.join(&name), self.etc().join(&name)).expect("a file of the PBX");
            }
            for module in
                ["http", "res_ari.so", "manager", "res_pjsip.so", "res_pjsip_endpoint_identifier_ip.so"]
            {
                self.reload(module);
            }
            self.reload("res_pjsip_outbound_registration.so");
            self.console("dialplan reload");
            self.console("pjsip send register novofon");
            self.console("pjsip qualify novofon");
        }
        if is_up {
            self.console("module load app_dial.so");
            self.until("pjsip show contacts", " Avail ");
            self.until("pjsip show registrations", "Registered");
            return;
        }
        lab(&["down", &self.dir.to_string_lossy()]);
        lab(&["up", &self.dir.to_string_lossy()]);
        self.env = read_env(&self.dir);
        self.keep(&good);
    }

    fn keep(&self, good: &Path) {
        fs::create_dir(good).expect("a folder");
        for name in names(&self.etc()) {
            fs::copy(self.etc().join(&name), good.join(&name)).expect("a copy");
        }
    }

    fn differing(&self, good: &Path) -> Vec<String> {
        let differs = |name: &String| fs::read(good.join(name)).ok() != fs::read(self.etc().join(name)).ok();
        names(good).into_iter().filter(differs).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.ends_with(".conf")).collect()
}

fn lab_is_up(dir: &Path) -> bool {
    run(&["status", &dir.to_string_lossy()]).0
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read_env(dir: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(dir.join("env")).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.replace('\\', ""))).collect()
}

/// Runs `scripts/lab`. A lab that can't be had fails the test with the script's words.
fn lab(arguments: &[&str]) -> String {
    let (success, said) = run(arguments);
    assert!(success, "scripts/lab {}: {said}", arguments.join(" "));
    said
}

fn run(arguments: &[&str]) -> (bool, String) {
    // Into a file, not a pipe: the daemons that it starts would hold a pipe open.
    let mut output = tempfile::tempfile().expect("a temporary file");
    let copy = || output.try_clone().expect("a second handle");
    let status = Command::new(root().join("scripts/lab"))
        .args(arguments)
        .envs([("LAB_PBX_IP", PBX), ("LAB_CARRIER_IP", CARRIER)])
        .stdin(Stdio::null())
        .stdout(copy())
        .stderr(copy())
        .status()
        .expect("scripts/lab can be run");
    let mut said = String::new();
    output.rewind().expect("a file can be rewound");
    output.read_to_string(&mut said).expect("the script speaks UTF-8");
    (status.success(), said)
}
