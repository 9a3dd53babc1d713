//! `novofon-bot watch`: all live calls, and every change of their states from then on.

use std::{collections::HashMap, process::ExitCode};

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::{
    client::Client,
    connect::ConnectArgs,
    failure::Failure,
    follow::{Follow, Next, passing},
    output::{Style, line, note},
    render::Look,
    text::Text,
    wire::{Told, View, Word, json_line},
};
use call::Status;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot watch
  novofon-bot watch --json | jq -r 'select(.status == \"failed\") | .call_id'

It begins with the calls that are live, and goes on until Ctrl-C; when the daemon goes away, it waits
for its return and misses nothing.";

/// The most that one answer of the daemon holds.
const PAGE: &str = "1000";

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// One JSON object a line: {"call": ...} for those that are live, then each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: WatchArgs, text: Text) -> Result<ExitCode, Failure> {
    let client = args.connect.client(text.lang())?;
    let look = Look { text, style: Style::of_stdout() };
    let mut stream = Follow::all(&client);
    // What was shown of the live calls, until the first event of each.
    let mut shown: HashMap<Uuid, Word<Status>> = HashMap::new();
    loop {
        match stream.next().await? {
            Next::Open => {
                note(text.watching());
                shown = show_live(&client, look, args.json).await?;
            }
            Next::Back => {
                note(text.connected_again());
                // Without a number to go on from, what happened meanwhile is not told by the stream.
                if stream.is_at_its_beginning() {
                    shown = match show_live(&client, look, args.json).await {
                        Ok(shown) => shown,
                        // Gone again already; so is the stream.
                        Err(failure) if passing(&failure).is_some() => HashMap::new(),
                        Err(failure) => return Err(failure),
                    };
                }
            }
            Next::Lost(why) => note(&text.connection_lost(&why)),
            Next::Event(event) => {
                let Told { value, json } = *event;
                let (Some(status), Some(call)) = (&value.entry.status, &value.call) else { continue };
                if shown.remove(&value.call_id).is_some_and(|known| known == *status) {
                    continue;
                }
                line(&if args.json { json_line(&json) } else { look.state(value.entry.at, call, status) })?;
            }
            Next::End => {}
        }
    }
}

/// Shows the live calls, the oldest first, as all that follows.
async fn show_live(client: &Client, look: Look, json: bool) -> Result<HashMap<Uuid, Word<Status>>, Failure> {
    let live: Vec<&str> =
        Status::ALL.into_iter().filter(|status| !status.is_terminal()).map(Status::as_str).collect();
    let mut calls: Vec<Told<View>> = Vec::new();
    let mut cursor = None;
    loop {
        let mut query = vec![("status", live.join(",")), ("limit", PAGE.to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = client.list(&query).await?;
        let is_empty = page.calls.is_empty();
        calls.extend(page.calls);
        cursor = page.next_cursor;
        if cursor.is_none() || is_empty {
            break;
        }
    }
    for call in calls.iter().rev() {
        let view = &call.value;
        let at = view.answered_at.or(view.ringing_at).or(view.dialed_at).unwrap_or(view.created_at);
        line(&if json {
            json_line(&json!({"call": call.json}))
        } else {
            look.state(at, view, &view.status)
        })?;
    }
    Ok(calls.into_iter().map(|call| (call.value.id, call.value.status)).collect())
}
