//! The way to a host's console: one SSH connection.

use std::sync::Arc;

use super::login::{COMMAND, CONNECT, Ssh};
use asterisk::ssh::{KnownHosts, SshAuth, SshHost, SshLimits, SshTarget};

/// A host's console, by SSH.
pub struct Console {
    pub host: SshHost,
    /// What is wrong with the private key, if anything.
    pub unfit: Option<String>,
}

impl Console {
    pub(super) fn new(address: &str, ssh: &Ssh, known_hosts: Arc<KnownHosts>) -> Self {
        let (auth, unfit) = logins(ssh);
        let target = SshTarget {
            host: address.to_owned(),
            port: ssh.port,
            user: ssh.user.clone(),
            auth,
            limits: SshLimits {
                connect: CONNECT,
                command: COMMAND,
                commands_at_once: ssh.commands,
                ..SshLimits::default()
            },
            known_hosts,
        };
        Console { host: SshHost::new(target), unfit }
    }
}

/// The ways to log in, and what is wrong with them.
fn logins(ssh: &Ssh) -> (Vec<SshAuth>, Option<String>) {
    let mut auth = Vec::new();
    let mut unfit = None;
    if let Some(file) = &ssh.key_file {
        match SshAuth::key_file(file, None) {
            Ok(key) => auth.push(key),
            // A password may do.
            Err(error) if ssh.password.is_some() => tracing::warn!(%error, "a private key is passed over"),
            Err(error) => unfit = Some(error.to_string()),
        }
    }
    auth.extend(ssh.password.clone().map(SshAuth::Password));
    (auth, unfit)
}
