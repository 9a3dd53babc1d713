//! Where Asterisk is and how patient to be with it. It owns the addresses; it must not open any connection.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use url::Url;

use super::request::encode;
use crate::secret::Secret;

/// Whether requests may travel over the events socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestOverSocket {
    /// When the Asterisk at the other end is known to understand them.
    /// Those are 20.14, 21.9, 22.4, and all from 23.
    #[default]
    Auto,
    /// All requests go by HTTP.
    Never,
}

/// Where an Asterisk's REST interface is, who we are there, and how patient to be. [`AriTarget::new`] has the usual
/// times.
#[derive(Debug, Clone)]
pub struct AriTarget {
    /// `http://127.0.0.1:8088`, with the `prefix` of http.conf as its path when there is one.
    pub url: Url,
    /// The name of its section in ari.conf; without a colon.
    pub username: String,
    /// Goes into a header of each request (HTTP Basic), and into no address.
    pub password: Secret,
    /// The Stasis application; one program at a time can hold it.
    pub app: String,
    /// The setting that names it, for people: `ari.app`.
    pub app_setting: &'static str,
    /// From the start of a request to the last byte of its answer: 10 s.
    pub request_timeout: Duration,
    /// For the TCP connection of a request, and for the events socket as a whole: 5 s.
    pub connect_timeout: Duration,
    /// How often to ask for a sign of life: 5 s.
    pub ping_interval: Duration,
    /// Nothing was read for so long, not even a pong: the connection is dead. 15 s.
    pub read_timeout: Duration,
    /// The longest that the first wait before a reconnect may be: 250 ms. It doubles with each failure up to
    /// `backoff_max`; how long the wait really is, is left to chance.
    pub backoff_min: Duration,
    /// The longest that any such wait may be: 5 s.
    pub backoff_max: Duration,
    /// How often to try again to subscribe to an endpoint that Asterisk does not have yet: 5 s.
    pub resubscribe_interval: Duration,
    /// How often to look whether Asterisk still tells all that it was asked to: 2 s.
    pub look_interval: Duration,
    /// The least wait before taking the application back from another program: 5 s.
    pub replaced_wait: Duration,
    /// Whether requests go the way of the events. Long lists always go by HTTP.
    pub rest_over_socket: RestOverSocket,
    /// Events of all channels, and not only of those that the application has or subscribed to (`subscribeAll`). Off by
    /// default: a call is 78 events with it, 49 without, 10 to 12 with a list of allowed types (measured on 22.10.1).
    pub all_channels: bool,
}

impl AriTarget {
    /// With the times that each field names, and requests over the socket where that is possible.
    pub fn new(url: Url, username: impl Into<String>, password: Secret, app: impl Into<String>) -> Self {
        Self {
            url,
            username: username.into(),
            password,
            app: app.into(),
            app_setting: "ari.app",
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(5),
            read_timeout: Duration::from_secs(15),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(5),
            resubscribe_interval: Duration::from_secs(5),
            look_interval: Duration::from_secs(2),
            replaced_wait: Duration::from_secs(5),
            rest_over_socket: RestOverSocket::Auto,
            all_channels: false,
        }
    }

    /// `http://host:8088/prefix/ari/`: every request's address starts with it. Credentials, query and fragment
    /// of the configured URL are not taken over, so that it can be shown and logged.
    pub(super) fn base(&self) -> Result<String, TargetError> {
        let url = &self.url;
        let fit =
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        if !fit {
            return Err(TargetError::Url { scheme: url.scheme().to_owned() });
        }
        let mut base = url.clone();
        // Both can fail only for addresses without a host, and this one has one.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        Ok(format!("{}/ari/", base.as_str().trim_end_matches('/')))
    }

    /// The address of the events socket; it holds no credentials, for addresses end up in logs.
    pub(super) fn events_url(&self) -> Result<String, TargetError> {
        // http becomes ws, https becomes wss.
        let base = self.base()?.replacen("http", "ws", 1);
        Ok(format!("{base}events?app={}&subscribeAll={}", encode(&self.app), self.all_channels))
    }

    /// The base address without the last part, for messages.
    pub(super) fn url_for_people(&self) -> String {
        self.base().map_or_else(|error| error.to_string(), |base| base.trim_end_matches("/ari/").to_owned())
    }

    pub(super) fn authorization(&self) -> Result<HeaderValue, TargetError> {
        if self.username.is_empty() || self.username.contains(':') {
            return Err(TargetError::Username { username: self.username.clone() });
        }
        let pair = STANDARD.encode(format!("{}:{}", self.username, self.password.expose()));
        let mut value = HeaderValue::try_from(format!("Basic {pair}")).expect("base64 is plain ASCII");
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The target can never work, whatever Asterisk does.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is no http or https.
    #[error(
        "the address of Asterisk starts with `{scheme}:`; write it as http://HOST:8088 or https://HOST:8089"
    )]
    Url {
        /// What it begins with.
        scheme: String,
    },
    /// It can't be written into a header.
    #[error(
        "the ARI user name `{username}` is empty or has a colon; write the name of its section in ari.conf"
    )]
    Username {
        /// As it was given.
        username: String,
    },
    /// The TLS library could not be made ready; the reason in its own words.
    #[error("could not prepare the HTTP client: {0}; check the certificates of this system")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> AriTarget {
        AriTarget::new(Url::parse(url).unwrap(), "bot", Secret::new("pa:ss wörd"), "my app&x")
    }

    #[test]
    fn addresses_keep_the_prefix_and_drop_credentials() {
        let target = target("https://u:p@pbx.example:8089/asterisk/?x=1#y");
        assert_eq!(target.base().unwrap(), "https://pbx.example:8089/asterisk/ari/");
        assert_eq!(
            target.events_url().unwrap(),
            "wss://pbx.example:8089/asterisk/ari/events?app=my%20app%26x&subscribeAll=false"
        );
    }

    #[test]
    fn the_plain_address_has_no_double_slash() {
        assert_eq!(target("http://127.0.0.1:8088").base().unwrap(), "http://127.0.0.1:8088/ari/");
        assert_eq!(target("http://[::1]:8088/").base().unwrap(), "http://[::1]:8088/ari/");
    }

    #[test]
    fn what_can_never_work_is_refused_at_once() {
        assert!(matches!(target("ftp://host/").base(), Err(TargetError::Url { .. })));
        assert!(matches!(target("unix:/run/x").base(), Err(TargetError::Url { .. })));
        let mut colon = target("http://h/");
        colon.username = "a:b".into();
        assert!(matches!(colon.authorization(), Err(TargetError::Username { .. })));
    }

    #[test]
    fn the_password_is_in_the_header_and_in_no_debug_output() {
        let target = target("http://h/");
        let header = target.authorization().unwrap();
        let pair = STANDARD.decode(header.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(pair).unwrap(), "bot:pa:ss wörd");
        assert!(!format!("{target:?} {header:?}").contains("pa:ss"));
    }
}
