//! What can be wrong with a configuration, told so that it can be put right without the manual:
//! the key, where its value came from (file and line, or variable), what was expected.
//!
//! Values of secrets never get into these texts; whoever makes a [`Problem`] sees to it.

use std::fmt;
use std::path::{Path, PathBuf};

use lang::{Lang, Text, Told, say};

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
    pub text: Text,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, origin: Origin, text: Text) -> Self {
        Self { key: Some(key.into()), origin, text }
    }

    pub(super) fn of_file(path: impl Into<PathBuf>, line: Option<usize>, text: Text) -> Self {
        Self { key: None, origin: Origin::File { path: path.into(), line }, text }
    }
}

/// Where it is, and what.
pub(super) fn placed(key: Option<&str>, origin: &Origin, text: &str) -> String {
    match (key, origin) {
        (Some(key), Origin::Default) => format!("`{key}`: {text}"),
        (Some(key), origin) => format!("{origin}: `{key}`: {text}"),
        (None, origin) => format!("{origin}: {text}"),
    }
}

impl Told for Problem {
    fn told(&self, lang: Lang) -> String {
        placed(self.key.as_deref(), &self.origin, self.text.of(lang))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Lang::En))
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

    /// These, and more.
    pub(super) fn with(mut self, problems: Vec<Problem>) -> Self {
        self.0.extend(problems);
        self
    }

    /// As somebody mends them: what is wrong with the file as a whole, then line by line, then other files, the
    /// environment, and what stands nowhere.
    pub(super) fn in_order(mut self, file: Option<&Path>) -> Self {
        self.0.sort_by_key(|problem| match &problem.origin {
            Origin::File { path, line } => (u8::from(file.is_some_and(|file| file != path)), *line),
            Origin::Environment(_) => (2, None),
            Origin::Default => (3, None),
        });
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

impl Told for ConfigErrors {
    fn told(&self, lang: Lang) -> String {
        let mut told = say!("the configuration can't be used:", "с такой конфигурацией работать нельзя:")
            .of(lang)
            .to_owned();
        for problem in &self.0 {
            told.push_str("\n  ");
            told.push_str(&problem.told(lang));
        }
        told
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Lang::En))
    }
}

impl std::error::Error for ConfigErrors {}
