//! Looks after the database: asks once a second what the table has and whether it still answers, with nobody's secret,
//! and finds it again when it was away. It must not know who is waiting for it.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Inner, Link,
    database::{Connection, Mode},
    error::Failure,
    table::{Layout, no_table},
};
use lang::say;

const PULSE: Duration = Duration::from_secs(1);

/// Wakened by a failure it looks at once, but not more often than this.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long the database is left alone after it was away for the first time, doubled each time up to [`PULSE`].
const FIRST_WAIT: Duration = Duration::from_millis(200);

pub(super) struct Watcher {
    inner: Arc<Inner>,
    connection: Option<Connection>,
    wait: Duration,
}

impl Watcher {
    pub fn new(inner: Arc<Inner>) -> Self {
        Self { inner, connection: None, wait: FIRST_WAIT }
    }

    pub async fn first_look(mut self) -> Self {
        self.look().await;
        self
    }

    pub async fn run(mut self) {
        loop {
            sleep(SHORTEST).await;
            tokio::select! {
                () = self.inner.wake.notified() => {}
                () = sleep(self.wait.saturating_sub(SHORTEST)) => {}
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let limit = self.inner.config.time_limit;
        let result = match timeout(limit, self.ask()).await {
            Ok(result) => result,
            Err(_late) => {
                Err(Failure::other(say!("no answer within {limit}", "за {limit} нет ответа", limit = limit)))
            }
        };
        match result {
            Ok(()) => {
                self.found();
                self.wait = PULSE;
            }
            Err(failure) => {
                let was_connected = *self.inner.link.borrow() == Link::Connected;
                self.inner.lost(failure.why);
                self.connection = None;
                self.wait = if was_connected { FIRST_WAIT } else { (self.wait * 2).min(PULSE) };
            }
        }
        let grace = self.inner.config.grace;
        self.inner.memory.lock().cache.prune(Instant::now(), grace);
    }

    async fn ask(&mut self) -> Result<(), Failure> {
        let inner = &self.inner;
        let is_away = *inner.link.borrow() != Link::Connected;
        // An old connection that goes on says nothing of new ones, which is what the look-ups would need.
        let old = self.connection.take().filter(|_| !is_away);
        let mut connection = match old {
            Some(connection) => connection,
            None => inner.target.connect(Mode::Read, inner.config.time_limit).await?,
        };
        // A column, a trigger or another table may be there now.
        let layout = Arc::new(Layout::look(&mut connection).await?.ok_or_else(no_table)?);
        let before = inner.layout.lock().replace(layout.clone());
        if before.is_some_and(|before| before != layout) {
            inner.memory.lock().cache.forget(None);
        }
        connection.rows(layout.find.clone(), &[Some("")]).await?;
        if inner.target.postgres().is_some() {
            self.connection = Some(connection);
        }
        Ok(())
    }

    fn found(&self) {
        let mut away_since = None;
        self.inner.link.send_if_modified(|link| {
            let Link::Away { since, .. } = link else { return false };
            away_since = Some(*since);
            *link = Link::Connected;
            true
        });
        if let Some(since) = away_since {
            let seconds = (Utc::now() - since).num_seconds();
            tracing::info!(database = %self.inner.target, away_seconds = seconds, "the enterprises' database answers");
        }
    }
}
