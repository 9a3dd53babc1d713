//! What a bot without keys takes: what programs of this machine ask, and its own page in a browser.
//!
//! A browser on this machine reaches loopback too, and asks there for whatever page it shows. A page of
//! another site gives itself away by `Origin` and `Sec-Fetch-Site`; one whose name was pointed at 127.0.0.1 (DNS
//! rebinding) counts as our own site there, and gives itself away by the name in `Host`. Another port of
//! this machine is another site: anybody's program may serve a page there. What a proxy has brought
//! ([`forwarded`]) may be anybody's.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::Request,
    http::{
        HeaderMap, Method,
        header::{self, HeaderName},
        uri::Authority,
    },
};

use super::{error::ApiError, forwarded};

/// Refuses what somebody may have sent who is not on this machine.
pub fn check(request: &Request) -> Result<(), ApiError> {
    if let Some(mark) = forwarded::mark(request) {
        return Err(ApiError::Forwarded { mark });
    }
    let headers = request.headers();
    let named =
        request.uri().authority().is_none_or(|target| Site::of(target).is_some_and(|site| site.is_ours()));
    match named && is_asked_by_own_name(headers) && is_of_own_site(request.method(), headers) {
        true => Ok(()),
        false => Err(ApiError::ForeignSite),
    }
}

/// Whether the log has been told of a refusal: an operator who has put a proxy before the bot looks there.
#[derive(Default)]
pub struct Refusals(AtomicBool);

impl Refusals {
    /// The first one since the start: the others have the same reason, and anybody can send thousands.
    pub fn tell(&self, error: &ApiError) {
        if let ApiError::Forwarded { mark } = error
            && !self.0.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "a request that came through a proxy was refused ({mark}), and so will all others be: without API keys \
                 whoever reaches the proxy could place calls; set http.api_keys (asterisk-config/nginx-api.conf)"
            );
        }
    }
}

/// HTTP/1.1 demands exactly one `Host`: whoever sends none, or two, hides what was asked for.
fn is_asked_by_own_name(headers: &HeaderMap) -> bool {
    let mut hosts = values(headers, header::HOST);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.and_then(Site::read).is_some_and(|site| site.is_ours()),
        _ => false,
    }
}

fn is_of_own_site(method: &Method, headers: &HeaderMap) -> bool {
    let host = values(headers, header::HOST).next().flatten().and_then(Site::read);
    // The bot speaks plain HTTP. An origin ends with its authority; "null" has none.
    let is_own = |origin: Option<&str>| {
        let origin = origin.and_then(|origin| origin.strip_prefix("http://")).and_then(Site::read);
        origin.is_some() && origin == host
    };
    values(headers, header::ORIGIN).all(is_own) && is_fetched_by_own_site(method, headers)
}

/// Browsers say whose page a request is for, also where they send no `Origin` (an image, a link). A person
/// who follows a link from elsewhere gets a page of his own: what it says, the other site does not see.
fn is_fetched_by_own_site(method: &Method, headers: &HeaderMap) -> bool {
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let is_visit = matches!(*method, Method::GET | Method::HEAD)
        && has("sec-fetch-mode", "navigate")
        && has("sec-fetch-dest", "document");
    let sites = headers.get_all("sec-fetch-site");
    is_visit || sites.iter().all(|site| site == "same-origin" || site == "none")
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(name).iter().map(|value| value.to_str().ok())
}

/// A host and port as they were written, both sound: [`Authority`] takes `127.0.0.1:evil` and `[localhost]` too.
#[derive(Debug, PartialEq, Eq)]
struct Site {
    host: Host,
    port: u16,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// In small letters.
    Name(String),
}

impl Site {
    fn read(text: &str) -> Option<Self> {
        Site::of(&text.parse().ok()?)
    }

    fn of(authority: &Authority) -> Option<Self> {
        let text = authority.as_str();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Host::Address(IpAddr::V6(address.parse().ok()?)), port)
            }
            None => {
                let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                // `user@127.0.0.1` is no name of ours.
                let is_plain = !name.is_empty() && !name.contains('@');
                let host = match name.parse() {
                    Ok(address) => Host::Address(IpAddr::V4(address)),
                    Err(_) => Host::Name(name.to_ascii_lowercase()),
                };
                (is_plain.then_some(host)?, port)
            }
        };
        let port = match port {
            "" => 80,
            // `parse` would take a sign too.
            _ => port
                .strip_prefix(':')
                .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?
                .parse()
                .ok()?,
        };
        Some(Site { host, port })
    }

    /// An address of loopback, or the one name that no DNS server is asked for.
    fn is_ours(&self) -> bool {
        match &self.host {
            Host::Address(address) => address.to_canonical().is_loopback(),
            Host::Name(name) => name == "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Version};

    use super::*;

    fn answer(version: Version, method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), ApiError> {
        let mut request = Request::builder().version(version).method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::empty()).expect("a request"))
    }

    fn is_taken(uri: &str, headers: &[(&str, &str)]) -> bool {
        answer(Version::HTTP_11, "GET", uri, headers).is_ok()
    }

    #[test]
    fn the_machines_own_names_are_taken() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.8.0.9:1",
            "localhost",
            "LocalHost:8080",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_taken("/", &[("host", host)]), "{host}");
            assert!(is_taken("/", &[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
        assert!(is_taken("http://127.0.0.1:8080/", &[("host", "127.0.0.1:8080")]));
    }

    #[test]
    fn other_names_are_not() {
        let bad = [
            "evil.example",
            "127.0.0.1.evil.example",
            "127.evil.example",
            "localhost.evil",
            "localhost@evil",
            "evil@localhost",
            "localhost.",
            "10.0.0.1",
            "0.0.0.0:8080",
            "[::]:8080",
            "",
            "a b",
            "127.0.0.1:evil",
            "127.0.0.1:evil.example",
            "127.0.0.1:99999",
            "127.0.0.1:+80",
            "127.0.0.1:-1",
            "127.0.0.1:",
            "127.0.0.1:80:80",
            "127.0.0.1:80@evil.example",
            "[localhost]",
            "[localhost]:8080",
            "[127.0.0.1]",
            "[::1]evil.example",
            "[::1].evil.example:80",
            "[::1",
            "::1",
            "[]",
            ":8080",
            "localhost.:8080",
            "localhost:http",
            "%6cocalhost",
            "127.0.0.1,evil.example",
            "127.0.0.1/",
            "127.1",
        ];
        for host in bad {
            assert!(!is_taken("/", &[("host", host)]), "{host}");
            assert!(
                !is_taken("/", &[("host", "127.0.0.1"), ("origin", &format!("http://{host}"))]),
                "{host}"
            );
        }
        assert!(!is_taken("/", &[("host", "127.0.0.1"), ("host", "evil.example")]));
        assert!(!is_taken("/", &[("host", "127.0.0.1"), ("host", "127.0.0.1")]));
        assert!(!is_taken("/", &[("host", "127.0.0.1"), ("host", "")]));
        for target in [
            "http://127.0.0.1:evil/",
            "http://[localhost]/",
            "http://evil@127.0.0.1/",
            "http://127.0.0.1:99999/",
        ] {
            // What hyper does not read as a target is answered 400 before.
            if target.parse::<axum::http::Uri>().is_ok() {
                assert!(!is_taken(target, &[("host", "127.0.0.1")]), "{target}");
            }
        }
        assert!(!is_taken("/", &[]), "a proxy may have taken it away");
        assert!(!is_taken("http://127.0.0.1:8080/", &[]));
        assert!(!is_taken("http://evil.example/", &[("host", "127.0.0.1")]));
    }

    #[test]
    fn another_port_is_another_site() {
        let host = ("host", "localhost:8080");
        assert!(is_taken("/", &[host, ("origin", "http://localhost:8080")]));
        assert!(is_taken("/", &[("host", "localhost"), ("origin", "http://localhost:80")]));
        assert!(is_taken("/", &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")]));
        // A port that is none counts for no port of ours.
        for origin in ["http://localhost:evil", "http://localhost:99999", "http://localhost:"] {
            assert!(!is_taken("/", &[("host", "localhost"), ("origin", origin)]), "{origin}");
        }
        for origin in [
            "http://localhost:3000",
            "http://localhost",
            "https://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "chrome-extension://localhost:8080",
            "null",
            "",
            "localhost:8080",
            "http://localhost:8080/",
            "http://localhost:8080/path",
            "http://localhost:8080?x",
            "http://localhost:8080#x",
            "http://evil@localhost:8080",
            "http://localhost:8080 http://evil.example",
            "http://localhost:8080, http://localhost:8080",
            "//localhost:8080",
            "http:localhost:8080",
        ] {
            assert!(!is_taken("/", &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!is_taken(
            "/",
            &[host, ("origin", "http://localhost:8080"), ("origin", "http://localhost:3000")]
        ));
    }

    #[test]
    fn the_browsers_word_for_whose_page_it_is() {
        let asks = |method: &str, site: &'static str, mode: &'static str, dest: &'static str| {
            let headers = [
                ("host", "localhost:8080"),
                ("sec-fetch-site", site),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            answer(Version::HTTP_11, method, "/api/calls", &headers).is_ok()
        };
        assert!(asks("GET", "same-origin", "cors", "empty"), "the page to try the API");
        assert!(asks("GET", "none", "navigate", "document"), "typed by a person");
        for site in ["same-site", "cross-site"] {
            assert!(asks("GET", site, "navigate", "document"), "a link");
            assert!(!asks("GET", site, "navigate", "iframe"));
            assert!(!asks("GET", site, "no-cors", "image"));
            assert!(!asks("POST", site, "navigate", "document"), "a form");
            assert!(!asks("DELETE", site, "cors", "empty"));
        }
    }

    #[test]
    fn what_a_proxy_brought_is_refused_as_such() {
        let host = ("host", "127.0.0.1:8080");
        for (version, headers) in [
            (Version::HTTP_10, &[host][..]),
            (Version::HTTP_10, &[]),
            (Version::HTTP_11, &[host, ("x-forwarded-for", "203.0.113.9")]),
            (Version::HTTP_11, &[("host", "bot.example"), ("via", "1.1 squid")]),
        ] {
            let answer = answer(version, "GET", "/", headers);
            assert!(matches!(answer, Err(ApiError::Forwarded { .. })), "{headers:?}: {answer:?}");
        }
    }
}
