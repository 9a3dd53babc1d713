//! Bytes of an AMI connection, cut into blocks of `Key: Value` lines. It owns every bound on what Asterisk, or
//! whoever sits at the other end, may send; it must not know what a block means.

use std::fmt;

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::names::{Code, Names};

/// A name and a value; an event's longest are some hundred bytes, a line of console output some thousand.
pub(super) const MAX_LINE: usize = 64 << 10;

/// The answer to `core show channels` of a PBX with ten thousand calls is about two mebibytes.
pub(super) const MAX_BLOCK: usize = 4 << 20;

/// Each field costs more than its bytes.
pub(super) const MAX_FIELDS: usize = 50_000;

/// Room that is given back after a block that needed more of it; few do.
const KEPT: usize = 64 << 10;

/// How old versions (before 14) end the output of a command.
const END_OF_OUTPUT: &[u8] = b"--END COMMAND--";

/// One message: fields in the order in which they came. A name may come more than once.
///
/// Its text is kept whole, as it came: a busy PBX sends thousands of events a second, and a piece of memory for each name and
/// value would be most of the work.
#[derive(Clone, Default)]
pub struct Block {
    text: Box<str>,
    fields: Box<[Field]>,
    bytes: usize,
    /// What it has, when all its names are known and none comes twice.
    names: Option<Names>,
}

/// Where in the text a field is.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// `None`: a line of output without a name of its own.
    name: Option<Span>,
    code: Code,
    value: Span,
}

/// A block is far smaller than `u32::MAX`.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn new(from: usize, to: usize) -> Self {
        let short = |at| u32::try_from(at).expect("a block is bounded");
        Self { from: short(from), to: short(to) }
    }

    fn range(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }
}

impl Block {
    /// The first value under a name, whose case does not matter.
    pub fn field(&self, name: &str) -> Option<&str> {
        let code = Code::of(name.as_bytes());
        if let Some(names) = self.names.filter(|_| code != Code::UNKNOWN) {
            if !names.has(code) {
                return None;
            }
            return self.fields.iter().find(|field| field.code == code).map(|field| self.value(field));
        }
        let is_it = |field: &&Field| self.name(field).eq_ignore_ascii_case(name);
        self.fields.iter().find(is_it).map(|field| self.value(field))
    }

    /// Every value under a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |field: &&Field| self.name(field).eq_ignore_ascii_case(name);
        self.fields.iter().filter(is_it).map(|field| self.value(field))
    }

    /// Names and values as they came. A line without a colon has an empty name.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.name(field), self.value(field)))
    }

    /// What it has, when all its names are known and none comes twice.
    pub(super) fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    /// Its fields by the numbers of their names.
    pub(super) fn codes(&self) -> impl Iterator<Item = (Code, &str)> {
        self.fields.iter().map(|field| (field.code, self.value(field)))
    }

    /// Its length on the wire, near enough.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn value(&self, field: &Field) -> &str {
        &self.text[field.value.range()]
    }

    fn name(&self, field: &Field) -> &str {
        field.name.map_or("Output", |name| &self.text[name.range()])
    }

    /// Of the bytes in which the fields are: UTF-8 as it is; of a name or value that is none, each byte as a character of
    /// Latin-1. The spans end at line ends and colons, so they part no character.
    fn new(bytes: &[u8], fields: &[Field], length: usize) -> Self {
        let names = Names::of(fields.iter().map(|field| field.code));
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self { text: text.into(), fields: fields.into(), bytes: length, names };
        }
        let mut text = String::with_capacity(bytes.len());
        let mut push = |span: Span| {
            let from = text.len();
            let piece = &bytes[span.range()];
            match std::str::from_utf8(piece) {
                Ok(piece) => text.push_str(piece),
                Err(_) => text.extend(piece.iter().map(|byte| char::from(*byte))),
            }
            Span::new(from, text.len())
        };
        let fields = fields.iter().map(|field| {
            let name = field.name.map(&mut push);
            Field { name, code: field.code, value: push(field.value) }
        });
        let fields = fields.collect();
        Self { text: text.into(), fields, bytes: length, names }
    }
}

/// Two of the same fields are the same, wherever in their texts these are.
impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.fields().eq(other.fields())
    }
}

impl Eq for Block {}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
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
    /// So many bytes of the buffer are lines of the block that has not ended.
    taken: usize,
    /// So many bytes after them hold no line end.
    scanned: usize,
    fields: Vec<Field>,
    /// The block's length so far.
    bytes: usize,
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

    /// Where to read into. At most one read's worth of bytes lies here besides an unfinished block.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole block, or nothing until more bytes have come.
    pub(super) fn block(&mut self) -> Result<Option<Block>, Overflow> {
        while let Some(end) = self.line_end()? {
            let from = self.taken;
            self.taken = end + 1;
            if self.take(from, without_return(&self.buffer, from, end)) {
                match self.fields.is_empty() {
                    true => self.buffer.advance(std::mem::take(&mut self.taken)),
                    false => return Ok(Some(self.finish())),
                }
            }
            if self.bytes > MAX_BLOCK || self.fields.len() > MAX_FIELDS {
                return Err(Overflow::Block);
            }
        }
        Ok(None)
    }

    /// The next whole line, without its end, while no block has begun.
    pub(super) fn line(&mut self) -> Result<Option<BytesMut>, Overflow> {
        let Some(end) = self.line_end()? else { return Ok(None) };
        let length = without_return(&self.buffer, 0, end);
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(length);
        Ok(Some(line))
    }

    /// Where the first line that was not taken ends.
    fn line_end(&mut self) -> Result<Option<usize>, Overflow> {
        let rest = &self.buffer[self.taken..];
        let Some(end) = memchr(b'\n', &rest[self.scanned..]) else {
            self.scanned = rest.len();
            return if self.scanned > MAX_LINE { Err(Overflow::Line) } else { Ok(None) };
        };
        let length = std::mem::take(&mut self.scanned) + end;
        let end = self.taken + length;
        let length = without_return(&self.buffer, self.taken, end) - self.taken;
        if length > MAX_LINE { Err(Overflow::Line) } else { Ok(Some(end)) }
    }

    /// What was taken, as a block.
    fn finish(&mut self) -> Block {
        self.output = Output::No;
        let taken = std::mem::take(&mut self.taken);
        let block = Block::new(&self.buffer[..taken], &self.fields, std::mem::take(&mut self.bytes));
        self.fields.clear();
        self.buffer.advance(taken);
        if taken > KEPT {
            self.buffer = BytesMut::from(&self.buffer[..]);
            self.fields = Vec::new();
        }
        block
    }

    /// Adds a line of the buffer to the block; true when the line ends it.
    fn take(&mut self, from: usize, to: usize) -> bool {
        self.bytes += to - from + 2;
        let line = &self.buffer[from..to];
        let colon = memchr(b':', line);
        let name = &line[..colon.unwrap_or(0)];
        if self.output == Output::Awaited && !matches!(name, b"Privilege" | b"ActionID") {
            self.output = Output::Running;
        }
        if self.output == Output::Running {
            let end = line.strip_suffix(END_OF_OUTPUT).map(|last| from + last.len());
            if end.is_some() {
                // The blank line that follows ends the block as any other.
                self.output = Output::No;
            }
            if end != Some(from) {
                self.fields.push(Field {
                    name: None,
                    code: Code::UNKNOWN,
                    value: Span::new(from, end.unwrap_or(to)),
                });
            }
            return false;
        }
        if line.is_empty() {
            return true;
        }
        // The first colon parts name and value, and one space after it belongs to neither. A line without a colon is a
        // value without a name.
        let value = colon.map_or(0, |colon| colon + 1 + usize::from(line.get(colon + 1) == Some(&b' ')));
        if !self.has_no_old_output
            && self.fields.is_empty()
            && name == b"Response"
            && &line[value..] == b"Follows"
        {
            self.output = Output::Awaited;
        }
        let code = Code::of(name);
        let name = Span::new(from, from + name.len());
        self.fields.push(Field { name: Some(name), code, value: Span::new(from + value, to) });
        false
    }
}

/// A line that ends there, without the return before its end.
fn without_return(bytes: &[u8], from: usize, end: usize) -> usize {
    if bytes[from..end].last() == Some(&b'\r') { end - 1 } else { end }
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
