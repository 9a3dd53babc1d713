//! What is examined, and the ways to look at it.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
};

use super::{
    Inputs,
    console::Console,
    daemon,
    http::{Login, Reply, Server},
};
use crate::config::Config;
use asterisk::files::Conf;

/// Where a packaged Asterisk has its configuration.
const USUAL_ETC: &str = "/etc/asterisk";

pub struct Patient {
    pub config: Config,
    /// Asterisk's HTTP server, whether it answers or not.
    pub ari: Option<Server>,
    /// ARI took the user and password.
    pub ari_is_open: bool,
    pub console: Option<Console>,
    /// Why the console that was named can't be used; nobody asks it again.
    pub console_fault: Option<String>,
    /// The folder of Asterisk's configuration.
    pub etc: Option<PathBuf>,
    /// Asterisk's addresses are all of this machine: what is local tells about it.
    pub is_local: bool,
    pub daemon: Option<Server>,
    pub daemon_state: daemon::State,
}

impl Patient {
    pub async fn new(config: Config, inputs: Inputs) -> Self {
        let is_local = is_local(&config.ari.url).await;
        let login = Login::Basic(config.ari.username.clone(), config.ari.password.clone());
        let ari = Server::new(config.ari.url.clone(), login);
        // The console of this machine says nothing about an Asterisk elsewhere.
        let console = inputs.console.or_else(|| is_local.then(Console::of_this_machine).flatten());
        let (console, console_fault) = match console {
            Some(console) => match console.ask("core show version").await {
                // A warning may stand before it: on a host with only `lo`, say.
                Ok(answer) if answer.lines().any(|line| line.trim_start().starts_with("Asterisk ")) => {
                    (Some(console), None)
                }
                // What it says to other questions would be taken for the state of an Asterisk.
                Ok(_) => (None, Some("what answers is not Asterisk's console".to_owned())),
                Err(why) => (None, Some(why)),
            },
            None => (None, None),
        };
        let etc = match inputs.etc {
            Some(etc) => Some(etc),
            None if is_local => etc_of(console.as_ref()).await,
            None => None,
        };
        let daemon = daemon::server(&config, inputs.api_key);
        let daemon_state = match &daemon {
            Some(api) => daemon::state(api).await,
            None => daemon::State::Away(String::new()),
        };
        Patient {
            config,
            ari,
            ari_is_open: false,
            console,
            console_fault,
            etc,
            is_local,
            daemon,
            daemon_state,
        }
    }

    /// A bot for offices alone has none of its own.
    pub fn has_asterisk(&self) -> bool {
        !self.config.ari.username.is_empty()
    }

    /// An ARI resource, `endpoints/PJSIP/novofon`; `None` if ARI is closed to us or fails.
    pub async fn ask_ari(&self, path: &str) -> Option<Reply> {
        let ari = self.ari.as_ref().filter(|_| self.ari_is_open)?;
        ari.get(&format!("ari/{path}")).await.ok()
    }

    /// The console's answer; `None` if there is no console, or it fails.
    pub async fn ask_console(&self, command: &str) -> Option<String> {
        self.console.as_ref()?.ask(command).await.ok()
    }

    /// A file of Asterisk's configuration with what it includes; `None` if it can't be read.
    pub fn conf(&self, name: &str) -> Option<Conf> {
        Conf::read(self.etc.as_deref()?, name).ok()
    }

    /// The technology and name of the trunk's endpoint.
    pub fn endpoint(&self) -> (&str, &str) {
        self.config.trunk.endpoint.split_once('/').unwrap_or(("PJSIP", &self.config.trunk.endpoint))
    }
}

/// The addresses that a host and port stand for.
pub async fn addresses(url: &url::Url) -> Vec<SocketAddr> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(0);
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

async fn is_local(url: &url::Url) -> bool {
    let addresses = addresses(url).await;
    // Only an address of this machine can be bound to.
    let is_ours = |ip: IpAddr| ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok();
    !addresses.is_empty() && addresses.iter().all(|address| is_ours(address.ip()))
}

async fn etc_of(console: Option<&Console>) -> Option<PathBuf> {
    if let Some(console) = console
        && let Ok(settings) = console.ask("core show settings").await
    {
        let line = settings.lines().find_map(|line| line.trim().strip_prefix("Configuration directory:"));
        return line.map(|path| PathBuf::from(path.trim()));
    }
    Some(USUAL_ETC).filter(|path| Path::new(path).is_dir()).map(PathBuf::from)
}
