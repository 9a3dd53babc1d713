//! Bytes of an AMI connection, cut into blocks of `Key: Value` lines. It owns every bound on what Asterisk, or
//! whoever sits at the other end, may send; it must not know what a block means.

use bytes::{Buf, BytesMut};

/// A name and a value; an event's longest are some hundred bytes, a line of console output some thousand.
pub(super) const MAX_LINE: usize = 64 << 10;

/// The answer to `core show channels` of a PBX with ten thousand calls is about two mebibytes.
pub(super) const MAX_BLOCK: usize = 4 << 20;

/// Each field costs more than its bytes.
pub(super) const MAX_FIELDS: usize = 50_000;

/// How old versions (before 14) end the output of a command.
const END_OF_OUTPUT: &[u8] = b"--END COMMAND--";

/// One message: fields in the order in which they came. A name may come more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    fields: Vec<(Box<str>, Box<str>)>,
    bytes: usize,
}

impl Block {
    /// The first value under a name, whose case does not matter.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Every value under a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Names and values as they came. A line without a colon has an empty name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Its length on the wire, near enough.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        self.fields.push((text(name), text(value)));
    }
}

/// What no Asterisk sends. The connection is of no use after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Overflow {
    #[error("a line of over {} KiB", MAX_LINE >> 10)]
    Line,
    #[error("a message of over {} MiB, or one without an end", MAX_BLOCK >> 20)]
    Block,
}

/// Takes bytes as they come and gives blocks.
#[derive(Debug, Default)]
pub(super) struct Framer {
    buffer: BytesMut,
    /// So many bytes of the buffer hold no line end.
    scanned: usize,
    block: Block,
    output: Output,
    has_no_old_output: bool,
}

/// Where in a `Response: Follows` the framer is.
#[derive(Debug, Default, PartialEq, Eq)]
enum Output {
    #[default]
    No,
    /// Fields may still come before the output.
    Awaited,
    Running,
}

impl Framer {
    /// The other end is of version 14 or later, whose output has no end of its own: a caller who writes its beginning would
    /// make all that follows a part of it.
    pub(super) fn expect_no_old_output(&mut self) {
        self.has_no_old_output = true;
    }

    /// Where to read into. At most one read's worth of bytes lies here besides an unfinished line.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole block, or nothing until more bytes have come.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Overflow> {
        while let Some(line) = self.line()? {
            if self.take(&line) && !self.block.is_empty() {
                self.output = Output::No;
                return Ok(Some(std::mem::take(&mut self.block)));
            }
            if self.block.bytes > MAX_BLOCK || self.block.fields.len() > MAX_FIELDS {
                return Err(Overflow::Block);
            }
        }
        Ok(None)
    }

    /// The next whole line, without its end.
    pub(super) fn line(&mut self) -> Result<Option<BytesMut>, Overflow> {
        let Some(end) = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            return if self.scanned > MAX_LINE { Err(Overflow::Line) } else { Ok(None) };
        };
        let mut line = self.buffer.split_to(self.scanned + end);
        self.buffer.advance(1);
        self.scanned = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        if line.len() > MAX_LINE { Err(Overflow::Line) } else { Ok(Some(line)) }
    }

    /// Adds a line to the block; true when the line ends it.
    fn take(&mut self, line: &[u8]) -> bool {
        self.block.bytes += line.len() + 2;
        if self.output != Output::No && self.take_output(line) {
            return false;
        }
        if line.is_empty() {
            return true;
        }
        let (name, value) = split(line);
        if !self.has_no_old_output && self.block.is_empty() && name == b"Response" && value == b"Follows" {
            self.output = Output::Awaited;
        }
        self.block.push(name, value);
        false
    }

    /// Whether the line belongs to the output of a command; then it is a field `Output`, as of version 14.
    fn take_output(&mut self, line: &[u8]) -> bool {
        let (name, _) = split(line);
        if self.output == Output::Awaited && matches!(name, b"Privilege" | b"ActionID") {
            return false;
        }
        self.output = Output::Running;
        match line.strip_suffix(END_OF_OUTPUT) {
            None => self.block.push(b"Output", line),
            Some(last) => {
                // The blank line that follows ends the block as any other.
                self.output = Output::No;
                if !last.is_empty() {
                    self.block.push(b"Output", last);
                }
            }
        }
        true
    }
}

/// The first colon parts name and value, and one space after it belongs to neither. A line without a colon is a
/// value without a name.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|byte| *byte == b':') {
        None => (b"", line),
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

/// UTF-8 as it is; anything else as Latin-1, in which every byte is a character.
fn text(bytes: &[u8]) -> Box<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(bytes: &[u8]) -> Vec<Block> {
        let mut framer = Framer::default();
        framer.buffer().extend_from_slice(bytes);
        std::iter::from_fn(|| framer.block().unwrap()).collect()
    }

    fn fields(block: &Block) -> Vec<(&str, &str)> {
        block.fields().collect()
    }

    #[test]
    fn fields_keep_their_order_their_repeats_and_their_spaces() {
        let found = blocks(b"Response: Success\r\nOutput:  a: b \r\nOutput:\r\nX:y\r\nno colon\r\n\r\n\r\n\r\nEvent: E\n\nEvent: cut");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            fields(&found[0]),
            [("Response", "Success"), ("Output", " a: b "), ("Output", ""), ("X", "y"), ("", "no colon")]
        );
        assert_eq!(found[0].all("output").collect::<Vec<_>>(), [" a: b ", ""]);
        assert_eq!(found[1].field("event"), Some("E"));
    }

    #[test]
    fn texts_in_utf8_and_in_latin1_are_both_read() {
        let found = blocks(b"A: \xd0\x98\xd0\xbc\xd1\x8f\r\nB: M\xfcller\r\n\r\n");
        assert_eq!(fields(&found[0]), [("A", "Имя"), ("B", "Müller")]);
    }

    #[test]
    fn the_output_of_old_versions_is_read_to_its_end() {
        let found = blocks(
            b"Response: Follows\r\nPrivilege: Command\r\nActionID: 7\r\nChannel: x\n\nActionID: 8\nlast--END COMMAND--\r\n\r\nEvent: E\r\n\r\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].field("ActionID"), Some("7"));
        let output: Vec<_> = found[0].all("Output").collect();
        assert_eq!(output, ["Channel: x", "", "ActionID: 8", "last"]);
    }

    #[test]
    fn what_never_ends_is_given_up() {
        let mut framer = Framer::default();
        framer.buffer().extend_from_slice(&vec![b'a'; MAX_LINE]);
        assert_eq!(framer.block(), Ok(None));
        framer.buffer().extend_from_slice(b"aa");
        assert_eq!(framer.block(), Err(Overflow::Line));

        let mut framer = Framer::default();
        framer.buffer().extend_from_slice(&b"a: b\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(framer.block(), Err(Overflow::Block));

        let mut framer = Framer::default();
        let line = [b"a: ".as_slice(), &vec![b'x'; MAX_LINE - 10], b"\r\n"].concat();
        framer.buffer().extend_from_slice(&line.repeat(MAX_BLOCK / line.len() + 1));
        assert_eq!(framer.block(), Err(Overflow::Block));
    }

    /// Bytes that look like the wire more often than random ones do.
    fn wire() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => Just(b"\r\n".to_vec()),
            1 => Just(b"\n".to_vec()),
            1 => Just(b"\r".to_vec()),
            2 => Just(b": ".to_vec()),
            1 => Just(b"Response: Follows\r\n".to_vec()),
            1 => Just(b"--END COMMAND--".to_vec()),
            1 => Just(b"ActionID: 1\r\n".to_vec()),
            4 => prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, and the same blocks as in one piece.
        #[test]
        fn the_cuts_of_the_network_do_not_show(bytes in wire(), cuts in prop::collection::vec(1usize..20, 1..20)) {
            let whole = blocks(&bytes);
            let mut framer = Framer::default();
            let mut found = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                framer.buffer().extend_from_slice(now);
                rest = later;
                while let Some(block) = framer.block().unwrap() { found.push(block) }
            }
            prop_assert_eq!(found, whole);
        }

        /// No name or value holds a line end, and none is lost.
        #[test]
        fn what_was_written_is_read(written in prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,8}", "[^\r\n]{0,20}"), 1..10)) {
            prop_assume!(written[0].0 != "Response");
            let wire: String = written.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let found = blocks(format!("{wire}\r\n").as_bytes());
            prop_assert_eq!(found.len(), 1);
            let expected: Vec<_> = written.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(fields(&found[0]), expected);
        }
    }
}
