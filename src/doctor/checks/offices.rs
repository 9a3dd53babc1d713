//! The enterprises of the office API: their database, and the ways to each one's Asterisk.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::{
    config::Office,
    doctor::{
        finding::{Finding, Text, say},
        patient::Patient,
    },
    enterprises::{Directory, Enterprise},
    office::{Fit, Probe, Probed, directory_config, probe},
};
use asterisk::ssh::KnownHosts;
use call::Technology;
use lang::{Lang, Told};

const DATABASE: &str = "office_database";
const HOSTS: &str = "office_hosts";
const TECHNOLOGY: &str = "office_technology";

/// So many hosts are tried at once.
const AT_ONCE: usize = 8;
/// More lines than this nobody reads.
const SHOWN: usize = 20;

pub async fn check(patient: &Patient) -> Vec<Finding> {
    let Some(office) = &patient.config.office else { return Vec::new() };
    let list = async { Directory::for_orders(directory_config(office))?.list().await };
    let listed = match list.await {
        Ok(listed) => listed,
        Err(error) => {
            return vec![Finding::fail(
                DATABASE,
                error.text(),
                say!(
                    "correct `office.database` and its password, or start the database; `novofon-bot enterprise add` makes the table",
                    "исправьте `office.database` и пароль или запустите базу; таблицу создаёт `novofon-bot enterprise add`"
                ),
            )];
        }
    };
    let active: Vec<_> = listed.iter().filter(|one| one.active).collect();
    let (all, disabled) = (active.len(), listed.len() - active.len());
    let mut findings = vec![match all {
        0 => Finding::warn(
            DATABASE,
            say!("no active enterprise is in it", "в ней нет активных предприятий"),
            say!("novofon-bot enterprise add NUMBER NAME IP", "novofon-bot enterprise add НОМЕР ИМЯ IP"),
        ),
        _ => Finding::ok(
            DATABASE,
            say!("enterprises: {all}, disabled: {disabled}", "предприятий: {all}, выключено: {disabled}"),
        ),
    }];
    let unfit = active.iter().filter_map(|one| one.enterprise.as_ref().err());
    findings.extend(unfit.take(SHOWN).map(|error| {
        Finding::fail(
            DATABASE,
            error.text(),
            say!("see `novofon-bot enterprise list`", "см. `novofon-bot enterprise list`"),
        )
    }));
    let short: Vec<&str> =
        active.iter().filter(|one| one.is_guessable).map(|one| one.number.trim_end()).collect();
    if let Some(first) = short.first() {
        let (first, list) = (first.to_string(), short.join(", "));
        findings.push(Finding::warn(
            DATABASE,
            say!(
                "secrets that can be guessed, they are that short: {list}",
                "ключи так коротки, что их подберут: {list}"
            ),
            say!(
                "novofon-bot enterprise rotate-secret {first}",
                "novofon-bot enterprise rotate-secret {first}"
            ),
        ));
    }
    let fit = active.iter().filter_map(|one| one.enterprise.as_ref().ok().cloned());
    findings.extend(hosts(office, fit.collect()).await);
    findings
}

async fn hosts(office: &Office, enterprises: Vec<Arc<Enterprise>>) -> Vec<Finding> {
    let probed = stream::iter(&enterprises).map(async |enterprise| {
        let known_hosts = KnownHosts::only_read(&office.ssh_known_hosts);
        probe(office.clone(), enterprise, known_hosts).await
    });
    let probed: Vec<Probed> = probed.buffered(AT_ONCE).collect().await;
    let both = || enterprises.iter().zip(&probed);
    let hosts = both().filter_map(|(enterprise, probed)| judge(enterprise, &probed.ways)).collect();
    let mut findings = summed(HOSTS, enterprises.len(), hosts, |well| {
        say!(
            "enterprises whose Asterisk answers by all ways that are set up: {well}",
            "предприятий, чей Asterisk отвечает по всем настроенным путям: {well}"
        )
    });
    // Of a host that can't be reached it is said above.
    let fits =
        || both().filter_map(|(enterprise, probed)| Some((enterprise, probed.technology, probed.fit?)));
    let unfit =
        fits().filter_map(|(enterprise, technology, fit)| judge_fit(enterprise, technology, fit)).collect();
    findings.extend(summed(TECHNOLOGY, fits().count(), unfit, |well| {
        say!(
            "enterprises whose `technology` is that of their phones: {well}",
            "предприятий, чьи телефоны такие, как в `technology`: {well}"
        )
    }));
    findings
}

/// How many are well, and what is not.
fn summed(id: &'static str, all: usize, mut findings: Vec<Finding>, well: fn(usize) -> Text) -> Vec<Finding> {
    let wrong = findings.len();
    if wrong < all {
        findings.insert(0, Finding::ok(id, well(all - wrong)));
    }
    shorten(id, &mut findings);
    findings
}

/// What is left out is as bad as the worst of it.
fn shorten(id: &'static str, findings: &mut Vec<Finding>) {
    let left_out = findings.split_off(SHOWN.min(findings.len()));
    let Some(level) = left_out.iter().map(|finding| finding.level).max() else { return };
    let more = left_out.len();
    findings.push(Finding {
        id,
        level,
        seen: say!("and {more} more", "и ещё {more}"),
        mend: Some(say!("mend these first", "сначала исправьте эти")),
    });
}

/// `None`: the phones are of the technology that is set, or can be of no other.
fn judge_fit(enterprise: &Enterprise, technology: Technology, fit: Fit) -> Option<Finding> {
    let (number, name, ip) = (&enterprise.number, &enterprise.name, &enterprise.ip);
    let other = technology.other();
    let mend = say!(
        "novofon-bot enterprise change {number} --technology {other}",
        "novofon-bot enterprise change {number} --technology {other}"
    );
    match fit {
        Fit::Right | Fit::OnlyDriver => None,
        Fit::NoDriver => Some(Finding::fail(
            TECHNOLOGY,
            say!(
                "{number} ({name}) has `technology` {technology}, and the Asterisk at {ip} has no driver for it: no call of its extensions is seen",
                "у {number} ({name}) `technology` {technology}, а у Asterisk на {ip} нет драйвера для этого: разговоров его телефонов не видно"
            ),
            mend,
        )),
        Fit::NoPhones { elsewhere } => Some(Finding::fail(
            TECHNOLOGY,
            say!(
                "{number} ({name}) has `technology` {technology}, and no extension's phone at {ip} is so; {other} phones: {elsewhere}: no call of its extensions is seen",
                "у {number} ({name}) `technology` {technology}, а таких телефонов на {ip} нет; телефонов {other}: {elsewhere}: разговоров его телефонов не видно"
            ),
            mend,
        )),
        Fit::Untold => Some(Finding::skipped(
            TECHNOLOGY,
            say!(
                "whether the phones of {number} ({name}) at {ip} are {technology} can't be told: Asterisk shows none of them to us",
                "такие ли телефоны у {number} ({name}) на {ip}, как {technology}, не узнать: Asterisk их не показывает"
            ),
            say!(
                "look there: `pjsip show endpoints`, `sip show peers` (by AMI it needs write = system)",
                "посмотрите там: `pjsip show endpoints`, `sip show peers` (для AMI нужно write = system)"
            ),
        )),
    }
}

/// `None`: all is well.
fn judge(enterprise: &Enterprise, probes: &[Probe]) -> Option<Finding> {
    let (number, name, ip) = (&enterprise.number, &enterprise.name, &enterprise.ip);
    let mend = || say!("novofon-bot enterprise test {number}", "novofon-bot enterprise test {number}");
    if probes.is_empty() {
        return Some(Finding::fail(
            HOSTS,
            say!(
                "no way to {number} ({name}) at {ip} is set up",
                "ни один путь к {number} ({name}) на {ip} не настроен"
            ),
            say!(
                "give it an SSH password or key, or a user of its AMI or ARI (docs/office.md)",
                "нужен пароль или ключ SSH либо пользователь AMI или ARI (docs/office.ru.md)"
            ),
        ));
    }
    let failed: Vec<_> =
        probes.iter().filter_map(|probe| Some((probe.way, &probe.result.as_ref().err()?.why))).collect();
    let all = |lang| {
        let told = failed.iter().map(|(way, why)| format!("{way}: {}", why.told(lang)));
        told.collect::<Vec<_>>().join("; ")
    };
    let list = Text { en: all(Lang::En), ru: all(Lang::Ru) };
    match failed.len() {
        0 => None,
        failed if failed < probes.len() => Some(Finding::warn(
            HOSTS,
            say!(
                "{number} ({name}) at {ip}: not by {list}",
                "{number} ({name}) на {ip}: не по {list}",
                list = list
            ),
            mend(),
        )),
        _ => Some(Finding::fail(
            HOSTS,
            say!("{number} ({name}) at {ip}: {list}", "{number} ({name}) на {ip}: {list}", list = list),
            mend(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn what_is_left_out_is_no_worse_and_no_better_than_it_is() {
        let warn = || Finding::warn(HOSTS, say!("w", "w"), say!("m", "m"));
        let fail = || Finding::fail(HOSTS, say!("f", "f"), say!("m", "m"));
        let shown = |more: Vec<Finding>| {
            let mut all: Vec<Finding> = (0..SHOWN).map(|_| warn()).chain(more).collect();
            shorten(HOSTS, &mut all);
            let last = all.pop().expect("a finding");
            (all.len(), last.level, last.seen.en)
        };
        assert_eq!(shown(vec![]), (SHOWN - 1, Level::Warn, "w".to_owned()));
        assert_eq!(shown(vec![warn(), warn()]), (SHOWN, Level::Warn, "and 2 more".to_owned()));
        assert_eq!(shown(vec![warn(), fail(), warn()]), (SHOWN, Level::Fail, "and 3 more".to_owned()));
    }
}
