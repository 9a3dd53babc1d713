//! Ends of calls that an operator must mend something for, at warning: `journalctl -p warning` shows a refused trunk.
//!
//! Each call has its own line at info anyhow. Here a reason is told once a minute, with what to do, and then how many
//! calls it met meanwhile: a trunk that refuses all calls must not hide everything else.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::seldom::{Say, Seldom};
use call::{CallRecord, Reason, hint};
use lang::Lang;

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
        let Some(reason) = record.last.reason.filter(|reason| reason.is_for_operator()) else { return };
        let enterprise = record.request.tenant().map(|tenant| tenant.number.clone());
        let kind = (enterprise, reason);
        let say = self.seldom.lock().comes(&kind, self.started.elapsed());
        match say {
            Say::Now => {
                let (call, enterprise, sip_code) = (record.id, kind.0.as_deref(), record.last.sip_code);
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

#[cfg(test)]
mod tests {
    use std::{io, sync::Mutex as StdMutex};

    use chrono::Utc;
    use uuid::Uuid;

    use super::*;
    use call::{CallId, OfficeCall, OutgoingCall, Request, Technology, Tenant, What};

    fn ended(reason: Reason, enterprise: Option<&str>) -> CallRecord {
        let phone = "+79522675444".parse().expect("a number");
        let request: Request = match enterprise {
            Some(number) => OfficeCall {
                what: What::Dial(phone),
                tenant: Tenant { number: number.to_owned(), name: "june".to_owned() },
                host: "127.0.0.1".to_owned(),
                extension: "150".parse().expect("digits"),
                context: "inoffice".to_owned(),
                technology: Technology::Pjsip,
                client: None,
                ring_timeout: 60,
                max_duration: 600,
            }
            .into(),
            None => OutgoingCall {
                phone,
                caller_id: None,
                scenario: "default".to_owned(),
                ring_timeout: 60,
                max_duration: 600,
                custom_metadata: None,
                requested_by: None,
            }
            .into(),
        };
        let mut record = CallRecord::new(CallId(Uuid::now_v7()), request, Utc::now());
        (record.last.reason, record.last.sip_code) = (Some(reason), Some(401));
        record
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_trunk_is_told_once_a_minute() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let log = tracing_subscriber::fmt().with_writer(StdMutex::new(writer)).with_ansi(false).finish();
        let guard = tracing::subscriber::set_default(log);
        let troubles = Troubles::default();
        for _ in 0..500 {
            troubles.ended(&ended(Reason::TrunkAuthFailed, None));
            troubles.ended(&ended(Reason::Busy, None));
        }
        troubles.ended(&ended(Reason::HostAuthFailed, Some("0367")));
        troubles.ended(&ended(Reason::HostAuthFailed, Some("0368")));
        tokio::time::sleep(PAUSE * 2).await;
        troubles.ended(&ended(Reason::TrunkAuthFailed, None));
        drop((guard, troubles));
        let text = io::read_to_string(reader).expect("UTF-8");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines.iter().all(|line| line.contains("WARN")), "{text}");
        assert!(
            lines[0].contains("reason=trunk_auth_failed sip_code=401") && lines[0].contains("call="),
            "{text}"
        );
        assert!(lines[0].contains("outbound_auth"), "with what to do: {text}");
        assert!(
            lines[1].contains("enterprise=\"0367\"") && lines[2].contains("enterprise=\"0368\""),
            "{text}"
        );
        assert!(lines[3].contains("reason=trunk_auth_failed more=499"), "{text}");
        assert!(lines[4].contains("a call failed"), "{text}");
        assert!(!text.contains("79522675444"), "{text}");
    }
}
