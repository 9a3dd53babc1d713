//! `novofon-bot calls`: the list of calls, newest first.

use std::process::ExitCode;

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use clap::Args;

use super::{
    connect::ConnectArgs,
    failure::Failure,
    output::{Style, line, note},
    render::Look,
    text::Text,
    wire::{Told, View, json_line},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot calls --status failed,busy --from 2026-11-21
  novofon-bot calls --phone +79522675444 --limit 100
  novofon-bot calls --json --limit 1000 | jq -r .reason | sort | uniq -c";

/// The most that one answer of the daemon holds.
const PAGE: usize = 1000;

#[derive(Debug, Args)]
pub struct CallsArgs {
    /// Only these, with commas between: queued, dialing, ringing, early_media, answered, completed, busy,
    /// no_answer, rejected, unavailable, failed, canceled, unknown
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only calls to this number
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Only calls since then: a local date or time, or RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only calls before then; a date is the end of that day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// One call a line, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: CallsArgs, text: Text) -> Result<ExitCode, Failure> {
    let limit = args.limit as usize;
    let from = args.from.map(|value| moment("--from", value, false)).transpose()?;
    let to = args.to.map(|value| moment("--to", value, true)).transpose()?;
    let filter = [("status", args.status), ("phone", args.phone), ("from", from), ("to", to)];
    let filter: Vec<_> = filter.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();

    let client = args.connect.client(text.lang())?;
    let mut calls: Vec<Told<View>> = Vec::new();
    let mut shown = 0;
    let mut cursor = None;
    let total = loop {
        let mut query = filter.clone();
        query.push(("limit", (limit - shown).min(PAGE).to_string()));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let mut page = client.list(&query).await?;
        page.calls.truncate(limit - shown);
        let is_empty = page.calls.is_empty();
        shown += page.calls.len();
        if args.json {
            page.calls.iter().try_for_each(|call| line(&json_line(&call.json)))?;
        } else {
            calls.append(&mut page.calls);
        }
        cursor = page.next_cursor;
        if cursor.is_none() || is_empty || shown >= limit {
            break page.total;
        }
    };
    if args.json {
        return Ok(ExitCode::SUCCESS);
    }
    if calls.is_empty() {
        note(text.no_calls());
        return Ok(ExitCode::SUCCESS);
    }
    let look = Look { text, style: Style::of_stdout() };
    let views: Vec<&View> = calls.iter().map(|call| &call.value).collect();
    look.table(&views).iter().try_for_each(|row| line(row))?;
    if total > shown as u64 {
        note(&text.shown_of(shown, total));
    }
    Ok(ExitCode::SUCCESS)
}

/// A time as the daemon reads it. The table shows local time, so that is how a time without a zone is meant.
fn moment(option: &'static str, value: String, end_of_day: bool) -> Result<String, Failure> {
    if DateTime::parse_from_rfc3339(&value).is_ok() {
        return Ok(value);
    }
    let local = match NaiveDate::parse_from_str(&value, "%Y-%m-%d") {
        Ok(date) if end_of_day => {
            date.checked_add_days(Days::new(1)).map(|date| date.and_time(NaiveTime::MIN))
        }
        Ok(date) => Some(date.and_time(NaiveTime::MIN)),
        Err(_) => ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&value, format).ok()),
    };
    // Of an hour that comes twice, the first; one that the clock skips is no time.
    let at = local.and_then(|local| Local.from_local_datetime(&local).earliest());
    at.map(|at| at.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()).ok_or(Failure::Time { option, value })
}
