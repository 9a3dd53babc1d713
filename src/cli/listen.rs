//! Binding a listener, and what to do when it can't be had.

use std::{io, net::SocketAddr};

use anyhow::anyhow;
use tokio::net::TcpListener;

use lang::Lang;

/// Listens on the address of this key of the configuration.
pub(super) async fn listen(address: SocketAddr, key: &str, lang: Lang) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| anyhow!(cannot(address, key, &error, lang)))
}

fn cannot(address: SocketAddr, key: &str, error: &io::Error, lang: Lang) -> String {
    let (port, ip) = (address.port(), address.ip());
    match (error.kind(), lang) {
        // The unit has a user namespace of its own, in which the right would not reach the network: systemd.exec(5).
        (io::ErrorKind::PermissionDenied, Lang::En) => format!(
            "can't listen on {address} (`{key}`): {error}. Ports below 1024 need a right. Better: take a port above \
             1023, with nginx before it (asterisk-config/nginx-api.conf). Else give it the right by \
             `systemctl edit novofon-bot`: [Service] AmbientCapabilities=CAP_NET_BIND_SERVICE \
             CapabilityBoundingSet=CAP_NET_BIND_SERVICE PrivateUsers=no (a line each); without systemd: \
             setcap cap_net_bind_service=+ep {}",
            program()
        ),
        (io::ErrorKind::PermissionDenied, Lang::Ru) => format!(
            "порт {port} на {ip} не открыть (`{key}`): {error}. Портам ниже 1024 нужно особое право. Лучше взять порт выше \
             1023 и поставить перед ним nginx (asterisk-config/nginx-api.conf). Или дайте право командой \
             `systemctl edit novofon-bot`: [Service] AmbientCapabilities=CAP_NET_BIND_SERVICE \
             CapabilityBoundingSet=CAP_NET_BIND_SERVICE PrivateUsers=no (каждое в своей строке); без systemd: \
             setcap cap_net_bind_service=+ep {}",
            program()
        ),
        (io::ErrorKind::AddrInUse, Lang::En) => format!(
            "can't listen on {address} (`{key}`): another program has this port. `ss -tlnp 'sport = :{port}'` (as root) \
             names it: stop it, or set `{key}` to another address"
        ),
        (io::ErrorKind::AddrInUse, Lang::Ru) => format!(
            "порт {port} на {ip} не открыть (`{key}`): его занимает другая программа. Её назовёт \
             `ss -tlnp 'sport = :{port}'` (от root): остановите её или задайте в `{key}` другой адрес"
        ),
        (io::ErrorKind::AddrNotAvailable, Lang::En) => format!(
            "can't listen on {address} (`{key}`): this machine has no address {ip}. `ip addr` shows those that it has; \
             127.0.0.1 is always there"
        ),
        (io::ErrorKind::AddrNotAvailable, Lang::Ru) => format!(
            "порт {port} на {ip} не открыть (`{key}`): у этой машины нет адреса {ip}. Её адреса показывает `ip addr`; \
             127.0.0.1 есть всегда"
        ),
        (_, Lang::En) => format!("can't listen on {address}: {error}; `{key}` gives another address"),
        (_, Lang::Ru) => format!("порт {port} на {ip} не открыть: {error}; другой адрес задаёт `{key}`"),
    }
}

/// Its whole name, for a command that can be copied.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "novofon-bot".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_says_what_to_do() {
        let address = "192.0.2.1:80".parse().expect("an address");
        for (kind, words) in [
            (
                io::ErrorKind::PermissionDenied,
                ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "PrivateUsers=no", "1023"],
            ),
            (io::ErrorKind::AddrInUse, ["ss -tlnp", "`http.listen`", ":80"]),
            (io::ErrorKind::AddrNotAvailable, ["ip addr", "192.0.2.1", "`http.listen`"]),
            (io::ErrorKind::OutOfMemory, ["192.0.2.1", "80", "`http.listen`"]),
        ] {
            for lang in Lang::ALL {
                let text = cannot(address, "http.listen", &kind.into(), lang);
                assert!(words.iter().all(|word| text.contains(word)), "{text}");
                assert_eq!(text.contains("не открыть"), lang == Lang::Ru, "{text}");
            }
        }
    }
}
