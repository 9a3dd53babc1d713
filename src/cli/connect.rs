//! Where the daemon is, and with which key it is talked to.

use std::{
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use url::Url;

use super::{
    ConfigArgs,
    client::{Client, Key},
    failure::{AddressFault, Failure},
    token,
};
use crate::config::{Config, ConfigErrors, DEFAULT_PATH, Loaded, environment};
use asterisk::secret::Secret;
use lang::Lang;

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
    /// An API key; other users may see it in the list of processes, so better use the variable or a file. On the
    /// bot's machine root and its own user need none
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
        let loaded = Config::load(self.config.config.as_deref(), environment());
        let files = token::files(loaded.as_ref().ok().map(|loaded| &loaded.config));
        let (url, note) = self.address(loaded)?;
        let key = match self.key()? {
            Some(key) => Key::Given(key),
            None => match token::find(&files, &url) {
                Some(found) => Key::Local(found),
                None => Key::None { files },
            },
        };
        Client::new(url, key, lang, note)
    }

    /// The address, and why it is this one if that was not the user's wish.
    fn address(&self, loaded: Result<Loaded, ConfigErrors>) -> Result<(Url, Option<String>), Failure> {
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) {
            return Ok((parse(url)?, None));
        }
        match loaded {
            Ok(loaded) => {
                let listen = token::reachable(loaded.config.http.listen);
                Ok((parse(&format!("http://{listen}"))?, None))
            }
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
    fn a_password_in_an_address_is_not_repeated() {
        let error = parse("http://user:hunter2@host/").expect_err("refused");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
