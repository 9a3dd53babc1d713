//! Looking into the store from outside, while a daemon has it or when none runs.
//!
//! It opens read-only, takes no lock that a daemon could miss, and brings no schema up to date.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sqlx::ConnectOptions;

use super::{
    LONG_LOOK, StoreError, is_postgres, micros,
    postgres::{self, session, target::Target},
    sql::Connection,
    sqlite::{codes::opening, connection},
};
use call::Reason;

/// A busy writer holds a reader up for no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection of its own that writes nothing.
pub struct Inspection {
    db: Connection,
    /// Where it is PostgreSQL.
    target: Option<Target>,
}

/// A bot of a store that several share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// A daemon of this name runs.
    pub is_held: bool,
    /// Its calls that have not ended.
    pub open: u64,
}

/// How many calls of a span of time ended for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub reason: Reason,
    pub calls: u64,
    /// Creation of the newest of them.
    pub newest: DateTime<Utc>,
}

/// Live calls that should have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overdue {
    pub live: u64,
    /// Of these, those whose own time limits are long over.
    pub overdue: u64,
    pub oldest: Option<DateTime<Utc>>,
}

/// The database file that a store's URL names.
pub fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    Ok(connection::options(url)?.get_filename().to_owned())
}

/// Whether a store's URL can be used at all.
pub fn check_url(url: &str) -> Result<(), StoreError> {
    if is_postgres(url) { Target::parse(url).map(drop) } else { connection::options(url).map(drop) }
}

impl Inspection {
    /// `None`: there is no store yet.
    pub async fn open(url: &str) -> Result<Option<Self>, StoreError> {
        if is_postgres(url) {
            let target = Target::parse(url)?;
            return Self::of_postgres(&target)
                .await
                .map_err(|e| postgres::codes::opening(&target.to_string(), e));
        }
        let options =
            connection::options(url)?.create_if_missing(false).read_only(true).busy_timeout(PATIENCE);
        let path = options.get_filename().to_owned();
        if !path.exists() {
            return Ok(None);
        }
        let connected = options.disable_statement_logging().connect().await;
        let db = connected.map_err(|e| opening(Path::new(&path), e))?.into();
        Ok(Some(Inspection { db, target: None }))
    }

    async fn of_postgres(target: &Target) -> Result<Option<Self>, sqlx::Error> {
        let mut db = session::connect(target, "SET default_transaction_read_only = on").await?;
        db.set_limit(LONG_LOOK);
        let query = db.query("SELECT to_regclass('nodes') IS NOT NULL");
        let is_there: bool = db.one(query).await?.get(0)?;
        Ok(is_there.then(|| Inspection { db, target: Some(target.clone()) }))
    }

    /// What is wrong with the store, at most ten lines; empty when all is well. Of SQLite it reads the pages but does not
    /// compare the indexes with the rows, which takes longer; of PostgreSQL it compares the counters with the calls.
    pub async fn quick_check(&mut self) -> Result<Vec<String>, StoreError> {
        const WHAT: &str = "the integrity of the store";
        if self.target.is_some() {
            return crate::check::integrity(&mut self.db).await.map_err(StoreError::read(WHAT));
        }
        let query = self.db.query("PRAGMA quick_check(10)");
        let rows = self.db.all(query).await.map_err(StoreError::read(WHAT))?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.get(0)).collect();
        Ok(lines.map_err(StoreError::read(WHAT))?.into_iter().filter(|line| line != "ok").collect())
    }

    /// The bots that write to it; none of a file, which has one bot.
    pub async fn nodes(&mut self) -> Result<Vec<Node>, StoreError> {
        let Some(target) = &self.target else { return Ok(Vec::new()) };
        nodes(&mut self.db, target).await.map_err(StoreError::read("the nodes"))
    }

    /// The reasons of the calls created since then that have ended, the most frequent first. Words that
    /// this version does not know are left out.
    pub async fn ended_since(&mut self, since: DateTime<Utc>) -> Result<Vec<Ended>, StoreError> {
        let look = async {
            let mut query = self.db.query(
                "SELECT reason, count(*), max(created_at) FROM calls \
                 WHERE ended_at IS NOT NULL AND reason IS NOT NULL AND created_at >= ",
            );
            query.bind(micros(since)).push(" GROUP BY reason ORDER BY 2 DESC, 1");
            let rows = self.db.all(query).await?;
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
        };
        let rows: Result<Vec<(String, i64, i64)>, sqlx::Error> = look.await;
        let ended = |(reason, calls, newest): (String, i64, i64)| {
            Some(Ended {
                reason: reason.parse().ok()?,
                calls: u64::try_from(calls).ok()?,
                newest: DateTime::from_timestamp_micros(newest)?,
            })
        };
        let rows = rows.map_err(StoreError::read("the last calls"))?;
        Ok(rows.into_iter().filter_map(ended).collect())
    }

    /// The live calls. One is overdue when it is older than its own limits and `slack` allow together.
    pub async fn overdue(&mut self, now: DateTime<Utc>, slack: Duration) -> Result<Overdue, StoreError> {
        let latest = micros(now) - i64::try_from(slack.as_micros()).unwrap_or(i64::MAX / 2);
        let look = async {
            let mut query = self.db.query(
                "SELECT count(*), count(*) FILTER (WHERE created_at + (ring_timeout + max_duration) * 1000000 < ",
            );
            query.bind(latest).push(
                "), min(created_at) FROM calls WHERE ended_at IS NULL AND status IN \
                 ('queued', 'dialing', 'ringing', 'early_media', 'answered')",
            );
            let row = self.db.one(query).await?;
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        };
        let counted: Result<(i64, i64, Option<i64>), sqlx::Error> = look.await;
        let (live, overdue, oldest) = counted.map_err(StoreError::read("the live calls"))?;
        Ok(Overdue {
            live: u64::try_from(live).unwrap_or(0),
            overdue: u64::try_from(overdue).unwrap_or(0),
            oldest: oldest.and_then(DateTime::from_timestamp_micros),
        })
    }

    pub async fn close(self) {
        // It only read: nothing can be lost.
        let _ = self.db.close().await;
    }
}

pub(super) async fn nodes(db: &mut Connection, target: &Target) -> Result<Vec<Node>, sqlx::Error> {
    let mut query = db.query(
        "SELECT name, EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (CAST(classid AS BIGINT) << 32 | CAST(objid AS BIGINT)) = hashtextextended(",
    );
    query.bind(session::lock_name(target, "")).push(
        " || name, 0)) AS held, (SELECT count(*) FROM calls WHERE node = name AND status IN \
         ('queued', 'dialing', 'ringing', 'early_media', 'answered')) AS open \
         FROM nodes ORDER BY name",
    );
    let rows = db.all(query).await?;
    rows.iter()
        .map(|row| {
            let open: i64 = row.get("open")?;
            Ok(Node { name: row.get("name")?, is_held: row.get("held")?, open: open.unsigned_abs() })
        })
        .collect()
}
