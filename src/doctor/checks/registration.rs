//! The registration at the carrier: only the console shows it. A rejected one is a wrong login or
//! password.

use super::endpoint::Facts;
use crate::doctor::{
    finding::{Finding, say},
    patient::Patient,
    reading::pjsip::registrations,
};

const ID: &str = "registration";

pub async fn check(patient: &Patient, trunk: &Facts) -> Vec<Finding> {
    let Some(text) = patient.ask_console("pjsip show registrations").await else {
        return vec![Finding::skipped(
            ID,
            say!(
                "Asterisk shows registrations on its console only",
                "регистрации Asterisk показывает только в консоли"
            ),
            say!(
                "give --cli 'asterisk -C /etc/asterisk/asterisk.conf' or ASTERISK_CLI, and the right to use it",
                "задайте --cli 'asterisk -C /etc/asterisk/asterisk.conf' или ASTERISK_CLI и право ею пользоваться"
            ),
        )];
    };
    let all = registrations(&text);
    let (_, name) = patient.endpoint();
    let auth = trunk.options.as_ref().map_or("", |options| options.text("outbound_auth"));
    let auth = if auth.is_empty() {
        trunk.options.as_ref().map_or("", |options| options.text("auth"))
    } else {
        auth
    };
    let ours = all.iter().filter(|one| one.name == name || (!auth.is_empty() && one.auth == auth));
    let mut findings: Vec<Finding> = ours
        .map(|one| {
            let (uri, status) = (&one.server_uri, &one.status);
            match status.as_str() {
                "Registered" => Finding::ok(ID, say!("registered at {uri}", "зарегистрирован на {uri}")),
                "Rejected" => Finding::fail(
                    ID,
                    say!("{uri} rejects the registration: the login or the password is wrong", "{uri} отвергает регистрацию: неверен логин или пароль"),
                    say!(
                        "compare username and password of the section with type = auth with the carrier's account, then: asterisk -rx 'module reload res_pjsip.so' and asterisk -rx 'pjsip send register {name}'",
                        "сверьте username и password секции с type = auth с личным кабинетом оператора, затем: asterisk -rx 'module reload res_pjsip.so' и asterisk -rx 'pjsip send register {name}'"
                    ),
                ),
                _ => Finding::fail(
                    ID,
                    say!("not registered at {uri} ({status})", "нет регистрации на {uri} ({status})"),
                    say!("check the network and the firewall (UDP 5060), then: asterisk -rx 'pjsip send register {name}'", "проверьте сеть и файрвол (UDP 5060), затем: asterisk -rx 'pjsip send register {name}'"),
                ),
            }
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::warn(
            ID,
            say!("there is none for `{name}`", "для `{name}` её нет"),
            say!("calls out can work without; calls from the carrier need it (asterisk-config/pjsip_novofon.conf)", "исходящие могут работать и без неё; для входящих она нужна (asterisk-config/pjsip_novofon.conf)"),
        ));
    }
    findings
}
