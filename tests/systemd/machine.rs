//! A machine with a real systemd, and the service on it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::support::{Lab, SOON, api::Api, carrier::Carrier, until};

/// What a name server would say of Asterisk's address, so that the service has a name to look up.
const PBX: &str = "pbx.example";

static MACHINES: AtomicU32 = AtomicU32::new(0);

pub struct Machine {
    dir: PathBuf,
    pub api: Api,
    pub carrier: Carrier,
    /// The one that the installation made.
    pub key: String,
    /// Where its office API listens, if it is given one.
    pub office: String,
}

impl Machine {
    /// A machine with the service installed and not started: it has no password of Asterisk's yet.
    pub fn installed(lab: &Lab) -> Self {
        let number = MACHINES.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(".lab/machine-{pid}-{number}"));
        let share = dir.join("share");
        fs::create_dir_all(&share).expect("the machine's folder");
        fs::copy(env!("CARGO_BIN_EXE_novofon-bot"), share.join("novofon-bot")).expect("the program");
        fs::set_permissions(share.join("novofon-bot"), Permissions::from_mode(0o755)).expect("the program");
        // An address of its own on the loopback network: no other process takes its port.
        let [_, a, b, c] = pid.to_be_bytes();
        let listen = format!("127.{}.{b}.{c}:{}", 128 + a % 64, 8100 + number);
        let office = listen.replace(":8", ":9");
        let mut machine = Machine {
            dir,
            api: Api::new(format!("http://{listen}")),
            carrier: lab.carrier(),
            key: String::new(),
            office,
        };
        machine.script(&["up", &machine.dir.to_string_lossy()]);
        let told = machine.run(&["/mnt/checkout/scripts/install", "--binary", "/mnt/share/novofon-bot"]);
        let is_key = |line: &&str| line.len() == 48 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
        let key =
            told.lines().map(str::trim).find(is_key).unwrap_or_else(|| panic!("no key was made: {told}"));
        machine.api = Api::with_key(format!("http://{listen}"), key);
        machine.key = key.to_owned();
        let (ip, port) = (lab.setting("PBX_IP"), lab.setting("PBX_HTTP"));
        machine.append("/etc/hosts", &format!("{ip} {PBX}\n"));
        // Later tables of the same name would be an error: these settings come as the operator's variables.
        machine.drop_in(
            "lab",
            &format!(
                "Environment=NOVOFON_BOT_ARI__URL=http://{PBX}:{port} NOVOFON_BOT_ARI__APP=systemd_{pid}_{number} \
                 NOVOFON_BOT_HTTP__LISTEN={listen} NOVOFON_BOT_SCENARIOS__DEFAULT__STEPS=[{{wait=600}}]"
            ),
        );
        machine
    }

    /// The same, with the password, started and ready.
    pub async fn running(lab: &Lab, drop_in: &str) -> Self {
        let machine = Machine::installed(lab);
        machine.drop_in("test", drop_in);
        machine.give_password(lab);
        machine.run(&["systemctl", "start", "novofon-bot"]);
        machine.until_ready().await;
        machine
    }

    pub fn give_password(&self, lab: &Lab) {
        self.append("/etc/novofon-bot/ari_password", lab.setting("PBX_ARI_PASSWORD"));
    }

    pub fn append(&self, path: &str, text: &str) {
        self.run(&["sh", "-c", r#"printf %s "$1" >>"$2""#, "-", text, path]);
    }

    /// Settings of the service on top of those that it came with.
    pub fn drop_in(&self, name: &str, lines: &str) {
        let folder = "/etc/systemd/system/novofon-bot.service.d";
        self.run(&["mkdir", "-p", folder]);
        self.append(&format!("{folder}/{name}.conf"), &format!("[Service]\n{lines}\n"));
        self.run(&["systemctl", "daemon-reload"]);
    }

    /// Runs a command that must succeed, and gives what it said.
    #[track_caller]
    pub fn run(&self, command: &[&str]) -> String {
        let output = self.try_run(command);
        let said = said(&output);
        assert!(output.status.success(), "{}: {}\n{said}", command.join(" "), output.status);
        said
    }

    pub fn try_run(&self, command: &[&str]) -> Output {
        let mut program = script();
        program.arg("in").arg(&self.dir).args(command).stdin(Stdio::null());
        program.output().expect("the machine's script can be run")
    }

    /// A property of the service.
    pub fn service(&self, property: &str) -> String {
        self.run(&["systemctl", "show", "--property", property, "--value", "novofon-bot"]).trim().to_owned()
    }

    pub async fn until_service(&self, property: &str, expected: &str, time: Duration) {
        until(&format!("the service's {property} is {expected}"), time, async || {
            let value = self.service(property);
            if value == expected { Ok(()) } else { Err(format!("{value}\n{}", self.journal(&[]))) }
        })
        .await;
    }

    pub async fn until_ready(&self) {
        until("the bot is ready", SOON, async || {
            let answer = self.api.send(reqwest::Method::GET, "/health/ready", None, None).await;
            match answer {
                Ok(answer) if answer.status.is_success() => Ok(()),
                other => Err(format!("{other:?}\n{}", self.journal(&[]))),
            }
        })
        .await;
    }

    /// The service's lines in the journal, its own and systemd's about it.
    pub fn journal(&self, options: &[&str]) -> String {
        let command = ["journalctl", "--unit=novofon-bot", "--no-pager", "--output=cat"];
        self.run(&[&command, options].concat())
    }

    pub async fn until_journal(&self, options: &[&str], words: &str) {
        until(&format!("the journal says `{words}`"), SOON, async || {
            let journal = self.journal(options);
            if journal.contains(words) { Ok(()) } else { Err(journal) }
        })
        .await;
    }

    pub fn signal(&self, name: &str) {
        self.run(&["kill", &format!("-{name}"), &self.service("MainPID")]);
    }

    fn script(&self, arguments: &[&str]) {
        // Into a file, not a pipe: the machine that it starts would hold a pipe open.
        let mut errors = tempfile::tempfile().expect("a temporary file");
        let copy = errors.try_clone().expect("a second handle");
        let status =
            script().args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(copy).status();
        let mut said = String::new();
        std::io::Seek::rewind(&mut errors).expect("a file can be rewound");
        std::io::Read::read_to_string(&mut errors, &mut said).expect("the script speaks UTF-8");
        let status = status.expect("the machine's script can be run");
        assert!(status.success(), "machine.sh {}: {status}\n{said}", arguments.join(" "));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "---- the journal ----\n{}",
                said(&self.try_run(&["journalctl", "--no-pager", "--lines=80"]))
            );
        }
        let _ = script().arg("down").arg(&self.dir).status();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn script() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/machine.sh"))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
