//! The section `[office]`: the API for enterprises, and how their hosts are spoken to by default.

use super::check::{
    name, name_of_app, name_of_context, secret_file, secret_path, warn_if_exposed, warn_if_short,
};
use super::keys::HIGHEST_RATE;
use super::reader::Reader;
use super::{MAX_DURATION, RING_TIMEOUT};
use asterisk::secret::Secret;
use call::{Technology, WayChoice};
use lang::say;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The office API and its hosts.
#[derive(Clone, Debug, PartialEq)]
pub struct Office {
    /// postgres:// or sqlite:; it may hold a password.
    pub database: Secret,
    pub database_password: Option<Secret>,
    pub listen: SocketAddr,
    /// Whose word for the client's address is taken.
    pub trusted_proxies: Vec<IpAddr>,
    pub cache_life: Duration,
    pub cache_grace: Duration,
    /// Requests per minute and enterprise; 0: no limit.
    pub rate_limit: u32,
    /// Calls per minute from one address to one number; 0: no limit.
    pub number_limit: u32,
    pub ring_timeout: Duration,
    pub max_duration: Duration,
    pub way: WayChoice,
    pub context: String,
    pub technology: Technology,
    pub ssh_port: u16,
    pub ssh_user: String,
    pub ssh_password: Option<Secret>,
    pub ssh_key_file: Option<PathBuf>,
    pub ssh_known_hosts: PathBuf,
    /// `None`: commands by `asterisk -rx` only.
    pub ssh_socket: Option<String>,
    pub ssh_commands: usize,
    pub ami_port: u16,
    pub ami_user: Option<String>,
    pub ami_password: Option<Secret>,
    pub ari_port: u16,
    pub ari_user: Option<String>,
    pub ari_password: Option<Secret>,
    pub ari_app: String,
}

impl Office {
    /// What no output may hold.
    pub fn passwords(&self) -> impl Iterator<Item = &Secret> {
        [&self.database_password, &self.ssh_password, &self.ami_password, &self.ari_password]
            .into_iter()
            .flatten()
    }
}

/// Reads the section whole, so that what is wrong in it is told also while there is no database.
pub(super) fn office(r: &mut Reader<'_>) -> Option<Office> {
    let expected = say!(
        "postgres://user@host/database, or an SQLite file as in \"sqlite:///var/lib/novofon-bot/enterprises.db\"",
        "postgres://имя@хост/база или файл SQLite, например \"sqlite:///var/lib/novofon-bot/enterprises.db\""
    );
    let database = r.text_as("office.database", expected, |text| {
        let schemes = ["postgres://", "postgresql://", "sqlite:"];
        (text.is_empty()
            || schemes.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)))
        .then(|| text.to_owned())
    });
    if let Some(problem) = ledger::slash_missing(&database) {
        r.problem("office.database", problem);
    }
    let user = || {
        say!(
            "a name: at most 64 Latin letters, digits, `.`, `_` and `-`, or nothing",
            "имя: не больше 64 латинских букв, цифр, `.`, `_` и `-`, или ничего"
        )
    };
    let optional_name = |text: &str| match text {
        "" => Some(None),
        text => name(text, 64).map(Some),
    };
    let office = Office {
        database: Secret::new(database.clone()),
        database_password: secret(r, "office.database_password", "office.database_password_file"),
        listen: r.text_as(
            "office.listen",
            say!(
                "an IP address and a port, as in \"127.0.0.1:8018\"",
                "адрес IP и порт, например \"127.0.0.1:8018\""
            ),
            |text| text.parse().ok(),
        ),
        trusted_proxies: trusted_proxies(r),
        cache_life: Duration::from_secs_f64(r.number("office.cache_seconds", 0.1..=60.0, "seconds")),
        cache_grace: r.seconds("office.cache_grace", 0..=86_400),
        rate_limit: r.whole("office.rate_limit", 0..=HIGHEST_RATE, "requests per minute"),
        number_limit: r.whole("office.number_limit", 0..=1000, "calls per minute"),
        ring_timeout: r.seconds("office.ring_timeout", RING_TIMEOUT),
        max_duration: r.seconds("office.max_duration", MAX_DURATION),
        way: r.text_as(
            "office.way",
            say!("\"auto\", \"ssh\", \"ami\" or \"ari\"", "\"auto\", \"ssh\", \"ami\" или \"ari\""),
            |text| text.parse().ok(),
        ),
        context: r.text_as("office.context", name_of_context(), |text| name(text, 79)),
        technology: r.text_as(
            "office.technology",
            say!("\"SIP\" or \"PJSIP\"", "\"SIP\" или \"PJSIP\""),
            |text| text.parse().ok(),
        ),
        ssh_port: port(r, "office.ssh_port"),
        ssh_user: r.text_as(
            "office.ssh_user",
            say!("a user of the host", "пользователь на хосте"),
            |text| name(text, 64),
        ),
        ssh_password: secret(r, "office.ssh_password", "office.ssh_password_file"),
        ssh_key_file: secret_path(r, "office.ssh_key_file"),
        ssh_known_hosts: secret_path(r, "office.ssh_known_hosts").unwrap_or_default(),
        ssh_socket: r.text_as(
            "office.ssh_socket",
            say!("an absolute path, or nothing", "путь от корня или ничего"),
            |text| match text {
                "" => Some(None),
                text => text.starts_with('/').then(|| Some(text.to_owned())),
            },
        ),
        ssh_commands: r.whole("office.ssh_commands", 1..=100, "commands") as usize,
        ami_port: port(r, "office.ami_port"),
        ami_user: r.text_as("office.ami_user", user(), optional_name),
        ami_password: secret(r, "office.ami_password", "office.ami_password_file"),
        ari_port: port(r, "office.ari_port"),
        ari_user: r.text_as("office.ari_user", user(), optional_name),
        ari_password: secret(r, "office.ari_password", "office.ari_password_file"),
        ari_app: r.text_as("office.ari_app", name_of_app(), |text| name(text, 64)),
    };
    if office.ssh_known_hosts.as_os_str().is_empty() {
        let text = say!(
            "expected a file: without it no changed key could be noticed",
            "нужен файл: без него не заметить, что ключ хоста сменился"
        );
        r.problem("office.ssh_known_hosts", text);
    }
    (!database.is_empty()).then_some(office)
}

fn port(r: &mut Reader<'_>, key: &'static str) -> u16 {
    r.parsed(key, |value| {
        let port = value.as_integer().and_then(|port| u16::try_from(port).ok());
        port.filter(|port| *port != 0).ok_or_else(|| say!("a port, 1 to 65535", "порт от 1 до 65535"))
    })
}

/// A secret given here or in a file, or none.
fn secret(r: &mut Reader<'_>, key: &'static str, file_key: &'static str) -> Option<Secret> {
    let text = r.text(key);
    let secret = match secret_file(r, key, file_key, !text.is_empty()) {
        Some((_, secret)) => Some(secret),
        None if text.is_empty() => None,
        None => {
            warn_if_exposed(r, key);
            Some(Secret::new(text))
        }
    };
    if let Some(secret) = &secret {
        warn_if_short(r, key, secret);
    }
    secret
}

fn trusted_proxies(r: &mut Reader<'_>) -> Vec<IpAddr> {
    let mut proxies = Vec::new();
    for (path, item) in r.items("office.trusted_proxies") {
        match item.as_str().and_then(|text| text.parse().ok()) {
            Some(address) => proxies.push(address),
            None => r.problem(
                path,
                say!("expected an IP address, as in \"127.0.0.1\"", "нужен адрес IP, например \"127.0.0.1\""),
            ),
        }
    }
    proxies
}
