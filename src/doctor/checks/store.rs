//! The store: its file, its rights, the space left, what SQLite says of it.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

use tokio::time::timeout;

use crate::doctor::{
    daemon::State,
    finding::{Finding, Text, say},
    folder,
    patient::Patient,
};
use lang::Told;
use ledger::{Inspection, file_of};

use super::shared_store as shared;

pub(super) const ID: &str = "store";
const SPACE: &str = "store_space";
pub(super) const INTEGRITY: &str = "store_integrity";

/// Less is a day or two of calls and their log.
const LOW_SPACE: u64 = 1 << 30;
/// Less may be gone within the hour.
const NO_SPACE: u64 = 100 << 20;

/// A file of some gigabytes takes longer than anybody waits for a doctor.
pub(super) const QUICK: Duration = Duration::from_secs(20);

pub async fn check(patient: &Patient) -> Vec<Finding> {
    let url = patient.config.store.url.expose();
    if ledger::is_postgres(url) {
        return shared::check(patient).await;
    }
    let path = match file_of(url) {
        Ok(path) => path,
        Err(error) => return vec![broken(ID, &error.text())],
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = vec![writable(&path, folder, patient)];
    findings.extend(space(folder));
    if path.exists() {
        findings.push(integrity(url).await);
    }
    findings
}

fn broken(id: &'static str, text: &Text) -> Finding {
    Finding::fail(
        id,
        text.clone(),
        say!("correct `store.url`, or the rights of its folder", "исправьте `store.url` или права на папку"),
    )
}

fn writable(path: &Path, folder: &Path, patient: &Patient) -> Finding {
    let shown = path.display();
    if let Some(fault) = folder::fault(path) {
        return Finding::fail(ID, fault.seen, fault.mend);
    }
    if let (Ok(file), Ok(dir)) = (fs::metadata(path), fs::metadata(folder))
        && file.uid() != dir.uid()
    {
        let (file, dir) = (file.uid(), dir.uid());
        let folder = folder.display();
        return Finding::warn(
            ID,
            say!(
                "{shown} belongs to user {file} and its folder to user {dir}: was the bot once started as root?",
                "{shown} принадлежит пользователю {file}, а папка — {dir}: бота однажды запускали от root?"
            ),
            say!("chown -R --reference={folder} {folder}", "chown -R --reference={folder} {folder}"),
        );
    }
    let in_use = is_locked(path);
    match (in_use, &patient.daemon_state) {
        (_, State::NotReady(why)) if why.en.contains("the store is away") => Finding::fail(
            ID,
            say!("the daemon can't write to {shown}", "демон не может писать в {shown}"),
            say!(
                "see its log: journalctl -u novofon-bot",
                "посмотрите его журнал: journalctl -u novofon-bot"
            ),
        ),
        (true, _) => Finding::ok(
            ID,
            say!("{shown} is written by a running daemon", "в {shown} пишет работающий демон"),
        ),
        (false, _) if !path.exists() => Finding::ok(
            ID,
            say!("{shown} will be made at the first start", "{shown} будет создан при первом запуске"),
        ),
        (false, _) => Finding::ok(
            ID,
            say!("{shown} can be written; no daemon has it", "в {shown} можно писать; демон его не занял"),
        ),
    }
}

/// Whether a daemon holds the store's lock. Looked up in the kernel's list: to try the lock, even for a
/// moment, could make a daemon that is just starting give up.
pub fn is_locked(path: &Path) -> bool {
    let (Ok(file), Ok(locks)) = (fs::metadata(path), fs::read_to_string("/proc/locks")) else { return false };
    let inode = format!(":{}", file.ino());
    let holds = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        fields.any(|field| field == "FLOCK") && fields.any(|field| field.ends_with(&inode))
    };
    locks.lines().any(holds)
}

fn space(folder: &Path) -> Option<Finding> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    // A file system without a fixed number of inodes says zero of zero.
    let inodes = (disk.f_files > 0).then_some(disk.f_favail);
    Some(judge_space(folder, disk.f_bavail.saturating_mul(disk.f_frsize), inodes))
}

fn judge_space(folder: &Path, free: u64, inodes: Option<u64>) -> Finding {
    let (mib, shown) = (free >> 20, folder.display());
    let seen = say!("{mib} MiB free for {shown}", "для {shown} свободно {mib} МиБ");
    let mend = say!("free some space, or move the store", "освободите место или перенесите хранилище");
    match (free, inodes) {
        (_, Some(0)) => {
            Finding::fail(SPACE, say!("no inode is left for {shown}", "для {shown} не осталось inode"), mend)
        }
        (0..NO_SPACE, _) => Finding::fail(SPACE, seen, mend),
        (NO_SPACE..LOW_SPACE, _) => Finding::warn(SPACE, seen, mend),
        _ => Finding::ok(SPACE, seen),
    }
}

async fn integrity(url: &str) -> Finding {
    let look = async {
        let Some(mut inspection) = Inspection::open(url).await? else { return Ok(Vec::new()) };
        let wrong = inspection.quick_check().await;
        inspection.close().await;
        wrong
    };
    match timeout(QUICK, look).await {
        Ok(Ok(wrong)) if wrong.is_empty() => {
            Finding::ok(INTEGRITY, say!("SQLite finds nothing wrong", "SQLite не находит ошибок"))
        }
        Ok(Ok(wrong)) => {
            let first = &wrong[0];
            let count = wrong.len();
            Finding::fail(
                INTEGRITY,
                say!(
                    "the database is damaged ({count} places): {first}",
                    "база повреждена ({count} мест): {first}"
                ),
                say!("stop the bot and restore a backup", "остановите бота и восстановите резервную копию"),
            )
        }
        Ok(Err(error)) => {
            let chain =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Finding::fail(
                INTEGRITY,
                say!("{it}{chain}", "{it}{chain}", it = error),
                say!(
                    "restore a backup, or correct the rights",
                    "восстановите резервную копию или исправьте права"
                ),
            )
        }
        Err(_) => Finding::skipped(
            INTEGRITY,
            say!("not through within {QUICK:?}: the file is large", "не уложились в {QUICK:?}: файл большой"),
            say!("sqlite3 FILE 'PRAGMA integrity_check'", "sqlite3 ФАЙЛ 'PRAGMA integrity_check'"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn space() {
        for (mib, inodes, expected) in [
            (5000, Some(9), Level::Ok),
            (5000, None, Level::Ok),
            (500, Some(9), Level::Warn),
            (50, Some(9), Level::Fail),
            (5000, Some(0), Level::Fail),
        ] {
            assert_eq!(judge_space(Path::new("/x"), mib << 20, inodes).level, expected, "{mib} {inodes:?}");
        }
    }

    #[test]
    fn a_lock_is_seen_without_being_tried() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bot.db");
        assert!(!is_locked(&path));
        let lock = fs::File::create(&path).expect("the lock");
        assert!(!is_locked(&path));
        lock.lock().expect("the lock");
        assert!(is_locked(&path));
    }
}
