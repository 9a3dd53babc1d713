//! One connection to PostgreSQL or SQLite: texts go in, texts come out, so that everything above it is written once
//! for both. It must not know the table, nor how often a connection is used.

use std::{fmt, fs, os::unix::fs::OpenOptionsExt, path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, Row as _, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

use super::error::{DirectoryError, Failure};
use asterisk::secret::Secret;
use lang::{Text, say};

/// A row of a query whose columns are all cast to text.
pub(super) type Row = Vec<Option<String>>;

/// Which database, and how it is reached. `Debug` shows no password.
#[derive(Clone)]
pub(super) enum Target {
    Postgres(Box<PgConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

pub(super) enum Connection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing can be written.
    Read,
    Write,
    /// As `Write`; a SQLite file is made if it is missing.
    Make,
}

impl Target {
    /// Reads the URL; `password` goes before one in it.
    pub fn parse(url: &Secret, password: Option<&Secret>) -> Result<Self, DirectoryError> {
        let refuse = |problem: Text| Err(DirectoryError::Url { problem });
        let text = url.expose();
        match text.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {}
            Some(("sqlite", rest)) => return sqlite(text, rest),
            // Only a scheme is shown: what stands there by mistake may be a password.
            Some((scheme, _)) if scheme.len() < 16 && scheme.bytes().all(|b| b.is_ascii_lowercase()) => {
                return refuse(say!("it begins with `{scheme}:`", "он начинается с `{scheme}:`"));
            }
            _ => return refuse(say!("it has no scheme", "в нём нет схемы")),
        }
        match ledger::postgres_options(text, password.map(Secret::expose)) {
            Ok(options) => Ok(Target::Postgres(Box::new(options))),
            Err(problem) => refuse(problem),
        }
    }

    pub async fn connect(&self, mode: Mode, limit: Duration) -> Result<Connection, Failure> {
        match self {
            Target::Postgres(options) => postgres_connection(options, mode, limit).await,
            Target::Sqlite(options) => sqlite_connection(options, mode, limit).await,
        }
    }

    pub fn postgres(&self) -> Option<&PgConnectOptions> {
        match self {
            Target::Postgres(options) => Some(options),
            Target::Sqlite(_) => None,
        }
    }
}

async fn postgres_connection(
    options: &PgConnectOptions,
    mode: Mode,
    limit: Duration,
) -> Result<Connection, Failure> {
    let mut connection = PgConnection::connect_with(options).await.map_err(|e| Failure::of(&e))?;
    // A statement that nobody waits for any more must not hold a server process, not even behind a lock. By `SET`
    // and not at the start of the session: poolers between us and the server refuse options there.
    let limit = limit.as_millis();
    let set = match mode {
        Mode::Read => format!("SET statement_timeout = {limit}; SET default_transaction_read_only = on"),
        Mode::Write | Mode::Make => format!("SET statement_timeout = {limit}"),
    };
    sqlx::raw_sql(AssertSqlSafe(set)).execute(&mut connection).await.map_err(|e| Failure::of(&e))?;
    Ok(Connection::Postgres(connection))
}

async fn sqlite_connection(
    options: &SqliteConnectOptions,
    mode: Mode,
    limit: Duration,
) -> Result<Connection, Failure> {
    let path = options.get_filename();
    let mut options =
        options.clone().create_if_missing(false).busy_timeout(limit).disable_statement_logging();
    match mode {
        Mode::Read | Mode::Write if !path.exists() => {
            return Err(Failure::other(say!(
                "there is no file {}; `novofon-bot enterprise add` makes it",
                "файла {} нет; его создаёт `novofon-bot enterprise add`",
                path.display()
            )));
        }
        Mode::Read => options = options.pragma("query_only", "on"),
        Mode::Write => {}
        Mode::Make => {
            make_private(path).map_err(|e| {
                let path = path.display();
                Failure::other(say!("cannot make the file {path}: {e}", "файл {path} не создать: {e}", e = e))
            })?;
            options = options.journal_mode(SqliteJournalMode::Wal);
        }
    }
    let opened = options.connect().await.map_err(|error| {
        let failure = Failure::of(&error);
        let path = path.display();
        Failure { why: say!("{path}: {why}", "{path}: {why}", why = failure.why), ..failure }
    })?;
    Ok(Connection::Sqlite(opened))
}

/// Makes the file if it is missing, for its owner's eyes alone. Made by root it is given to the folder's owner, who is
/// the daemon's user.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};

    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(file) if file.metadata()?.uid() == 0 => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let owner = fs::metadata(folder.unwrap_or(Path::new(".")))?;
            chown(path, Some(owner.uid()), Some(owner.gid()))
        }
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn sqlite(url: &str, rest: &str) -> Result<Target, DirectoryError> {
    let refuse = |problem: Text| Err(DirectoryError::Url { problem });
    if url.contains('?') || url.contains(":memory:") {
        return refuse(say!(
            "a SQLite URL names a file and nothing else",
            "адрес SQLite называет файл, и больше ничего"
        ));
    }
    if rest.trim_start_matches("//").is_empty() {
        return refuse(say!("it names no file", "файла в нём нет"));
    }
    if let Some(problem) = ledger::slash_missing(url) {
        return refuse(problem);
    }
    match SqliteConnectOptions::from_str(url) {
        Ok(options) => Ok(Target::Sqlite(Box::new(options))),
        Err(_) => refuse(say!("it is not written as a URL is", "он записан не как адрес")),
    }
}

impl Connection {
    /// Rows of a query whose columns are all text.
    pub async fn rows(&mut self, sql: Arc<str>, values: &[Option<&str>]) -> Result<Vec<Row>, Failure> {
        macro_rules! ask {
            ($connection:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for value in values {
                    query = query.bind(value.map(str::to_owned));
                }
                let rows = query.fetch_all($connection).await.map_err(|e| Failure::of(&e))?;
                rows.iter()
                    .map(|row| (0..row.len()).map(|column| row.try_get(column)).collect())
                    .collect::<Result<_, _>>()
                    .map_err(|e| Failure::of(&e))
            }};
        }
        match self {
            Connection::Postgres(connection) => ask!(connection),
            Connection::Sqlite(connection) => ask!(connection),
        }
    }

    /// How many rows were changed.
    pub async fn change(&mut self, sql: String, values: &[Option<&str>]) -> Result<u64, Failure> {
        macro_rules! change {
            ($connection:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for value in values {
                    query = query.bind(value.map(str::to_owned));
                }
                query.execute($connection).await.map(|done| done.rows_affected()).map_err(|e| Failure::of(&e))
            }};
        }
        match self {
            Connection::Postgres(connection) => change!(connection),
            Connection::Sqlite(connection) => change!(connection),
        }
    }

    /// Statements without values.
    pub async fn run(&mut self, sql: impl Into<Arc<str>>) -> Result<(), Failure> {
        let sql = AssertSqlSafe(sql.into());
        let done = match self {
            Connection::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
            Connection::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(|_| ()),
        };
        done.map_err(|e| Failure::of(&e))
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Connection::Postgres(_))
    }

    /// Says goodbye, so that the server's log shows no lost connection.
    pub async fn close(self) {
        // It is of no more use, whatever becomes of the goodbye.
        let _ = match self {
            Connection::Postgres(connection) => connection.close().await,
            Connection::Sqlite(connection) => connection.close().await,
        };
    }
}

/// For people: which database, without user and password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Postgres(options) => {
                let database = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(folder) => write!(f, "PostgreSQL {database} at {}", folder.display()),
                    None => {
                        write!(f, "PostgreSQL {database} at {}:{}", options.get_host(), options.get_port())
                    }
                }
            }
            Target::Sqlite(options) => write!(f, "SQLite {}", options.get_filename().display()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, DirectoryError> {
        Target::parse(&Secret::new(url), None)
    }

    #[test]
    fn a_database_is_named_without_its_password() {
        let target = parse("postgres://bot:hunter2@10.0.0.5:6432/office").expect("a URL");
        assert_eq!(
            format!("{target} {target:?}"),
            "PostgreSQL office at 10.0.0.5:6432 PostgreSQL office at 10.0.0.5:6432"
        );
        let target = parse("sqlite:///var/lib/x/enterprises.db").expect("a URL");
        assert_eq!(target.to_string(), "SQLite /var/lib/x/enterprises.db");
    }

    #[test]
    fn a_bad_url_is_refused_and_not_repeated() {
        for bad in [
            "",
            "hunter2",
            "mysql://bot:hunter2@host/db",
            "Hunter2:hunter2@host",
            "postgres://bot:hunter2@host:port/db",
            "postgres://bot@host/db?passwort=hunter2",
            "postgres://bot:hunter2@host/db?sslmode=hunter2",
            "sqlite:",
            "sqlite://:memory:",
            "sqlite://enterprises.db",
            "sqlite:///a.db?mode=ro",
            "postgres://bot:hunter2@ho st/db",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(matches!(error, DirectoryError::Url { .. }), "{bad}");
            assert!(!format!("{error} {error:?}").to_lowercase().contains("hunter2"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_file_of_secrets_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("enterprises.db");
        make_private(&path).expect("made");
        make_private(&path).expect("there already");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(make_private(&folder.path().join("none/enterprises.db")).is_err());
    }
}
