//! The running daemon, as its API shows it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use url::Url;

use super::http::{Login, Server};
use crate::config::Config;
use asterisk::secret::Secret;
use lang::Text;

/// It answers this at once, or something is wrong with it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the daemon of this configuration runs, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Ready,
    /// The daemon's own words.
    NotReady(Text),
    /// Nothing answers there, or something else does.
    Away(String),
}

/// The daemon's API.
pub fn server(config: &Config, key: Option<Secret>) -> Option<Server> {
    let url = Url::parse(&format!("http://{}", reachable(config.http.listen))).ok()?;
    Server::new(url, key.map_or(Login::Nobody, Login::Bearer))
}

pub async fn state(api: &Server) -> State {
    let reply = match api.get_within("health/ready", PATIENCE).await {
        Ok(reply) => reply,
        Err(why) => return State::Away(why),
    };
    match reply.status {
        200 if reply.json["status"] == "ready" => State::Ready,
        503 if reply.is_json => {
            let en = reply.message_of_problem();
            // It may have come back in between, or be an older one: then its first words stand.
            let russian = api.get_in_russian("health/ready", PATIENCE).await.ok();
            let ru = russian.filter(|reply| reply.status == 503 && reply.is_json);
            State::NotReady(Text {
                ru: ru.map_or_else(|| en.clone(), |reply| reply.message_of_problem()),
                en,
            })
        }
        status => State::Away(format!("HTTP {status}, not novofon-bot")),
    }
}

/// An address to listen on everywhere is none to connect to.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
