//! A folder for one script, and the lab's PBX for one test at a time.

use std::{
    collections::HashMap,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const ADDRESSES: [(&str, &str); 2] = [("LAB_PBX_IP", "127.0.0.42"), ("LAB_CARRIER_IP", "127.0.0.43")];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A script of the repository, with the language of messages set and nothing of the bot's settings.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(root().join("scripts").join(name));
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("NOVOFON_BOT_")) {
        command.env_remove(variable);
    }
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "en_US.UTF-8");
    command.env("NOVOFON_BOT_CONFIG", "/nonexistent/config.toml");
    if name == "fix_outgoing_dialplan.sh" {
        command.env("NOVOFON_BOT", env!("CARGO_BIN_EXE_novofon-bot"));
    }
    command.stdin(Stdio::null());
    command
}

/// What it wrote, both streams.
pub fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The lab's PBX, ours alone while this lives; its dialplan is as it was afterwards.
pub struct Pbx {
    pub etc: PathBuf,
    pub settings: HashMap<String, String>,
    dir: PathBuf,
    cli: tempfile::TempDir,
    _lock: File,
}

impl Pbx {
    pub fn alone() -> Self {
        let dir = root().join(".lab/scripts");
        fs::create_dir_all(&dir).expect("the lab's folder");
        let lock = File::create(dir.join("test.lock")).expect("the lab's lock");
        lock.lock().expect("the lab's lock");
        lab(&["setup"]);
        lab(&["up", &dir.to_string_lossy()]);
        // The console as Asterisk's own program takes its arguments.
        let cli = tempfile::tempdir().expect("a folder");
        let lab_script = root().join("scripts/lab");
        let text = format!(
            "#!/bin/sh\n[ \"$1\" = -rx ] || exit 9\nexec '{}' cli pbx '{}' \"$2\"\n",
            lab_script.display(),
            dir.display()
        );
        write(&cli.path().join("asterisk"), text.as_bytes(), 0o755);
        let env = fs::read_to_string(dir.join("env")).expect("the lab's env");
        let settings = env
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.replace('\\', "")))
            .collect();
        let pbx = Pbx { etc: dir.join("pbx/etc"), settings, dir, cli, _lock: lock };
        pbx.dialplan(b"#include extensions_outgoing.conf\n");
        pbx
    }

    /// Makes this the extensions.conf and lets Asterisk read it.
    pub fn dialplan(&self, text: &[u8]) {
        for backup in self.backups() {
            fs::remove_file(backup).expect("a backup can be removed");
        }
        // A test may have left a link here.
        let _ = fs::remove_file(self.extensions());
        write(&self.extensions(), text, 0o644);
        self.console("dialplan reload");
    }

    pub fn extensions(&self) -> PathBuf {
        self.etc.join("extensions.conf")
    }

    pub fn read(&self) -> String {
        fs::read_to_string(self.extensions()).expect("extensions.conf")
    }

    pub fn console(&self, command: &str) -> String {
        lab(&["cli", "pbx", &self.dir.to_string_lossy(), command])
    }

    pub fn cli(&self) -> PathBuf {
        self.cli.path().join("asterisk")
    }

    /// The same console on a host with only `lo`, and without its locale: it says more than its answer.
    pub fn noisy_cli(&self) -> PathBuf {
        let path = self.cli.path().join("noisy");
        let text = format!(
            "#!/bin/sh\necho 'No ethernet interface found for seeding global EID. You will have to set it manually.'\n\
             echo 'bash: warning: setlocale: LC_ALL: cannot change locale (ru_RU.UTF-8)' >&2\n\
             exec '{}' \"$@\"\n",
            self.cli().display()
        );
        write(&path, text.as_bytes(), 0o755);
        path
    }

    /// Files that the script has left beside the configuration.
    pub fn backups(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.etc).expect("the folder").map(|file| file.expect("a file").path());
        files
            .filter(|path| {
                let name = path.file_name().expect("a name").to_string_lossy();
                name.ends_with(".bak") || name.starts_with('.')
            })
            .collect()
    }

    pub fn script(&self, name: &str) -> Command {
        let mut command = script(name);
        command.env("ASTERISK_ETC", &self.etc).env("ASTERISK_CLI", self.cli());
        command
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.dialplan(b"#include extensions_outgoing.conf\n");
    }
}

pub fn write(path: &Path, text: &[u8], mode: u32) {
    fs::write(path, text).expect("the file can be written");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode can be set");
}

fn lab(arguments: &[&str]) -> String {
    let output = Command::new(root().join("scripts/lab"))
        .args(arguments)
        .envs(ADDRESSES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()))
        .output()
        .expect("scripts/lab can be run");
    assert!(output.status.success(), "scripts/lab {arguments:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
