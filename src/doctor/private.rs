//! Files of the bot that others on this machine can read or write: phone numbers, secrets, whose key a host has.
//!
//! The daemon makes them for its owner alone; these are older, or were copied. They are told, not changed: an
//! operator may have meant it (a group that makes backups).

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::config::Config;
use ledger::file_of;

/// A file that others can do something with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

const READ: u32 = 0o044;
const WRITE: u32 = 0o022;

/// All of them, by name.
pub fn open_files(config: &Config) -> Vec<Open> {
    let mut files: Vec<(PathBuf, u32)> = Vec::new();
    let mut database = |url: &str| {
        if let Ok(path) = file_of(url) {
            files.extend(with_its_copies(&path).into_iter().map(|file| (file, READ | WRITE)));
        }
    };
    database(config.store.url.expose());
    if let Some(office) = &config.office {
        database(office.database.expose());
        files.extend(office.ssh_key_file.iter().map(|file| (file.clone(), READ | WRITE)));
        // Whose key a host has is no secret; who can write it can pass for the host.
        files.push((office.ssh_known_hosts.clone(), WRITE));
    }
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    files
        .into_iter()
        .filter_map(|(path, bits)| is_open(&path, bits).map(|mode| Open { path, mode }))
        .collect()
}

/// The database and what lies beside it under its name: `-wal`, `-shm`, `.bak`, and other databases, which are copies.
fn with_its_copies(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name: OsString = path.file_name().unwrap_or_default().to_owned();
    let is_of_it = |file: &Path| {
        let file = file.file_name().unwrap_or_default();
        let (file, name) = (file.to_string_lossy(), name.to_string_lossy());
        let is_lock = file.ends_with(".lock") || file.ends_with(".pid");
        !is_lock && (file.starts_with(&*name) || file.ends_with(".db"))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|file| is_of_it(file)).collect()
}

/// The mode of a file that its group or everybody can use so, if no folder on the way is closed to them.
fn is_open(path: &Path, bits: u32) -> Option<u32> {
    // A link leads to the file that counts.
    let path = fs::canonicalize(path).ok()?;
    let mode_of = |path: &Path| fs::metadata(path).map_or(0, |it| it.permissions().mode() & 0o7777);
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let mode = mode_of(&path);
    let reached_by = |class: u32| {
        mode & bits & class != 0
            // Everybody may pass, or the group: of the folders it may be another one, and then it is told in vain.
            && path.ancestors().skip(1).all(|folder| mode_of(folder) & (class | 0o007) & 0o111 != 0)
    };
    [0o070, 0o007].into_iter().any(reached_by).then_some(mode)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }

    fn config(folder: &Path) -> Config {
        let at = |name: &str| folder.join(name).display().to_string();
        let variables = [
            ("ARI__USERNAME", "bot".to_owned()),
            ("ARI__PASSWORD", "secret".to_owned()),
            ("STORE__URL", format!("sqlite://{}", at("bot.db"))),
            ("OFFICE__DATABASE", format!("sqlite://{}", at("enterprises.db"))),
            ("OFFICE__SSH_KNOWN_HOSTS", at("known_hosts")),
            ("OFFICE__SSH_KEY_FILE", at("id_ed25519")),
        ];
        let variables = variables.map(|(name, value)| (format!("NOVOFON_BOT_{name}"), value));
        Config::load(None, variables.into_iter()).expect("a configuration").config
    }

    #[test]
    fn what_others_can_reach() {
        let folder =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
        let config = config(folder.path());
        let names = [
            "bot.db",
            "bot.db-wal",
            "bot.db-shm",
            "bot.db.bak",
            "old.db",
            "enterprises.db",
            "known_hosts",
            "id_ed25519",
        ];
        for name in names.into_iter().chain(["novofon-bot.lock", "notes.txt"]) {
            fs::write(folder.path().join(name), "").expect("written");
            set(&folder.path().join(name), 0o600);
        }
        let found = || -> Vec<(String, u32)> {
            let name = |open: Open| {
                (open.path.file_name().expect("a name").to_string_lossy().into_owned(), open.mode)
            };
            open_files(&config).into_iter().map(name).collect()
        };
        assert_eq!(found(), []);
        for name in names {
            set(&folder.path().join(name), 0o644);
            let expected: &[(String, u32)] = &[(name.to_owned(), 0o644)];
            // Everybody may read which key a host has.
            assert_eq!(found(), if name == "known_hosts" { &[] } else { expected }, "{name}");
            set(&folder.path().join(name), 0o620);
            assert_eq!(found(), [(name.to_owned(), 0o620)], "{name}");
            set(&folder.path().join(name), 0o600);
        }
        set(&folder.path().join("notes.txt"), 0o666);
        set(&folder.path().join("novofon-bot.lock"), 0o666);
        assert_eq!(found(), []);
        set(&folder.path().join("bot.db"), 0o644);
        set(folder.path(), 0o700);
        assert_eq!(found(), [], "nobody else passes the folder");
    }
}
