//! `novofon-bot cancel`: takes waiting calls out of the queue, many at once.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;

use super::{client::CancelWish, connect::ConnectArgs, failure::Failure, output::line, text::Text};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot cancel --queued --dry-run        # how many wait
  novofon-bot cancel --queued --prefix +7900   # those to +7900..., asks first
  novofon-bot cancel --queued --key crm --yes  # of the API key `crm`, at once

Calls whose turn has come are left alone; `novofon-bot hangup ID` ends those.
Exit status: 0 done (with --dry-run: counted), 1 you said no, 2 it could not be done.";

#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The calls that wait in the queue; must be given
    #[arg(long, required = true)]
    queued: bool,
    /// Only calls to numbers that begin so, in international form
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Only calls that this API key (its name) asked for
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Only say how many they are
    #[arg(long)]
    dry_run: bool,
    /// Do not ask first
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: CancelArgs, text: Text) -> Result<ExitCode, Failure> {
    let client = args.connect.client(text.lang())?;
    let wish = |dry_run| CancelWish { prefix: args.prefix.clone(), client: args.key.clone(), dry_run };
    if args.dry_run || !args.yes {
        let waiting = client.cancel(&wish(true)).await?.canceled;
        if args.dry_run {
            line(&text.would_cancel(waiting))?;
            return Ok(ExitCode::SUCCESS);
        }
        if waiting > 0 && !confirmed(&text.may_cancel(waiting))? {
            super::output::note(text.nothing_canceled());
            return Ok(ExitCode::FAILURE);
        }
    }
    let canceled = client.cancel(&wish(false)).await?.canceled;
    line(&text.canceled(canceled))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the user says yes. Nobody is asked where nobody can answer: that is a no.
fn confirmed(question: &str) -> io::Result<bool> {
    let mut error = io::stderr();
    write!(error, "{question} ")?;
    error.flush()?;
    if !io::stdin().is_terminal() {
        writeln!(error, "(--yes)")?;
        return Ok(false);
    }
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes", "д", "да"].contains(&answer.trim().to_lowercase().as_str()))
}
