//! How a request shows that a proxy has brought it. Without keys nobody behind a proxy is known: to the bot
//! all of them are 127.0.0.1.
//!
//! What shows nothing (a tunnel, a load balancer that adds no header) can't be told from a program of this
//! machine: `doctor` looks into the proxies' own configurations for those.

use std::fmt;

use axum::{
    extract::Request,
    http::{Version, header::HeaderName},
};

/// What gave it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    Header(HeaderName),
    /// What nginx speaks to its upstreams up to 1.28 (Debian's is 1.22), unless told otherwise; and hardly any client.
    Http10,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Header(name) => write!(f, "it has the header `{name}`"),
            Mark::Http10 => f.write_str("it is HTTP/1.0, as nginx sends it"),
        }
    }
}

/// Headers that proxies, load balancers and tunnels add, and programs do not. The families (`x-forwarded-for`,
/// `-host`, `-proto`, `-server`, `-port`...) are in [`FAMILIES`].
const HEADERS: [&str; 12] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-proxyuser-ip",
    "true-client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "x-envoy-external-address",
    "x-arr-log-id",
    "cdn-loop",
];

const FAMILIES: [&str; 4] = ["x-forwarded", "x-original-", "cf-connecting-", "tailscale-"];

/// The first thing about it that is a proxy's.
pub fn mark(request: &Request) -> Option<Mark> {
    let of_proxy = |name: &&HeaderName| {
        let name = name.as_str();
        HEADERS.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
    };
    if let Some(name) = request.headers().keys().find(of_proxy) {
        return Some(Mark::Header(name.clone()));
    }
    (request.version() < Version::HTTP_11).then_some(Mark::Http10)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn found(version: Version, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().version(version).uri("/api/calls");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        mark(&request.body(Body::empty()).expect("a request")).map(|mark| mark.to_string())
    }

    #[test]
    fn each_proxys_own_form() {
        let forms: [&[(&str, &str)]; 10] = [
            // nginx's handbooks
            &[("X-Real-IP", "203.0.113.9")],
            // HAProxy's `option forwardfor`, AWS
            &[("X-Forwarded-For", "203.0.113.9")],
            // Apache's mod_proxy
            &[("X-Forwarded-Server", "bot.example"), ("Connection", "Keep-Alive")],
            // Caddy, Traefik
            &[("X-Forwarded-Host", "127.0.0.1:8080")],
            &[("X-Forwarded-Proto", "https")],
            // HAProxy's `option forwarded`, RFC 7239
            &[("Forwarded", "for=203.0.113.9")],
            // Varnish, Squid
            &[("Via", "1.1 squid")],
            &[("CF-Connecting-IP", "203.0.113.9")],
            &[("Tailscale-User-Login", "somebody@example.org")],
            // Empty, and not even text: it is there all the same.
            &[("X-Forwarded-For", "")],
        ];
        for headers in forms {
            assert!(found(Version::HTTP_11, headers).is_some(), "{headers:?}");
        }
        assert_eq!(
            found(Version::HTTP_11, &[("Via", "1.0 x")]).expect("a proxy's"),
            "it has the header `via`"
        );
    }

    #[test]
    fn a_bare_proxy_pass() {
        let headers = [("Host", "127.0.0.1:8080"), ("Connection", "close")];
        assert_eq!(found(Version::HTTP_10, &headers).expect("nginx"), "it is HTTP/1.0, as nginx sends it");
    }

    #[test]
    fn programs_of_this_machine_show_nothing_of_it() {
        // curl; Python's urllib; node; Perl's LWP
        for headers in [
            &[("Host", "127.0.0.1:8080"), ("User-Agent", "curl/7.88.1"), ("Accept", "*/*")][..],
            &[("Host", "127.0.0.1:8080"), ("Accept-Encoding", "identity"), ("Connection", "close")],
            &[("Host", "localhost:8080"), ("Connection", "keep-alive"), ("X-Request-Id", "17")],
            &[("Host", "localhost:8080"), ("TE", "deflate,gzip;q=0.3"), ("Connection", "TE, close")],
        ] {
            assert_eq!(found(Version::HTTP_11, headers), None, "{headers:?}");
        }
    }
}
