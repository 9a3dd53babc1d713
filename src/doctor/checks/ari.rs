//! ARI: is there an Asterisk, does it let us in, may we place calls, which version is it.

use chrono::{DateTime, Utc};

use crate::doctor::{
    finding::{Finding, Text, say},
    http::{Login, Reply, Server},
    patient::{Patient, addresses},
};

const REACHED: &str = "ari_reachable";
const AUTHORISED: &str = "ari_authorised";
const VERSION: &str = "asterisk_version";

/// The oldest Asterisk that the bot is tried with.
const OLDEST: u32 = 16;

pub struct Found {
    pub findings: Vec<Finding>,
    /// Asterisk's time and ours when it was told.
    pub date: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Tells the patient too whether ARI is open.
pub async fn check(patient: &mut Patient) -> Found {
    let Some(ari) = patient.ari.clone() else {
        let finding = Finding::skipped(
            REACHED,
            say!("this system can't make an HTTP client", "эта система не может создать HTTP-клиента"),
            say!("check its certificates", "проверьте её сертификаты"),
        );
        return Found { findings: vec![finding], date: None };
    };
    let url = ari.base().clone();
    let reply = match ari.get("ari/asterisk/info").await {
        Ok(reply) => reply,
        Err(why) if why.contains("timed out") && accepts(&url).await => {
            let finding = Finding::fail(
                REACHED,
                say!(
                    "Asterisk takes connections at {url} and does not answer: it hangs, or is loaded beyond its strength",
                    "Asterisk по адресу {url} принимает соединения, но не отвечает: завис или перегружен"
                ),
                say!(
                    "see its log and load; systemctl restart asterisk ends all its calls",
                    "посмотрите его журнал и нагрузку; systemctl restart asterisk оборвёт все его звонки"
                ),
            );
            return Found { findings: vec![finding], date: None };
        }
        Err(why) => {
            let finding = Finding::fail(
                REACHED,
                say!(
                    "nothing answers at {url}: {why}",
                    "по адресу {url} никто не отвечает: {why}",
                    why = Text::same(why.as_str())
                ),
                say!(
                    "start Asterisk; in http.conf set enabled = yes, and bindaddr and bindport as in `ari.url`; a firewall may stand between",
                    "запустите Asterisk; в http.conf задайте enabled = yes, bindaddr и bindport — как в `ari.url`; может мешать файрвол"
                ),
            );
            return Found { findings: vec![finding], date: None };
        }
    };
    let date = reply.date.map(|date| (date, Utc::now()));
    let mut findings = Vec::new();
    // A proxy may have put its own name in the place of Asterisk's.
    let speaks_ari = reply.is_json && [200, 401, 403].contains(&reply.status);
    if !(reply.server.starts_with("Asterisk") || speaks_ari) {
        let status = reply.status;
        findings.push(Finding::fail(
            REACHED,
            say!(
                "something else than Asterisk listens at {url} (HTTP {status})",
                "по адресу {url} отвечает не Asterisk (HTTP {status})"
            ),
            say!(
                "correct `ari.url`: bindaddr and bindport of http.conf",
                "исправьте `ari.url`: bindaddr и bindport из http.conf"
            ),
        ));
        return Found { findings, date };
    }
    if reply.status == 404 && !reply.is_json {
        findings.push(not_found(patient, &ari).await);
        return Found { findings, date };
    }
    findings
        .push(Finding::ok(REACHED, say!("Asterisk answers at {url}", "Asterisk отвечает по адресу {url}")));
    let authorised = authorised(&ari, &reply, &patient.config.ari.username).await;
    patient.ari_is_open = reply.status == 200;
    findings.push(authorised);
    if patient.ari_is_open {
        findings.push(version(&reply));
    }
    Found { findings, date }
}

/// Whether connections are taken there: the kernel takes them for a program that hangs, too.
async fn accepts(url: &url::Url) -> bool {
    let addresses = addresses(url).await;
    let connection = tokio::net::TcpStream::connect(&*addresses);
    // At a dropped packet the connection itself would take minutes.
    tokio::time::timeout(std::time::Duration::from_secs(2), connection).await.is_ok_and(|it| it.is_ok())
}

/// Asterisk's HTTP server has no `/ari` where it was looked for.
async fn not_found(patient: &Patient, ari: &Server) -> Finding {
    let url = ari.base();
    let root = {
        let mut root = url.clone();
        root.set_path("");
        root
    };
    if url.path() != "/" && answers_at(root.clone()).await {
        return Finding::fail(
            REACHED,
            say!("ARI is not at {url} but at {root}", "ARI находится не по адресу {url}, а по адресу {root}"),
            say!("set `ari.url` to \"{root}\"", "задайте `ari.url` = \"{root}\""),
        );
    }
    let prefix = patient.ask_console("http show status").await.and_then(|text| {
        let prefix =
            text.lines().find_map(|line| line.strip_prefix("Prefix:"))?.trim().trim_matches('/').to_owned();
        (!prefix.is_empty()).then_some(prefix)
    });
    if let Some(prefix) = prefix.filter(|prefix| url.path().trim_matches('/') != prefix) {
        let right = format!("{root}{prefix}");
        return Finding::fail(
            REACHED,
            say!(
                "http.conf has prefix = {prefix}, which {url} lacks",
                "в http.conf задан prefix = {prefix}, которого нет в {url}"
            ),
            say!("set `ari.url` to \"{right}\"", "задайте `ari.url` = \"{right}\""),
        );
    }
    Finding::fail(
        REACHED,
        say!(
            "Asterisk answers at {url}, but there is no ARI (HTTP 404)",
            "Asterisk по адресу {url} отвечает, но ARI там нет (HTTP 404)"
        ),
        say!(
            "in ari.conf set enabled = yes and load res_ari.so; if http.conf has a `prefix`, `ari.url` must have it too",
            "в ari.conf задайте enabled = yes и загрузите res_ari.so; если в http.conf есть `prefix`, он нужен и в `ari.url`"
        ),
    )
}

async fn answers_at(root: url::Url) -> bool {
    let Some(server) = Server::new(root, Login::Nobody) else { return false };
    server.get("ari/asterisk/info").await.is_ok_and(|reply| reply.is_json)
}

async fn authorised(ari: &Server, reply: &Reply, user: &str) -> Finding {
    let message = reply.message();
    match reply.status {
        200 => {}
        401 => {
            return Finding::fail(
                AUTHORISED,
                say!(
                    "Asterisk refuses the user `{user}` or its password (401)",
                    "Asterisk не принимает пользователя `{user}` или его пароль (401)"
                ),
                say!(
                    "compare `ari.username` and `ari.password` with the section [{user}] of ari.conf, then: asterisk -rx 'module reload res_ari.so'",
                    "сравните `ari.username` и `ari.password` с секцией [{user}] в ari.conf, затем: asterisk -rx 'module reload res_ari.so'"
                ),
            );
        }
        403 => {
            return Finding::fail(
                AUTHORISED,
                say!(
                    "Asterisk forbids the user `{user}` this address (403 {message})",
                    "Asterisk запрещает пользователю `{user}` этот адрес (403 {message})"
                ),
                say!(
                    "see the user's ACL in ari.conf and the restrictions in http.conf",
                    "проверьте ACL пользователя в ari.conf и ограничения в http.conf"
                ),
            );
        }
        status => {
            return Finding::fail(
                AUTHORISED,
                say!("ARI answers HTTP {status} {message}", "ARI отвечает HTTP {status} {message}"),
                say!("see Asterisk's log", "посмотрите журнал Asterisk"),
            );
        }
    }
    // A channel that can't exist: 404 when we may write, and nothing happens either way.
    match ari.delete("ari/channels/novofon-bot-doctor-no-such-channel").await {
        Ok(reply) if reply.status == 403 => Finding::fail(
            AUTHORISED,
            say!("the user `{user}` may only read", "пользователю `{user}` можно только читать"),
            say!(
                "set read_only = no in the section [{user}] of ari.conf, then: asterisk -rx 'module reload res_ari.so'",
                "задайте read_only = no в секции [{user}] файла ari.conf, затем: asterisk -rx 'module reload res_ari.so'"
            ),
        ),
        _ => Finding::ok(
            AUTHORISED,
            say!("as `{user}`, with the right to place calls", "как `{user}`, с правом звонить"),
        ),
    }
}

fn version(reply: &Reply) -> Finding {
    let version = reply.json["system"]["version"].as_str().unwrap_or_default();
    let mend = say!("use 16 to 22, or newer", "используйте 16–22 или новее");
    match major(version) {
        Some(major) if major >= OLDEST => Finding::ok(VERSION, say!("{version}", "{version}")),
        Some(_) => Finding::fail(
            VERSION,
            say!("{version} is older than the bot is made for", "{version} старше, чем рассчитан бот"),
            mend,
        ),
        None => Finding::warn(
            VERSION,
            say!("`{version}` is no release that is known", "`{version}` — неизвестный выпуск"),
            mend,
        ),
    }
}

/// `22.10.1~dfsg`, `certified/20.7-cert5`, `20.7-cert5`
fn major(version: &str) -> Option<u32> {
    let version = version.trim_start_matches("certified").trim_start_matches(['/', '-']);
    version.split(['.', '-', '~', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (version, expected) in [
            ("22.10.1+dfsg+~cs6.17.60671434-1", Some(22)),
            ("16.28.0~dfsg-0+deb11u4", Some(16)),
            ("certified/20.7-cert5", Some(20)),
            ("GIT-master-cb214713c0M", None),
            ("", None),
        ] {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
