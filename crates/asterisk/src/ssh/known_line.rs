//! One line of a known_hosts file, as sshd(8) describes the format: markers, names with wildcards and negation,
//! names as HMAC-SHA1 hashes. It owns the format; it must not know files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// A line that speaks of the host asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) revoked: bool,
    pub(super) algorithm: String,
    /// The public key as it travels on the wire.
    pub(super) blob: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A comment, another host, or an authority (certificates of hosts are not used).
    Other,
    Ours(Line),
    /// It names the host, but its key cannot be read.
    Broken,
}

/// The name under which a host stands in the file.
pub(super) fn name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

pub(super) fn read(text: &str, name: &str) -> Reading {
    let mut words = text.split_ascii_whitespace();
    let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { return Reading::Other };
    let (revoked, names) = match first {
        "@revoked" => (true, words.next()),
        // Also @cert-authority.
        marker if marker.starts_with('@') => return Reading::Other,
        names => (false, Some(names)),
    };
    if !names.is_some_and(|names| matches(names, name)) {
        return Reading::Other;
    }
    let (Some(algorithm), Some(key)) = (words.next(), words.next()) else { return Reading::Broken };
    match STANDARD.decode(key) {
        Ok(blob) if !blob.is_empty() => Reading::Ours(Line { revoked, algorithm: algorithm.into(), blob }),
        _ => Reading::Broken,
    }
}

fn matches(names: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in names.split(',') {
        if let Some(pattern) = pattern.strip_prefix('!') {
            if fits(&pattern.to_ascii_lowercase(), name) {
                return false;
            }
        } else if pattern.starts_with("|1|") {
            found |= hashed(pattern, name);
        } else {
            found |= fits(&pattern.to_ascii_lowercase(), name);
        }
    }
    found
}

/// `*` stands for any text, `?` for one character.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&c) if c == b'?' || c == name[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                // The last star takes one character more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                from = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == b'*')
}

/// `|1|salt|hash`, both in base64: HMAC-SHA1 of the name with the salt as key.
fn hashed(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('|').skip(2).map(|part| STANDARD.decode(part));
    let (Some(Ok(salt)), Some(Ok(hash))) = (parts.next(), parts.next()) else { return false };
    let Ok(mac) = Hmac::<Sha1>::new_from_slice(&salt) else { return false };
    mac.chain_update(name).verify_slice(&hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ office";

    fn speaks_of(names: &str, name: &str) -> bool {
        matches!(read(&format!("{names} {KEY}"), name), Reading::Ours(_))
    }

    #[test]
    fn a_host_stands_there_with_its_port_unless_it_is_22() {
        assert_eq!(name("10.88.10.19", 22), "10.88.10.19");
        assert_eq!(name("PBX.example.com", 5059), "[pbx.example.com]:5059");
        assert_eq!(name("fe80::1", 5059), "[fe80::1]:5059");
    }

    #[test]
    fn names_are_lists_with_wildcards_and_exceptions() {
        assert!(speaks_of("pbx,[10.88.10.19]:5059", "[10.88.10.19]:5059"));
        assert!(!speaks_of("10.88.10.19", "[10.88.10.19]:5059"), "another port is another host");
        assert!(speaks_of("[10.88.10.*]:5059", "[10.88.10.19]:5059"));
        assert!(speaks_of("10.88.1?.19", "10.88.10.19"));
        assert!(!speaks_of("*.example.com,!old.example.com", "old.example.com"));
        assert!(speaks_of("PBX.Example.com", "pbx.example.com"));
        assert!(!speaks_of("*a*b", "xaxbx"));
        assert!(speaks_of("*a*b*", "xaxbx"));
    }

    /// Hashes made by `ssh-keygen -H` of OpenSSH 9.2.
    #[test]
    fn hashed_names_are_recognized() {
        let names = "|1|8pbz6GNpTlaVGutpjBwRax5D+eY=|CxdD3akfaZaYsWv4Fy2QyZdQwSM=";
        assert!(speaks_of(names, "[10.88.10.19]:5059"));
        assert!(!speaks_of(names, "[10.88.10.20]:5059"));
        assert!(!speaks_of("|1|!|?", "[10.88.10.19]:5059"));
    }

    #[test]
    fn comments_and_authorities_say_nothing_and_revocations_do() {
        let line = |text: String| read(&text, "pbx");
        assert_eq!(line(format!("# pbx {KEY}")), Reading::Other);
        assert_eq!(line(String::new()), Reading::Other);
        assert_eq!(line(format!("@cert-authority pbx {KEY}")), Reading::Other);
        let Reading::Ours(revoked) = line(format!("@revoked pbx {KEY}")) else { panic!("it is about pbx") };
        assert!(revoked.revoked);
    }

    /// To skip such a line would be to trust whoever answers.
    #[test]
    fn a_damaged_line_about_the_host_is_not_passed_over() {
        assert_eq!(read("pbx ssh-ed25519 AAAA%", "pbx"), Reading::Broken);
        assert_eq!(read("pbx ssh-ed25519", "pbx"), Reading::Broken);
        assert_eq!(read("other ssh-ed25519 AAAA%", "pbx"), Reading::Other);
    }
}
