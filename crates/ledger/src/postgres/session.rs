//! A session of the writer: the lock of its node, which no second bot of that name gets, and the row that says what was
//! written last. The lock lives as long as the session, so whoever has it knows that the session before is over and what
//! became of its last transaction.

use std::{io, time::Duration};

use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;
use uuid::Uuid;

use super::target::Target;
use crate::sql::Connection;

/// One statement of the writer, and each step of a connection, may take so long. A commit waits for the server's disk.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// A connection is made within this, or the server is away.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Between two looks at a lock that another session has.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What every session of the writer is set to. By `SET` and not at its start: poolers between us and the server refuse
/// options there. A machine that died without a word is noticed by the server within half a minute; one that stands still in
/// the middle of a transaction holds up the other nodes no longer than that.
const SETTINGS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '10s'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// Who this bot is among those that write to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Me {
    pub node: String,
    /// This run of it.
    pub owner: Uuid,
}

/// What the node's row says of its last transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub batch: i64,
    pub first_seq: i64,
}

pub(super) struct Session {
    pub db: Connection,
    backend: Backend,
}

/// A process of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backend {
    pid: i64,
    /// Its number may be another's by now.
    started: String,
}

/// Why a node could not be had.
#[derive(Debug)]
pub(super) enum NoNode {
    /// Another session has its lock.
    Held,
    /// Another bot has had it meanwhile, and our calls with it.
    Taken,
    Failed(sqlx::Error),
}

impl From<sqlx::Error> for NoNode {
    fn from(error: sqlx::Error) -> Self {
        NoNode::Failed(error)
    }
}

/// A connection with the store's schema before it.
pub(crate) async fn connect(target: &Target, settings: &str) -> Result<Connection, sqlx::Error> {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect_with(&target.options));
    let connection = connecting.await.unwrap_or_else(|_| {
        let text = format!("no connection within {} s", CONNECT_LIMIT.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
    })?;
    let mut db = Connection::postgres(connection, LIMIT);
    let schema = &target.schema;
    db.run(format!("SET search_path TO {schema}; {settings}")).await?;
    Ok(db)
}

impl Session {
    /// Connects and takes the node's lock, within `patience` once it is connected: the session of a bot that was killed ends
    /// in a moment. `old`: our own session of before, which is ended if it is what holds it: frozen it would not end by itself.
    pub async fn begin(
        target: &Target,
        me: &Me,
        old: Option<&Backend>,
        patience: Duration,
    ) -> Result<Session, NoNode> {
        let mut db = connect(target, SETTINGS).await?;
        make_durable(&mut db).await?;
        let query = db.query(
            "SELECT CAST(pid AS BIGINT), CAST(backend_start AS TEXT) FROM pg_stat_activity \
             WHERE pid = pg_backend_pid()",
        );
        let row = db.one(query).await?;
        let backend =
            Backend { pid: row.get(0)?, started: row.get::<Option<String>>(1)?.unwrap_or_default() };
        let mut session = Session { db, backend };
        let until = Instant::now() + patience;
        let mut old = old;
        while !session.try_lock(target, &me.node).await? {
            if let Some(old) = old.take() {
                session.terminate(old).await?;
            }
            if Instant::now() >= until {
                return Err(NoNode::Held);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(session)
    }

    pub fn backend(&self) -> Backend {
        self.backend.clone()
    }

    async fn try_lock(&mut self, target: &Target, node: &str) -> Result<bool, sqlx::Error> {
        let mut query = self.db.query("SELECT pg_try_advisory_lock(hashtextextended(");
        query.bind(lock_name(target, node)).push(", 0))");
        self.db.one(query).await?.get(0)
    }

    /// Without the right to do so it stays, and ends when its own time is over.
    async fn terminate(&mut self, old: &Backend) -> Result<(), sqlx::Error> {
        let mut query = self.db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ");
        query.bind(old.pid).push(" AND CAST(backend_start AS TEXT) = ").bind(old.started.as_str());
        self.db.all(query).await.map(drop)
    }

    /// Makes the node this run's, whoever had it before.
    pub async fn take_node(&mut self, me: &Me, now: i64) -> Result<Last, sqlx::Error> {
        let mut query = self.db.query("INSERT INTO nodes AS mine (name, owner, taken_at, batch, first_seq) ");
        query.rows([vec![me.node.as_str().into(), me.owner.into(), now.into(), 0i64.into(), 0i64.into()]]);
        query.push(
            " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, taken_at = excluded.taken_at \
             RETURNING batch, first_seq",
        );
        last(&self.db.one(query).await?)
    }

    /// The node is still this run's, or somebody has had it meanwhile.
    pub async fn find_node(&mut self, me: &Me) -> Result<Last, NoNode> {
        let mut query = self.db.query("SELECT batch, first_seq FROM nodes WHERE name = ");
        query.bind(me.node.as_str()).push(" AND owner = ").bind(me.owner);
        match self.db.optional(query).await? {
            Some(row) => Ok(last(&row)?),
            None => Err(NoNode::Taken),
        }
    }
}

fn last(row: &crate::sql::Row) -> Result<Last, sqlx::Error> {
    Ok(Last { batch: row.get("batch")?, first_seq: row.get("first_seq")? })
}

/// Locks are a database's, and it may hold the stores of others.
pub(crate) fn lock_name(target: &Target, node: &str) -> String {
    format!("novofon-bot:{}:{node}", target.schema)
}

/// What is committed must be on disk, whatever the server's default is.
async fn make_durable(db: &mut Connection) -> Result<(), sqlx::Error> {
    let query =
        db.query("SELECT current_setting('synchronous_commit') = 'off', current_setting('fsync') = 'off'");
    let row = db.one(query).await?;
    if row.get(0)? {
        db.run("SET synchronous_commit TO on").await?;
    }
    if row.get(1)? {
        tracing::debug!("the database's server has fsync off: a loss of its power loses calls");
    }
    Ok(())
}
