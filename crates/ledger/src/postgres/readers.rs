//! The connections that read. A pool of our own: sqlx's asks a connection whether it is well when it is given back, without a
//! limit, and a server that has vanished without a word keeps the place of each for ever (its issue 4349).

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{session, target::Target};
use crate::sql::no_answer;

const READERS: usize = 8;

/// One that rested is asked whether it lives, and has so long to answer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Whoever reads gives up before; what nobody waits for must not go on at the server for ever.
const SETTINGS: &str = "SET statement_timeout = '600s'; SET default_transaction_read_only = on; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

pub(crate) struct PgReaders {
    target: Target,
    idle: Mutex<Vec<PgConnection>>,
    places: Arc<Semaphore>,
}

/// One of them, until it is given back or dropped.
pub(crate) struct Reader {
    pub connection: Box<PgConnection>,
    readers: Arc<PgReaders>,
    _place: OwnedSemaphorePermit,
}

impl PgReaders {
    pub fn new(target: Target) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(READERS));
        Arc::new(PgReaders { target, idle: Mutex::default(), places })
    }

    /// One that lives, within this limit.
    pub async fn get(self: &Arc<Self>, limit: Duration) -> Result<Reader, sqlx::Error> {
        let get = async {
            let place = self.places.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let idle = self.idle.lock().pop();
            let lives = match idle {
                Some(mut connection) => {
                    let lives = tokio::time::timeout(SIGN_OF_LIFE, connection.ping()).await;
                    matches!(lives, Ok(Ok(()))).then_some(connection)
                }
                None => None,
            };
            let connection = match lives {
                Some(connection) => connection,
                None => session::connect(&self.target, SETTINGS).await?.into_pg(),
            };
            Ok(Reader { connection: connection.into(), readers: self.clone(), _place: place })
        };
        tokio::time::timeout(limit, get).await.unwrap_or_else(|_| Err(no_answer(limit)))
    }

    /// From now on there are none.
    pub fn close(&self) {
        self.places.close();
        self.idle.lock().clear();
    }
}

impl Reader {
    /// It is sound, and nothing of ours goes on in it.
    pub fn give_back(self) {
        if !self.readers.places.is_closed() {
            self.readers.idle.lock().push(*self.connection);
        }
    }
}
