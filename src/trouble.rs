//! Ends of calls that an operator must mend something for, at warning: `journalctl -p warning` shows a refused trunk.
//!
//! Each call has its own line at info anyhow. Here a reason is told once a minute, with what to do, and then how many
//! calls it met meanwhile: a trunk that refuses all calls must not hide everything else.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    call::{CallRecord, Reason, hint},
    lang::Lang,
    seldom::{Say, Seldom},
};

const PAUSE: Duration = Duration::from_secs(60);

/// Whose trouble, and which.
type Kind = (Option<String>, Reason);

/// What was told lately. Cheap to clone.
#[derive(Clone)]
pub struct Troubles {
    seldom: Arc<Mutex<Seldom<Kind>>>,
    started: Instant,
}

impl Default for Troubles {
    fn default() -> Self {
        Troubles { seldom: Arc::new(Mutex::new(Seldom::new(PAUSE))), started: Instant::now() }
    }
}

impl Troubles {
    /// Tells of a call that has ended, if there is something to mend. To be called once a call, by a task of tokio.
    pub fn ended(&self, record: &CallRecord) {
        let Some(reason) = record.reason.filter(|reason| reason.is_for_operator()) else { return };
        let enterprise = record.office.as_ref().map(|office| office.enterprise.clone());
        let kind = (enterprise, reason);
        let say = self.seldom.lock().comes(&kind, self.started.elapsed());
        match say {
            Say::Now => {
                let (call, enterprise, sip_code) = (record.id, kind.0.as_deref(), record.sip_code);
                let what = hint(reason, Lang::En);
                tracing::warn!(%call, enterprise, %reason, sip_code, "a call failed. {what}");
            }
            Say::AskLater(wait) => {
                tokio::spawn(self.clone().tell_later(kind, wait));
            }
            Say::Nothing => {}
        }
    }

    async fn tell_later(self, kind: Kind, wait: Duration) {
        tokio::time::sleep(wait).await;
        let more = self.seldom.lock().held(&kind, self.started.elapsed());
        let (enterprise, reason) = kind;
        tracing::warn!(enterprise, %reason, more, "more calls failed so within a minute");
    }
}
