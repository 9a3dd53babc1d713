//! Hears of changes at once, where the table has our trigger. Nothing rests on it: what is missed here is found out
//! when what is remembered has lived its second. It must not know what a change means.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::sleep;

use super::{Inner, Link, table::CHANNEL};

/// Between two tries.
const WAIT: Duration = Duration::from_secs(1);

pub(super) async fn run(inner: Arc<Inner>) {
    let mut link = inner.link.subscribe();
    loop {
        if link.wait_for(|link| *link == Link::Connected).await.is_err() {
            return;
        }
        let tells = inner.layout.lock().as_ref().is_some_and(|layout| layout.tells);
        if tells {
            match session(&inner).await {
                Ok(()) => tracing::debug!("the connection that hears of changes was lost"),
                Err(error) => tracing::debug!(%error, "changes of enterprises can't be heard of"),
            }
            inner.hears_changes.store(false, Ordering::Relaxed);
        }
        sleep(WAIT).await;
    }
}

/// One connection, from its beginning to its end.
async fn session(inner: &Inner) -> Result<(), sqlx::Error> {
    let Some(options) = inner.target.postgres() else { return Ok(()) };
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(inner.config.time_limit)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // What changed before is not told.
    inner.memory.lock().cache.forget(None);
    inner.hears_changes.store(true, Ordering::Relaxed);
    while let Some(told) = listener.try_recv().await? {
        let number = Some(told.payload()).filter(|number| !number.is_empty());
        inner.memory.lock().cache.forget(number);
    }
    Ok(())
}
