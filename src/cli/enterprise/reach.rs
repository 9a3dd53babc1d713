//! Whether anybody listens where an enterprise's Asterisk is said to be. Bounded in time; nobody logs in, and nothing is refused:
//! the host may be one that is set up tomorrow.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use super::{
    super::{output::note, text::Text},
    database::DatabaseArgs,
};
use crate::{
    enterprises::{Enterprise, Number},
    office::HostSettings,
};
use call::{WayChoice, WayKind};
use lang::{Text as Both, say};

/// All of it together.
const LIMIT: Duration = Duration::from_secs(3);

/// The port of the older service, where no configuration names another.
const SSH_PORT: u16 = 5059;

/// Says it if nobody is there.
pub(super) async fn tell(number: &Number, database: &DatabaseArgs, text: Text) {
    // That it could not be looked at is no matter of the order, which is done.
    let Ok(directory) = database.directory() else { return };
    let Ok(Some(enterprise)) = directory.by_number(number.as_str()).await else { return };
    let Some(why) = fault(enterprise.ip.as_str(), &doors(database, &enterprise)).await else { return };
    note(
        say!(
            "! {why}\n→ check the address (novofon-bot enterprise change {number} --ip ADDRESS), the port and the firewall, \
             then: novofon-bot enterprise test {number}",
            "! {why}\n→ проверьте адрес (novofon-bot enterprise change {number} --ip АДРЕС), порт и файрвол, затем: \
             novofon-bot enterprise test {number}",
            why = why
        )
        .of(text.0),
    );
}

/// The ports that lead there, by what is set up; where nothing is, SSH's.
fn doors(database: &DatabaseArgs, enterprise: &Enterprise) -> Vec<(WayKind, u16)> {
    let own_port = enterprise.settings.ssh_port;
    let Ok(office) = database.office() else {
        return vec![(WayKind::Ssh, own_port.unwrap_or(SSH_PORT))];
    };
    let settings = HostSettings::of(&office, enterprise);
    let doors = [
        settings.ssh.as_ref().map(|ssh| (WayKind::Ssh, ssh.port)),
        settings.ami.as_ref().map(|ami| (WayKind::Ami, ami.port)),
        settings.ari.as_ref().map(|ari| (WayKind::Ari, ari.port)),
    ];
    let is_wanted = |way| matches!(settings.way, WayChoice::Auto) || settings.way == WayChoice::Only(way);
    let doors: Vec<_> = doors.into_iter().flatten().filter(|(way, _)| is_wanted(*way)).collect();
    match doors.is_empty() {
        true => vec![(WayKind::Ssh, own_port.unwrap_or(office.ssh_port))],
        false => doors,
    }
}

/// `None`: somebody listens at one of the ports.
async fn fault(host: &str, doors: &[(WayKind, u16)]) -> Option<Both> {
    let until = Instant::now() + LIMIT;
    let found = timeout_at(until, lookup_host((host, 0))).await;
    let address = match found.map(|found| found.map(|mut all| all.next())) {
        Ok(Ok(Some(address))) => address.ip(),
        Ok(Ok(None)) => return Some(say!("the name {host} has no address", "у имени {host} нет адреса")),
        Ok(Err(error)) => {
            return Some(say!("{host} is not found: {why}", "{host} не найден: {why}", why = error));
        }
        Err(_) => {
            return Some(say!(
                "{host} is not found: the name servers did not answer within {LIMIT:?}",
                "{host} не найден: за {LIMIT:?} серверы имён не ответили"
            ));
        }
    };
    let tries = doors.iter().map(async |(way, port)| {
        let why = match timeout_at(until, TcpStream::connect((address, *port))).await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => say!("{why}", "{why}", why = error),
            Err(_) => say!("no answer within {LIMIT:?}", "за {LIMIT:?} нет ответа"),
        };
        Some(say!("port {port} ({way}): {why}", "порт {port} ({way}): {why}", why = why))
    });
    let closed: Option<Vec<Both>> = join_all(tries).await.into_iter().collect();
    let closed = closed?;
    let all = |of: fn(&Both) -> &str| closed.iter().map(of).collect::<Vec<_>>().join("; ");
    let list = Both { en: all(|text| &text.en), ru: all(|text| &text.ru) };
    Some(say!("nobody answers at {host}, {list}", "на {host} никто не отвечает, {list}", list = list))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_listens_is_not_told_of() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let open = listener.local_addr().expect("an address").port();
        assert_eq!(fault("127.0.0.1", &[(WayKind::Ssh, 1), (WayKind::Ami, open)]).await, None);
        drop(listener);
        let fault_of =
            async |host: &str| fault(host, &[(WayKind::Ssh, open)]).await.expect("nobody is there");
        let told = fault_of("127.0.0.1").await;
        assert_eq!(
            told.ru,
            format!("на 127.0.0.1 никто не отвечает, порт {open} (ssh): в соединении отказано")
        );
        let told = fault_of("nobody.invalid").await;
        assert!(told.en.starts_with("nobody.invalid is not found"), "{told}");
    }
}
