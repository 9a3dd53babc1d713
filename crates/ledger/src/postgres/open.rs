//! Opening the store in PostgreSQL: the schema, the node's lock, the readers.

use std::time::Duration;

use chrono::Utc;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::{
    codes::opening,
    engine::Postgres,
    session::{Me, NoNode, Session},
    target::Target,
    upgrade,
};
use crate::{StoreError, micros, moved, sql::Readers};

const READERS: u32 = 8;

/// The session of a bot that was killed a moment ago may still be ending.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever reads gives up before; what nobody waits for must not go on at the server.
const READER_SETTINGS: &str = "SET statement_timeout = '600s'; SET default_transaction_read_only = on; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

pub(crate) async fn open(url: &str, node: &str) -> Result<(Postgres, Readers), StoreError> {
    let target = Target::parse(url)?;
    let store = target.to_string();
    upgrade::bring_up_to_date(&target).await?;
    let me = Me { node: node.to_owned(), owner: Uuid::now_v7() };
    let mut session = Session::begin(&target, &me, None, PATIENCE).await.map_err(|why| match why {
        NoNode::Failed(error) => opening(&store, error),
        NoNode::Held | NoNode::Taken => StoreError::NodeInUse { store: store.clone(), node: node.to_owned() },
    })?;
    let last = session.take_node(&me, micros(Utc::now())).await.map_err(|e| opening(&store, e))?;
    // It may have been moved away while this waited for its node.
    moved::refuse(&mut session.db, &store, |e| opening(&store, e)).await?;
    let readers = Readers::Postgres(readers(&target));
    Ok((Postgres::new(target, me, session, last), readers))
}

fn readers(target: &Target) -> sqlx::PgPool {
    let set_up = format!("SET search_path TO {}; {READER_SETTINGS}", target.schema);
    PgPoolOptions::new()
        .max_connections(READERS)
        // Whoever reads has a limit of his own, and must not meet a connection that died with the server.
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(true)
        .after_connect(move |connection, _| {
            let set_up = set_up.clone();
            Box::pin(
                async move { sqlx::raw_sql(sqlx::AssertSqlSafe(set_up)).execute(connection).await.map(drop) },
            )
        })
        .connect_lazy_with(target.options.clone())
}
