//! `novofon-bot doctor`: says what is wrong and how to mend it. Exit 0 without ✗, 1 with, 2 when it was
//! asked wrongly.

use std::{convert::Infallible, fs, io::Write, path::PathBuf, process::ExitCode};

use clap::Args;

use super::{ConfigArgs, token};
use crate::{
    config::environment,
    doctor::{Console, Inputs, examine, is_sound, json, lines},
};
use asterisk::secret::Secret;
use lang::{Lang, Text, Told, say};

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Place a test call to this number through the running daemon: only a call proves the password
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    call: Option<String>,
    /// How to reach Asterisk's console, without `-rx` [default: asterisk, if we may use its socket]
    #[arg(long, env = "ASTERISK_CLI", value_name = "COMMAND")]
    cli: Option<String>,
    /// The folder of Asterisk's configuration [default: as the console says, else /etc/asterisk]
    #[arg(long, env = "ASTERISK_ETC", value_name = "DIR")]
    etc: Option<PathBuf>,
    /// An API key for --call; other users may see it in the list of processes, so better use the variable
    #[arg(long, env = "NOVOFON_BOT_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = secret)]
    api_key: Option<Secret>,
    /// A file with the API key; goes before --api-key
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

pub(super) fn run(args: DoctorArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    // An empty variable is one that is not set.
    let console = match args.cli.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(text) => match Console::parse(text) {
            Some(console) => Some(console),
            None => {
                return Ok(usage(
                    &say!(
                        "--cli: expected a program and its arguments; do its quotes close?",
                        "--cli: нужна программа и её аргументы; закрыты ли кавычки?"
                    ),
                    lang,
                ));
            }
        },
        None => None,
    };
    let api_key = match &args.api_key_file {
        Some(path) => match fs::read_to_string(path) {
            Ok(text) => Some(Secret::new(text.trim())),
            Err(error) => {
                let path = path.display();
                return Ok(usage(
                    &say!(
                        "--api-key-file: can't read {path}: {why}",
                        "--api-key-file: {path} не читается: {why}",
                        why = error
                    ),
                    lang,
                ));
            }
        },
        None => args.api_key.filter(|key| !key.expose().is_empty()),
    };
    let api_key = api_key.or_else(|| token::of_config(args.config.config.as_deref()));
    let inputs = Inputs {
        config: args.config.config,
        environment: environment().collect(),
        console,
        etc: args.etc.filter(|folder| !folder.as_os_str().is_empty()),
        api_key,
        call: args.call,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(examine(inputs));
    // A name that is still being looked up is nothing to wait for.
    runtime.shutdown_background();
    let text = match args.json {
        true => format!("{:#}\n", json(&found.findings, &found.secrets, lang)),
        false => lines(&found.findings, &found.secrets, lang),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if is_sound(&found.findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// It was asked wrongly: it ends as clap does.
fn usage(text: &Text, lang: Lang) -> ExitCode {
    super::output::note(&format!("novofon-bot: {}", text.told(lang)));
    ExitCode::from(2)
}

fn number(text: &str) -> Result<String, Text> {
    match text.chars().filter(char::is_ascii_digit).count() {
        5..=20 => Ok(text.to_owned()),
        _ => Err(say!(
            "expected a phone number, as +79522675444",
            "нужен номер телефона, например +79522675444"
        )),
    }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}
