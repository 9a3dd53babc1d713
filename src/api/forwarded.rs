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

/// Headers that proxies, load balancers and tunnels add, and programs do not. (`x-request-id` and `traceparent` are programs' too.)
const HEADERS: [&str; 33] = [
    "via",
    "client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-proxyuser-ip",
    "true-client-ip",
    "proxy-client-ip",
    "wl-proxy-client-ip",
    "incap-client-ip",
    "x-sucuri-clientip",
    "x-scheme",
    "x-varnish",
    "x-rewrite-url",
    "x-cloud-trace-context",
    "x-appgw-trace-id",
    "front-end-https",
    "early-data",
    "proxy-connection",
    "cdn-loop",
    // A program that asks has no further hops to count.
    "max-forwards",
    "x-host",
    "x-proto",
    "x-https",
    "x-url-scheme",
    "x-script-name",
    // Heroku, and nginx for those who measure its queue
    "x-request-start",
    "x-queue-start",
    // DigitalOcean
    "do-connecting-ip",
    // What a proxy that has checked a client's certificate says of it
    "x-client-cert",
    "x-client-verify",
    "x-client-dn",
    "z-forwarded-for",
];

/// The beginnings of names that one kind of proxy adds several of: `X-Forwarded-For`, `-Host`, `-Proto`, `-Server`, `-Port`.
const FAMILIES: [&str; 33] = [
    "forwarded",
    "x-forward",
    "x-real-",
    "x-original-",
    // Cloudflare: `CF-Connecting-IP`, `CF-Ray`, `CF-Visitor`
    "cf-",
    "fastly-",
    "fly-",
    "tailscale-",
    "x-vercel-",
    "akamai-",
    "x-akamai-",
    // AWS: load balancers, CloudFront
    "x-amzn-",
    "x-amz-cf-",
    "cloudfront-",
    // Azure: Front Door, IIS's ARR
    "x-azure-",
    "x-fd-",
    "x-arr-",
    "x-ms-forwarded-",
    // Google's Identity-Aware Proxy, App Engine
    "x-goog-iap-",
    "x-appengine-",
    // Service meshes: Envoy (Istio), Linkerd
    "x-envoy-",
    "l5d-",
    // A proxy that took the TLS off, and says whose certificate it saw.
    "x-ssl-",
    "ssl-client-",
    // nginx's handbooks of node, and its `X-Accel-Mapping`
    "x-nginx-",
    "x-accel-",
    // Netlify
    "x-nf-",
    // Who has logged in at a proxy: Apache and Authelia, Kubernetes, oauth2-proxy, Grafana's guides, authentik, Pomerium
    "remote-",
    "x-remote-",
    "x-auth-request-",
    "x-webauth-",
    "x-authentik-",
    "x-pomerium-",
];

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
    fn what_intermediaries_call_the_client_and_themselves() {
        for name in [
            "CF-Connecting-IP",
            "CF-Connecting-IPv6",
            "CF-Ray",
            "CF-IPCountry",
            "CF-Visitor",
            "CDN-Loop",
            "True-Client-IP",
            "X-Real-IP",
            "X-Real-Port",
            "Client-IP",
            "X-Client-IP",
            "X-Cluster-Client-IP",
            "X-Remote-IP",
            "X-Remote-Addr",
            "X-Originating-IP",
            "X-Amzn-Trace-Id",
            "X-Amz-Cf-Id",
            "CloudFront-Viewer-Address",
            "X-Envoy-External-Address",
            "X-Envoy-Expected-Rq-Timeout-Ms",
            "l5d-dst-canonical",
            "X-ProxyUser-Ip",
            "Proxy-Client-IP",
            "WL-Proxy-Client-IP",
            "Fastly-Client-IP",
            "Fastly-FF",
            "Fly-Client-IP",
            "Fly-Request-Id",
            "X-Azure-ClientIP",
            "X-Azure-Ref",
            "X-ARR-LogId",
            "X-AppGW-Trace-Id",
            "X-Original-For",
            "X-Original-Host",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded",
            "X-Forward-For",
            "X-Forwarded-Client-Cert",
            "Forwarded-For",
            "X-Scheme",
            "X-Varnish",
            "X-Cloud-Trace-Context",
            "X-Vercel-Forwarded-For",
            "X-SSL-Client-Verify",
            "Front-End-Https",
            "Proxy-Connection",
            "X-Nginx-Proxy",
            "X-Accel-Mapping",
            "X-Host",
            "X-Script-Name",
            "Remote-User",
            "Remote-Groups",
            "X-Remote-User",
            "X-Auth-Request-User",
            "X-Auth-Request-Email",
            "X-WebAuth-User",
            "X-authentik-username",
            "DO-Connecting-IP",
            "X-NF-Client-Connection-IP",
            "X-NF-Request-ID",
            "Max-Forwards",
            "X-Request-Start",
            "SSL-Client-Verify",
            "X-Client-Cert",
        ] {
            assert!(found(Version::HTTP_11, &[("Host", "127.0.0.1:8080"), (name, "x")]).is_some(), "{name}");
        }
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
            &[
                ("Host", "localhost:8080"),
                ("traceparent", "00-x-y-01"),
                ("X-B3-TraceId", "1"),
                ("X-Api-Key", "k"),
                ("X-Client-Version", "2"),
                ("X-Requested-With", "fetch"),
            ],
            &[("Host", "localhost:8080"), ("TE", "deflate,gzip;q=0.3"), ("Connection", "TE, close")],
        ] {
            assert_eq!(found(Version::HTTP_11, headers), None, "{headers:?}");
        }
    }
}
