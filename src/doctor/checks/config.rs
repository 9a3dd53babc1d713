//! The bot's own configuration: can it be read, and who else may read its secrets.

use crate::{
    config::{ConfigErrors, Loaded},
    doctor::finding::{Finding, say},
};
use lang::Told;

const ID: &str = "config";
const RIGHTS: &str = "config_rights";

/// How the configuration warns of a secret that everybody may read.
const EXPOSED: &str = "holds a secret and every user of this machine may read it";

pub fn check(loaded: &Result<Loaded, ConfigErrors>) -> Vec<Finding> {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(errors) => {
            let fail = |problem: &crate::config::Problem| {
                Finding::fail(
                    ID,
                    problem.text(),
                    say!(
                        "correct it; `novofon-bot check-config` shows what is in force",
                        "исправьте; `novofon-bot check-config` покажет, что действует"
                    ),
                )
            };
            return errors.problems().iter().map(fail).collect();
        }
    };
    let mut findings = vec![match &loaded.source_path {
        Some(path) => {
            let path = path.display();
            Finding::ok(ID, say!("{path} is read and right", "{path} прочитан, ошибок нет"))
        }
        None => Finding::ok(
            ID,
            say!(
                "taken from the environment and defaults; right",
                "из окружения и значений по умолчанию; ошибок нет"
            ),
        ),
    }];
    let (exposed, other): (Vec<_>, Vec<_>) =
        loaded.warnings.iter().partition(|warning| warning.en.contains(EXPOSED));
    for warning in &exposed {
        let path = warning.en.rsplit("chmod o-rwx ").next().unwrap_or_default();
        findings.push(Finding::fail(
            RIGHTS,
            say!(
                "every user of this machine may read the secret in {path}",
                "секрет в {path} может прочитать любой пользователь этой машины"
            ),
            say!("chmod o-rwx {path}", "chmod o-rwx {path}"),
        ));
    }
    if exposed.is_empty() {
        findings.push(Finding::ok(
            RIGHTS,
            say!("secrets are not readable for everybody", "секреты не открыты всем пользователям"),
        ));
    }
    for warning in other {
        findings.push(Finding::warn(
            ID,
            warning.clone(),
            say!("change it if you did not mean it", "измените, если так не задумано"),
        ));
    }
    findings
}
