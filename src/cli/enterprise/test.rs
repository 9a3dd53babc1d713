//! `novofon-bot enterprise test`: what leads to an enterprise's host.

use std::{process::ExitCode, time::Duration};

use super::{
    super::{
        output::{line, note},
        text::Text,
    },
    OneArgs,
};
use crate::{asterisk::ssh::KnownHosts, call::WayChoice, lang::Lang, office};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise test 0367
  novofon-bot enterprise test 0367 --config config.toml

It ends with 1 if no way works.";

pub(super) async fn run(OneArgs { number, database }: OneArgs, text: Text) -> anyhow::Result<ExitCode> {
    let config = database.office()?;
    let found = database.directory()?.by_number(number.as_str()).await?;
    let Some(enterprise) = found else {
        anyhow::bail!("there is no enterprise `{number}`; see `novofon-bot enterprise list`");
    };
    let choice = office::HostSettings::of(&config, &enterprise).way;
    let known_hosts = KnownHosts::new(&config.ssh_known_hosts);
    let probes = office::probe(config, &enterprise, known_hosts).await;
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
            Ok(words) => format!("✓ {}: {words} ({})", probe.way, milliseconds(probe.took)),
            Err(error) => format!("✗ {}: {}", probe.way, error.why),
        };
        line(&shown)?;
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
    Ok(if works.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
