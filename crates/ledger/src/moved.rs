//! The mark of a store that was moved away, and of one that is being moved to. It is a table that only such a store has. A bot
//! that opened either would dial what another dials.

use uuid::Uuid;

use super::{
    StoreError,
    sql::{Connection, Dialect},
};

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub role: Role,
    /// The other store, for people; no password.
    pub other: String,
    /// The same on both sides of one move.
    pub id: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// All of it is elsewhere now.
    Retired,
    /// It is being filled, and is nobody's yet.
    Filling,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Retired => "retired",
            Role::Filling => "filling",
        }
    }
}

/// In `_sqlx_migrations` of a retired store: a release that does not know of marks takes it for a newer one's, and leaves it
/// alone.
const NO_SCHEMA: i64 = 1_000_000_000;

pub(super) async fn mark(db: &mut Connection) -> Result<Option<Mark>, sqlx::Error> {
    let query = match db.dialect() {
        Dialect::Sqlite => db.query("SELECT 1 FROM sqlite_master WHERE name = 'moved'"),
        Dialect::Postgres => db.query("SELECT 1 WHERE to_regclass('moved') IS NOT NULL"),
    };
    if db.optional(query).await?.is_none() {
        return Ok(None);
    }
    let query = db.query("SELECT role, other, id FROM moved");
    let Some(row) = db.optional(query).await? else { return Ok(None) };
    let role = if row.text("role")? == Some(Role::Retired.as_str()) { Role::Retired } else { Role::Filling };
    Ok(Some(Mark { role, other: row.get("other")?, id: row.get("id")? }))
}

/// A store with a mark is not opened.
pub(super) async fn refuse(
    db: &mut Connection,
    store: &str,
    open: impl FnOnce(sqlx::Error) -> StoreError,
) -> Result<(), StoreError> {
    let Some(mark) = mark(db).await.map_err(open)? else { return Ok(()) };
    let (store, other) = (store.to_owned(), mark.other);
    Err(match mark.role {
        Role::Retired => StoreError::Retired { store, to: other },
        Role::Filling => StoreError::Unfinished { store, from: other },
    })
}

/// Within a transaction: the mark is there, or nothing has changed.
pub(super) async fn set(db: &mut Connection, mark: &Mark) -> Result<(), sqlx::Error> {
    let id = match db.dialect() {
        Dialect::Sqlite => "BLOB",
        Dialect::Postgres => "UUID",
    };
    db.run(format!(
        "CREATE TABLE IF NOT EXISTS moved (role TEXT NOT NULL, other TEXT NOT NULL, id {id} NOT NULL)"
    ))
    .await?;
    db.run("DELETE FROM moved").await?;
    let mut query = db.query("INSERT INTO moved (role, other, id) ");
    query.rows([vec![mark.role.as_str().into(), mark.other.as_str().into(), mark.id.into()]]);
    db.execute(query).await?;
    if mark.role == Role::Retired {
        let mut query = db.query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT version, description, TRUE, checksum, 0 FROM (",
        );
        query.push("SELECT CAST(").bind(NO_SCHEMA).push(" AS BIGINT) AS version, CAST(");
        query.bind(format!("moved to {}", mark.other)).push(" AS TEXT) AS description, ");
        query.bind(vec![0]).push(" AS checksum) AS moved");
        db.execute(query).await?;
    }
    Ok(())
}

pub(super) async fn clear(db: &mut Connection) -> Result<(), sqlx::Error> {
    db.run("DROP TABLE IF EXISTS moved").await
}
