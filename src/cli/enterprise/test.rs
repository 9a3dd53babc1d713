//! `novofon-bot enterprise test`: what leads to an enterprise's host.

use std::{path::Path, process::ExitCode, time::Duration};

use super::{
    super::{
        output::{line, note},
        text::Text,
    },
    OneArgs,
};
use crate::{
    enterprises::DirectoryError,
    enterprises::Number,
    office::{self, Fit, Probed},
};
use asterisk::ssh::KnownHosts;
use call::{Technology, WayChoice, WayKind};
use lang::{Lang, Told};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise test 0367
  novofon-bot enterprise test 0367 --config config.toml

It ends with 1 if no way works, or if the phones are not of the enterprise's technology.";

pub(super) async fn run(OneArgs { number, database }: OneArgs, text: Text) -> anyhow::Result<ExitCode> {
    let config = database.office()?;
    let found = database.directory()?.by_number(number.as_str()).await?;
    let Some(enterprise) = found else {
        return Err(DirectoryError::NoSuch { number: number.to_string() }.into());
    };
    let choice = office::HostSettings::of(&config, &enterprise).way;
    // A folder that root makes here is root's, and the service could not write into it: who installs it makes it.
    let folder = config.ssh_known_hosts.parent().filter(|folder| !folder.as_os_str().is_empty());
    let missing = folder.filter(|folder| !folder.exists()).map(Path::to_owned);
    let known_hosts = match missing {
        None => KnownHosts::new(&config.ssh_known_hosts),
        Some(_) => KnownHosts::only_read(&config.ssh_known_hosts),
    };
    let Probed { ways: probes, technology, fit } = office::probe(config, &enterprise, known_hosts).await;
    if probes.is_empty() {
        note(&match (text.0, choice) {
            (Lang::En, WayChoice::Auto) => format!(
                "no way to {} is set up: give it an SSH password or key, or a user of its AMI or ARI",
                enterprise.ip
            ),
            (Lang::Ru, WayChoice::Auto) => format!(
                "ни один путь к {} не настроен: нужен пароль или ключ SSH либо пользователь AMI или ARI",
                enterprise.ip
            ),
            (Lang::En, WayChoice::Only(way)) => {
                format!("the way to {} is {way}, and no user or password is set up for that", enterprise.ip)
            }
            (Lang::Ru, WayChoice::Only(way)) => {
                format!("путь к {} — {way}, а пользователь и пароль для него не настроены", enterprise.ip)
            }
        });
    }
    for probe in &probes {
        let shown = match &probe.result {
            Ok(words) => {
                let words = Told::told(&lang::Text::same(words.as_str()), text.0);
                format!("✓ {}: {words} ({})", probe.way, milliseconds(probe.took, text.0))
            }
            Err(error) => format!("✗ {}: {}", probe.way, error.why.of(text.0)),
        };
        line(&shown)?;
    }
    if let Some(folder) =
        missing.filter(|_| probes.iter().any(|probe| probe.way == WayKind::Ssh && probe.result.is_ok()))
    {
        let folder = folder.display();
        note(&match text.0 {
            Lang::En => format!(
                "the host's key is not written down: there is no folder {folder} (`office.ssh_known_hosts`); scripts/install \
                 makes the service's, and the bot learns the key at its first connection"
            ),
            Lang::Ru => format!(
                "ключ хоста не записан: папки {folder} нет (`office.ssh_known_hosts`); папку службы создаёт \
                 scripts/install, а ключ бот запомнит при первом соединении"
            ),
        });
    }
    let works = probes.iter().find(|probe| probe.result.is_ok());
    if let Some(best) = works {
        note(&match text.0 {
            Lang::En => format!(
                "{number} ({}) at {}: calls go by {} (way: {choice})",
                enterprise.name, enterprise.ip, best.way
            ),
            Lang::Ru => format!(
                "{number} ({}) на {}: звонки идут через {} (way: {choice})",
                enterprise.name, enterprise.ip, best.way
            ),
        });
    }
    if let Some(fit) = fit {
        line(&told(fit, technology, &enterprise.number, text.0))?;
    }
    let is_wrong = matches!(fit, Some(Fit::NoDriver | Fit::NoPhones { .. }));
    Ok(if works.is_some() && !is_wrong { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the technology is that of the phones, and what to do where it is not.
fn told(fit: Fit, technology: Technology, number: &Number, lang: Lang) -> String {
    let other = technology.other();
    let change = format!("novofon-bot enterprise change {number} --technology {other}");
    match (lang, fit) {
        (Lang::En, Fit::Right) => format!("✓ technology: {technology}, as its phones are"),
        (Lang::Ru, Fit::Right) => format!("✓ technology: {technology}, телефоны такие и есть"),
        (Lang::En, Fit::OnlyDriver) => {
            format!("✓ technology: {technology}; this Asterisk has no driver for {other}")
        }
        (Lang::Ru, Fit::OnlyDriver) => {
            format!("✓ technology: {technology}; драйвера {other} в этом Asterisk нет")
        }
        (Lang::En, Fit::NoDriver) => {
            format!("✗ technology: {technology}, which this Asterisk has no driver for\n→ {change}")
        }
        (Lang::Ru, Fit::NoDriver) => {
            format!("✗ technology: {technology}, а драйвера для этого в Asterisk нет\n→ {change}")
        }
        (Lang::En, Fit::NoPhones { elsewhere }) => format!(
            "✗ technology: {technology}, and no extension's phone is; {other} phones: {elsewhere}\n→ {change}"
        ),
        (Lang::Ru, Fit::NoPhones { elsewhere }) => format!(
            "✗ technology: {technology}, а телефонов {technology} нет; телефонов {other}: {elsewhere}\n→ {change}"
        ),
        (Lang::En, Fit::Untold) => format!(
            "- technology: {technology}; whether its phones are so can't be told, Asterisk shows none of them to us\n\
             → look there: `pjsip show endpoints`, `sip show peers` (by AMI it needs write = system)"
        ),
        (Lang::Ru, Fit::Untold) => format!(
            "- technology: {technology}; такие ли телефоны, не узнать: Asterisk их не показывает\n\
             → посмотрите там: `pjsip show endpoints`, `sip show peers` (для AMI нужно write = system)"
        ),
    }
}

fn milliseconds(time: Duration, lang: Lang) -> String {
    let unit = match lang {
        Lang::En => "ms",
        Lang::Ru => "мс",
    };
    format!("{} {unit}", time.as_millis())
}
