//! Where a store is, and whose part of it is this bot's.

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

/// The node of a bot that was given no name.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
