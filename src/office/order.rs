//! What a host is asked to do for a call.

use std::time::Duration;

use chrono::{DateTime, Utc};

use asterisk::{ChanSpy, Driver};
use call::{CallId, CallRecord, Extension, MonitorMode, Technology, WayKind, What};

/// Everything that a way needs to know of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub call: CallId,
    pub what: What,
    /// Whose phone is called first.
    pub extension: Extension,
    pub context: String,
    pub technology: Technology,
    /// The way that the host took it by, if it did.
    pub way: Option<WayKind>,
    /// The host's own id of the call, where it chose one.
    pub linked_id: Option<String>,
    pub dialed_at: Option<DateTime<Utc>>,
    /// The channels of the extension's and the number's side, by their ids, once they are connected.
    pub sides: Option<[String; 2]>,
    /// When both sides must be connected by.
    pub ring_timeout: Duration,
}

impl Order {
    /// 150 is to call a number; no host has taken it yet.
    #[cfg(test)]
    pub fn to_dial() -> Self {
        Order {
            call: CallId(uuid::Uuid::from_u128(7)),
            what: What::Dial("+375296254070".parse().expect("a number")),
            extension: "150".parse().expect("digits"),
            context: "inoffice".to_owned(),
            technology: Technology::Pjsip,
            way: None,
            linked_id: None,
            dialed_at: None,
            sides: None,
            ring_timeout: Duration::from_secs(60),
        }
    }

    /// The order of an office's call; `None` for any other.
    pub fn of(record: &CallRecord) -> Option<Self> {
        let office = record.request.office()?;
        Some(Order {
            call: record.id,
            what: office.what.clone(),
            extension: office.extension.clone(),
            context: office.context.clone(),
            technology: office.technology,
            way: record.last.way,
            linked_id: record.last.linked_id.clone(),
            dialed_at: record.last.dialed_at,
            sides: None,
            ring_timeout: Duration::from_secs(office.ring_timeout.into()),
        })
    }

    /// What the channels of the extension's phone are called by, `PJSIP/150`.
    pub fn device(&self) -> String {
        self.technology.device(&self.extension)
    }
}

/// What a monitoring's mode is to Asterisk.
pub(super) fn chanspy(mode: MonitorMode) -> ChanSpy {
    match mode {
        MonitorMode::Spy => ChanSpy::Listen,
        MonitorMode::Whisper => ChanSpy::Whisper,
        MonitorMode::Barge => ChanSpy::Barge,
    }
}

/// What has registered the phones of a technology.
pub(super) fn driver(technology: Technology) -> Driver {
    match technology {
        Technology::Sip => Driver::ChanSip,
        Technology::Pjsip => Driver::Pjsip,
    }
}
