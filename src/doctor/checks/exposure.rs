//! Who can reach ARI, AMI and the API: whoever does, and knows or guesses a password, calls at your cost.

use std::{fs, net::SocketAddr};

use crate::doctor::{
    finding::{Finding, Text, say},
    patient::{Patient, addresses},
    reading::{
        is_true,
        sockets::{is_exposed, listening},
    },
};

const ARI: &str = "exposure_ari";
const AMI: &str = "exposure_ami";
const API: &str = "exposure_api";
const OFFICE: &str = "exposure_office";

const AMI_PORT: u16 = 5038;

pub async fn check(patient: &Patient) -> Vec<Finding> {
    vec![ari(patient).await, ami(patient).await]
}

/// Who can reach the bot itself.
pub fn of_bot(patient: &Patient) -> Vec<Finding> {
    std::iter::once(api(patient)).chain(super::proxies::check(patient)).chain(office(patient)).collect()
}

/// All listeners of this machine's network; `None` where the kernel does not tell.
fn listeners() -> Option<Vec<SocketAddr>> {
    let mut found = listening(&fs::read_to_string("/proc/net/tcp").ok()?);
    // Absent without IPv6.
    found.extend(listening(&fs::read_to_string("/proc/net/tcp6").unwrap_or_default()));
    Some(found)
}

fn shown(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

async fn ari(patient: &Patient) -> Finding {
    let url = &patient.config.ari.url;
    let mend = say!(
        "in http.conf set bindaddr = 127.0.0.1 and reload it (asterisk -rx 'module reload http'); else close the port in the firewall",
        "в http.conf задайте bindaddr = 127.0.0.1 и перечитайте его (asterisk -rx 'module reload http'); иначе закройте порт файрволом"
    );
    if !patient.is_local {
        return match url.scheme() {
            "https" => Finding::ok(
                ARI,
                say!(
                    "Asterisk is on another machine, reached by TLS",
                    "Asterisk на другой машине, доступ по TLS"
                ),
            ),
            _ => Finding::warn(
                ARI,
                say!(
                    "Asterisk is on another machine: the ARI password crosses the network in clear text",
                    "Asterisk на другой машине: пароль ARI идёт по сети открытым текстом"
                ),
                say!(
                    "use https (tlsbindaddr in http.conf), a VPN, or the same machine",
                    "используйте https (tlsbindaddr в http.conf), VPN или ту же машину"
                ),
            ),
        };
    }
    let Some(all) = listeners() else {
        return Finding::skipped(
            ARI,
            say!("/proc/net/tcp can't be read", "/proc/net/tcp не прочитать"),
            say!("look with: ss -ltn", "посмотрите сами: ss -ltn"),
        );
    };
    let ours = addresses(url).await;
    let serves = |listener: &&SocketAddr| {
        ours.iter().any(|our| {
            our.port() == listener.port() && (listener.ip().is_unspecified() || our.ip() == listener.ip())
        })
    };
    let exposed: Vec<SocketAddr> =
        all.iter().filter(serves).filter(|listener| is_exposed(listener.ip())).copied().collect();
    let list = shown(&exposed);
    match exposed.is_empty() {
        true => Finding::ok(
            ARI,
            say!(
                "Asterisk's HTTP server listens on loopback only",
                "HTTP-сервер Asterisk слушает только loopback"
            ),
        ),
        false => Finding::fail(
            ARI,
            say!(
                "Asterisk's HTTP server listens on {list}: others can reach ARI",
                "HTTP-сервер Asterisk слушает {list}: ARI доступен другим"
            ),
            mend,
        ),
    }
}

async fn ami(patient: &Patient) -> Finding {
    let mend = || {
        say!(
            "in manager.conf set enabled = no (the bot does not use it) or bindaddr = 127.0.0.1, then: asterisk -rx 'manager reload'",
            "в manager.conf задайте enabled = no (боту он не нужен) или bindaddr = 127.0.0.1, затем: asterisk -rx 'manager reload'"
        )
    };
    if let Some(text) = patient.ask_console("manager show settings").await
        && let Some(address) = bound(&text)
    {
        return judge_ami(address, mend());
    }
    let conf = patient.conf("manager.conf");
    if let Some(general) = conf.as_ref().and_then(|conf| conf.section("general")) {
        let address = general.value("enabled").is_some_and(is_true).then(|| {
            let ip = general.value("bindaddr").unwrap_or("0.0.0.0");
            let port = general.value("port").unwrap_or("5038");
            format!("{ip}:{port}")
        });
        return judge_ami(address, mend());
    }
    if !patient.is_local {
        return Finding::skipped(
            AMI,
            say!("Asterisk is on another machine", "Asterisk на другой машине"),
            say!("run doctor there, or give --cli", "запустите doctor там или задайте --cli"),
        );
    }
    let exposed: Vec<SocketAddr> = listeners()
        .into_iter()
        .flatten()
        .filter(|listener| listener.port() == AMI_PORT && is_exposed(listener.ip()))
        .collect();
    match exposed.first() {
        Some(address) => judge_ami(Some(address.to_string()), mend()),
        None => Finding::ok(
            AMI,
            say!("nothing listens on port {AMI_PORT} for others", "порт {AMI_PORT} для других не открыт"),
        ),
    }
}

fn judge_ami(address: Option<String>, mend: Text) -> Finding {
    let Some(address) = address else { return Finding::ok(AMI, say!("AMI is off", "AMI выключен")) };
    // What can't be read as an address is taken for the worst.
    let exposed = address.parse::<SocketAddr>().map_or(true, |address| is_exposed(address.ip()));
    match exposed {
        true => Finding::fail(AMI, say!("AMI listens on {address}", "AMI слушает {address}"), mend),
        false => Finding::ok(AMI, say!("AMI listens on {address} only", "AMI слушает только {address}")),
    }
}

/// The address in `manager show settings`, `Some(None)` if it is off; `None` if it is not told.
fn bound(text: &str) -> Option<Option<String>> {
    let value =
        |name: &str| text.lines().find_map(|line| Some(line.trim().strip_prefix(name)?.trim().to_owned()));
    let is_on = value("Manager (AMI):")?.eq_ignore_ascii_case("yes");
    let address = value("TCP Bindaddress:")?;
    Some(Some(address).filter(|address| is_on && address != "Disabled"))
}

fn api(patient: &Patient) -> Finding {
    let (listen, keys) = (patient.config.http.listen, &patient.config.http.api_keys);
    let open = keys.is_empty();
    match (is_exposed(listen.ip()), open) {
        // The configuration refuses this; it is told all the same.
        (true, true) => Finding::fail(
            API,
            say!("the API listens on {listen} without any key", "API слушает {listen} без ключей"),
            say!("set http.api_keys", "задайте http.api_keys"),
        ),
        (true, false) => Finding::warn(
            API,
            say!(
                "the API listens on {listen}: keys and numbers cross the network in clear text",
                "API слушает {listen}: ключи и номера идут по сети открытым текстом"
            ),
            say!(
                "listen on loopback behind a proxy with TLS, or close the port for strangers",
                "слушайте loopback за прокси с TLS или закройте порт для чужих"
            ),
        ),
        (false, true) => Finding::warn(
            API,
            match patient.has_asterisk() {
                true => say!(
                    "the API needs no key: every user and program of this machine can place calls; what a proxy has brought is refused",
                    "API без ключей: звонить может любой пользователь и любая программа этой машины; что пришло через прокси, отклоняется"
                ),
                false => say!(
                    "the API needs no key: every user and program of this machine can see all calls and end them; what a proxy has brought is refused",
                    "API без ключей: видеть и завершать звонки может любой пользователь и любая программа этой машины; что пришло через прокси, отклоняется"
                ),
            },
            say!(
                "set http.api_keys unless the machine is all yours, and before a proxy leads to it",
                "задайте http.api_keys, если машина не только ваша, и прежде чем ставить перед ботом прокси"
            ),
        ),
        (false, false) => Finding::ok(
            API,
            say!("the API listens on {listen} and asks for a key", "API слушает {listen} и требует ключ"),
        ),
    }
}

fn office(patient: &Patient) -> Option<Finding> {
    let listen = patient.config.office.as_ref()?.listen;
    Some(match is_exposed(listen.ip()) {
        true => Finding::warn(
            OFFICE,
            say!(
                "the office API listens on {listen}: secrets and numbers cross the network in clear text",
                "API предприятий слушает {listen}: ключи и номера идут по сети открытым текстом"
            ),
            say!(
                "listen on loopback behind nginx with TLS (asterisk-config/nginx-office.conf)",
                "слушайте loopback за nginx с TLS (asterisk-config/nginx-office.conf)"
            ),
        ),
        false => Finding::ok(
            OFFICE,
            say!("the office API listens on {listen} only", "API предприятий слушает только {listen}"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/doctor/", $name))
        };
    }

    #[test]
    fn the_manager_of_22_and_16_is_off() {
        assert_eq!(bound(fixture!("22/manager.txt")), Some(None));
        assert_eq!(bound(fixture!("16/manager.txt")), Some(None));
        assert_eq!(bound("No such command"), None);
        let on = fixture!("22/manager.txt")
            .replace("Manager (AMI):             No ", "Manager (AMI):             Yes")
            .replacen("Disabled ", "0.0.0.0:5038", 1);
        assert_eq!(bound(&on), Some(Some("0.0.0.0:5038".to_owned())), "{on}");
    }

    #[test]
    fn an_address_for_others_is_exposed() {
        for (address, expected) in [
            (None, Level::Ok),
            (Some("127.0.0.1:5038"), Level::Ok),
            (Some("[::1]:5038"), Level::Ok),
            (Some("0.0.0.0:5038"), Level::Fail),
            (Some("[::]:5038"), Level::Fail),
            (Some("pbx.example:5038"), Level::Fail),
        ] {
            assert_eq!(judge_ami(address.map(str::to_owned), say!("x", "x")).level, expected, "{address:?}");
        }
    }
}
