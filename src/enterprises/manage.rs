//! What the command line orders: who there is, a new enterprise, an end, a new secret. Each order has a connection of
//! its own and is one transaction. A table that is not ours is not altered, unless that is ordered in so many words.

use std::{fmt::Write, sync::Arc, time::Duration};

use chrono::Utc;
use tokio::time::{Instant, timeout};

use super::{
    Directory, SharedList,
    database::{Connection, Mode},
    enterprise::{Enterprise, Overrides, SETTINGS},
    error::{DirectoryError, Failure, Kind},
    identify::may_be_one,
    table::{CREATE, Layout, NOTIFY, no_table},
    value::{Host, Name, Number},
};
use asterisk::secret::Secret;
use lang::{Text, say};

/// Who is active and has a secret that another active one has.
const SHARED: &str = "SELECT CAST(number AS text) FROM enterprises WHERE active = true AND secret IN \
    (SELECT secret FROM enterprises WHERE active = true GROUP BY secret HAVING count(*) > 1)";

/// Those whose secret has fewer characters than the 32 of ours by half or more.
const GUESSABLE: &str =
    "SELECT CAST(number AS text) FROM enterprises WHERE active = true AND length(secret) < 16";

/// For an order as a whole. A change of the table waits for whoever reads it.
const LIMIT: Duration = Duration::from_secs(15);

/// Who is to be added.
#[derive(Debug, Clone)]
pub struct NewEnterprise {
    pub number: Number,
    pub name: Name,
    pub ip: Host,
    pub settings: Overrides,
    /// One that its clients have already; `None` makes one.
    pub secret: Option<Secret>,
    /// Columns that a foreign table lacks are added to it, and our trigger.
    pub alter_table: bool,
}

/// What was done for a new enterprise.
#[derive(Debug)]
pub struct Added {
    pub secret: Secret,
    pub made_table: bool,
    pub added_columns: Vec<&'static str>,
}

/// A row of the table, sane or not.
#[derive(Debug)]
pub struct Listed {
    /// As in the table, empty for NULL.
    pub number: String,
    pub name: String,
    pub ip: String,
    pub active: bool,
    /// Its secret has so few characters that it can be guessed.
    pub is_guessable: bool,
    /// What can be used, or why it can't.
    pub enterprise: Result<Arc<Enterprise>, DirectoryError>,
}

impl Directory {
    /// Everybody, by number.
    pub async fn list(&self) -> Result<Vec<Listed>, DirectoryError> {
        self.order(
            &say!("read the table `enterprises`", "прочитать таблицу `enterprises`"),
            Mode::Read,
            async |connection: &mut Connection| {
                let layout = Layout::look(connection).await?.ok_or_else(no_table)?;
                let rows = connection.rows(layout.list.clone(), &[]).await?;
                let mut listed: Vec<Listed> = rows.into_iter().map(|row| listed(&layout, row)).collect();
                // Of two with one secret neither is let in: they can't be told apart.
                let shared = connection.rows(SHARED.into(), &[]).await?;
                for row in shared {
                    let number = row.first().cloned().flatten().unwrap_or_default();
                    for one in listed.iter_mut().filter(|one| one.active && one.number == number) {
                        if one.enterprise.is_ok() {
                            one.enterprise = Err(DirectoryError::Unfit {
                                number: one.number.trim_end().to_owned(),
                                problem: say!(
                                    "another active enterprise has the same secret",
                                    "тот же ключ у другого активного предприятия"
                                ),
                            });
                        }
                    }
                }
                let short = connection.rows(GUESSABLE.into(), &[]).await?;
                for row in short {
                    let number = row.first().cloned().flatten().unwrap_or_default();
                    listed
                        .iter_mut()
                        .filter(|one| one.number == number)
                        .for_each(|one| one.is_guessable = true);
                }
                Ok(listed)
            },
        )
        .await
    }

    /// One, whether active or not. With the database away a known one is told as it was.
    pub async fn by_number(&self, number: &str) -> Result<Option<Arc<Enterprise>>, DirectoryError> {
        match &*self.list_with_others().await {
            Ok(rows) => rows
                .iter()
                .find(|row| row.number.trim_end() == number)
                .map(|row| row.enterprise.clone())
                .transpose(),
            Err(error) => {
                let grace = self.inner.config.grace;
                let known = self.inner.memory.lock().cache.by_number(number, Instant::now(), grace);
                known.map(Some).ok_or_else(|| error.clone())
            }
        }
    }

    /// A list that was begun after this was asked, and is shared with all who ask meanwhile: after a restart each open
    /// call asks for its enterprise, and a database has only so many connections.
    async fn list_with_others(&self) -> SharedList {
        let asked = Instant::now();
        let mut last = self.inner.last_list.lock().await;
        match &*last {
            Some((begun, list)) if *begun >= asked => list.clone(),
            _ => {
                let begun = Instant::now();
                let list = Arc::new(self.list().await);
                *last = Some((begun, list.clone()));
                list
            }
        }
    }

    /// Adds an enterprise, active; makes the table if there is none.
    pub async fn add(&self, new: NewEnterprise) -> Result<Added, DirectoryError> {
        let what = say!("add enterprise `{}`", "добавить предприятие `{}`", new.number);
        let refuse = |why: Text| DirectoryError::Refused { what: what.clone(), why };
        new.settings.check().map_err(|(column, error)| {
            refuse(say!("its `{column}` {it}", "его `{column}`: {it}", it = error))
        })?;
        let secret = new.secret.clone().unwrap_or_else(make_secret);
        if !may_be_one(&secret) {
            return Err(refuse(say!(
                "a secret has 1 to 256 bytes, none of them a control character",
                "в ключе от 1 до 256 байтов, и управляющих знаков среди них нет"
            )));
        }
        let number = new.number.clone();
        let (made_table, added_columns) = self
            .order(&what, Mode::Make, async |connection: &mut Connection| {
                add(connection, &new, &secret).await
            })
            .await?;
        self.forget(Some(number.as_str()));
        Ok(Added { secret, made_table, added_columns })
    }

    /// From now on its secret is nobody's.
    pub async fn disable(&self, number: &Number) -> Result<(), DirectoryError> {
        self.set_active(number, false).await
    }

    pub async fn enable(&self, number: &Number) -> Result<(), DirectoryError> {
        self.set_active(number, true).await
    }

    /// Takes an enterprise out of the table: its number is free, and its secret nobody's.
    pub async fn remove(&self, number: &Number) -> Result<(), DirectoryError> {
        let what = say!("remove enterprise `{number}`", "удалить предприятие `{number}`");
        let sql = "DELETE FROM enterprises WHERE CAST(number AS text) = $1";
        self.order(&what, Mode::Write, async |connection: &mut Connection| {
            Layout::look(connection).await?.ok_or_else(no_table)?;
            // Another table may refer to the row.
            match connection.change(sql.into(), &[Some(number.as_str())]).await.map_err(of_rules)? {
                0 => Err(DirectoryError::NoSuch { number: number.to_string() }.into()),
                1 => Ok(()),
                rows => Err(DirectoryError::Several { number: number.to_string(), rows }.into()),
            }
        })
        .await?;
        self.forget(Some(number.as_str()));
        Ok(())
    }

    async fn set_active(&self, number: &Number, active: bool) -> Result<(), DirectoryError> {
        let what = match active {
            true => say!("enable enterprise `{number}`", "включить предприятие `{number}`"),
            false => say!("disable enterprise `{number}`", "отключить предприятие `{number}`"),
        };
        let sql = format!("UPDATE enterprises SET active = {active} WHERE CAST(number AS text) = $1");
        self.order(&what, Mode::Write, async |connection: &mut Connection| {
            Layout::look(connection).await?.ok_or_else(no_table)?;
            match connection.change(sql, &[Some(number.as_str())]).await? {
                0 => Err(DirectoryError::NoSuch { number: number.to_string() }.into()),
                _ => Ok(()),
            }
        })
        .await?;
        self.forget(Some(number.as_str()));
        Ok(())
    }

    /// Gives an enterprise a new secret; the one it had is nobody's from now on.
    pub async fn rotate_secret(&self, number: &Number) -> Result<Secret, DirectoryError> {
        let secret = make_secret();
        let what = say!("give enterprise `{number}` a new secret", "дать предприятию `{number}` новый ключ");
        self.order(&what, Mode::Write, async |connection: &mut Connection| {
            Layout::look(connection).await?.ok_or_else(no_table)?;
            let sql = "UPDATE enterprises SET secret = $1 WHERE CAST(number AS text) = $2";
            let values = [Some(secret.expose()), Some(number.as_str())];
            let number = number.to_string();
            match connection.change(sql.to_owned(), &values).await? {
                0 => Err(DirectoryError::NoSuch { number }.into()),
                1 => Ok(()),
                rows => Err(DirectoryError::Several { number, rows }.into()),
            }
        })
        .await?;
        self.forget(Some(number.as_str()));
        Ok(secret)
    }

    /// Carries out an order in a transaction, which an error takes back.
    pub(super) async fn order<T>(
        &self,
        what: &Text,
        mode: Mode,
        order: impl AsyncFnOnce(&mut Connection) -> Result<T, Stop>,
    ) -> Result<T, DirectoryError> {
        let away = |failure: Failure| DirectoryError::Away { since: Utc::now(), why: failure.why };
        let limit = self.inner.config.time_limit;
        let connected = timeout(limit, self.inner.target.connect(mode, LIMIT)).await;
        let late = |limit: Duration| {
            Failure::other(say!("no answer within {limit}", "за {limit} нет ответа", limit = limit))
        };
        let mut connection = connected.unwrap_or_else(|_| Err(late(limit))).map_err(away)?;
        let done = timeout(LIMIT, async {
            connection
                .run(if connection.is_postgres() || mode == Mode::Read { "BEGIN" } else { "BEGIN IMMEDIATE" })
                .await?;
            let done = order(&mut connection).await?;
            connection.run("COMMIT").await?;
            Ok(done)
        })
        .await;
        let done = done.unwrap_or_else(|_| Err(late(LIMIT).into()));
        // Without a COMMIT the end of the connection takes everything back.
        connection.close().await;
        done.map_err(|stop| match stop {
            Stop::Told(error) => error,
            Stop::Failed(failure) => DirectoryError::Refused { what: what.clone(), why: failure.why },
        })
    }
}

/// Why an order was not carried out.
pub(super) enum Stop {
    Told(DirectoryError),
    Failed(Failure),
}

impl From<DirectoryError> for Stop {
    fn from(error: DirectoryError) -> Self {
        Stop::Told(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

fn listed(layout: &Layout, mut row: Vec<Option<String>>) -> Listed {
    let active = row.remove(0).is_some_and(|active| active == "true" || active == "1");
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let (number, name, ip) = (text(0), text(1), text(2));
    Listed { number, name, ip, active, is_guessable: false, enterprise: layout.read(&row).map(Arc::new) }
}

/// 128 bits of the system's randomness, as 32 hex digits.
fn make_secret() -> Secret {
    let bytes: [u8; 16] = rand::random();
    let mut text = String::with_capacity(32);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    Secret::new(text)
}

async fn add(
    connection: &mut Connection,
    new: &NewEnterprise,
    secret: &Secret,
) -> Result<(bool, Vec<&'static str>), Stop> {
    let mut made_table = false;
    let mut layout = match Layout::look(connection).await? {
        Some(layout) => layout,
        None => {
            connection.run(CREATE).await?;
            made_table = true;
            if connection.is_postgres() {
                connection.run(NOTIFY).await?;
            }
            Layout::look(connection).await?.ok_or_else(no_table)?
        }
    };
    let mut added = Vec::new();
    if new.alter_table {
        added = alter(connection, &layout).await?;
        layout = Layout::look(connection).await?.ok_or_else(no_table)?;
    }
    let texts = new.settings.texts();
    let set: Vec<_> = SETTINGS.iter().zip(&texts).filter(|(_, text)| text.is_some()).collect();
    layout.must_have(set.iter().map(|((name, _), _)| *name))?;

    let number = Some(new.number.as_str());
    let same = "SELECT CAST(number AS text) FROM enterprises WHERE CAST(number AS text) = $1";
    let taken = DirectoryError::Taken { number: new.number.to_string() };
    if !connection.rows(same.into(), &[number]).await?.is_empty() {
        return Err(taken.into());
    }
    let mut names = vec!["number", "name", "ip", "secret", "active"];
    let mut places = vec![layout.number(1), "$2".into(), layout.ip(3), "$4".into(), "true".into()];
    let mut values = vec![number, Some(new.name.as_str()), Some(new.ip.as_str()), Some(secret.expose())];
    for ((name, is_digits), text) in set {
        values.push(text.as_deref());
        names.push(name);
        let at = values.len();
        places.push(place(at, *is_digits));
    }
    let sql = format!("INSERT INTO enterprises ({}) VALUES ({})", names.join(", "), places.join(", "));
    connection.change(sql, &values).await.map_err(of_rules)?;
    Ok((made_table, added))
}

/// Where a statement has the value of a column of [`SETTINGS`].
pub(super) fn place(at: usize, is_digits: bool) -> String {
    if is_digits { format!("CAST(${at} AS integer)") } else { format!("${at}") }
}

/// PostgreSQL's text names the rule and not the values.
pub(super) fn of_rules(failure: Failure) -> Failure {
    match failure.kind {
        Kind::Rule | Kind::Values => {
            let why = say!(
                "the table's own rules forbid it: {it}",
                "это запрещают правила самой таблицы: {it}",
                it = failure.why
            );
            Failure { why, ..failure }
        }
        _ => failure,
    }
}

/// Adds what a foreign table lacks: columns that may be empty, and in PostgreSQL the trigger.
pub(super) async fn alter(
    connection: &mut Connection,
    layout: &Layout,
) -> Result<Vec<&'static str>, Failure> {
    for (name, is_digits) in SETTINGS.iter().filter(|(name, _)| layout.missing.contains(name)) {
        let kind = if *is_digits { "integer" } else { "text" };
        connection.run(format!("ALTER TABLE enterprises ADD COLUMN {name} {kind}")).await?;
    }
    if connection.is_postgres() && !layout.tells {
        connection.run(NOTIFY).await?;
    }
    Ok(layout.missing.clone())
}
