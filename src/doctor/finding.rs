//! What a check finds: one line about one thing, in both languages, and how to mend it.
//!
//! Knows nothing of where findings come from or how they are shown.

pub use lang::Text;
pub(super) use lang::say;

/// How well it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ok,
    /// It could not be looked at.
    Skipped,
    /// It works, and somebody should still know.
    Warn,
    /// Calls fail, or somebody else can place them.
    Fail,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Skipped => "skipped",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable word: scripts may rely on it.
    pub id: &'static str,
    pub level: Level,
    pub seen: Text,
    /// What to do about it.
    pub mend: Option<Text>,
}

impl Finding {
    pub fn ok(id: &'static str, seen: Text) -> Self {
        Finding { id, level: Level::Ok, seen, mend: None }
    }

    pub fn warn(id: &'static str, seen: Text, mend: Text) -> Self {
        Finding { id, level: Level::Warn, seen, mend: Some(mend) }
    }

    pub fn fail(id: &'static str, seen: Text, mend: Text) -> Self {
        Finding { id, level: Level::Fail, seen, mend: Some(mend) }
    }

    /// `mend` says how to make it checkable.
    pub fn skipped(id: &'static str, seen: Text, mend: Text) -> Self {
        Finding { id, level: Level::Skipped, seen, mend: Some(mend) }
    }
}
