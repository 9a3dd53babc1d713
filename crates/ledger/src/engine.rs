//! What the writer needs of a database. An engine connects by itself, and again after a loss; the writer decides when to try
//! once more and tells how the store is.

use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

use super::{Commit, Deleted};
use call::CallId;

pub(super) trait Engine: Send + 'static {
    /// How often somebody looks whether an idle store could be written; `None`: a purge is often enough.
    const LOOK_EVERY: Option<Duration>;

    /// What an operator does about a store that can't be written, for the log.
    const REMEDY: &str;

    /// Which store it is, for people; no password.
    fn name(&self) -> String;

    /// Whether it could be written now.
    fn look(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Writes all in one transaction, and gives the number of the first entry. After an error nothing of it is there, or the
    /// same commits are written again, and then found to be there already if they are. `now`: by which keys have outlived
    /// their time.
    fn write(
        &mut self,
        commits: &[Commit],
        now: DateTime<Utc>,
    ) -> impl Future<Output = Result<i64, sqlx::Error>> + Send;

    /// Removes an ended call with all that belongs to it.
    fn delete(&mut self, id: CallId) -> impl Future<Output = Result<Deleted, sqlx::Error>> + Send;

    /// One step; true when there may be more to do at once. `keep`: the age at which an ended call goes.
    fn purge(
        &mut self,
        now: DateTime<Utc>,
        keep: Option<TimeDelta>,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send;

    /// Whether the fault is in the data itself, so that the same write fails for ever. Everything else can pass without us,
    /// and the write is repeated.
    fn is_permanent(error: &sqlx::Error) -> bool;

    /// What is wrong, for an operator.
    fn told(error: &sqlx::Error) -> String {
        error.to_string()
    }

    /// Lets the store go: another daemon may have it.
    fn close(self) -> impl Future<Output = ()> + Send;
}
