//! One of the two stores of a copy: held against every bot, and its mark.

use std::{path::Path, time::Duration};

use super::{Contents, contents};
use crate::{
    StoreError, inspect, is_postgres,
    moved::{self, Mark},
    postgres::{self, session, target::Target},
    sql::{Connection, Dialect},
    sqlite::{codes, connection::options, file::file_error, open::Held},
};

/// A step of a copy may take as long as the store is large.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// No limits of the server's own end a long transaction; whoever holds a lock is waited for only shortly.
const SETTINGS: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s'";

pub(super) struct Side {
    pub db: Connection,
    /// For people; no password.
    pub name: String,
    kind: Kind,
}

enum Kind {
    /// All but its connection.
    File(Box<Held>),
    Database(Box<Target>),
}

impl Side {
    /// The store to copy from, which must be there.
    pub async fn source(url: &str) -> Result<Self, StoreError> {
        if !is_postgres(url) {
            let path = options(url)?.get_filename().to_owned();
            if !path.exists() {
                return Err(StoreError::Missing { store: path.display().to_string() });
            }
        }
        let mut side = Self::open(url).await?;
        let has_calls = match side.db.dialect() {
            Dialect::Sqlite => "SELECT count(*) > 0 FROM sqlite_master WHERE name = 'calls'",
            Dialect::Postgres => "SELECT to_regclass('calls') IS NOT NULL",
        };
        let query = side.db.query(has_calls);
        let there = async { side.db.one(query).await?.get::<bool>(0) };
        if !there.await.map_err(StoreError::read("the store"))? {
            return Err(StoreError::Missing { store: side.name });
        }
        Ok(side)
    }

    /// The store to copy to, which is made when it is missing.
    pub async fn target(url: &str) -> Result<Self, StoreError> {
        if !is_postgres(url)
            && let Some(folder) = options(url)?.get_filename().parent()
            && !folder.as_os_str().is_empty()
            && !folder.exists()
        {
            return Err(file_error(options(url)?.get_filename(), &std::io::ErrorKind::NotFound.into()));
        }
        Self::open(url).await
    }

    async fn open(url: &str) -> Result<Self, StoreError> {
        if is_postgres(url) {
            let target = Target::parse(url)?;
            let name = target.to_string();
            let db = session::connect(&target, SETTINGS).await;
            let mut db = db.map_err(|e| postgres::codes::opening(&name, e))?;
            db.set_limit(LONG);
            return Ok(Side { db, name, kind: Kind::Database(Box::new(target)) });
        }
        let held = Held::open(url).await?;
        let db = held.connection().await?;
        Ok(Side { db, name: held.name(), kind: Kind::File(Box::new(held)) })
    }

    fn failed(&self) -> impl FnOnce(sqlx::Error) -> StoreError + use<> {
        let name = self.name.clone();
        let is_file = matches!(self.kind, Kind::File(_));
        move |e| match is_file {
            true => codes::opening(Path::new(&name), e),
            false => postgres::codes::opening(&name, e),
        }
    }

    pub async fn mark(&mut self) -> Result<Option<Mark>, StoreError> {
        let failed = self.failed();
        moved::mark(&mut self.db).await.map_err(failed)
    }

    /// Not that of a store with a mark: its migrations are not all ours.
    pub async fn bring_up_to_date(&mut self) -> Result<(), StoreError> {
        match &mut self.kind {
            Kind::File(held) => held.bring_up_to_date().await,
            Kind::Database(target) => postgres::upgrade::prepare(target).await,
        }
    }

    /// From now on no bot can begin to write here; where one does, this is refused. A file is locked already.
    pub async fn keep_others_out(&mut self) -> Result<(), StoreError> {
        let failed = self.failed();
        let held = async {
            self.db.begin().await?;
            let Kind::Database(target) = &self.kind else { return Ok(None) };
            self.db.run("LOCK TABLE nodes IN EXCLUSIVE MODE").await?;
            let nodes = inspect::nodes(&mut self.db, target).await?;
            Ok(nodes.into_iter().find(|node| node.is_held))
        };
        let held = held.await.map_err(failed)?;
        match held {
            None => Ok(()),
            Some(node) => Err(StoreError::NodeInUse { store: self.name.clone(), node: node.name }),
        }
    }

    /// `wipe`: what is there is of a copy that was broken off.
    pub async fn be_empty(&mut self, wipe: bool) -> Result<(), StoreError> {
        if wipe {
            let statements = match self.db.dialect() {
                Dialect::Sqlite => {
                    "DELETE FROM timeline; DELETE FROM idempotency; DELETE FROM calls; DELETE FROM sqlite_sequence"
                }
                Dialect::Postgres => {
                    "TRUNCATE calls, call_counts, timeline, idempotency; UPDATE ledger SET last_seq = 0"
                }
            };
            let failed = self.failed();
            self.db.run(statements).await.map_err(failed)?;
        }
        let found = self.contents().await?;
        match found.copied == super::Copied::default() && found.last_seq == 0 {
            true => Ok(()),
            false => Err(StoreError::NotEmpty { store: self.name.clone() }),
        }
    }

    /// A bot with a file takes every open call for its own.
    pub async fn be_of_one_node(&mut self, target: &Side) -> Result<(), StoreError> {
        let (Kind::Database(here), Dialect::Sqlite) = (&self.kind, target.db.dialect()) else {
            return Ok(());
        };
        let failed = self.failed();
        let nodes = inspect::nodes(&mut self.db, here).await.map_err(failed)?;
        let open: Vec<String> =
            nodes.into_iter().filter(|node| node.open > 0).map(|node| node.name).collect();
        match open.len() {
            0 | 1 => Ok(()),
            _ => Err(StoreError::SeveralNodes { store: self.name.clone(), nodes: open }),
        }
    }

    pub async fn contents(&mut self) -> Result<Contents, StoreError> {
        contents(&mut self.db).await.map_err(StoreError::read("what the store has"))
    }

    /// Ends the transaction with this mark in it.
    pub async fn set(&mut self, mark: &Mark) -> Result<(), StoreError> {
        let failed = self.failed();
        let marked = async {
            moved::set(&mut self.db, mark).await?;
            self.db.commit().await
        };
        marked.await.map_err(failed)
    }

    /// It is a store like any other from now on.
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        let failed = self.failed();
        moved::clear(&mut self.db).await.map_err(failed)
    }

    pub async fn close(self) {
        // All is committed, and the lock of a file goes with the rest.
        let _ = self.db.close().await;
        if let Kind::File(held) = self.kind {
            let Held { file, db, .. } = *held;
            let _ = db.close().await;
            drop(file);
        }
    }
}
