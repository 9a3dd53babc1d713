//! Why there is no events connection. Its text is what a person reads in the log and on the health page: what
//! happened, and what to do about it.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset, InvalidData, UnexpectedEof};
use std::time::Duration;

use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::error::AriError;

#[derive(Debug, thiserror::Error)]
pub(super) enum Loss {
    #[error(
        "Asterisk refuses the ARI credentials of user `{username}` (HTTP {status}); compare them with ari.conf"
    )]
    Credentials { username: String, status: u16 },
    #[error("the ARI user `{username}` may not write (HTTP 403: {message}); set read_only=no in ari.conf")]
    ReadOnly { username: String, message: String },
    #[error(
        "there is no ARI at `{url}` (HTTP 404); load res_ari and set enabled=yes in ari.conf and http.conf; \
         if http.conf has a `prefix`, it belongs into ari.url too"
    )]
    NoAri { url: String },
    #[error("`{url}` does not open the events socket (HTTP {status}); is it Asterisk that listens there?")]
    Handshake { url: String, status: u16 },
    #[error(
        "cannot reach Asterisk at `{url}`: {why}; is it running, and its HTTP server enabled in http.conf?"
    )]
    Unreachable { url: String, why: String },
    #[error(
        "the certificate of `{url}` is not trusted: {why}; add its authority to the system's certificates, or name its file in the environment variable SSL_CERT_FILE"
    )]
    Untrusted { url: String, why: String },
    #[error("there is no TLS at `{url}`; write http:// in ari.url, or the port of tlsbindaddr in http.conf")]
    NoTls { url: String },
    #[error(
        "the certificate of `{url}` is one of an authority (CA:TRUE), which no server may show: make one with \
         `-addext basicConstraints=critical,CA:FALSE`, and trust that"
    )]
    OfAuthority { url: String },
    #[error(
        "`{url}` gives no answer in HTTP; is it Asterisk that listens there? If it is the port of tlsbindaddr in \
         http.conf, write https:// in ari.url"
    )]
    NoHttp { url: String },
    #[error("the connection was prepared only in part: {0}")]
    Setup(AriError),
    #[error("Asterisk closed the connection{detail}; it stopped, restarted, or could not write fast enough")]
    Closed { detail: String },
    #[error("the connection broke: {0}; see Asterisk's log and the network")]
    Broken(String),
    #[error("Asterisk sent a message over {} KiB; is it Asterisk that listens there?", super::socket::MAX_MESSAGE >> 10)]
    TooLarge,
    #[error("Asterisk was silent for {0:?}, not even a pong came; it hangs, or the network is cut")]
    Silent(Duration),
    #[error(
        "another program took the application `{app}`; two must not share one name, give one of them its own"
    )]
    Replaced { app: String },
    #[error(
        "Asterisk has lost the application `{app}`: an earlier connection ended just when this one began; connecting again"
    )]
    Forgotten { app: String },
    #[error("stopped on request")]
    Stopped,
    #[error("nobody listens to the events any more")]
    Unwatched,
}

impl Loss {
    /// The supervisor has nothing more to do.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Stopped | Self::Unwatched)
    }

    /// A connection that was open has failed.
    pub(super) fn of_socket(error: WsError) -> Self {
        match error {
            WsError::Capacity(_) => Self::TooLarge,
            WsError::ConnectionClosed | WsError::AlreadyClosed => Self::Closed { detail: String::new() },
            // What is seen when a process dies: the socket ends or is reset, and nobody says goodbye.
            WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::closed_silently(),
            WsError::Io(error) if matches!(error.kind(), ConnectionReset | BrokenPipe | UnexpectedEof) => {
                Self::closed_silently()
            }
            other => Self::Broken(other.to_string()),
        }
    }

    fn closed_silently() -> Self {
        Self::Closed { detail: " without a goodbye".into() }
    }

    /// A connection could not be opened.
    pub(super) fn of_handshake(error: WsError, url: &str, username: &str) -> Self {
        let url = url.to_owned();
        match error {
            WsError::Http(response) => match response.status().as_u16() {
                status @ (401 | 403) => Self::Credentials { username: username.into(), status },
                404 => Self::NoAri { url },
                status => Self::Handshake { url, status },
            },
            // tungstenite hands the TLS library's word on as an I/O error of this kind.
            WsError::Io(error) if error.kind() == InvalidData => Self::of_tls(&error.to_string(), url),
            WsError::Protocol(ProtocolError::HandshakeIncomplete | ProtocolError::HttparseError(_)) => {
                Self::NoHttp { url }
            }
            other => Self::Unreachable { url, why: other.to_string() },
        }
    }

    /// What rustls says where the other side is no TLS at all, and of the certificate that `openssl req -x509` makes
    /// when nobody tells it otherwise, is nothing that one can act on.
    fn of_tls(why: &str, url: String) -> Self {
        if why.contains("corrupt message") {
            Self::NoTls { url }
        } else if why.contains("CaUsedAsEndEntity") {
            Self::OfAuthority { url }
        } else {
            Self::Untrusted { url, why: why.to_owned() }
        }
    }

    /// A request that prepares the connection has failed.
    pub(super) fn of_setup(error: AriError, username: &str) -> Self {
        let username = username.to_owned();
        match error {
            AriError::Refused { status: 401, .. } => Self::Credentials { username, status: 401 },
            AriError::Refused { status: 403, message, .. } => Self::ReadOnly { username, message },
            other => Self::Setup(other),
        }
    }
}

/// One of each, for whoever checks what they say.
#[cfg(all(test, feature = "russian"))]
pub(crate) fn samples() -> Vec<String> {
    let (url, why) =
        ("https://pbx:8089".to_owned(), "IO error: Connection refused (os error 111)".to_owned());
    let (username, app) = ("bot".to_owned(), "novofon_bot".to_owned());
    let setup = AriError::Uncertain { what: "GET asterisk/info".into(), why: "no answer within 10s".into() };
    let untrusted = "invalid peer certificate: UnknownIssuer".to_owned();
    [
        Loss::Credentials { username: username.clone(), status: 401 },
        Loss::ReadOnly { username, message: "Forbidden".into() },
        Loss::NoAri { url: url.clone() },
        Loss::Handshake { url: url.clone(), status: 502 },
        Loss::Unreachable { url: url.clone(), why: why.clone() },
        Loss::Untrusted { url: url.clone(), why: untrusted },
        Loss::NoTls { url: url.clone() },
        Loss::OfAuthority { url: url.clone() },
        Loss::NoHttp { url },
        Loss::Setup(setup),
        Loss::Closed { detail: " (code 1001)".into() },
        Loss::closed_silently(),
        Loss::Broken(why),
        Loss::TooLarge,
        Loss::Silent(Duration::from_secs(30)),
        Loss::Replaced { app: app.clone() },
        Loss::Forgotten { app },
        Loss::Stopped,
        Loss::Unwatched,
    ]
    .iter()
    .map(ToString::to_string)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_no_trust_can_mend_is_named() {
        // Debian's OpenSSL makes such a one, and so do most instructions (rustls 0.23).
        let why = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
        let error = WsError::Io(std::io::Error::new(InvalidData, why));
        let told = Loss::of_handshake(error, "https://pbx:8089", "bot").to_string();
        assert!(told.contains("CA:FALSE") && !told.contains("SSL_CERT_FILE"), "{told}");
        let why = "invalid peer certificate: UnknownIssuer";
        let told =
            Loss::of_handshake(WsError::Io(std::io::Error::new(InvalidData, why)), "https://pbx", "bot");
        assert!(told.to_string().contains("SSL_CERT_FILE"), "{told}");
    }
}
