//! Logging: to standard error, as text for people and journald or as JSON for programs.
//!
//! Decides only what is written and how; the levels of single messages stand with the messages.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal, Write};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Why logging can't begin.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error("can't read the log filter in {variable}: {source}; write a level, or `info,novofon_bot=debug`")]
    Filter { variable: &'static str, source: tracing_subscriber::filter::ParseError },
    #[error("can't start logging: {0}; it is started once in a process")]
    Start(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process. `variable` is its environment: NOVOFON_BOT_LOG, then RUST_LOG, win
/// over the configured level.
pub fn init(log: &Log, variable: impl Fn(&str) -> Option<String>) -> Result<(), LoggingError> {
    let filter = filter(log.level, &variable)?;
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let journal = variable("JOURNAL_STREAM").is_some_and(|stream| is_stream(io::stderr(), &stream));
    let look = Look {
        // journald writes its own time before each line.
        time: !is_set("JOURNAL_STREAM"),
        priority: journal,
        colors: io::stderr().is_terminal() && !is_set("NO_COLOR"),
    };
    Ok(subscriber(log.format, look, filter, io::stderr).try_init()?)
}

/// A phone number for a log line: as it is, or with its middle hidden if `hide` is set (`log.mask_numbers`).
/// At least three characters are hidden, of short numbers all but the last two.
pub fn mask(number: &str, hide: bool) -> String {
    if !hide {
        return number.to_owned();
    }
    let characters: Vec<char> = number.chars().collect();
    let length = characters.len();
    let (head, tail) = match length {
        0..=4 => (0, 0),
        5..=7 => (0, 2),
        // Country and operator; of +79522675444 the +7952.
        _ => ((length - 7).min(5), 4),
    };
    let (head, tail) = (&characters[..head], &characters[length - tail..]);
    head.iter().copied().chain("***".chars()).chain(tail.iter().copied()).collect()
}

/// How text is written; JSON always has its time and never a color.
struct Look {
    time: bool,
    colors: bool,
    /// Each line begins with its priority, as systemd reads it: then `journalctl -p warning` finds it.
    priority: bool,
}

/// Whether `stream`, `DEVICE:INODE` in systemd's words, is this file. The variable alone is no proof: a
/// program that a service starts with other streams has it too.
fn is_stream(file: impl std::os::fd::AsFd, stream: &str) -> bool {
    rustix::fs::fstat(file).is_ok_and(|it| stream == format!("{}:{}", it.st_dev, it.st_ino))
}

/// Puts the priority of sd-daemon(3) before what each message writes.
struct WithPriority<W>(W);

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for WithPriority<W> {
    type Writer = Prefixed<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Prefixed { writer: self.0.make_writer(), prefix: b"<6>" }
    }

    fn make_writer_for(&'writer self, message: &Metadata<'_>) -> Self::Writer {
        let prefix = match *message.level() {
            Level::ERROR => b"<3>",
            Level::WARN => b"<4>",
            Level::INFO => b"<6>",
            _ => b"<7>",
        };
        Prefixed { writer: self.0.make_writer_for(message), prefix }
    }
}

/// Keeps each message on its line: names and reasons of others, such as a caller's, may have line breaks in them.
struct OneLine<W> {
    writer: W,
    colors: bool,
}

impl<'writer, W: MakeWriter<'writer>> MakeWriter<'writer> for OneLine<W> {
    type Writer = Flattened<W::Writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        Flattened { writer: self.writer.make_writer(), colors: self.colors }
    }

    fn make_writer_for(&'writer self, message: &Metadata<'_>) -> Self::Writer {
        Flattened { writer: self.writer.make_writer_for(message), colors: self.colors }
    }
}

struct Flattened<W> {
    writer: W,
    colors: bool,
}

/// What comes after the escape character sets a color, and does nothing else to a terminal.
fn is_color(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b"[") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=2).contains(&digits) && rest.get(digits) == Some(&b'm')
}

impl<W: Write> Write for Flattened<W> {
    /// A message is written at once, with its end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let is_kept = |at: usize, byte: u8| {
            !byte.is_ascii_control() || byte == 0x1b && self.colors && is_color(&body[at + 1..])
        };
        let flat = body.iter().enumerate().map(|(at, byte)| if is_kept(at, *byte) { *byte } else { b' ' });
        let flat: Vec<u8> = flat.chain(bytes[body.len()..].iter().copied()).collect();
        self.writer.write_all(&flat)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes the prefix together with what is written first, so that no other thread's line gets between.
struct Prefixed<W> {
    writer: W,
    prefix: &'static [u8],
}

impl<W: Write> Write for Prefixed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let whole = [std::mem::take(&mut self.prefix), bytes].concat();
        self.writer.write_all(&whole)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn subscriber<W>(format: LogFormat, look: Look, filter: EnvFilter, writer: W) -> Dispatch
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // JSON has no colors.
    let colors = look.colors && format == LogFormat::Text;
    match look.priority {
        true => formatted(format, look, filter, OneLine { writer: WithPriority(writer), colors }),
        false => formatted(format, look, filter, OneLine { writer, colors }),
    }
}

fn formatted<W>(format: LogFormat, look: Look, filter: EnvFilter, writer: W) -> Dispatch
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(look.colors)
        .with_target(false);
    let harmless = FilterFn::new(holds_no_secret);
    match format {
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).finish().with(harmless).into(),
        LogFormat::Text if look.time => builder.finish().with(harmless).into(),
        LogFormat::Text => builder.without_time().finish().with(harmless).into(),
    }
}

/// The websocket library traces its handshake with all headers, and one of them is ARI's password. No
/// directive brings that back.
fn holds_no_secret(message: &Metadata<'_>) -> bool {
    *message.level() < Level::TRACE || !message.target().starts_with("tungstenite")
}

fn filter(level: LevelFilter, variable: impl Fn(&str) -> Option<String>) -> Result<EnvFilter, LoggingError> {
    for name in ["NOVOFON_BOT_LOG", "RUST_LOG"] {
        if let Some(directives) = variable(name).filter(|directives| !directives.trim().is_empty()) {
            return EnvFilter::try_new(directives)
                .map_err(|source| LoggingError::Filter { variable: name, source });
        }
    }
    // The details asked for are ours: those of the libraries would drown them.
    let others = level.min(LevelFilter::INFO);
    Ok(EnvFilter::new(format!("{others},novofon_bot={level}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    type Variables = &'static [(&'static str, &'static str)];

    #[test]
    fn masked_numbers() {
        let cases = [
            ("+79522675444", "+7952***5444"),
            ("79522675444", "7952***5444"),
            ("+3751234567890", "+3751***7890"),
            ("88005553", "8***5553"),
            ("1234567", "***67"),
            ("12345", "***45"),
            ("112", "***"),
            ("", "***"),
            ("+7952абв5444", "+7952***5444"),
        ];
        for (number, masked) in cases {
            assert_eq!(mask(number, true), masked, "{number}");
            assert_eq!(mask(number, false), number);
        }
    }

    #[test]
    fn the_environment_wins_over_the_level() {
        let cases: [(LevelFilter, Variables, &str); 6] = [
            (LevelFilter::INFO, &[], "novofon_bot=info,info"),
            (LevelFilter::DEBUG, &[], "novofon_bot=debug,info"),
            (LevelFilter::ERROR, &[], "novofon_bot=error,error"),
            (LevelFilter::INFO, &[("RUST_LOG", "trace")], "trace"),
            (LevelFilter::INFO, &[("RUST_LOG", "trace"), ("NOVOFON_BOT_LOG", "sqlx=debug")], "sqlx=debug"),
            (LevelFilter::INFO, &[("RUST_LOG", "warn"), ("NOVOFON_BOT_LOG", " ")], "warn"),
        ];
        for (level, variables, expected) in cases {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(filter(level, variable).unwrap().to_string(), expected, "{level} {variables:?}");
        }
    }

    #[test]
    fn a_bad_filter_names_its_variable() {
        let error = filter(LevelFilter::INFO, |name| (name == "RUST_LOG").then(|| "a=b=c".to_owned()));
        assert!(error.unwrap_err().to_string().starts_with("can't read the log filter in RUST_LOG: "));
    }

    /// What a warning and a debug message become.
    fn written(format: LogFormat, look: Look) -> String {
        let (reader, writer) = io::pipe().unwrap();
        let filter = filter(LevelFilter::INFO, |_| None).unwrap();
        tracing::dispatcher::with_default(&subscriber(format, look, filter, Mutex::new(writer)), || {
            tracing::debug!("not shown");
            tracing::warn!(call = 7, "line is down");
        });
        io::read_to_string(reader).unwrap()
    }

    #[test]
    fn text_has_its_time_unless_the_journal_does_and_no_colors_unless_asked() {
        let plain = "WARN line is down call=7\n";
        let in_journal = written(LogFormat::Text, Look { time: false, colors: false, priority: false });
        assert_eq!(in_journal.trim_start(), plain);
        let in_file = written(LogFormat::Text, Look { time: true, colors: false, priority: false });
        assert!(in_file.starts_with("20") && in_file.ends_with(plain), "{in_file}");
        let in_terminal = written(LogFormat::Text, Look { time: true, colors: true, priority: false });
        assert!(in_terminal.contains("\x1b["), "{in_terminal}");
    }

    #[test]
    fn the_journal_is_told_the_priority() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = written(format, Look { time: false, colors: false, priority: true });
            assert!(line.starts_with("<4>") && line.lines().count() == 1, "{line}");
        }
    }

    #[test]
    fn what_others_write_stays_on_its_line() {
        let name = "Bob\r\n2026-11-30T07:00:00Z ERROR the store is lost\0\x1b[2J";
        for format in [LogFormat::Text, LogFormat::Json] {
            for colors in [true, false] {
                let (reader, writer) = io::pipe().unwrap();
                let filter = filter(LevelFilter::INFO, |_| None).unwrap();
                let look = Look { time: true, colors, priority: false };
                tracing::dispatcher::with_default(
                    &subscriber(format, look, filter, Mutex::new(writer)),
                    || {
                        tracing::warn!(%name, "called by {name}");
                    },
                );
                let text = io::read_to_string(reader).unwrap();
                assert_eq!(text.lines().count(), 1, "{text:?}");
                assert!(!text.contains(['\r', '\0']) && !text.contains("\x1b[2J"), "{text:?}");
            }
        }
    }

    #[test]
    fn only_journalds_own_stream_is_taken_for_it() {
        let (reader, writer) = io::pipe().unwrap();
        let pipe = rustix::fs::fstat(&writer).unwrap();
        let stream = format!("{}:{}", pipe.st_dev, pipe.st_ino);
        assert!(is_stream(&writer, &stream) && is_stream(&reader, &stream));
        assert!(!is_stream(io::pipe().unwrap().1, &stream) && !is_stream(&writer, ""));
    }

    #[test]
    fn the_handshake_with_its_password_is_in_no_log() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let (reader, writer) = io::pipe().unwrap();
            let filter = filter(LevelFilter::TRACE, |_| Some("trace,tungstenite=trace".into())).unwrap();
            let look = Look { time: true, colors: false, priority: false };
            tracing::dispatcher::with_default(&subscriber(format, look, filter, Mutex::new(writer)), || {
                tracing::trace!(target: "tungstenite::handshake::client", "Authorization: Basic secret");
                tracing::debug!(target: "tungstenite::handshake::client", "Client handshake done.");
                tracing::trace!(target: "hyper", "a step");
            });
            let text = io::read_to_string(reader).unwrap();
            assert!(!text.contains("secret") && text.contains("done.") && text.contains("a step"), "{text}");
        }
    }

    #[test]
    fn json_is_one_object_a_line() {
        let line = written(LogFormat::Json, Look { time: false, colors: true, priority: false });
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&object["message"], &object["call"]), (&"line is down".into(), &7.into()), "{line}");
        assert!(object["timestamp"].is_string(), "{line}");
    }
}
