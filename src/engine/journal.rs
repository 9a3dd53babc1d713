//! What an operator reads in `journalctl`: one line a state change.

use crate::logging::mask;
use crate::trouble::Troubles;
use call::{CallRecord, Entry, Status};

/// Writes the new entries: those that changed the state at info, the rest at debug. An end that somebody must mend
/// something for is told at warning too.
pub(super) fn write(record: &CallRecord, entries: &[Entry], mask_numbers: bool, troubles: &Troubles) {
    for entry in entries {
        let number = mask(record.request.phone(), mask_numbers);
        let call = record.id;
        let source = entry.source.as_str();
        match entry.status {
            Some(status) => {
                tracing::info!(%call, %number, %status, source, "{}", entry.text);
            }
            None => tracing::debug!(%call, %number, source, event = entry.event, "{}", entry.text),
        }
    }
    if entries.iter().any(|entry| entry.status.is_some_and(Status::is_terminal)) {
        troubles.ended(record);
    }
}
