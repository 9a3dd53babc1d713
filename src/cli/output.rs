//! Where lines go: results to stdout, remarks to stderr; and whether they may be coloured.
//!
//! A reader that has gone away (`| head`) is an error here, never a panic.

use std::io::{self, IsTerminal, Write};

/// How a text is emphasised, on a terminal that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Good,
    Bad,
    Going,
    Faint,
    Strong,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Good => "1;32",
            Ink::Bad => "1;31",
            Ink::Going => "1;33",
            Ink::Faint => "2",
            Ink::Strong => "1",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
}

impl Style {
    /// Colour is for a terminal, and for people who do not object (no-color.org).
    pub fn of_stdout() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Style { colour: io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    pub fn paint(self, ink: Ink, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code()) } else { text.to_owned() }
    }
}

/// Writes a line of the result, at once.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes a remark. Nobody listening is no trouble.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
