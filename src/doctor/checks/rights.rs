//! Who may read the passwords in Asterisk's files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
};

const ID: &str = "asterisk_rights";

/// The files that hold the passwords a call depends on.
const FILES: [&str; 3] = ["ari.conf", "pjsip.conf", "manager.conf"];

pub fn check(patient: &Patient) -> Vec<Finding> {
    let files: Vec<PathBuf> =
        FILES.iter().filter_map(|name| patient.conf(name)).flat_map(|conf| conf.files).collect();
    if files.is_empty() {
        return vec![Finding::skipped(
            ID,
            say!("Asterisk's files can't be read here", "файлы Asterisk отсюда не прочитать"),
            say!(
                "give --etc DIR (ASTERISK_ETC), and the right to read it",
                "задайте --etc ПАПКА (ASTERISK_ETC) и право её читать"
            ),
        )];
    }
    let open: Vec<String> = files
        .iter()
        .filter(|path| is_open(path) && holds_secret(path))
        .map(|path| path.display().to_string())
        .collect();
    let list = open.join(" ");
    vec![match open.is_empty() {
        true => Finding::ok(
            ID,
            say!(
                "passwords in Asterisk's files are not readable for everybody",
                "пароли в файлах Asterisk не открыты всем"
            ),
        ),
        false => Finding::warn(
            ID,
            say!(
                "every user of this machine may read the passwords in {list}",
                "пароли в {list} может прочитать любой пользователь этой машины"
            ),
            say!("chown asterisk: {list}; chmod o-rwx {list}", "chown asterisk: {list}; chmod o-rwx {list}"),
        ),
    }]
}

/// Readable for everybody, and no folder on the way is closed.
fn is_open(path: &Path) -> bool {
    let has = |path: &Path, bit| fs::metadata(path).is_ok_and(|it| it.permissions().mode() & bit != 0);
    has(path, 0o004)
        && path.ancestors().skip(1).filter(|a| !a.as_os_str().is_empty()).all(|folder| has(folder, 0o001))
}

fn holds_secret(path: &Path) -> bool {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('=')).any(|(key, value)| {
        matches!(key.trim().to_ascii_lowercase().as_str(), "password" | "secret" | "md5_cred")
            && !value.trim_start_matches('>').trim().is_empty()
    })
}
