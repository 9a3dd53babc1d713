//! What a bot without keys takes from browsers: nothing but its own page.
//!
//! A browser on this machine reaches loopback too, and asks there for whatever page it shows. A page of
//! another site gives itself away by `Origin`; one whose name was pointed at 127.0.0.1 (DNS
//! rebinding) counts as our own site there, and gives itself away by the name in `Host`.

use std::net::IpAddr;

use axum::{
    extract::Request,
    http::{
        HeaderMap, Uri,
        header::{self, HeaderName},
        uri::Authority,
    },
};

use super::error::ApiError;

/// Refuses what a browser may have sent for another site. A request without `Host` (HTTP/1.0) is no
/// browser's.
pub fn check(request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let named = request.uri().authority().is_none_or(is_loopback) && hosts_are_loopback(headers);
    if named && origins_are_loopback(headers) { Ok(()) } else { Err(ApiError::ForeignSite) }
}

fn hosts_are_loopback(headers: &HeaderMap) -> bool {
    values(headers, header::HOST)
        .all(|host| host.and_then(|h| h.parse().ok()).is_some_and(|h| is_loopback(&h)))
}

fn origins_are_loopback(headers: &HeaderMap) -> bool {
    values(headers, header::ORIGIN).all(|origin| {
        let uri = origin.and_then(|origin| origin.parse::<Uri>().ok());
        uri.is_some_and(|uri| uri.authority().is_some_and(is_loopback) && uri.scheme().is_some())
    })
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(name).iter().map(|value| value.to_str().ok())
}

/// An address of loopback, or the one name that no DNS server is asked for.
fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn is_taken(uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::empty()).expect("a request")).is_ok()
    }

    #[test]
    fn the_machines_own_names_are_taken() {
        assert!(is_taken("/", &[]));
        for host in
            ["127.0.0.1", "127.0.0.1:8080", "127.8.0.9:1", "localhost", "LocalHost:8080", "[::1]:8080"]
        {
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
            "localhost.evil",
            "localhost@evil",
            "10.0.0.1",
            "",
            "a b",
        ];
        for host in bad {
            assert!(!is_taken("/", &[("host", host)]), "{host}");
            assert!(
                !is_taken("/", &[("host", "127.0.0.1"), ("origin", &format!("http://{host}"))]),
                "{host}"
            );
        }
        assert!(!is_taken("/", &[("host", "127.0.0.1"), ("host", "evil.example")]));
        assert!(!is_taken("/", &[("host", "127.0.0.1"), ("origin", "null")]));
        assert!(!is_taken("http://evil.example/", &[("host", "127.0.0.1")]));
    }
}
