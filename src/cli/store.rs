//! `novofon-bot store copy FROM TO`: moves all calls from one store to another, of either database.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};

use super::{output::note, text::Text};
use lang::{Text as Both, say};
use ledger::{Copied, Part};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot store copy sqlite:///var/lib/novofon-bot/bot.db \\
    postgres://bot@db/calls
  novofon-bot store copy postgres://bot@db/calls \\
    sqlite:///var/lib/novofon-bot/bot.db

Stop every bot that uses either store first, and put the new one into store.url afterwards. FROM is retired: no bot
opens it any more. A copy that was broken off is begun again, or finished, by the same command.
Leave the password out of the command: it is taken from PGPASSWORD, else from the file that PGPASSFILE names, else
from ~/.pgpass (either file only with mode 600).";

#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Move all calls, their timelines, keys and counters to another store, and retire the one they come from
    #[command(after_help = EXAMPLES)]
    Copy(CopyArgs),
}

#[derive(Debug, Args)]
struct CopyArgs {
    /// The store that is: sqlite:///FILE or postgres://USER@HOST/DATABASE
    from: String,
    /// The store to be, which must be empty
    to: String,
    /// In PostgreSQL, the store.node of the bot that goes on with a file's calls [default: this machine's name]
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

/// Progress is told so often.
const OFTEN: Duration = Duration::from_secs(1);

pub(super) fn run(args: StoreArgs, text: Text) -> anyhow::Result<ExitCode> {
    let Command::Copy(CopyArgs { from, to, node }) = args.command;
    let node = node.unwrap_or_else(ledger::host_name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut told = Instant::now();
    let mut progress = |part: Part, done: i64, all: i64| {
        if told.elapsed() >= OFTEN {
            told = Instant::now();
            note(line(part, done, all).of(text.0));
        }
    };
    let copied = runtime.block_on(ledger::copy(&from, &to, &node, &mut progress))?;
    note(end(copied, &from, &to).of(text.0));
    Ok(ExitCode::SUCCESS)
}

fn line(part: Part, done: i64, all: i64) -> Both {
    let percent = done * 100 / all.max(1);
    match part {
        Part::Calls => say!("calls: {done} of {all}, {percent} %", "звонки: {done} из {all}, {percent} %"),
        Part::Entries => {
            say!("timelines: {done} of {all}, {percent} %", "записи о звонках: {done} из {all}, {percent} %")
        }
        Part::Keys => say!("keys: {done} of {all}", "ключи: {done} из {all}"),
    }
}

fn end(copied: Copied, from: &str, to: &str) -> Both {
    let Copied { calls, entries, keys } = copied;
    let (from, to) = (ledger::shown_url(from), ledger::shown_url(to));
    say!(
        "{calls} calls, {entries} entries and {keys} keys are in {to}, counted and compared.\n\
         {from} is retired: set store.url = \"{to}\" and start the bot",
        "звонков {calls}, записей {entries}, ключей {keys} — теперь в {to}, сосчитаны и сверены.\n\
         {from} больше не используется: задайте store.url = \"{to}\" и запустите бота"
    )
}
