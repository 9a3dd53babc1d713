//! The command line: one file a subcommand. `serve` is the daemon; the others talk to a running
//! daemon over its HTTP API, as any client does.

mod api_key;
mod backup;
mod call;
mod calls;
mod cancel;
mod check_config;
mod client;
mod completion;
mod connect;
mod dialplan;
mod doctor;
mod enterprise;
mod failure;
mod follow;
mod hangup;
mod help;
mod listen;
mod office;
mod output;
mod reload;
mod render;
mod serve;
mod settings;
mod show;
mod sse;
mod store;
mod systemd;
mod text;
mod text_events;
mod token;
mod told;
mod usage;
mod waiting;
mod watch;
mod wire;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use failure::Failure;
use text::Text;
use uuid::Uuid;

use lang::{Lang, say};

/// An id as an argument.
fn call_id(text: &str) -> Result<Uuid, lang::Text> {
    text.parse().map_err(|_| {
        say!(
            "expected a whole id, as `novofon-bot calls` shows it",
            "нужен id целиком, как его показывает `novofon-bot calls`"
        )
    })
}

/// Places phone calls through Asterisk and says truthfully what became of them.
#[derive(Debug, Parser)]
#[command(name = "novofon-bot", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Language of messages: ru or en [default: the first of NOVOFON_BOT_LANG, LC_ALL, LC_MESSAGES and LANG that is
    /// set]
    #[arg(long, global = true, env = "NOVOFON_BOT_LANG", value_name = "LANG", hide_env = true)]
    pub lang: Option<Lang>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    Serve(ConfigArgs),
    /// Check the configuration and print what is in force, secrets hidden
    CheckConfig(ConfigArgs),
    /// Copy the store into a new file, also while the daemon runs
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArgs),
    /// Move the store to another database
    Store(store::StoreArgs),
    /// Place a call and show what happens to it, to its end
    #[command(after_help = call::EXAMPLES)]
    Call(call::CallArgs),
    /// List calls, newest first
    #[command(after_help = calls::EXAMPLES)]
    Calls(calls::CallsArgs),
    /// Show all that is known of one call
    #[command(after_help = show::EXAMPLES)]
    Show(show::ShowArgs),
    /// Ask for a call's end
    #[command(after_help = hangup::EXAMPLES)]
    Hangup(hangup::HangupArgs),
    /// Take waiting calls out of the queue
    #[command(after_help = cancel::EXAMPLES)]
    Cancel(cancel::CancelArgs),
    /// Show all live calls and how they change
    #[command(after_help = watch::EXAMPLES)]
    Watch(watch::WatchArgs),
    /// Print what a shell needs to complete this command line
    #[command(after_help = completion::EXAMPLES)]
    Completion(completion::CompletionArgs),
    /// Look at everything that a call needs, and say how to mend what is wrong
    Doctor(doctor::DoctorArgs),
    /// Show or write [outgoing], the way out of the bot's calls in Asterisk's dialplan
    #[command(after_help = dialplan::EXAMPLES)]
    Dialplan(dialplan::DialplanArgs),
    /// Say who may use the API: make, list and revoke keys
    #[command(after_help = api_key::EXAMPLES)]
    ApiKey(api_key::ApiKeyArgs),
    /// Say who may use the office API
    #[command(after_help = enterprise::EXAMPLES)]
    Enterprise(enterprise::EnterpriseArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file [default: /etc/novofon-bot/config.toml, if it is there]
    #[arg(long, env = "NOVOFON_BOT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The whole program: reads the command line and runs one command.
pub fn main() -> ExitCode {
    match usage::parse() {
        Ok(cli) => run(cli),
        Err(code) => code,
    }
}

/// Runs one command; what goes wrong is said on stderr.
fn run(cli: Cli) -> ExitCode {
    let text = Text(Lang::of_user(cli.lang, |name| std::env::var(name).ok()));
    match cli.command {
        Command::Serve(args) => report(serve::run(&args, text.0), text),
        Command::CheckConfig(args) => report(check_config::run(&args, text.0), text),
        Command::Backup(args) => report(backup::run(&args, text), text),
        Command::Store(args) => report(store::run(args, text), text),
        Command::Call(args) => ask(text, call::run(args, text)),
        Command::Calls(args) => ask(text, calls::run(args, text)),
        Command::Show(args) => ask(text, show::run(args, text)),
        Command::Hangup(args) => ask(text, hangup::run(args, text)),
        Command::Cancel(args) => ask(text, cancel::run(args, text)),
        Command::Watch(args) => ask(text, watch::run(args, text)),
        Command::Completion(args) => completion::run(&args).unwrap_or_else(|failure| failure.report(text)),
        Command::Doctor(args) => report(doctor::run(args, text.0), text),
        Command::Dialplan(args) => report(dialplan::run(args, text), text),
        Command::ApiKey(args) => report(api_key::run(args, text), text),
        Command::Enterprise(args) => report(enterprise::run(args, text), text),
    }
}

/// The end of a command that runs here.
fn report(result: anyhow::Result<ExitCode>, text: Text) -> ExitCode {
    result.unwrap_or_else(|error| {
        // Nobody reads our output any more: that is no failure to talk about.
        let is_unread =
            error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        if is_unread {
            return Failure::Output(io::ErrorKind::BrokenPipe.into()).report(text);
        }
        output::note(&format!("novofon-bot: {}", told::told(&error, text.0)));
        ExitCode::FAILURE
    })
}

/// Runs a command that talks to the daemon.
fn ask(text: Text, command: impl Future<Output = Result<ExitCode, Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(command);
            // A name that is still being looked up is nothing to wait for.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::Output(error)),
    };
    result.unwrap_or_else(|failure| failure.report(text))
}
