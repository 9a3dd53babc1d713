//! `novofon-bot enterprise remove`.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;

use super::{
    super::{output::note, text::Text, wire::clean},
    database::DatabaseArgs,
};
use crate::enterprises::Number;
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise remove 0367
  novofon-bot enterprise remove 0367 --yes

Its secret opens nothing from the next second on, and its streams end. Calls that it has go on to their end; records of
calls stay, and are read with `novofon-bot calls`. To turn it away for a time, use `enterprise disable`.";

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The enterprise's number
    number: Number,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: RemoveArgs, text: Text) -> anyhow::Result<ExitCode> {
    let RemoveArgs { number, yes, database } = args;
    let directory = database.directory()?;
    let rows = directory.list().await?;
    let row = rows.iter().find(|row| row.number.trim_end() == number.as_str());
    let shown = row.map(|row| format!("{} ({}, {})", number, clean(&row.name), clean(&row.ip)));
    if let (Some(shown), false) = (&shown, yes)
        && !confirmed(shown, text)?
    {
        note(match text.0 {
            Lang::En => "nothing was changed",
            Lang::Ru => "ничего не изменено",
        });
        return Ok(ExitCode::FAILURE);
    }
    directory.remove(&number).await?;
    let shown = shown.unwrap_or_else(|| number.to_string());
    let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = clean(&user.unwrap_or_else(|| "unknown".to_owned()));
    note(&match text.0 {
        Lang::En => format!(
            "audit: enterprise {shown} is removed by {user}; its secret opens nothing any more, its calls' records stay.\n\
             Calls that it has now go on: novofon-bot calls --status dialing,ringing,answered"
        ),
        Lang::Ru => format!(
            "аудит: предприятие {shown} удалено, удалил {user}; его ключ больше не действует, записи звонков остались.\n\
             Идущие звонки продолжаются: novofon-bot calls --status dialing,ringing,answered"
        ),
    });
    Ok(ExitCode::SUCCESS)
}

/// Asks at a terminal. Elsewhere nobody can answer.
fn confirmed(shown: &str, text: Text) -> anyhow::Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        match text.0 {
            Lang::En => bail!("enterprise {shown} would be removed; say so with --yes"),
            Lang::Ru => bail!("предприятие {shown} будет удалено; подтвердите: --yes"),
        }
    }
    let question = match text.0 {
        Lang::En => format!("Remove enterprise {shown}? Its calls go on, their records stay. [y/N] "),
        Lang::Ru => {
            format!("Удалить предприятие {shown}? Идущие звонки продолжатся, записи останутся. [д/Н] ")
        }
    };
    let mut out = io::stderr().lock();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(["y", "yes", "д", "да"].contains(&answer.trim().to_lowercase().as_str()))
}
