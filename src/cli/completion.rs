//! `novofon-bot completion`: what a shell needs to complete our command line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, CommandFactory, ValueEnum};

use super::{Cli, failure::Failure};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot completion bash > /etc/bash_completion.d/novofon-bot
  novofon-bot completion zsh > \"${fpath[1]}/_novofon-bot\"
  novofon-bot completion fish > ~/.config/fish/completions/novofon-bot.fish";

#[derive(Debug, Args)]
pub struct CompletionArgs {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(args: &CompletionArgs) -> Result<ExitCode, Failure> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // Made first and written then: the generator itself panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "novofon-bot", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
