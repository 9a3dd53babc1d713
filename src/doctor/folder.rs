//! Whether the store's folder is there, and may be written by whoever runs the daemon. Writes nothing.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::Access;

use super::finding::{Text, say};
use crate::config::Config;
use ledger::file_of;

/// The service's user, as `systemd/novofon-bot.sysusers` has it.
const SERVICE: &str = "novofon-bot";

/// What is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub seen: Text,
    pub mend: Text,
}

/// What keeps the daemon of this configuration from opening its store.
pub fn fault_of_store(config: &Config) -> Option<Fault> {
    fault(&file_of(config.store.url.expose()).ok()?)
}

pub(super) fn fault(path: &Path) -> Option<Fault> {
    // To root everything is open: it is the service's user who must be able to write.
    let service = if is_root() { service_user(&passwd()) } else { None };
    fault_for(path, service)
}

/// `service`: user and group of the service, where we are root and there is one.
fn fault_for(path: &Path, service: Option<(u32, u32)>) -> Option<Fault> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (file, dir) = (path.display(), folder.display());
    let owner = if service.is_some() { SERVICE } else { "\"$USER\"" };
    if !folder.is_dir() {
        return Some(Fault {
            seen: say!(
                "the folder of the store {file} is not there: the bot would not start",
                "папки для хранилища {file} нет: бот не запустится"
            ),
            mend: say!("sudo install -d -o {owner} -m 700 {dir}", "sudo install -d -o {owner} -m 700 {dir}"),
        });
    }
    let tried = match service {
        Some(user) => may_write(user, folder, path),
        None => can_write(folder, path),
    };
    let error = tried.err()?;
    Some(Fault {
        seen: match service {
            Some(_) => say!(
                "{SERVICE}, the service's user, can't write to {file}: {why}",
                "пользователь службы {SERVICE} не может писать в {file}: {why}",
                why = error
            ),
            None => say!("{file} can't be written: {why}", "в {file} нельзя писать: {why}", why = error),
        },
        mend: say!(
            "sudo chown -R {owner} {dir} (or give `store.url` another folder)",
            "sudo chown -R {owner} {dir} (или укажите в `store.url` другую папку)"
        ),
    })
}

/// As this process.
fn can_write(folder: &Path, path: &Path) -> io::Result<()> {
    if path.exists() {
        // Appending nothing changes nothing.
        OpenOptions::new().append(true).open(path)?;
    }
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

/// As another user, by what the rights say.
fn may_write((user, group): (u32, u32), folder: &Path, path: &Path) -> io::Result<()> {
    let has = |path: &Path, bits: u32| -> io::Result<()> {
        let metadata = fs::metadata(path)?;
        let shift = match (metadata.uid() == user, metadata.gid() == group) {
            (true, _) => 6,
            (false, true) => 3,
            (false, false) => 0,
        };
        match (metadata.mode() >> shift) & bits == bits {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error())),
        }
    };
    has(folder, 0o3)?;
    if path.exists() { has(path, 0o6) } else { Ok(()) }
}

fn is_root() -> bool {
    // The process's own entry belongs to its effective user.
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn passwd() -> String {
    fs::read_to_string(PathBuf::from("/etc/passwd")).unwrap_or_default()
}

fn service_user(passwd: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find_map(|line| line.strip_prefix(SERVICE)?.strip_prefix(':'))?;
    let mut fields = line.split(':').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_services_user_must_be_able_to_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bot.db");
        let me = fs::metadata(folder.path()).expect("it is there");
        let (owner, other) = ((me.uid(), me.gid()), (me.uid() + 1, me.gid() + 1));
        assert_eq!(fault_for(&path, Some(owner)), None);
        let fault = fault_for(&path, Some(other)).expect("it is ours alone");
        assert!(
            fault.seen.ru.ends_with(": нет прав") && fault.mend.en.contains("chown -R novofon-bot /"),
            "{fault:?}"
        );
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("rights");
        assert_eq!(fault_for(&path, Some(other)), None);
        fs::write(&path, "").expect("a file");
        assert!(fault_for(&path, Some(other)).is_some(), "a file of root's, from a start by hand");
        let fault = fault_for(&folder.path().join("none/bot.db"), Some(owner)).expect("no folder");
        assert!(fault.mend.en.contains("sudo install -d -o novofon-bot -m 700 "), "{fault:?}");
    }

    #[test]
    fn the_services_user_is_looked_up() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnovofon-bot2:x:5:6:::\nnovofon-bot:x:998:997::/x:/y\n";
        assert_eq!(service_user(passwd), Some((998, 997)));
        assert_eq!(service_user("root:x:0:0:\n"), None);
    }
}
