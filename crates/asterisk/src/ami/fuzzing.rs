//! The parts that a connection is made of, for the targets of `fuzz/`.

use super::{Block, ChannelRow, check, model::Reader, wire};

/// What a connection does with its bytes.
#[derive(Debug, Default)]
pub struct Framer(wire::Framer);

impl Framer {
    /// The Asterisk is one that sends no output of commands in the old form.
    pub fn expect_no_old_output(&mut self) {
        self.0.expect_no_old_output();
    }

    /// The blocks that are whole with these bytes; `None` when there are more than Asterisk sends.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Vec<Block>> {
        self.0.buffer().extend_from_slice(bytes);
        std::iter::from_fn(|| self.0.block().transpose()).collect::<Result<_, _>>().ok()
    }
}

/// Why a message is not whole.
pub fn flaw(block: &Block) -> Option<String> {
    check::flaw(block).map(|flaw| flaw.to_string())
}

/// The ids that are in doubt with it.
pub fn ids(block: &Block) -> Vec<String> {
    check::ids(block)
}

/// Its length, as it is counted against the bounds.
pub fn bytes(block: &Block) -> usize {
    block.bytes()
}

/// It as a row of a list, and as each of the documents.
pub fn read_as_answer(block: &Block) -> Option<ChannelRow> {
    let reader = Reader { block, kind: "a list" };
    let _ = (reader.settings(), reader.status());
    let _ = reader.row_of("PJSIP/1-1".to_owned(), "1.1".to_owned(), String::new());
    reader.row().ok()
}
