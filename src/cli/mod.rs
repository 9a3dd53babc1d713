//! The command line: one file a subcommand. `serve` is the daemon; the others talk to a running
//! daemon over its HTTP API, as any client does.

mod check_config;
mod doctor;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::lang::Lang;

/// Places phone calls through Asterisk and says truthfully what became of them.
#[derive(Debug, Parser)]
#[command(name = "novofon-bot", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Language of messages: ru or en [default: by LANG]
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
    /// Look at everything that a call needs, and say how to mend what is wrong
    Doctor(doctor::DoctorArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The configuration file [default: /etc/novofon-bot/config.toml, if it is there]
    #[arg(long, env = "NOVOFON_BOT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Runs one command; what goes wrong is said on stderr.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Doctor(args) => doctor::run(args, Lang::of_user(cli.lang, |name| std::env::var(name).ok())),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("novofon-bot: {error:#}");
            ExitCode::FAILURE
        }
    }
}
