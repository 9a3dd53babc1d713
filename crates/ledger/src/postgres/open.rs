//! Opening the store in PostgreSQL: the schema, the node's lock, the readers.

use std::time::Duration;

use chrono::Utc;
use uuid::Uuid;

use super::{
    codes::opening,
    engine::Postgres,
    readers::PgReaders,
    session::{Me, NoNode, Session},
    target::Target,
    upgrade,
};
use crate::{StoreError, micros, moved, sql::Readers};

/// The session of a bot that was killed a moment ago may still be ending.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let readers = Readers::Postgres(PgReaders::new(target.clone()));
    Ok((Postgres::new(target, me, session, last), readers))
}
