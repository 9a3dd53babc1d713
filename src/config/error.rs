//! What can be wrong with a configuration, told so that it can be put right without the manual:
//! the key, where its value came from (file and line, or variable), what was expected.
//!
//! Values of secrets never get into these texts; whoever makes a [`Problem`] sees to it.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The built-in `default.toml`.
    Default,
    /// A line (from 1) of a file; `None` where it is about the whole file.
    File { path: PathBuf, line: Option<usize> },
    /// The environment variable of this name.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted, `dial.allow[1]`; `None` where the file as a whole is wrong.
    pub key: Option<String>,
    pub origin: Origin,
    /// What is wrong, what was expected, what to do.
    pub text: String,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, origin: Origin, text: impl Into<String>) -> Self {
        Self { key: Some(key.into()), origin, text: text.into() }
    }

    pub(super) fn of_file(path: impl Into<PathBuf>, line: Option<usize>, text: impl Into<String>) -> Self {
        Self { key: None, origin: Origin::File { path: path.into(), line }, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.origin) {
            (Some(key), Origin::Default) => write!(f, "`{key}`: {}", self.text),
            (Some(key), origin) => write!(f, "{origin}: `{key}`: {}", self.text),
            (None, origin) => write!(f, "{origin}: {}", self.text),
        }
    }
}

/// Everything that is wrong, at once, so that one look is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// `Err` with the problems, if there are any.
    pub(super) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// These, and one more.
    pub(super) fn and(mut self, problem: Problem) -> Self {
        self.0.push(problem);
        self
    }

    /// At least one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for ConfigErrors {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration can't be used:")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
