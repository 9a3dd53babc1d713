//! The writer's side of PostgreSQL. Before anything is written the node's lock is held; after a loss it is taken again, and
//! what became of the last transaction is looked up before it is written once more.

use std::{io, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    codes::{is_answer, is_permanent, told},
    session::{Backend, Last, Me, NoNode, Session},
    target::Target,
};
use crate::{
    Commit, Deleted, IdempotencyRow,
    batch::{self, Step},
    calls,
    engine::Engine,
    retention,
    sql::Connection,
};
use call::CallId;

/// Our own session of before ends within this, or the next try finds it gone.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Postgres {
    target: Target,
    me: Me,
    session: Option<Session>,
    /// The session before, whose process may still hold our lock.
    old: Option<Backend>,
    /// The last transaction that is known to be there.
    last: Last,
    /// A transaction whose end is not known has the next number.
    is_unsure: bool,
}

impl Postgres {
    pub(super) fn new(target: Target, me: Me, session: Session, last: Last) -> Self {
        Postgres { target, me, session: Some(session), old: None, last, is_unsure: false }
    }

    /// With the node's lock. What the node's row says is kept in `last`.
    async fn session(&mut self) -> Result<&mut Session, sqlx::Error> {
        if self.session.is_none() {
            let begun = async {
                let mut session = Session::begin(&self.target, &self.me, self.old.as_ref(), PATIENCE).await?;
                let found = session.find_node(&self.me).await?;
                Ok((session, found))
            };
            let (session, found) = begun.await.map_err(|e| self.no_node(e))?;
            if found.batch < self.last.batch {
                tracing::error!(
                    store = %self.target, known = self.last.batch, found = found.batch,
                    "the database has lost what it had confirmed: a standby that was behind has taken over, or a backup was restored; calls of that time may be dialed again after a restart"
                );
                self.is_unsure = false;
                self.last = found;
            }
            self.found(found);
            self.old = None;
            self.session = Some(session);
        }
        Ok(self.session.as_mut().expect("it was just made"))
    }

    /// Where `is_unsure` stays, the transaction in question is there.
    fn found(&mut self, found: Last) {
        self.is_unsure &= found.batch == self.last.batch + 1;
        self.last = found;
    }

    fn no_node(&self, why: NoNode) -> sqlx::Error {
        let node = &self.me.node;
        let text = match why {
            NoNode::Failed(error) => return error,
            NoNode::Held if self.old.is_some() => format!(
                "the lock of the node `{node}` is held by another session: our own of before that the server has not ended yet, or another bot of that name; stop that one, or give it its own store.node"
            ),
            NoNode::Held => format!(
                "another novofon-bot has the node `{node}`; stop that one, or give it its own store.node"
            ),
            NoNode::Taken => format!(
                "another novofon-bot has taken the node `{node}` with its calls while this one was away; restart this one, with a store.node of its own if the other is meant to run"
            ),
        };
        sqlx::Error::Io(io::Error::other(text))
    }

    /// The connection is given up, whatever it still does: what was on its way may yet be committed.
    fn lose(&mut self) {
        if let Some(session) = self.session.take() {
            self.old = Some(session.backend());
        }
    }

    async fn transaction(&mut self, commits: &[Commit], now: DateTime<Utc>) -> Result<i64, sqlx::Error> {
        let (me, batch) = (self.me.clone(), self.last.batch + 1);
        let db = &mut self.session.as_mut().expect("whoever calls this has one").db;
        db.begin().await?;
        let mut query = db.query("UPDATE ledger SET last_seq = last_seq + ");
        query.bind(batch::numbers(commits)).push(" RETURNING last_seq");
        let last_seq: i64 = db.one(query).await?.get(0)?;
        let first_seq = last_seq - batch::numbers(commits) + 1;
        let mut query = db.query("UPDATE nodes SET batch = ");
        query.bind(batch).push(", first_seq = ").bind(first_seq);
        query.push(" WHERE name = ").bind(me.node.as_str()).push(" AND owner = ").bind(me.owner);
        if db.execute(query).await? != 1 {
            return Err(self.no_node(NoNode::Taken));
        }
        for step in batch::steps(commits, first_seq) {
            let mut query = db.query("");
            step.push(&mut query, now, Some(&me.node));
            let rows = db.execute(query).await?;
            if let (Step::Key(key), 0) = (&step, rows) {
                not_of_another_node(db, key, &me.node).await?;
            }
            step.done(rows);
        }
        db.commit().await?;
        Ok(first_seq)
    }

    async fn remove(&mut self, id: CallId) -> Result<Deleted, sqlx::Error> {
        let db = &mut self.session().await?.db;
        batch::begin(db).await?;
        let deleted = calls::delete(db, id).await?;
        db.commit().await?;
        Ok(deleted)
    }
}

/// A key that stands for a call of another bot, which took the same request at the same moment: this one's call must not be
/// dialed too. Its client comes again, and is told of the other's.
async fn not_of_another_node(
    db: &mut Connection,
    key: &IdempotencyRow,
    node: &str,
) -> Result<(), sqlx::Error> {
    let mut query = db.query("SELECT node FROM calls JOIN idempotency ON id = call_id WHERE scope = ");
    query.bind(key.scope.as_str()).push(" AND key = ").bind(key.key.as_str());
    let of: Option<String> = db.optional(query).await?.map(|row| row.get("node")).transpose()?;
    match of.filter(|of| of != node) {
        Some(of) => Err(sqlx::Error::Encode(
            format!("the idempotency key stands for a call of the node `{of}`; ask again with the same key")
                .into(),
        )),
        None => Ok(()),
    }
}

impl Engine for Postgres {
    const LOOK_EVERY: Option<Duration> = Some(Duration::from_secs(5));

    const REMEDY: &str = "see the database's server and the way to it";

    fn name(&self) -> String {
        self.target.to_string()
    }

    async fn look(&mut self) -> Result<(), sqlx::Error> {
        let me = self.me.clone();
        let looked = match self.session().await {
            Ok(session) => session.find_node(&me).await.map_err(|e| self.no_node(e)),
            Err(e) => Err(e),
        };
        if looked.is_err() {
            self.lose();
        }
        looked.map(drop)
    }

    async fn write(&mut self, commits: &[Commit], now: DateTime<Utc>) -> Result<i64, sqlx::Error> {
        self.session().await?;
        if std::mem::take(&mut self.is_unsure) {
            tracing::info!(store = %self.target, batch = self.last.batch, "a commit whose answer was lost is there");
            return Ok(self.last.first_seq);
        }
        match self.transaction(commits, now).await {
            Ok(first_seq) => {
                self.last = Last { batch: self.last.batch + 1, first_seq };
                Ok(first_seq)
            }
            Err(e) => {
                if is_answer(&e) {
                    // It has undone what there was of it.
                    self.session.as_mut().expect("it was used").db.roll_back().await;
                } else {
                    self.is_unsure = true;
                    self.lose();
                }
                Err(e)
            }
        }
    }

    async fn delete(&mut self, id: CallId) -> Result<Deleted, sqlx::Error> {
        let deleted = self.remove(id).await;
        if deleted.is_err() {
            self.lose();
        }
        deleted
    }

    async fn purge(&mut self, now: DateTime<Utc>, keep: Option<TimeDelta>) -> Result<bool, sqlx::Error> {
        let purged = async {
            let db = &mut self.session().await?.db;
            retention::purge(db, now, keep).await
        };
        let purged = purged.await;
        if purged.is_err() {
            self.lose();
        }
        purged.map(|purged| purged.more_keys || purged.more_calls)
    }

    fn is_permanent(error: &sqlx::Error) -> bool {
        is_permanent(error)
    }

    fn told(error: &sqlx::Error) -> String {
        told(error)
    }

    async fn close(self) {
        if let Some(session) = self.session
            && let Err(error) = session.db.close().await
        {
            tracing::debug!(%error, "the database was not told that we go; nothing is lost");
        }
    }
}
