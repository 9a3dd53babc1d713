//! What one logs in with at a host, and how patient one is there.

use std::{path::PathBuf, time::Duration};

use asterisk::secret::Secret;

/// To connect, with everything that belongs to it (the older service's ten seconds).
pub const CONNECT: Duration = Duration::from_secs(10);
/// For one command or action.
pub const COMMAND: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, PartialEq)]
pub struct Ssh {
    pub port: u16,
    pub user: String,
    pub password: Option<Secret>,
    pub key_file: Option<PathBuf>,
    /// The console's socket; `None`: by `asterisk -rx` only.
    pub socket: Option<String>,
    pub commands: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    pub port: u16,
    pub user: String,
    pub password: Secret,
}
