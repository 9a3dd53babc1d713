//! The token of this machine's command line: the daemon makes one at each start and puts it where only root and its own
//! user can read it; whoever can, needs no key.
//!
//! Beside the token stands the address that it is for, so that it is sent to no other program, and the process that
//! made it. The bot holds the file's lock as long as it lives: one that a killed bot left behind is sent to nobody,
//! for anybody may listen at its address by now.

use std::{
    fs::{self, File, TryLockError},
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use url::{Host, Url};

use crate::config::{Config, environment, write_held_secret};
use asterisk::secret::Secret;

/// The RuntimeDirectory of the unit.
const RUNTIME: &str = "/run/novofon-bot";
const NAME: &str = "token";

/// Where the daemon puts it, and the command line looks for it, in this order.
pub(super) fn files(config: Option<&Config>) -> Vec<PathBuf> {
    if let Some(path) = config.and_then(|config| config.http.token_file.clone()) {
        return vec![path];
    }
    let beside = config.and_then(|config| ledger::file_of(config.store.url.expose()).ok()).map(|store| {
        let mut name = store.into_os_string();
        name.push(".token");
        PathBuf::from(name)
    });
    std::iter::once(Path::new(RUNTIME).join(NAME)).chain(beside).collect()
}

/// The daemon's token on disk; dropped at a stop, it is removed.
pub(super) struct Kept {
    path: PathBuf,
    text: Secret,
    _lock: File,
}

/// Makes the token of this start. Where it can't be written, the command line needs a key, as any client does.
pub(super) fn make(config: &Config) -> (Secret, Option<Kept>) {
    let bytes: [u8; 32] = rand::random();
    let token = Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").is_some_and(|folder| folder == RUNTIME);
    let mut files = files(Some(config));
    // A bot beside the service must not take its place.
    if files.len() > 1 && !runtime {
        files.remove(0);
    }
    let path = files.swap_remove(0);
    let text = format!("{} {} {}\n", reachable(config.http.listen), std::process::id(), token.expose());
    match write_held_secret(&path, &text, 0o600) {
        Ok(lock) => {
            tracing::debug!(path = %path.display(), "the token of this machine's command line is written");
            (token, Some(Kept { path, text: Secret::new(text), _lock: lock }))
        }
        Err(error) => {
            tracing::warn!(
                path = %path.display(), %error,
                "the token of this machine's command line can't be written: novofon-bot calls and the like will need a key; \
                 make the folder writable for the bot, or set `http.token_file`"
            );
            (token, None)
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Another bot's that took the place stays.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text.expose()) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A token for the daemon at an address.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub token: Secret,
    pub path: PathBuf,
    pub process: u32,
    /// The bot that made it is gone, and has not removed it: it was killed.
    pub is_left_behind: bool,
    /// What to connect to: the very address that the token is for.
    pub url: Url,
}

/// The token for the daemon at `url`, where there is one that this user may read; a living bot's first.
pub(super) fn find(files: &[PathBuf], url: &Url) -> Option<Found> {
    let mut found: Vec<_> = files.iter().filter_map(|path| read(path, url)).collect();
    found.sort_by_key(|found| found.is_left_behind);
    found.into_iter().next()
}

fn read(path: &Path, url: &Url) -> Option<Found> {
    let mut file = File::open(path).ok()?;
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let mut words = text.split_whitespace();
    let address: SocketAddr = words.next()?.parse().ok()?;
    let (process, token) = (words.next()?.parse().ok()?, Secret::new(words.next()?));
    let url = same(url, address)?;
    Some(Found { token, path: path.to_owned(), process, is_left_behind: !is_held, url })
}

/// The token of the daemon that this configuration is for.
pub(super) fn of_config(path: Option<&Path>) -> Option<Secret> {
    let config = Config::load(path, environment()).ok()?.config;
    let url = format!("http://{}/", reachable(config.http.listen)).parse().ok()?;
    let found = find(&files(Some(&config)), &url)?;
    (!found.is_left_behind).then_some(found.token)
}

/// The URL with this address in it, if it means the daemon there. A name is looked up by nobody: it may lead anywhere.
fn same(url: &Url, address: SocketAddr) -> Option<Url> {
    let is_it = match url.host()? {
        Host::Ipv4(ip) => ip == address.ip(),
        Host::Ipv6(ip) => ip == address.ip(),
        Host::Domain(name) => name == "localhost" && address.ip().is_loopback(),
    };
    let is_root = url.scheme() == "http" && url.path() == "/";
    if !is_it || !is_root || url.port_or_known_default() != Some(address.port()) {
        return None;
    }
    format!("http://{address}/").parse().ok()
}

/// An address to listen on everywhere is none to connect to.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_token_goes_to_the_address_that_it_is_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let lock = write_held_secret(&path, "127.0.0.1:8080 4000000000 sesame\n", 0o600).expect("written");
        let files = [folder.path().join("none"), path.clone()];
        let find = |url: &str| find(&files, &url.parse().expect("a URL"));
        for url in ["http://127.0.0.1:8080", "http://localhost:8080/"] {
            let found = find(url).expect(url);
            assert_eq!(
                (found.token.expose(), found.url.as_str()),
                ("sesame", "http://127.0.0.1:8080/"),
                "{url}"
            );
            assert!(!found.is_left_behind && !format!("{found:?}").contains("sesame"));
        }
        for url in [
            "http://127.0.0.1:8081",
            "http://127.0.0.2:8080",
            "http://[::1]:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/bot/",
            "http://example.org:8080",
            "http://127.0.0.1",
        ] {
            assert!(find(url).is_none(), "{url}");
        }
        // Its writer is gone; another bot's that lives goes before it.
        drop(lock);
        assert!(find("http://127.0.0.1:8080").expect("it lies there").is_left_behind);
        let other = folder.path().join("other");
        let _lock = write_held_secret(&other, "127.0.0.1:8080 1 open\n", 0o600).expect("written");
        let living = super::find(&[path.clone(), other], &"http://127.0.0.1:8080".parse().expect("a URL"));
        assert_eq!(living.expect("the living one").token.expose(), "open");
        for bad in ["", "sesame", "127.0.0.1:8080 x sesame", "127.0.0.1:8080 1"] {
            fs::write(&path, bad).expect("written");
            assert!(find("http://127.0.0.1:8080").is_none(), "{bad}");
        }
    }
}
