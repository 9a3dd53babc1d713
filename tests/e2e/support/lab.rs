//! A laboratory of `scripts/lab`: brought up by the first test that needs it, left up for the next.
//!
//! A test program has two, of one version of Asterisk: one that all tests share and none changes, and one
//! whose PBX is spoiled on purpose, or killed or frozen, by one test at a time.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    net::{IpAddr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{SOON, asterisk::Asterisk, carrier::Carrier, until};
use crate::LABS;

pub struct Lab {
    dir: PathBuf,
    env: HashMap<String, String>,
    /// Held for as long as the PBX is ours alone.
    _lock: Option<File>,
}

/// The labs of one test program, `crate::LABS`.
pub struct Labs {
    /// Which Asterisk, in the words of `scripts/lab`'s `LAB_ASTERISK`; else what the environment says.
    pub asterisk: Option<&'static str>,
    /// Whether that Asterisk tells on a channel which SIP status ended it (`tech_cause`, since late 2025).
    pub tells_sip_status: bool,
    pub shared: Place,
    pub spoiled: Place,
}

/// The name of a lab's folder, and its addresses if nobody has brought it up elsewhere: PBX and carrier.
pub type Place = (&'static str, [&'static str; 2]);

/// Where a lab is: it comes up there again after its PBX was killed.
const ADDRESSES: [&str; 7] =
    ["PBX_IP", "PBX_SIP", "PBX_HTTP", "CARRIER_IP", "CARRIER_SIP", "CARRIER_BACK", "CARRIER_HTTP"];

/// A graceful stop that a failed test left goes on, and takes no calls, until it is called off.
const CALL_OFF: &str = "core abort shutdown";

impl Lab {
    /// The lab that all tests share.
    pub fn shared() -> Self {
        let (dir, lock) = folder(LABS.shared.0);
        lock.lock().expect("the lab's lock");
        let mut lab = Lab { dir, env: HashMap::new(), _lock: None };
        lab.up(LABS.shared.1);
        lab
    }

    /// A lab whose PBX this test may spoil, sound at the start whatever the last test left.
    pub fn to_spoil() -> Self {
        let (dir, lock) = folder(LABS.spoiled.0);
        lock.lock().expect("the lab's lock");
        let mut lab = Lab { dir, env: HashMap::new(), _lock: Some(lock) };
        lab.up(LABS.spoiled.1);
        lab.console("pbx", CALL_OFF);
        lab.spoil("outgoing");
        lab.spoil("right-password");
        lab
    }

    /// A lab whose processes this test may kill and freeze, whole at the start whatever the last test
    /// left. The carrier has no call of a former test.
    pub async fn to_stop() -> Self {
        let (dir, lock) = folder(LABS.spoiled.0);
        lock.lock().expect("the lab's lock");
        let mut lab = Lab { dir, env: HashMap::new(), _lock: Some(lock) };
        if lab.dir.join("env").exists() {
            lab.spoil("pbx-thaw");
            lab.spoil("carrier-thaw");
        }
        lab.up(LABS.spoiled.1);
        lab.console("pbx", CALL_OFF);
        lab.spoil("outgoing");
        lab.spoil("right-password");
        for asterisk in [lab.carriers_asterisk(), lab.asterisk()] {
            asterisk.hang_up_all().await;
        }
        lab
    }

    /// One of the faults of `scripts/lab`, or its repair.
    pub fn spoil(&self, fault: &str) {
        run(&[fault, &self.dir.to_string_lossy()], &[]);
    }

    /// Where the library is that shows a process another time.
    pub fn faketime() -> String {
        run(&["faketime"], &[]).trim().to_owned()
    }

    /// A command on the console of `pbx` or `carrier`.
    pub fn console(&self, which: &str, command: &str) -> String {
        run(&["cli", which, &self.dir.to_string_lossy(), command], &[])
    }

    /// What runs a command on the PBX's console, without the command: for `--cli`.
    pub fn console_command(&self) -> String {
        let script = "#!/bin/sh\n[ \"$1\" = -rx ] && exec";
        let path = self.dir.join("console");
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lab");
        let text = format!("{script} '{}' cli pbx '{}' \"$2\"\n", lab.display(), self.dir.display());
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            // In one step: another test may be about to run it.
            let new = self.dir.join(format!("console.{}", std::process::id()));
            fs::write(&new, text).expect("the console");
            fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("the console");
            fs::rename(new, &path).expect("the console");
        }
        path.display().to_string()
    }

    /// Where the PBX's configuration is.
    pub fn etc(&self) -> PathBuf {
        self.dir.join("pbx/etc")
    }

    /// The callee of a ringing call picks up, just now.
    pub async fn pick_up(&self, sip_call_id: &str) {
        self.callee_does(sip_call_id, "0201").await;
    }

    /// The callee of a ringing call refuses it, just now.
    pub async fn refuse(&self, sip_call_id: &str) {
        self.callee_does(sip_call_id, "0486").await;
    }

    /// The callee of an answered call puts the phone down, just now.
    pub async fn put_down(&self, sip_call_id: &str) {
        let carrier = self.carriers_asterisk();
        carrier.hang_up(&carrier.channel_of(sip_call_id).await).await;
    }

    /// From now on the callee, whom the carrier's Asterisk plays, does what the number
    /// +7900555`digits` does.
    async fn callee_does(&self, sip_call_id: &str, digits: &str) {
        let channel = self.carriers_asterisk().channel_of(sip_call_id).await;
        let name = channel["name"].as_str().expect("a channel has a name");
        // The command is in a module that nobody else needs.
        if self.console("carrier", "module show like res_clioriginate.so").contains("0 modules") {
            self.console("carrier", "module load res_clioriginate.so");
        }
        let said = self.console("carrier", &format!("channel redirect {name} behave,{digits},1"));
        assert!(said.contains("successfully redirected"), "{said}");
    }

    /// Until the PBX shows the trunk's contact as `Avail` or `Unavail`.
    pub async fn until_trunk(&self, state: &str) {
        until(&format!("the trunk is {state}"), SOON, async || {
            let shown = self.console("pbx", "pjsip show contacts");
            if shown.lines().any(|l| l.contains("novofon/sip:") && l.contains(&format!(" {state}"))) {
                Ok(())
            } else {
                Err(shown)
            }
        })
        .await;
    }

    /// The value of a setting in the lab's `env`.
    pub fn setting(&self, name: &str) -> &str {
        self.env.get(name).unwrap_or_else(|| panic!("the lab's env has no {name}"))
    }

    pub fn carrier(&self) -> Carrier {
        Carrier::new(self.setting("CARRIER_LOG"))
    }

    /// The PBX.
    pub fn asterisk(&self) -> Asterisk {
        self.ari("PBX")
    }

    /// The Asterisk behind the carrier's front, where the callees are.
    fn carriers_asterisk(&self) -> Asterisk {
        self.ari("CARRIER")
    }

    fn ari(&self, which: &str) -> Asterisk {
        let setting = |name| self.setting(&format!("{which}_ARI_{name}")).to_owned();
        Asterisk::new(setting("URL"), setting("USER"), setting("PASSWORD"))
    }

    /// Where the PBX's ARI listens.
    pub fn ari_address(&self) -> SocketAddr {
        let port = self.setting("PBX_HTTP").parse().expect("a port");
        SocketAddr::new(self.setting("PBX_IP").parse::<IpAddr>().expect("an address"), port)
    }

    fn up(&mut self, [pbx, carrier]: [&str; 2]) {
        self.env = read_env(&self.dir);
        if self.answers() {
            return;
        }
        let which = LABS.asterisk.map(|which| ("LAB_ASTERISK".to_owned(), which));
        let mut environment = vec![("LAB_PBX_IP".to_owned(), pbx), ("LAB_CARRIER_IP".to_owned(), carrier)];
        if !self.env.is_empty() {
            environment = ADDRESSES.map(|name| (format!("LAB_{name}"), self.setting(name))).to_vec();
        }
        environment.extend(which);
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        run(&["setup"], &environment);
        run(&["up", &self.dir.to_string_lossy()], &environment);
        self.env = read_env(&self.dir);
    }

    /// Whether it is up. `scripts/lab up` would look closer, and restart a PBX that is only busy with
    /// the calls of another test.
    fn answers(&self) -> bool {
        let alive = |name: &str| {
            let pid = fs::read_to_string(self.dir.join(format!("{name}.pid"))).unwrap_or_default();
            let command = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(&*self.dir.to_string_lossy())
        };
        let known = !self.env.is_empty() && ["pbx", "carrier", "front"].into_iter().all(alive);
        known && TcpStream::connect_timeout(&self.ari_address(), Duration::from_secs(2)).is_ok()
    }
}

/// The lab's folder, and the file whose lock says who may change it.
fn folder(name: &str) -> (PathBuf, File) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(".lab").join(name);
    fs::create_dir_all(&dir).expect("the lab's folder");
    let lock = File::create(dir.join("tests.lock")).expect("the lab's lock");
    (dir, lock)
}

fn read_env(dir: &Path) -> HashMap<String, String> {
    let text = fs::read_to_string(dir.join("env")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
        .collect()
}

/// Runs `scripts/lab`. A lab that can't be had fails the test with the script's words.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lab");
    // Into a file, not a pipe: the daemons that it starts would hold a pipe open.
    let mut output = tempfile::tempfile().expect("a temporary file");
    let copy = || output.try_clone().expect("a second handle");
    let status = Command::new(script)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .stdout(copy())
        .stderr(copy())
        .status()
        .expect("scripts/lab can be run");
    let mut said = String::new();
    std::io::Seek::rewind(&mut output).expect("a file can be rewound");
    output.read_to_string(&mut said).expect("the script speaks UTF-8");
    assert!(status.success(), "scripts/lab {}: {status}\n{said}", arguments.join(" "));
    said
}
