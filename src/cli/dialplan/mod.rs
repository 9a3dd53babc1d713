//! `novofon-bot dialplan`: the way out of the bot's calls in Asterisk's dialplan. `show` tells what it is, from which files, and
//! what is wrong with it; `fix` writes the shipped one, and nothing else.
//!
//! Needs neither the daemon nor a whole configuration: of that it takes the section `trunk`, if it is there.

mod fix;
mod settings;
mod show;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::text::Text;
use crate::doctor::Console;
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot dialplan show
  novofon-bot dialplan fix --caller-id +74951234567 --dry-run
  novofon-bot dialplan fix --caller-id +74951234567 --yes";

/// `say!(lang, "English {x}", "русский {x}")`
macro_rules! say {
    ($lang:expr, $en:literal, $ru:literal $(,)?) => {
        match $lang {
            ::lang::Lang::En => format!($en),
            ::lang::Lang::Ru => format!($ru),
        }
    };
}
use say;

#[derive(Debug, Args)]
pub struct DialplanArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show [outgoing] as Asterisk has it, from which files, and what is wrong with it
    Show(AsteriskArgs),
    /// Write [outgoing] with your number and trunk, let Asterisk read it, and look whether it did
    Fix(fix::FixArgs),
}

/// Where Asterisk is.
#[derive(Debug, Args)]
struct AsteriskArgs {
    /// How to reach Asterisk's console, without `-rx` [default: asterisk]
    #[arg(long, env = "ASTERISK_CLI", value_name = "COMMAND")]
    cli: Option<String>,
    /// The folder of Asterisk's configuration [default: as the console says, else /etc/asterisk]
    #[arg(long, env = "ASTERISK_ETC", value_name = "DIR")]
    etc: Option<PathBuf>,
    #[command(flatten)]
    config: super::ConfigArgs,
}

/// What went wrong, in the user's language.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

pub(super) fn run(args: DialplanArgs, text: Text) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match args.command {
            Command::Show(args) => show::run(&args, text.0).await,
            Command::Fix(args) => fix::run(&args, text.0).await,
        }
    });
    runtime.shutdown_background();
    match result {
        // The words of the script that this grew out of, which people and programs know.
        Err(error) if error.is::<Refusal>() => {
            super::output::note(&format!("✗ {error}"));
            Ok(ExitCode::FAILURE)
        }
        other => other,
    }
}

fn refuse<T>(why: String) -> anyhow::Result<T> {
    Err(Refusal(why).into())
}

impl AsteriskArgs {
    /// The console, whether it answers or not.
    fn console(&self, lang: Lang) -> anyhow::Result<Console> {
        let text = self.cli.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or("asterisk");
        // The name of a program may have blanks in it.
        let console = match Path::new(text).is_file() {
            true => Console::parse(&shlex::try_quote(text)?),
            false => Console::parse(text),
        };
        match console {
            Some(console) => Ok(console),
            None => refuse(say!(
                lang,
                "--cli: expected a program and its arguments",
                "--cli: нужна программа и её аргументы"
            )),
        }
    }

    async fn etc(&self, console: &Console) -> PathBuf {
        if let Some(etc) = self.etc.as_ref().filter(|folder| !folder.as_os_str().is_empty()) {
            return etc.clone();
        }
        let settings = console.ask("core show settings").await.unwrap_or_default();
        let line = settings.lines().find_map(|line| line.trim().strip_prefix("Configuration directory:"));
        PathBuf::from(line.map_or("/etc/asterisk", str::trim))
    }
}

/// Whether it is Asterisk that answers.
async fn answers(console: &Console) -> bool {
    console.ask("core show version").await.is_ok_and(|answer| answer.contains("Asterisk "))
}

fn no_answer(cli: Option<&str>, lang: Lang) -> String {
    let cli = cli.filter(|cli| !cli.is_empty()).unwrap_or("asterisk");
    say!(
        lang,
        "Asterisk does not answer ({cli} -rx): nothing was changed. Start it: systemctl start asterisk; if rights are missing, run this with sudo",
        "Asterisk не отвечает ({cli} -rx): ничего не изменено. Запустите его: systemctl start asterisk; если нужны права, запустите через sudo"
    )
}
