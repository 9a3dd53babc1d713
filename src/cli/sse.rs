//! Server-sent events from bytes, as the HTML standard (9.2.6) reads them. No I/O.

/// Our events have a few kilobytes; more than this is no event stream of ours.
const LONGEST: usize = 1 << 20;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `message` is the standard's for none, here it is empty.
    pub event: String,
    pub data: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// What has come and is no whole message yet.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    message: Message,
    has_data: bool,
}

impl Parser {
    /// The messages that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let is_second_half = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                b'\n' if is_second_half => {}
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                    messages.extend(self.end_of_line(&line));
                }
                byte => self.line.push(byte),
            }
            if self.line.len() + self.message.data.len() > LONGEST {
                return Err(TooLong);
            }
        }
        Ok(messages)
    }

    fn end_of_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.event),
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
                self.has_data = true;
            }
            // Comments have no field name; the number of our events is in their data too.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.into(), data: data.into() }
    }

    #[test]
    fn the_same_however_the_bytes_are_cut() {
        let text =
            ": hello\n\nid: 7\nevent: ringing\ndata: {\"ж\":\ndata:1}\n\nevent: x\n\ndata: a\r\n\r\ndata\r\r";
        let expected = [message("ringing", "{\"ж\":\n1}"), message("", "a"), message("", "")];
        assert_eq!(Parser::default().push(text.as_bytes()).as_deref(), Ok(&expected[..]));
        let mut parser = Parser::default();
        let one_by_one: Vec<Message> =
            text.bytes().flat_map(|byte| parser.push(&[byte]).expect("short")).collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn a_message_cut_off_is_none() {
        assert_eq!(Parser::default().push(b"data: {}\n"), Ok(vec![]));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        assert_eq!(Parser::default().push(&vec![b'x'; LONGEST + 1]), Err(TooLong));
    }
}
