//! Whose request it is: the enterprise that a secret belongs to, and the address it came from.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    OfficeState,
    fastapi::{Faults, Location, OfficeError},
};
use crate::{
    api::server::Peer,
    config,
    enterprises::{DirectoryError, Enterprise},
};
use asterisk::secret::Secret;

/// An enterprise that asks about what is its own.
pub struct Asking(pub Arc<Enterprise>);

impl FromRequestParts<OfficeState> for Asking {
    type Rejection = OfficeError;

    async fn from_request_parts(parts: &mut Parts, state: &OfficeState) -> Result<Self, OfficeError> {
        let AskingOn(enterprise, _) = AskingOn::from_request_parts(parts, state).await?;
        Ok(Asking(enterprise))
    }
}

/// What goes on by a secret that is revoked ends within so long.
pub const SECRET_CHECK: Duration = Duration::from_secs(1);

/// One that asks for what goes on for as long as its secret is good.
pub struct AskingOn(pub Arc<Enterprise>, pub Secret);

impl AskingOn {
    /// Whether the secret still is this enterprise's. A database that is away changes nothing about that.
    pub async fn is_good(&self, state: &OfficeState) -> bool {
        match state.office.directory().identify(&self.1).await {
            Ok(Some(enterprise)) => enterprise.number == self.0.number,
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

impl FromRequestParts<OfficeState> for AskingOn {
    type Rejection = OfficeError;

    async fn from_request_parts(parts: &mut Parts, state: &OfficeState) -> Result<Self, OfficeError> {
        let query = parts.uri.query().map(str::to_owned);
        let address = client_address(parts.extensions.get::<Peer>(), &parts.headers, &office_config(state));
        let mut faults = Faults::of(Location::Query);
        let in_query = last_of(query.as_deref(), "clientId").map(serde_json::Value::String);
        let secret = match of_headers(&parts.headers) {
            Some(secret) if in_query.is_none() => Some(secret),
            _ => faults.secret("clientId", in_query.as_ref()),
        };
        let Some(secret) = secret else { return Err(OfficeError::Faults(faults)) };
        let enterprise = identify(state, &secret, address).await?;
        if let Some(Reader(reader)) = parts.extensions.get() {
            // It is set once a request.
            let _ = reader.set(enterprise.number.to_string());
        }
        Ok(AskingOn(enterprise, secret))
    }
}

/// Who turned out to ask for what is its own.
#[derive(Clone, Default)]
struct Reader(Arc<OnceLock<String>>);

/// Counts those requests, each with the status of its answer.
pub async fn count_reads(State(state): State<OfficeState>, mut request: Request, next: Next) -> Response {
    let reader = Reader::default();
    request.extensions_mut().insert(reader.clone());
    let response = next.run(request).await;
    if let Some(enterprise) = reader.0.get() {
        state.app.metrics.office.request(enterprise, "read", response.status().as_u16());
    }
    response
}

/// The enterprise of a secret; what it may ask in a minute is counted.
pub async fn identify(
    state: &OfficeState,
    secret: &Secret,
    address: IpAddr,
) -> Result<Arc<Enterprise>, OfficeError> {
    match state.office.directory().identify(secret).await {
        Ok(Some(enterprise)) => {
            let rate = enterprise.settings.rate_limit.unwrap_or(office_config(state).rate_limit);
            state.limits.request(enterprise.number.as_str(), rate).inspect_err(|_| {
                state.app.metrics.office.refused("rate");
            })?;
            Ok(enterprise)
        }
        Ok(None) => {
            state.app.metrics.office.refused("secret");
            state.limits.guess(address)?;
            tracing::warn!(%address, client_id = short(secret), "Invalid clientId");
            Err(OfficeError::InvalidClient)
        }
        Err(DirectoryError::Away { .. }) => Err(OfficeError::DatabaseAway),
        Err(error @ DirectoryError::Busy) => {
            Err(OfficeError::TooMany { detail: error.to_string(), retry_after: 1 })
        }
        Err(error) => Err(OfficeError::Failed {
            detail: "The enterprise's row in the database can't be used".to_owned(),
            cause: error.to_string(),
            call: None,
        }),
    }
}

/// The secret of `Authorization: Bearer` or `X-API-Key`.
pub fn of_headers(headers: &HeaderMap) -> Option<Secret> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim().to_owned())
    });
    let key =
        || headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(|key| key.trim().to_owned());
    bearer.or_else(key).map(Secret::new)
}

/// No more of a secret than tells two apart, as the older service's log has it.
pub fn short(secret: &Secret) -> String {
    let head: String = secret.expose().chars().take(8).filter(char::is_ascii_alphanumeric).collect();
    // Of a short one nothing is left to guess.
    if secret.expose().len() >= 16 { format!("{head}...") } else { "***".to_owned() }
}

/// The value of a parameter; the last one, where it is given twice.
pub fn last_of(query: Option<&str>, name: &str) -> Option<String> {
    let all = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    all.filter(|(known, _)| known == name).last().map(|(_, value)| value.into_owned())
}

pub fn office_config(state: &OfficeState) -> config::Office {
    state.app.config().office.clone().expect("the office API is served only where it is configured")
}

/// The client's address: the connection's, or what a trusted proxy says.
pub fn client_address(peer: Option<&Peer>, headers: &HeaderMap, config: &config::Office) -> IpAddr {
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |Peer(address)| address.ip().to_canonical());
    let is_trusted = |address: &IpAddr| config.trusted_proxies.contains(address);
    if !is_trusted(&peer) {
        return peer;
    }
    // All lines are one list (RFC 9110, 5.3): HAProxy and Apache add a line of their own below the client's.
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let entries = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let mut nearest = peer;
    // From the right: what stands left of an address that is not ours, its client may have invented. So may what is no
    // address: who wrote it is the last one that is known.
    for entry in entries {
        match address_of(entry) {
            Some(address) if is_trusted(&address) => nearest = address,
            Some(address) => return address,
            None if entry.trim_ascii().is_empty() => {}
            None => return nearest,
        }
    }
    let mut real = headers.get_all("x-real-ip").iter();
    match (lines.is_empty(), real.next(), real.next()) {
        (true, Some(one), None) => address_of(one.as_bytes()).unwrap_or(peer),
        _ => nearest,
    }
}

/// An entry of `X-Forwarded-For`: an address, which some proxies write with its port, an IPv6 one in brackets, or all in
/// quotes.
fn address_of(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_by_its_first_eight_characters_at_most() {
        assert_eq!(short(&Secret::new("d68409d67e3b4b87a6675e76dae74a85")), "d68409d6...");
        assert_eq!(short(&Secret::new("hunter2")), "***");
        assert_eq!(
            short(&Secret::new("\r\n\u{1b}[31mabcdefghijklmnop")),
            "31mab...".replace("31mab", &short_head())
        );
    }

    fn short_head() -> String {
        "\r\n\u{1b}[31mab".chars().take(8).filter(char::is_ascii_alphanumeric).collect()
    }

    #[test]
    fn the_last_value_counts() {
        assert_eq!(last_of(Some("a=1&code=150&a=2&code=151"), "code").as_deref(), Some("151"));
        assert_eq!(last_of(Some("phone=%2B375"), "phone").as_deref(), Some("+375"));
        assert_eq!(last_of(None, "phone"), None);
    }

    #[test]
    fn headers_carry_it_too() {
        let mut headers = HeaderMap::new();
        assert!(of_headers(&headers).is_none());
        headers.insert("x-api-key", "one".parse().expect("a header"));
        assert_eq!(of_headers(&headers).expect("a secret").expose(), "one");
        headers.insert(header::AUTHORIZATION, "bearer two".parse().expect("a header"));
        assert_eq!(of_headers(&headers).expect("a secret").expose(), "two");
    }

    /// The client behind a chain of proxies, of which 127.0.0.1 and 10.0.0.1 are ours.
    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let config = crate::config::Config::load(
            None,
            [
                ("NOVOFON_BOT_OFFICE__DATABASE".to_owned(), "sqlite:///nonexistent".to_owned()),
                ("NOVOFON_BOT_OFFICE__TRUSTED_PROXIES".to_owned(), r#"["127.0.0.1", "10.0.0.1"]"#.to_owned()),
            ]
            .into_iter(),
        );
        let office = config.expect("a configuration").config.office.expect("an office");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().expect("a name");
            map.append(name, header::HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let peer = Peer(format!("{peer}:40000").parse().expect("an address"));
        client_address(Some(&peer), &map, &office).to_string()
    }

    const XFF: &str = "X-Forwarded-For";

    #[test]
    fn all_lines_count_from_the_right() {
        for (headers, expected) in [
            (&[(XFF, "203.0.113.66"), (XFF, "198.51.100.7")][..], "198.51.100.7"),
            (&[(XFF, "203.0.113.66"), (XFF, "198.51.100.7, 10.0.0.1")], "198.51.100.7"),
            (&[(XFF, "203.0.113.66, 198.51.100.7"), (XFF, "10.0.0.1")], "198.51.100.7"),
            (&[(XFF, "203.0.113.66"), ("x-forwarded-for", "198.51.100.7"), (XFF, " ,, ")], "198.51.100.7"),
            (&[(XFF, "198.51.100.7 , 10.0.0.1 ,127.0.0.1")], "198.51.100.7"),
            // All of them ours: the farthest.
            (&[(XFF, "10.0.0.1"), (XFF, "127.0.0.1")], "10.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", headers), expected, "{headers:?}");
        }
        // Whoever is no proxy of ours says nothing about others.
        assert_eq!(
            client("198.51.100.9", &[(XFF, "203.0.113.66"), ("X-Real-IP", "203.0.113.66")]),
            "198.51.100.9"
        );
    }

    #[test]
    fn ports_brackets_and_quotes() {
        for (entry, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("\t198.51.100.7 ", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(client("127.0.0.1", &[(XFF, &format!("203.0.113.66, {entry}"))]), expected, "{entry}");
            // The same for one of ours, before its client.
            let chain = format!("198.51.100.9, {entry}, [::ffff:10.0.0.1]:99, 127.0.0.1:1");
            assert_eq!(client("127.0.0.1", &[(XFF, &chain)]), expected, "{chain}");
        }
    }

    /// What is left of something that is no address may be invented as well.
    #[test]
    fn garbage_ends_the_list() {
        for garbage in
            ["unknown", "_hidden", "1.2.3", "198.51.100.7:99999", "[::1", "198.51.100.7;x", "\u{e4}"]
        {
            let one = format!("203.0.113.66, {garbage}");
            assert_eq!(client("127.0.0.1", &[(XFF, &one)]), "127.0.0.1", "{garbage}");
            assert_eq!(client("127.0.0.1", &[(XFF, &one), (XFF, "10.0.0.1")]), "10.0.0.1", "{garbage}");
            let right = format!("{garbage}, 198.51.100.7");
            assert_eq!(client("127.0.0.1", &[(XFF, &right)]), "198.51.100.7", "{garbage}");
        }
    }

    #[test]
    fn x_real_ip_counts_where_there_is_no_list() {
        assert_eq!(client("127.0.0.1", &[("X-Real-IP", "198.51.100.7")]), "198.51.100.7");
        assert_eq!(client("127.0.0.1", &[("X-Real-IP", "198.51.100.7"), (XFF, "10.0.0.1")]), "10.0.0.1");
        assert_eq!(
            client("127.0.0.1", &[("X-Real-IP", "203.0.113.66"), ("X-Real-IP", "198.51.100.7")]),
            "127.0.0.1"
        );
        assert_eq!(client("127.0.0.1", &[("X-Real-IP", "nobody")]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
