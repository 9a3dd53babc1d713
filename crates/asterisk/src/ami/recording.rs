//! What was recorded of a connection, read as a connection reads it.

use super::{
    Block, Event, Unreadable,
    wire::{Framer, Overflow},
};

/// Why a recording can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// A line or a message is longer than a connection bears; which, in words.
    #[error("it is no AMI: {0}")]
    Overflow(String),
    /// An event lacks what its type always has.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
}

/// The blocks of a recording, in their order. What is cut off at its end is left out.
///
/// # Errors
/// Where a line or a block is longer than a connection bears.
pub fn blocks(recording: &[u8]) -> Result<Vec<Block>, RecordingError> {
    let mut framer = Framer::default();
    framer.buffer().extend_from_slice(recording);
    let blocks = std::iter::from_fn(|| framer.block().transpose());
    blocks
        .map(|block| block.map_err(|overflow: Overflow| RecordingError::Overflow(overflow.to_string())))
        .collect()
}

/// The events among them that this client has types for.
///
/// # Errors
/// Where a block or an event can't be read.
pub fn events(recording: &[u8]) -> Result<Vec<Event>, RecordingError> {
    let events =
        blocks(recording)?.into_iter().map(|block| Event::read(&block).map_err(RecordingError::from));
    events.filter_map(Result::transpose).collect()
}
