//! What a host is asked to do for a call.

use std::time::Duration;

use chrono::{DateTime, Utc};

use asterisk::{ChanSpy, Driver};
use call::{CallId, CallRecord, DialString, Extension, MonitorMode, OfficeKind, Technology, WayKind};

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

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Dial(DialString),
    Listen { target: Extension, mode: MonitorMode },
}

impl Order {
    /// The order of an office's call; `None` for any other.
    pub fn of(record: &CallRecord) -> Option<Self> {
        let office = record.office.as_deref()?;
        let what = match office.kind {
            OfficeKind::Call => What::Dial(record.request.phone.clone()),
            OfficeKind::Monitor(mode) => {
                What::Listen { target: record.request.phone.as_str().parse().ok()?, mode }
            }
        };
        Some(Order {
            call: record.id,
            what,
            extension: office.extension.clone(),
            context: office.context.clone(),
            technology: office.technology,
            way: office.way,
            linked_id: office.linked_id.clone(),
            dialed_at: record.last.dialed_at,
            sides: None,
            ring_timeout: Duration::from_secs(record.request.ring_timeout.into()),
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
