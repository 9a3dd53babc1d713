//! Where the daemon is, and with which key it is talked to.

use std::{
    convert::Infallible,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;
use url::Url;

use super::{
    ConfigArgs,
    client::Client,
    failure::{AddressFault, Failure},
};
use crate::{
    config::{Config, DEFAULT_PATH, environment},
    lang::Lang,
    secret::Secret,
};

/// The variable of `http.listen`.
const LISTEN: &str = "NOVOFON_BOT_HTTP__LISTEN";

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Options of every command that talks to the daemon.
#[derive(Debug, Args)]
#[command(next_help_heading = "The daemon")]
pub struct ConnectArgs {
    /// Where the daemon is [default: http.listen of the configuration, else http://127.0.0.1:8080]
    #[arg(long, env = "NOVOFON_BOT_URL", value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// An API key; other users may see it in the list of processes, so better use the variable or a file
    #[arg(long, env = "NOVOFON_BOT_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    api_key: Option<Secret>,
    /// A file with the API key; goes before --api-key
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

impl ConnectArgs {
    pub(super) fn client(&self, lang: Lang) -> Result<Client, Failure> {
        let (url, note) = self.address()?;
        Client::new(url, self.key()?.as_ref(), lang, note)
    }

    /// The address, and why it is this one if that was not the user's wish.
    fn address(&self) -> Result<(Url, Option<String>), Failure> {
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) {
            return Ok((parse(url)?, None));
        }
        match Config::load(self.config.config.as_deref(), environment()) {
            Ok(loaded) => Ok((parse(&format!("http://{}", reachable(loaded.config.http.listen)))?, None)),
            // To fall back from what was named could reach another daemon than was meant.
            Err(error) if self.config.config.is_some() || std::env::var_os(LISTEN).is_some() => {
                Err(Failure::Config(error.to_string()))
            }
            // Mostly not for this user's eyes, or not there at all, which is no news.
            Err(error) => {
                let may_exist = Path::new(DEFAULT_PATH).try_exists().unwrap_or(true);
                Ok((parse(DEFAULT_URL)?, may_exist.then(|| error.to_string())))
            }
        }
    }

    fn key(&self) -> Result<Option<Secret>, Failure> {
        let Some(path) = &self.api_key_file else {
            return Ok(self.api_key.clone().filter(|key| !key.expose().is_empty()));
        };
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Secret::new(text.trim()))),
            Err(error) => Err(Failure::KeyFile { path: path.clone(), why: error.to_string() }),
        }
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

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// The daemon's root, with a slash at its end so that paths can be joined to it.
fn parse(text: &str) -> Result<Url, Failure> {
    let fault = |why| Failure::Address { url: text.to_owned(), why };
    let mut url: Url = text.parse().map_err(|_| fault(AddressFault::NoUrl))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(fault(AddressFault::NoUrl));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it holds a secret.
        return Err(Failure::Address { url: String::new(), why: AddressFault::Credentials });
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_root() {
        let parsed = |text| parse(text).map(String::from).ok();
        assert_eq!(parsed("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(parsed("https://host/bot?x=1#y").as_deref(), Some("https://host/bot/"));
        for bad in ["", "127.0.0.1:8080", "ftp://host/", "http://", "http://user:word@host/"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn everywhere_is_reached_on_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:9000", "10.0.0.7:9000"),
        ] {
            assert_eq!(reachable(listen.parse().expect("an address")).to_string(), expected);
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let error = parse("http://user:hunter2@host/").expect_err("refused");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
