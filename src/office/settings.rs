//! How one host is spoken to: the configuration's defaults under the enterprise's own values.

use crate::{
    config,
    enterprises::{DirectoryConfig, Enterprise},
    hosts::{Login, Ssh},
};
use asterisk::secret::Secret;
use call::{Technology, WayChoice};

/// Enterprises with equal settings share a host, its connections and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSettings {
    /// IP address or name.
    pub address: String,
    pub way: WayChoice,
    pub context: String,
    pub technology: Technology,
    /// `None` where there is neither password nor key.
    pub ssh: Option<Ssh>,
    /// `None` where there is no user.
    pub ami: Option<Login>,
    pub ari: Option<Login>,
    pub ari_app: String,
}

impl HostSettings {
    /// What is set up for this enterprise.
    pub fn of(config: &config::Office, enterprise: &Enterprise) -> Self {
        let own = &enterprise.settings;
        let ssh_password = own.ssh_password.clone().or_else(|| config.ssh_password.clone());
        let has_login = ssh_password.is_some() || config.ssh_key_file.is_some();
        let login = |port: u16, user: Option<String>, password: Option<Secret>| {
            Some(Login { port, user: user?, password: password? })
        };
        HostSettings {
            address: enterprise.ip.to_string(),
            way: own.way.unwrap_or(config.way),
            context: own.context.as_ref().map_or_else(|| config.context.clone(), ToString::to_string),
            technology: own.technology.unwrap_or(config.technology),
            ssh: has_login.then(|| Ssh {
                port: own.ssh_port.unwrap_or(config.ssh_port),
                user: own.ssh_user.as_ref().map_or_else(|| config.ssh_user.clone(), ToString::to_string),
                password: ssh_password,
                key_file: config.ssh_key_file.clone(),
                socket: config.ssh_socket.clone(),
                commands: config.ssh_commands,
            }),
            ami: login(
                own.ami_port.unwrap_or(config.ami_port),
                own.ami_user.as_ref().map(ToString::to_string).or_else(|| config.ami_user.clone()),
                own.ami_password.clone().or_else(|| config.ami_password.clone()),
            ),
            ari: login(
                own.ari_port.unwrap_or(config.ari_port),
                own.ari_user.as_ref().map(ToString::to_string).or_else(|| config.ari_user.clone()),
                own.ari_password.clone().or_else(|| config.ari_password.clone()),
            ),
            // Whoever logs in otherwise has a connection of its own, and two would take one name from each other.
            ari_app: match &own.ari_user {
                Some(user) if config.ari_user.as_deref() != Some(user.as_str()) => {
                    format!("{}_{user}", config.ari_app)
                }
                _ => config.ari_app.clone(),
            },
        }
    }
}

/// How the enterprises' database is reached, and how long its answers are believed.
pub fn directory_config(office: &config::Office) -> DirectoryConfig {
    let mut directory = DirectoryConfig::new(office.database.clone());
    directory.password.clone_from(&office.database_password);
    directory.life = office.cache_life;
    directory.grace = office.cache_grace;
    directory
}
