//! Where a manager interface is, who we are there, and how patient to be. It owns the check of these; it must not
//! open any connection.

use std::time::Duration;

use super::action::is_plain;
use crate::secret::Secret;

/// The port of manager.conf.
pub const DEFAULT_PORT: u16 = 5038;

/// Where a manager interface is, who we are there, and how patient to be. [`AmiTarget::new`] has the usual times.
#[derive(Debug, Clone)]
pub struct AmiTarget {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// [`DEFAULT_PORT`], unless manager.conf says otherwise. TLS is not spoken.
    pub port: u16,
    /// The name of its section in manager.conf.
    pub username: String,
    /// Of that section.
    pub secret: Secret,
    /// How the secret travels.
    pub login: Login,
    /// From the start to the accepted login: 10 s.
    pub connect_timeout: Duration,
    /// From the start of an action to the end of its answer, the wait for the connection included: 10 s.
    pub action_timeout: Duration,
    /// How often to ask for a sign of life: 10 s.
    pub ping_interval: Duration,
    /// Nothing was read for so long, not even the answer to a ping: the connection is dead. 25 s.
    pub read_timeout: Duration,
    /// How long to wait for an Asterisk that is still booting: 3 s. One that does not let us know (`read` in
    /// manager.conf lacks `system`) is taken as booted after it.
    pub boot_wait: Duration,
    /// The connection is closed when nobody has needed it for so long: 5 minutes. `None` makes it at once and keeps it
    /// for ever.
    pub idle: Option<Duration>,
    /// The longest that the first wait before a reconnect may be: 250 ms. It doubles with each failure up to
    /// `backoff_max`; how long the wait really is, is left to chance.
    pub backoff_min: Duration,
    /// The longest that any such wait may be: 15 s.
    pub backoff_max: Duration,
    /// The least wait after a refused login, so that a wrong secret does not look like an attack: 1 minute.
    pub refused_wait: Duration,
}

/// How the secret is shown to Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Login {
    /// As an MD5 sum over Asterisk's challenge: the secret itself is not on the wire.
    #[default]
    Challenge,
    /// As it is, for an Asterisk that has no challenges (FIPS builds have no MD5).
    Plain,
}

impl AmiTarget {
    /// With the usual port, and the times that each field names.
    pub fn new(host: impl Into<String>, username: impl Into<String>, secret: Secret) -> Self {
        Self {
            host: host.into(),
            port: DEFAULT_PORT,
            username: username.into(),
            secret,
            login: Login::default(),
            connect_timeout: Duration::from_secs(10),
            action_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(10),
            read_timeout: Duration::from_secs(25),
            boot_wait: Duration::from_secs(3),
            idle: Some(Duration::from_secs(300)),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(15),
            refused_wait: Duration::from_secs(60),
        }
    }

    /// `host:port`, for messages and logs.
    pub(super) fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    pub(super) fn check(&self) -> Result<(), TargetError> {
        if self.host.is_empty() || !is_plain(&self.host) || self.port == 0 {
            return Err(TargetError::Address { address: self.address() });
        }
        if self.username.is_empty() || !is_plain(&self.username) {
            return Err(TargetError::Username { username: self.username.clone() });
        }
        if self.secret.expose().is_empty() || !is_plain(self.secret.expose()) {
            return Err(TargetError::Secret { username: self.username.clone() });
        }
        Ok(())
    }
}

/// The target can never work, whatever Asterisk does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The host is empty or has control characters, or the port is 0.
    #[error(
        "`{address}` is no address of a manager interface; write a host name or an IP address, and a port"
    )]
    Address {
        /// Both, as `host:port`.
        address: String,
    },
    /// It would be no line of its own.
    #[error(
        "the AMI user name `{username}` is empty or has control characters; write the name of its section in manager.conf"
    )]
    Username {
        /// As it was given.
        username: String,
    },
    /// It would be no line of its own.
    #[error(
        "the secret of the AMI user `{username}` is empty or has control characters; write what manager.conf has"
    )]
    Secret {
        /// Whose secret it is.
        username: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> AmiTarget {
        AmiTarget::new("10.88.10.19", "office", Secret::new("s3cret"))
    }

    #[test]
    fn what_can_never_work_is_refused_at_once() {
        target().check().unwrap();
        let broken = |change: fn(&mut AmiTarget)| {
            let mut target = target();
            change(&mut target);
            target.check().unwrap_err().to_string()
        };
        assert!(broken(|target| target.host = String::new()).contains("no address"));
        assert!(broken(|target| target.host = "a\r\nb".into()).contains("no address"));
        assert!(broken(|target| target.port = 0).contains("no address"));
        assert!(broken(|target| target.username = "a\r\nEvents: on".into()).contains("user name"));
        let text = broken(|target| target.secret = Secret::new("s3cret\n"));
        assert!(text.contains("the secret of the AMI user `office`") && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn the_secret_is_in_no_debug_output_and_addresses_are_whole() {
        assert!(!format!("{:?}", target()).contains("s3cret"));
        assert_eq!(target().address(), "10.88.10.19:5038");
        assert_eq!(AmiTarget { host: "::1".into(), ..target() }.address(), "[::1]:5038");
    }
}
