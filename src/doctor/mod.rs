//! `novofon-bot doctor`: looks at everything a call needs and says what is wrong and how to mend it.
//!
//! It changes nothing: it asks Asterisk (over ARI, on its console, else in its files), the daemon, the
//! store and the system. `checks` has a file a subject, `reading` turns answers into facts, `render`
//! shows findings. It must not know the engine, nor take the application's name from a running daemon.

mod checks;
mod console;
mod daemon;
mod finding;
mod folder;
mod http;
mod patient;
mod private;
mod reading;
mod render;

use std::path::PathBuf;

use chrono::Utc;

pub use checks::outgoing::{Expected as OutgoingExpected, sample as sample_number};
pub use console::Console;
pub use finding::{Finding, Level, Text};
pub use folder::{Fault, fault_of_store};
pub use private::{Open, open_files};
pub use render::{is_sound, json, lines};

use crate::config::{self, Config};
use asterisk::files::{Conf, Context};
use asterisk::secret::Secret;
use finding::say;
use patient::Patient;

/// What the operator gave.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// The environment, as [`crate::config::environment`] reads it.
    pub environment: Vec<(String, String)>,
    /// How Asterisk's console is reached; else this machine's own.
    pub console: Option<Console>,
    /// The folder of Asterisk's configuration; else where the console says.
    pub etc: Option<PathBuf>,
    /// For a daemon that asks for one.
    pub api_key: Option<Secret>,
    /// A number for a test call.
    pub call: Option<String>,
}

/// What was found, and the secrets that no output may hold.
#[derive(Debug, Clone)]
pub struct Examination {
    pub findings: Vec<Finding>,
    pub secrets: Vec<Secret>,
}

/// Looks at everything. It takes some seconds, or as long as the test call.
pub async fn examine(inputs: Inputs) -> Examination {
    let loaded = Config::load(inputs.config.as_deref(), inputs.environment.iter().cloned());
    let mut findings = checks::config::check(&loaded);
    let Ok(loaded) = loaded else {
        findings.push(Finding::skipped(
            "asterisk",
            say!("everything else needs a configuration", "для остального нужна конфигурация"),
            say!("mend the configuration first", "сначала исправьте конфигурацию"),
        ));
        return Examination { findings, secrets: inputs.api_key.into_iter().collect() };
    };
    // A password that everybody knows is no secret, and to hide it would blacken ordinary words.
    let passwords = std::iter::once(&loaded.config.ari.password)
        .chain(loaded.config.office.iter().flat_map(config::Office::passwords))
        .filter(|password| !checks::passwords::is_known(password.expose(), ""));
    let secrets = passwords.cloned().chain(inputs.api_key.clone()).collect();

    let call = inputs.call.clone();
    let mut patient = Patient::new(loaded.config, inputs).await;
    findings.extend(checks::store::check(&patient).await);
    findings.push(checks::private::check(&patient));
    findings.extend(patient.console_fault.as_ref().map(|why| {
        Finding::warn(
            "console",
            say!(
                "Asterisk's console does not answer: {why}",
                "консоль Asterisk не отвечает: {why}",
                why = Text::same(why.as_str())
            ),
            say!(
                "check --cli (ASTERISK_CLI) and the right to use its socket",
                "проверьте --cli (ASTERISK_CLI) и право на её сокет"
            ),
        )
    }));
    findings.extend(match patient.has_asterisk() {
        true => of_own_calls(&mut patient, call.as_deref()).await,
        false => of_no_own_calls(&patient, call.is_some()).await,
    });
    findings.extend(checks::offices::check(&patient).await);
    Examination { findings, secrets }
}

/// The way out by itself.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    /// The context and all that it includes, in the order in which Asterisk searches them; empty if there is none.
    pub contexts: Vec<Context>,
    pub findings: Vec<Finding>,
}

/// Looks at the way out alone: at what runs, if there is a console, else at the files.
pub async fn look_at_outgoing(
    console: Option<&Console>,
    conf: Option<Conf>,
    expected: &OutgoingExpected,
) -> Outgoing {
    let read = checks::outgoing::read(console, || conf, &expected.context).await;
    let options = match (console, expected.endpoint.strip_prefix("PJSIP/")) {
        (Some(console), Some(name)) => {
            let shown = console.ask(&format!("pjsip show endpoint {name}")).await.unwrap_or_default();
            reading::pjsip::Options::of_console(&shown)
        }
        _ => None,
    };
    let findings = checks::outgoing::judge(expected, &checks::endpoint::Facts { options }, &read);
    let contexts = match read {
        checks::outgoing::Read::Found(way) => way.contexts,
        _ => Vec::new(),
    };
    Outgoing { contexts, findings }
}

/// All that the bot's own calls need.
async fn of_own_calls(patient: &mut Patient, call: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ari = checks::ari::check(patient).await;
    findings.extend(checks::clock::check(Utc::now(), ari.date).await);
    findings.extend(ari.findings);
    findings.extend(checks::modules::check(patient).await);
    findings.extend(checks::app::check(patient).await);
    findings.extend(checks::duplicates::check(patient));
    let (trunk, trunk_facts) = checks::endpoint::check(patient).await;
    findings.extend(trunk);
    findings.extend(checks::transfer::check(patient, &trunk_facts));
    findings.extend(checks::registration::check(patient, &trunk_facts).await);
    findings.extend(checks::outgoing::check(patient, &trunk_facts).await);
    findings.extend(checks::exposure::check(patient).await);
    findings.extend(checks::exposure::of_bot(patient));
    findings.extend(checks::passwords::check(patient));
    findings.extend(checks::rights::check(patient));
    let mut last_calls = checks::calls::check(patient, &trunk_facts).await;
    let mut test_call = None;
    if let Some(number) = call {
        let finding = checks::test_call::check(patient, &trunk_facts, number).await;
        // It is newer than what the store had: yesterday's fault is over.
        if finding.level == Level::Ok {
            last_calls = checks::calls::check(patient, &trunk_facts).await;
        }
        test_call = Some(finding);
    }
    findings.extend(last_calls);
    findings.extend(test_call);
    findings
}

/// A bot for offices alone calls at their Asterisks only.
async fn of_no_own_calls(patient: &Patient, test_call: bool) -> Vec<Finding> {
    let mut findings = checks::clock::check(Utc::now(), None).await;
    findings.push(checks::app::daemon(patient));
    findings.extend(checks::exposure::of_bot(patient));
    if test_call {
        findings.push(Finding::fail(
            checks::test_call::ID,
            say!(
                "this bot places the offices' calls only: it has no Asterisk of its own",
                "этот бот звонит только для предприятий: своего Asterisk у него нет"
            ),
            say!(
                "call from an enterprise's extension: GET /api/makecallexternal (docs/office.md)",
                "позвоните с номера предприятия: GET /api/makecallexternal (docs/office.ru.md)"
            ),
        ));
    }
    findings
}
