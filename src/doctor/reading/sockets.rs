//! Who listens where: /proc/net/tcp and /proc/net/tcp6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state LISTEN in those files.
const LISTEN: &str = "0A";

/// The listening TCP addresses in the text of one of the two files.
pub fn listening(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        if state != LISTEN {
            return None;
        }
        let (ip, port) = local.split_once(':')?;
        Some(SocketAddr::new(ip_of(ip)?, u16::from_str_radix(port, 16).ok()?))
    };
    text.lines().skip(1).filter_map(address).collect()
}

/// Reached from other machines: neither loopback nor, in IPv6's clothes, IPv4's loopback.
pub fn is_exposed(ip: IpAddr) -> bool {
    !ip.to_canonical().is_loopback()
}

/// Each 32-bit word is in the machine's own order, which is little-endian wherever Asterisk is packaged.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let words = hex.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        u32::from_str_radix(word, 16).ok().map(u32::to_le_bytes)
    });
    let words: Vec<[u8; 4]> = words.collect::<Option<_>>()?;
    match words.concat().as_slice() {
        &[a, b, c, d] => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        bytes => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n   \
        0: 3400007F:1F98 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534 0 1\n   \
        1: 00000000:13AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0 0 2\n   \
        2: 0100007F:E0C2 0100007F:1F98 01 00000000:00000000 00:00000000 00000000     0 0 3\n";

    const TCP6: &str = "  sl  local_address                         remote_address                        st\n   \
        0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0\n   \
        1: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 0\n   \
        2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 0\n";

    #[test]
    fn only_listeners_are_listed() {
        let found: Vec<String> = listening(TCP).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.52:8088", "0.0.0.0:5038"]);
        assert_eq!(listening("garbage\nmore garbage\n  1: zz:zz 0 0A"), []);
    }

    #[test]
    fn loopback_in_either_clothes_is_not_exposed() {
        let found = listening(TCP6);
        assert_eq!(found.iter().map(SocketAddr::port).collect::<Vec<_>>(), [8080, 8081, 8082]);
        assert_eq!(found.iter().map(|a| is_exposed(a.ip())).collect::<Vec<_>>(), [true, false, false]);
    }
}
