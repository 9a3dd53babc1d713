//! Where a store is, and whose part of it is this bot's.

use lang::{Text, say};

/// Where a store is.
#[derive(Clone, Copy)]
pub struct Address<'a> {
    /// `sqlite:///path` or `postgres://user@host/database`, which may hold a password.
    pub url: &'a str,
    /// Whose the calls are, in a database that several bots share; `None`: the machine's name.
    pub node: Option<&'a str>,
}

impl<'a> From<&'a str> for Address<'a> {
    fn from(url: &'a str) -> Self {
        Address { url, node: None }
    }
}

impl<'a> From<&'a String> for Address<'a> {
    fn from(url: &'a String) -> Self {
        url.as_str().into()
    }
}

/// What is wrong with a URL of an SQLite file whose path does not begin where it seems to: `sqlite://var/lib/bot.db` is a file
/// somewhere below the working folder, and nearly everybody who writes that means another one.
pub fn slash_missing(url: &str) -> Option<Text> {
    let path = url.strip_prefix("sqlite://")?;
    (!path.is_empty() && !path.starts_with('/')).then(|| {
        say!(
            "it has two slashes after `sqlite:`: a whole path makes three, as in sqlite:///var/lib/novofon-bot/bot.db; a file in \
             the working folder is written without any, as in sqlite:bot.db",
            "после `sqlite:` два слеша: с полным путём их три, например sqlite:///var/lib/novofon-bot/bot.db; файл в рабочей \
             папке пишут без них, например sqlite:bot.db"
        )
    })
}

/// The node of a bot that was given no name.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
