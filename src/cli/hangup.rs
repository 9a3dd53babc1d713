//! `novofon-bot hangup`: asks for a call's end.

use std::process::ExitCode;

use clap::Args;
use uuid::Uuid;

use super::{connect::ConnectArgs, failure::Failure, output::line, text::Text};

pub(super) const EXAMPLES: &str = "\
Example:
  novofon-bot hangup 019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f

The daemon answers at once; the end shows in `novofon-bot show ID` when it has come.";

#[derive(Debug, Args)]
pub struct HangupArgs {
    /// The call's id
    #[arg(value_parser = super::call_id)]
    id: Uuid,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: HangupArgs, text: Text) -> Result<ExitCode, Failure> {
    args.connect.client(text.lang())?.hangup(args.id).await?;
    line(&text.hung_up(args.id))?;
    Ok(ExitCode::SUCCESS)
}
