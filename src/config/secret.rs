//! The files that hold a secret.
//!
//! Knows nothing of keys and sections.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

use asterisk::secret::Secret;
use lang::{Text, say};

/// Far above any list of keys: a path that names a device or a log by mistake must not fill the memory.
const LONGEST_FILE: u64 = 1 << 20;

/// The text of a secret's file, without the white space around it. The error says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Secret, Text> {
    match read_whole(path)?.trim() {
        "" => Err(say!(
            "{} is empty: put the secret into it",
            "{} пуст: запишите в него секрет",
            path.display()
        )),
        secret => Ok(Secret::new(secret)),
    }
}

/// The same as it stands there, which may be nothing.
pub(super) fn read_whole(path: &Path) -> Result<String, Text> {
    let shown = path.display();
    let text =
        read_regular(path).map_err(
            |error| match matches!(error.get_ref(), Some(inner) if inner.is::<Text>()) {
                true => say!(
                    "can't read {shown}: {NO_FILE}",
                    "{shown} не читается: это не обычный файл; запишите секрет в обычный"
                ),
                false => say!("can't read {shown}: {why}", "{shown} не читается: {why}", why = error),
            },
        )?;
    match text.len() as u64 > LONGEST_FILE {
        true => Err(say!(
            "{shown} is longer than {LONGEST_FILE} bytes: is it the right file?",
            "{shown} длиннее {LONGEST_FILE} байт: тот ли это файл?"
        )),
        false => Ok(text),
    }
}

const NO_FILE: &str = "it is no regular file; put the secret into one";

/// Opening a pipe waits for its writer, and opening a device may do something: neither is opened.
fn read_regular(path: &Path) -> io::Result<String> {
    let regular = |file: Metadata| match file.is_file() {
        true => Ok(()),
        false => Err(io::Error::other(Text::same(NO_FILE))),
    };
    regular(std::fs::metadata(path)?)?;
    let waits_for_nobody = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(waits_for_nobody.bits()).expect("the flags of open(2) are an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // It may be another one by now.
    regular(file.metadata()?)?;
    let mut text = String::new();
    file.take(LONGEST_FILE + 1).read_to_string(&mut text)?;
    // Windows' editors put it in front; no secret begins with it.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Writes a file in one step, so that a reader sees the old one or the new one whole, and never with more rights than
/// it is to have. It gets the owner and group of `owner`.
pub fn write(path: &Path, text: &str, owner: Option<&Metadata>, mode: u32) -> io::Result<()> {
    put(path, text, owner, mode, |_| Ok(())).map(drop)
}

/// The same for one that is good only as long as its writer lives: who gets the lock of what stands there knows that
/// the writer is gone, however it went. It is locked before it can be seen.
pub fn write_held(path: &Path, text: &str, mode: u32) -> io::Result<File> {
    put(path, text, None, mode, File::lock)
}

fn put(
    path: &Path,
    text: &str,
    owner: Option<&Metadata>,
    mode: u32,
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    // In a container the one that was killed halfway had the same id.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        if let Some(owner) = owner {
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        prepare(&file)?;
        fs::rename(&new, path)?;
        Ok(file)
    };
    write().inspect_err(|_: &io::Error| drop(fs::remove_file(&new)))
}

/// Secrets with fewer characters are tried out in no time by whoever reaches their port.
const SHORT: usize = 6;

/// Whether a secret can be tried out.
pub fn is_short(password: &Secret) -> bool {
    password.expose().chars().count() < SHORT
}

/// A warning, if every user of the machine may read this file.
pub(super) fn exposure(path: &Path) -> Option<Text> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        let path = path.display();
        say!(
            "{path} holds a secret and every user of this machine may read it: chmod o-rwx {path}",
            "{path} содержит секрет, а прочитать его может любой пользователь этой машины: chmod o-rwx {path}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "  two words \r\n\n").unwrap();
        assert_eq!(read(&path).unwrap().expose(), "two words");
        fs::write(&path, "\u{feff}hunter2\r\n").unwrap();
        assert_eq!(read(&path).unwrap().expose(), "hunter2", "as Windows' Notepad saves it");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(read(&path).unwrap_err().en.contains("No such file"));
        assert!(read(folder.path()).unwrap_err().en.starts_with("can't read"));
        fs::write(&path, " \n").unwrap();
        assert!(read(&path).unwrap_err().en.ends_with("is empty: put the secret into it"));
        fs::write(&path, b"\xff\xfe").unwrap();
        assert!(read(&path).unwrap_err().en.contains("UTF-8"));
        let long = vec![b'x'; LONGEST_FILE as usize + 1];
        fs::write(&path, long).unwrap();
        assert!(read(&path).unwrap_err().en.contains("longer than"));
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        // Nobody writes into the pipe: opened like a file it would never come back.
        for path in [pipe.as_path(), Path::new("/dev/zero"), Path::new("/dev/tty")] {
            let error = read(path).unwrap_err().en;
            assert!(error.ends_with("it is no regular file; put the secret into one"), "{error}");
        }
        let link = folder.path().join("link");
        fs::write(folder.path().join("secret"), "hunter2").unwrap();
        std::os::unix::fs::symlink("secret", &link).unwrap();
        assert_eq!(read(&link).unwrap().expose(), "hunter2", "as systemd's credentials may be");
    }

    #[test]
    fn only_a_world_readable_file_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(exposure(&path), None);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(exposure(&path).unwrap().en.contains("chmod o-rwx"));
    }
}
