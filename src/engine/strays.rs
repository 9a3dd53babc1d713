//! Channels in our application that no live call owns: calls that were given up while Asterisk was
//! away. Their callees would hear silence for ever, so they are hung up; but only when our store knows
//! the call, for a second program may have taken our application's name with calls of its own.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::Semaphore;

use asterisk::ari::{Ari, HangupReason};
use call::AttemptId;
use ledger::Store;

/// So many are looked at at once; a flood beyond that is another program's, or hostile.
const AT_ONCE: usize = 16;

#[derive(Clone)]
pub(super) struct Strays {
    ari: Ari,
    store: Store,
    /// The name of our Stasis application.
    app: String,
    slots: Arc<Semaphore>,
}

impl Strays {
    pub fn new(ari: Ari, store: Store, app: String) -> Self {
        Strays { ari, store, app, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// A channel of this attempt was seen, and no machine has it.
    pub fn seen(&self, attempt: AttemptId) {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            return tracing::debug!(%attempt, "too many strange channels at once; this one is left alone");
        };
        let strays = self.clone();
        tokio::spawn(async move {
            strays.hang_up(attempt).await;
            drop(slot);
        });
    }

    /// Looks for them all, after the events socket was away.
    pub fn sweep(&self, live: HashSet<AttemptId>) {
        let strays = self.clone();
        tokio::spawn(async move {
            let channels = match strays.ari.channels().await {
                Ok(channels) => channels,
                Err(error) => return tracing::debug!(%error, "could not look for stray channels"),
            };
            for channel in channels.iter() {
                let application = channel.dialplan.app_data.split(',').next().unwrap_or_default();
                let in_ours = channel.dialplan.app_name == "Stasis" && application == strays.app;
                if let Ok(attempt) = channel.id.parse::<AttemptId>()
                    && in_ours
                    && !live.contains(&attempt)
                {
                    strays.hang_up(attempt).await;
                }
            }
        });
    }

    async fn hang_up(&self, attempt: AttemptId) {
        match self.store.call(attempt.call).await {
            // It has come to life since its channel was seen.
            Ok(Some(record)) if record.attempt_id() == attempt && record.is_at_work() => return,
            Ok(Some(_)) => {}
            Ok(None) => {
                return tracing::warn!(%attempt, app = self.app, "a channel in our application is not ours: does another program use the name?");
            }
            Err(error) => return tracing::warn!(%attempt, %error, "could not look whose channel this is"),
        }
        tracing::warn!(%attempt, "a channel without a live call is hung up");
        if let Err(error) = self.ari.hangup(&attempt.near_channel(), HangupReason::Normal).await
            && !error.is_not_found()
        {
            tracing::warn!(%attempt, %error, "a channel without a live call could not be hung up");
        }
    }
}
