//! A laboratory of `scripts/offices`: brought up by the first test that needs it, left up for the next. All tests
//! share it, and none changes more of it than the phones that it has taken for itself (`desk`).

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use tokio::process::Command;

use super::{Desk, SOON, until};
use crate::LAB;

/// Where a binary's laboratory is, and of which kind.
pub struct Site {
    /// Its folder in `.lab`.
    pub name: &'static str,
    /// Its first address, if nobody has brought it up elsewhere.
    pub first: &'static str,
    /// What `scripts/offices` is told besides.
    pub environment: &'static [(&'static str, &'static str)],
    /// Its Asterisks tell the SIP status that a leg was refused with.
    pub tells_sip_status: bool,
}

#[derive(Clone)]
pub struct Lab(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    env: HashMap<String, String>,
}

/// The enterprises of the laboratory, and the phones of each that tests take as they come: last those that a test
/// may want by name, for it waits until it has them all.
const OFFICES: [&str; 2] = ["june", "july"];
const DESKS: [[&str; 2]; 3] = [["152", "153"], ["154", "155"], ["150", "151"]];

/// Phones that may be taken, always two of an office together.
fn all_desks() -> Vec<(&'static str, &'static str)> {
    let of = |pair: [&'static str; 2]| OFFICES.map(|office| pair.map(|extension| (office, extension)));
    DESKS.into_iter().flat_map(of).flatten().collect()
}

impl Lab {
    pub async fn shared() -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(".lab").join(LAB.name);
        fs::create_dir_all(&dir).expect("the lab's folder");
        let lock = File::create(dir.join("tests.lock")).expect("the lab's lock");
        lock.lock().expect("the lab's lock");
        let mut env = read_env(&dir);
        if !is_alive(&dir) {
            let [first, shift] = match env.get("JUNE_IP") {
                Some(first) => [first.clone(), env["OFFICES_SHIFT_NOW"].clone()],
                None => [LAB.first.to_owned(), "0".to_owned()],
            };
            // The requests of the documents have their own secret.
            let own = [
                ("OFFICES_FIRST", first.as_str()),
                ("OFFICES_SHIFT", &shift),
                ("OFFICES_JUNE_SECRET", "seed"),
            ];
            let environment = [LAB.environment, &own].concat();
            run(&["setup"], &environment).await;
            run(&["up", &dir.to_string_lossy()], &environment).await;
            env = read_env(&dir);
        }
        Lab(Arc::new(Inner { dir, env }))
    }

    /// The value of a setting in the lab's `env`.
    pub fn setting(&self, name: &str) -> &str {
        self.0.env.get(name).unwrap_or_else(|| panic!("the lab's env has no {name}"))
    }

    /// A setting of an office: `office("june", "SECRET")`.
    pub fn office(&self, office: &str, name: &str) -> &str {
        self.setting(&format!("{}_{name}", office.to_uppercase()))
    }

    /// A command of `scripts/offices` on this lab: what it prints.
    pub async fn run(&self, command: &str, arguments: &[&str]) -> String {
        run(&self.words(command, arguments), &[]).await
    }

    /// The same, when it may fail: then its words of why.
    pub async fn try_run(&self, command: &str, arguments: &[&str]) -> Result<String, String> {
        let output = output(&self.words(command, arguments), &[]).await;
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn words<'a>(&'a self, command: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        let dir = self.0.dir.to_str().expect("the lab's folder has a name in UTF-8");
        let mut words = vec![command, dir];
        words.extend(arguments);
        words
    }

    /// A phone of any office that no other test has; it answers after 300 ms.
    pub async fn desk(&self) -> Desk {
        let [desk] = self.first_free(&all_desks().chunks(1).collect::<Vec<_>>()).await;
        desk
    }

    /// Two phones of one office.
    pub async fn two_desks(&self) -> [Desk; 2] {
        self.first_free(&all_desks().chunks(2).collect::<Vec<_>>()).await
    }

    /// Three phones of one office.
    pub async fn three_desks(&self) -> [Desk; 3] {
        let of = |three: [&'static str; 3]| OFFICES.map(|office| three.map(|extension| (office, extension)));
        let groups = [of(["152", "153", "154"]), of(["155", "150", "151"])].concat();
        self.first_free(&groups.iter().map(<[(&str, &str); 3]>::as_slice).collect::<Vec<_>>()).await
    }

    /// These very phones of an office.
    pub async fn desks<const N: usize>(
        &self,
        office: &'static str,
        extensions: [&'static str; N],
    ) -> [Desk; N] {
        let wanted = extensions.map(|extension| (office, extension));
        self.first_free(&[&wanted]).await
    }

    /// 150, another phone of its office, and 1500, whose channels' names begin alike.
    pub async fn alike(&self) -> [Desk; 3] {
        let of = |office| ["150", "151", "1500"].map(|extension| (office, extension));
        let (june, july) = (of("june"), of("july"));
        self.first_free(&[&june, &july]).await
    }

    /// The first of these groups of which nobody has any.
    async fn first_free<const N: usize>(&self, groups: &[&[(&'static str, &'static str)]]) -> [Desk; N] {
        // Other tests end sometime: nextest itself has a limit.
        let locked = until("phones that no other test has", SOON * 5, async || {
            let locked = groups.iter().find_map(|group| {
                group.iter().map(|desk| self.lock(desk.0, desk.1)).collect::<Option<Vec<_>>>()
            });
            locked.ok_or("all are taken")
        })
        .await;
        let mut desks = Vec::new();
        for (office, extension, lock) in locked {
            desks.push(Desk::take(self, office, extension, lock).await);
        }
        desks.try_into().unwrap_or_else(|_| unreachable!("a group has as many as it is asked for"))
    }

    /// `None` when another test has it.
    fn lock(
        &self,
        office: &'static str,
        extension: &'static str,
    ) -> Option<(&'static str, &'static str, File)> {
        let file =
            File::create(self.0.dir.join(format!("{office}-{extension}.lock"))).expect("a desk's lock");
        file.try_lock().ok().map(|()| (office, extension, file))
    }
}

/// Whether everything that `up` starts runs. `scripts/offices up` would look closer, and restart one that is
/// only busy with another test.
fn is_alive(dir: &Path) -> bool {
    ["june", "july", "june-sshd", "july-sshd", "phones", "front", "pg"].into_iter().all(|name| {
        let pid = fs::read_to_string(dir.join(format!("{name}.pid"))).unwrap_or_default();
        let command = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*dir.to_string_lossy())
    })
}

fn read_env(dir: &Path) -> HashMap<String, String> {
    let text = fs::read_to_string(dir.join("env")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
        .collect()
}

async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = output(arguments, environment).await;
    let (said, status) = (text(&output.stdout), output.status);
    let words = arguments.join(" ");
    assert!(status.success(), "scripts/offices {words}: {status}\n{said}{}", text(&output.stderr));
    said
}

async fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/offices");
    // Into files, not pipes: the daemons that it starts would hold a pipe open.
    let file = || tempfile::NamedTempFile::new().expect("a temporary file");
    let (out, err) = (file(), file());
    let handle = |file: &tempfile::NamedTempFile| Stdio::from(file.reopen().expect("a second handle"));
    let status = Command::new(script)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(handle(&out))
        .stderr(handle(&err))
        .status()
        .await
        .expect("scripts/offices can be run");
    let read = |file: &tempfile::NamedTempFile| fs::read(file.path()).expect("a temporary file");
    Output { status, stdout: read(&out), stderr: read(&err) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
