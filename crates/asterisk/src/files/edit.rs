//! The bytes of a dialplan's file with the extensions of one context replaced. All other bytes stay as they are, be their
//! encoding what it may.
//!
//! An extension of the context that is not replaced stays, and so do its includes, switches and comments.

use std::borrow::Cow;

use super::line::{Comments, Line, without_mark};

/// Why a file can't be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// What is appended would be part of it.
    #[error("a comment `;--` is never closed")]
    OpenComment,
}

/// A line of a file with what it is.
struct Read<'a> {
    bytes: &'a [u8],
    /// It opens the context's section, or another one.
    opens: Option<bool>,
    /// The extension that a step inside the context belongs to.
    step_of: Option<String>,
    /// Comments of several lines have a part in it.
    in_comment: bool,
}

/// Whether the file opens a section of the context: neither a template nor an addition to one elsewhere.
pub fn has_context(file: &[u8], context: &str) -> bool {
    read(file, context).0.iter().any(|line| line.opens == Some(true))
}

/// The file with `lines` in the place of those extensions of the context that `replaces` names; a context that is not there is
/// appended.
///
/// # Errors
/// The file ends in a comment.
pub fn replace(
    file: &[u8],
    context: &str,
    lines: &str,
    replaces: impl Fn(&str) -> bool,
) -> Result<Vec<u8>, EditError> {
    let (read, comments) = read(file, context);
    if comments.are_open() {
        return Err(EditError::OpenComment);
    }
    let end: &[u8] =
        if read.first().is_some_and(|line| line.bytes.ends_with(b"\r\n")) { b"\r\n" } else { b"\n" };
    let mut edit = Edit {
        out: Vec::with_capacity(file.len() + lines.len()),
        held: Vec::new(),
        end,
        written: false,
        lines,
    };
    let is_ours = |bytes: &[u8]| {
        let text = text_of(bytes);
        let text = text.trim();
        text.starts_with(';') && lines.lines().any(|line| line.trim() == text)
    };
    let (mut inside, mut found) = (false, false);
    for line in &read {
        if let Some(opens) = line.opens {
            edit.leave(inside);
            edit.flush();
            (inside, found) = (opens, found || opens);
            edit.put(line.bytes);
            continue;
        }
        match &line.step_of {
            Some(exten) if !line.in_comment && replaces(exten) => {
                // The comments above the first extension were about it: they stay above ours.
                if !edit.written {
                    edit.flush();
                    edit.write();
                }
                // A gap between two of the old extensions.
                edit.held.retain(|held| !held.trim_ascii().is_empty());
            }
            _ if inside && line.step_of.is_none() => {
                if line.in_comment || !is_ours(line.bytes) {
                    edit.held.push(line.bytes);
                }
            }
            _ => {
                edit.flush();
                edit.put(line.bytes);
            }
        }
    }
    edit.leave(inside);
    edit.flush();
    if !found {
        edit.end_line();
        let header = format!("[{context}]");
        for text in ["", header.as_str()] {
            edit.out.extend_from_slice(text.as_bytes());
            edit.out.extend_from_slice(end);
        }
        edit.write();
    }
    Ok(edit.out)
}

struct Edit<'a> {
    out: Vec<u8>,
    /// Comments, blank lines and directives wait for what follows them.
    held: Vec<&'a [u8]>,
    end: &'a [u8],
    written: bool,
    lines: &'a str,
}

impl<'a> Edit<'a> {
    fn put(&mut self, bytes: &[u8]) {
        self.end_line();
        self.out.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        for line in std::mem::take(&mut self.held) {
            self.put(line);
        }
    }

    /// A last line may have no end.
    fn end_line(&mut self) {
        if self.out.last().is_some_and(|byte| *byte != b'\n') {
            self.out.extend_from_slice(self.end);
        }
    }

    fn leave(&mut self, inside: bool) {
        if inside && !self.written {
            self.write();
        }
    }

    fn write(&mut self) {
        self.end_line();
        for line in self.lines.lines() {
            self.out.extend_from_slice(line.as_bytes());
            self.out.extend_from_slice(self.end);
        }
        self.written = true;
    }
}

fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn read<'a>(file: &'a [u8], context: &str) -> (Vec<Read<'a>>, Comments) {
    let mut comments = Comments::default();
    let (mut inside, mut exten) = (false, String::new());
    let lines = file.split_inclusive(|byte| *byte == b'\n').enumerate().map(|(index, bytes)| {
        let was_open = comments.are_open();
        let text = comments.strip(without_mark(&text_of(bytes), index + 1));
        let in_comment = was_open || comments.are_open();
        let line = Line::of(&text);
        let (mut opens, mut step_of) = (None, None);
        if let Line::Header(header) = &line {
            inside = header.name == context && header.is_plain();
            opens = Some(inside);
            exten.clear();
        } else if let Line::Pair { key, value } = &line
            && inside
            && line.is_step()
        {
            if key.eq_ignore_ascii_case("exten") {
                exten = value.split(',').next().unwrap_or_default().trim().to_owned();
            }
            step_of = Some(exten.clone());
        }
        Read { bytes, opens, step_of, in_comment }
    });
    (lines.collect(), comments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "; ours\nexten => _X.,1,Dial(x)\n same => n,Hangup()\n";

    fn edited(file: &str) -> String {
        let bytes = replace(file.as_bytes(), "out", OURS, |exten| exten == "_X.").expect("edited");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn own_extensions_stay_and_ours_are_replaced() {
        let own = "exten => _8X.,1,NoOp(mine)\n same => n,Hangup()\n";
        let file = format!(
            "[a]\nx=1\n[out]\ninclude => b\n{own}; old\nexten=>_X.,1,NoOp()\nsame=>n,Hangup\n\n[next]\n"
        );
        let expected = format!("[a]\nx=1\n[out]\ninclude => b\n{own}; old\n{OURS}\n[next]\n");
        assert_eq!(edited(&file), expected);
        assert_eq!(edited(&expected), expected, "a second time changes nothing");
    }

    #[test]
    fn a_context_without_extensions_or_none_at_all() {
        assert_eq!(edited("[out]\n; note\n\n[b]\n"), format!("[out]\n{OURS}; note\n\n[b]\n"));
        assert_eq!(edited("[a]"), format!("[a]\n\n[out]\n{OURS}"));
        assert_eq!(
            edited("[out](!)\nexten => _X.,1,A()\n"),
            format!("[out](!)\nexten => _X.,1,A()\n\n[out]\n{OURS}")
        );
        assert_eq!(edited("[a]\r\n"), format!("[a]\r\n\r\n[out]\r\n{}", OURS.replace('\n', "\r\n")));
        assert_eq!(replace(b"[a]\n;-- x\n", "out", OURS, |_| true), Err(EditError::OpenComment));
    }

    #[test]
    fn bytes_of_any_encoding_stay() {
        let file = b"; \xcf\xf0\xe8\xe2\xe5\xf2\n[out]\nexten => 1,1,NoOp(\xff)\n";
        let new = replace(file, "out", OURS, |exten| exten == "_X.").expect("edited");
        assert!(new.starts_with(file) && new.ends_with(OURS.as_bytes()));
        let file = "\u{feff}[out]\nexten => _X.,1,NoOp()\n";
        assert_eq!(edited(file), format!("\u{feff}[out]\n{OURS}"), "a byte order mark hides no context");
    }
}
