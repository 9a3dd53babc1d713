//! A copy of the store while the daemon writes to it: all or nothing, of one moment, and checked
//! before it gets its name. Knows the file alone; no daemon need run.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{codes::opening, connection};
use crate::{StoreError, is_postgres};
use call::Status;
use lang::{Text, Told, say};

/// A backup that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    pub bytes: u64,
    pub calls: i64,
}

/// Copies the store that `url` names into a new file, readable by its owner alone. Calls are written
/// meanwhile as ever; what is committed after the start of the copy is not in it.
pub async fn backup(url: &str, target: &Path) -> Result<Backup, StoreError> {
    if is_postgres(url) {
        return Err(failed(
            target,
            say!(
                "the store is in PostgreSQL, which has its own tools",
                "хранилище в PostgreSQL, у которой свои средства"
            ),
            say!("pg_dump --schema=novofon_bot DATABASE", "pg_dump --schema=novofon_bot БАЗА"),
        ));
    }
    let source = connection::options(url)?;
    let path = source.get_filename().to_owned();
    if !path.exists() {
        return Err(super::file::file_error(&path, &io::ErrorKind::NotFound.into()));
    }
    let part = copy(source, &path, target).await?;
    let calls = checked(&part.path)
        .await
        .map_err(|e| failed(target, Text::same(e.to_string()), say!("try again", "повторите")))?;
    let bytes = published(part, target)?;
    Ok(Backup { bytes, calls })
}

/// Keeps the file at `path` as it is, before it is changed for good.
pub(super) async fn keep(
    source: SqliteConnectOptions,
    path: &Path,
    target: &Path,
) -> Result<u64, StoreError> {
    let part = copy(source, path, target).await?;
    published(part, target)
}

async fn copy(source: SqliteConnectOptions, path: &Path, target: &Path) -> Result<Part, StoreError> {
    if target.symlink_metadata().is_ok() {
        return Err(failed(
            target,
            say!("it exists already", "такой файл уже есть"),
            say!("choose another name, or move it away", "выберите другое имя или уберите его"),
        ));
    }
    let part = Part::create(target)?;
    let mut db = connection::reader(source).connect().await.map_err(|e| opening(path, e))?;
    // On an empty file SQLite keeps the rights that it has.
    sqlx::query("VACUUM INTO ?")
        .bind(part.path.to_string_lossy().into_owned())
        .execute(&mut db)
        .await
        .map_err(|e| failed(target, Text::same(e.to_string()), see_the_disk()))?;
    open_queued(&part.path)
        .await
        .map_err(|e| failed(target, Text::same(e.to_string()), say!("try again", "повторите")))?;
    Ok(part)
}

fn published(part: Part, target: &Path) -> Result<u64, StoreError> {
    part.publish(target).map_err(|e| failed(target, Text::same(e.to_string()), see_the_disk()))
}

/// The file under another name until it is whole; removed when it does not become so. Whoever makes it holds it locked, so
/// one that a kill has left is known, and made anew.
struct Part {
    path: PathBuf,
    _held: File,
}

impl Part {
    fn create(target: &Path) -> Result<Self, StoreError> {
        let path = connection::beside(target, ".part");
        match Self::hold(&path) {
            Ok(held) => Ok(Part { path, _held: held }),
            Err(e) => {
                let hint = match e.kind() {
                    io::ErrorKind::WouldBlock => {
                        say!("another backup is being made there", "там уже делается другая копия")
                    }
                    io::ErrorKind::AlreadyExists => {
                        say!("it is no file: remove it", "это не файл: уберите его")
                    }
                    io::ErrorKind::NotFound => {
                        say!("create its folder first", "сначала создайте папку для неё")
                    }
                    _ => say!(
                        "choose a folder that you may write to",
                        "выберите папку, в которую вам можно писать"
                    ),
                };
                Err(failed(&path, e.text(), hint))
            }
        }
    }

    /// An empty file that is readable by its owner alone, and nobody else's work.
    fn hold(path: &Path) -> io::Result<File> {
        let options = || {
            let mut options = OpenOptions::new();
            options.write(true).mode(0o600);
            options
        };
        let file = match options().create_new(true).open(path) {
            // A link would lead elsewhere.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.symlink_metadata()?.is_file() => {
                options().open(path)?
            }
            created => created?,
        };
        file.try_lock().map_err(io::Error::from)?;
        if file.metadata()?.ino() != path.symlink_metadata()?.ino() {
            // Its maker has just ended and taken it away.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        let _ = fs::remove_file(connection::beside(path, "-journal"));
        Ok(file)
    }

    /// On disk, with its name, whatever happens to the machine next.
    fn publish(self, target: &Path) -> io::Result<u64> {
        let file = File::open(&self.path)?;
        file.sync_all()?;
        fs::hard_link(&self.path, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Its content has its real name by now, or is not wanted.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(connection::beside(&self.path, "-journal"));
    }
}

/// Calls that waited in the queue when the copy was made have most likely been dialed since. A bot that is given the copy
/// must not dial them again: it finds them as dialed, and looks for them in Asterisk.
async fn open_queued(copy: &Path) -> Result<(), sqlx::Error> {
    let mut db = SqliteConnectOptions::new().filename(copy).connect().await?;
    sqlx::query("UPDATE calls SET status = ?1, kind = ?1 || '//', dialed_at = created_at WHERE status = ?2")
        .bind(Status::Dialing.as_str())
        .bind(Status::Queued.as_str())
        .execute(&mut db)
        .await?;
    db.close().await
}

/// How many calls are in the copy, which must be sound.
async fn checked(copy: &Path) -> Result<i64, sqlx::Error> {
    let mut db = SqliteConnectOptions::new().filename(copy).read_only(true).connect().await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA quick_check").fetch_all(&mut db).await?;
    if found != ["ok"] {
        return Err(sqlx::Error::Protocol(format!("the copy is not sound: {}", found.join("; "))));
    }
    let calls = sqlx::query_scalar("SELECT coalesce(sum(calls), 0) FROM call_counts WHERE level = 3")
        .fetch_one(&mut db)
        .await?;
    SqliteConnection::close(db).await?;
    Ok(calls)
}

fn see_the_disk() -> Text {
    say!("see the space on its disk", "проверьте место на диске")
}

fn failed(path: &Path, problem: Text, hint: Text) -> StoreError {
    StoreError::Backup { path: path.to_owned(), problem: problem.into(), hint: hint.into() }
}
