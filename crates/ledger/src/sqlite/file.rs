//! The database's file: its rights, the lock against a second daemon, and whether what is written
//! to is still what a start would find.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use crate::StoreError;
use lang::{Told, say};

/// The file, held against every other daemon until this is dropped.
///
/// The lock is flock(2) on the file itself, so no other name of it (a symbolic or a hard link) leads to
/// another lock. SQLite's own locks are fcntl(2)'s, which don't see it; but closing a handle of the file
/// drops *those* of the whole process, so this is opened before SQLite and dropped after it.
pub(crate) struct StoreFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    /// Keeps the lock.
    _handle: File,
}

impl StoreFile {
    /// Creates the file when it is missing, readable by its owner alone: it holds phone numbers. SQLite
    /// gives its -wal and -shm the same rights.
    pub fn hold(path: &Path) -> Result<Self, StoreError> {
        let fail = |e: &io::Error| file_error(path, e);
        if path.is_dir() {
            return Err(fail(&io::ErrorKind::IsADirectory.into()));
        }
        let mut options = OpenOptions::new();
        // For appending, so that missing rights are found before SQLite meets them.
        let is_new = !path.exists();
        let handle = options.read(true).append(true).create(true).mode(0o600).open(path);
        let handle = handle.map_err(|e| fail(&e))?;
        if is_new {
            give_to_owner_of_folder(&handle, path).map_err(|e| fail(&e))?;
        }
        match handle.try_lock() {
            Ok(()) => {
                let metadata = handle.metadata().map_err(|e| fail(&e))?;
                if metadata.nlink() > 1 {
                    return Err(second_name(path));
                }
                let identity = identity(&metadata);
                Ok(StoreFile { path: path.to_owned(), identity, _handle: handle })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { store: path.display().to_string() }),
            Err(TryLockError::Error(e)) => Err(fail(&e)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file that was removed or replaced can still be written to, and nothing of it outlives the
    /// process: no call may be dialed on such a promise.
    pub fn is_in_place(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => Ok(()),
            Ok(_) => Err(io::Error::other(
                "another file stands in its place; put the daemon's own back, or restart it to go on with the new one",
            )),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(io::Error::other(
                "the file was removed or renamed; put it back, or restart the daemon to begin an empty one",
            )),
            Err(e) => Err(e),
        }
    }
}

/// Started by root once, by its own user ever after: what root makes must be that user's, who owns the folder. SQLite
/// gives its -wal and -shm the owner of the database.
fn give_to_owner_of_folder(made: &File, path: &Path) -> io::Result<()> {
    if made.metadata()?.uid() != 0 {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let owner = fs::metadata(folder.unwrap_or(Path::new(".")))?;
    match owner.uid() {
        0 => Ok(()),
        uid => fchown(made, Some(uid), Some(owner.gid())),
    }
}

/// SQLite finds its log by the name of the file: what a crash left in it is lost under another name.
fn second_name(path: &Path) -> StoreError {
    StoreError::Open {
        store: path.display().to_string(),
        problem: Box::new(say!(
            "the file has a second name (a hard link), under which its write-ahead log is not found",
            "у файла есть второе имя (жёсткая ссылка), а под ним не найти его журнала"
        )),
        hint: Box::new(say!(
            "find it with `find -samefile`, and remove the name that store.url did not have before",
            "найдите его командой `find -samefile` и уберите то имя, которого раньше не было в store.url"
        )),
        source: None,
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

pub(crate) fn file_error(path: &Path, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => say!(
            "create the folder first, and make the daemon's user its owner",
            "сначала создайте папку и сделайте её владельцем пользователя бота"
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => say!(
            "give the daemon's user the right to write to the folder and the file",
            "дайте пользователю бота право писать в эту папку и файл"
        ),
        io::ErrorKind::IsADirectory => say!(
            "store.url must name a file in that folder, not the folder",
            "store.url должен называть файл в этой папке, а не саму папку"
        ),
        io::ErrorKind::StorageFull => {
            say!("free some space and start again", "освободите место и запустите снова")
        }
        _ => say!(
            "correct store.url or the folder it names",
            "исправьте store.url или папку, которую он называет"
        ),
    };
    StoreError::Open {
        store: path.display().to_string(),
        problem: error.text().into(),
        hint: hint.into(),
        source: None,
    }
}
