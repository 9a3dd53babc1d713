//! The Asterisks that the bot may use, each with the links that lead to it.
//!
//! A host owns its links and hands them out: whoever needs an Asterisk asks for its host's link and listens to that, and
//! nobody opens a connection of his own. Who comes with the same login gets the same link as long as somebody keeps the `Arc`
//! that was handed out; a clone of what is in it, or a subscription alone, keeps the connection but not the link. It must not
//! know what the links are used for. ARI's are not here yet: such a link has one listener.

mod console;
mod login;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use asterisk::{
    ami::{self, Ami, AmiTarget, TargetError},
    ssh::KnownHosts,
};

pub use console::Console;
pub use login::{COMMAND, CONNECT, Login, Ssh};

/// All hosts that somebody uses.
pub struct Hosts {
    known_hosts: Arc<KnownHosts>,
    stop: CancellationToken,
    /// By their addresses.
    hosts: Mutex<HashMap<String, Weak<Host>>>,
}

impl Hosts {
    /// `stop` ends all links.
    pub fn new(known_hosts: KnownHosts, stop: CancellationToken) -> Self {
        Hosts { known_hosts: Arc::new(known_hosts), stop, hosts: Mutex::default() }
    }

    /// The host at this address, as an IP address or a name; nothing is connected to for this.
    pub fn at(&self, address: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock();
        if let Some(host) = hosts.get(address).and_then(Weak::upgrade) {
            return host;
        }
        hosts.retain(|_, host| host.strong_count() > 0);
        let host = Arc::new(Host {
            address: address.to_owned(),
            known_hosts: self.known_hosts.clone(),
            stop: self.stop.clone(),
            ami: Links::default(),
            consoles: Links::default(),
        });
        hosts.insert(address.to_owned(), Arc::downgrade(&host));
        host
    }
}

/// One Asterisk.
pub struct Host {
    address: String,
    known_hosts: Arc<KnownHosts>,
    stop: CancellationToken,
    ami: Links<Login, Ami>,
    consoles: Links<Ssh, Console>,
}

impl Host {
    /// As it was asked for.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The link to its manager interface, for who logs in so.
    pub fn ami(&self, login: &Login) -> Result<Arc<Ami>, TargetError> {
        self.ami.of(login, || {
            let mut target = AmiTarget::new(self.address.clone(), login.user.clone(), login.password.clone());
            target.port = login.port;
            target.connect_timeout = CONNECT;
            target.action_timeout = COMMAND;
            ami::connect(target, self.stop.clone())
        })
    }

    /// Its console, for who logs in so.
    pub fn console(&self, ssh: &Ssh) -> Arc<Console> {
        let open = || Ok::<_, Infallible>(Console::new(&self.address, ssh, self.known_hosts.clone()));
        match self.consoles.of(ssh, open) {
            Ok(console) => console,
            Err(never) => match never {},
        }
    }
}

/// The links of one kind, by what they log in with.
struct Links<K, L>(Mutex<Vec<(K, Weak<L>)>>);

impl<K, L> Default for Links<K, L> {
    fn default() -> Self {
        Links(Mutex::default())
    }
}

impl<K: PartialEq + Clone, L> Links<K, L> {
    fn of<E>(&self, key: &K, open: impl FnOnce() -> Result<L, E>) -> Result<Arc<L>, E> {
        let mut links = self.0.lock();
        links.retain(|(_, link)| link.strong_count() > 0);
        if let Some(link) = links.iter().find(|(of, _)| of == key).and_then(|(_, link)| link.upgrade()) {
            return Ok(link);
        }
        let link = Arc::new(open()?);
        links.push((key.clone(), Arc::downgrade(&link)));
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asterisk::secret::Secret;

    #[tokio::test]
    async fn who_logs_in_alike_has_the_same_link_as_long_as_somebody_has_it() {
        let hosts =
            Hosts::new(KnownHosts::new(std::path::Path::new("/nonexistent")), CancellationToken::new());
        let login = |user: &str| Login { port: 5038, user: user.to_owned(), password: Secret::new("s3cret") };
        let (host, same, other) = (hosts.at("127.0.0.1"), hosts.at("127.0.0.1"), hosts.at("127.0.0.2"));
        let link = host.ami(&login("a")).expect("a target");
        assert!(Arc::ptr_eq(&link, &same.ami(&login("a")).expect("a target")));
        assert!(!Arc::ptr_eq(&link, &same.ami(&login("b")).expect("a target")), "another user's");
        assert!(!Arc::ptr_eq(&link, &other.ami(&login("a")).expect("a target")), "another host's");
        let gone = Arc::downgrade(&link);
        drop(link);
        assert!(gone.upgrade().is_none(), "a link that nobody has is not kept");
        host.ami(&login("a")).expect("there is a new one");
        assert!(host.ami(&login("")).is_err(), "no user can be called so");
    }
}
