//! `novofon-bot show`: all that is known of one call.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::{
    connect::ConnectArgs,
    failure::Failure,
    output::{Style, line},
    render::Look,
    text::Text,
    wire::json_line,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot show 019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f
  novofon-bot show 019b1c3e-7d2a-7c41-9f0e-3c1d2b4a5e6f --json | jq .timeline";

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The call's id
    #[arg(value_parser = super::call_id)]
    id: Uuid,
    /// One JSON object: {"call": ..., "timeline": [...]}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: ShowArgs, text: Text) -> Result<ExitCode, Failure> {
    let client = args.connect.client(text.lang())?;
    // The call first: an entry that is newer than the call shown does no harm, a verdict without its
    // entries would.
    let call = client.call(args.id).await?;
    let timeline = client.timeline(args.id).await?;
    if args.json {
        let shown = json!({"call": call.json, "timeline": timeline.json["entries"]});
        line(&json_line(&shown))?;
        return Ok(ExitCode::SUCCESS);
    }
    let look = Look { text, style: Style::of_stdout() };
    let mut lines = look.facts(&call.value);
    let entries = &timeline.value.entries;
    if let Some(first) = entries.first() {
        lines.push(String::new());
        lines.extend(entries.iter().map(|entry| look.entry(entry, first.at)));
    }
    if call.value.has_ended() {
        lines.push(String::new());
        lines.extend(look.verdict(&call.value));
    }
    lines.iter().try_for_each(|text| line(text))?;
    Ok(ExitCode::SUCCESS)
}
