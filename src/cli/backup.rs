//! `novofon-bot backup FILE`: a copy of the store, taken from its file, so it works with and without
//! a running daemon.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use super::{ConfigArgs, text::Text};
use crate::config::{Config, environment};
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot backup /var/backups/novofon-bot-$(date +%F).db

To restore: stop the daemon, remove bot.db, bot.db-wal and bot.db-shm, put the copy in place of bot.db
with the same owner, and start the daemon.";

#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The file to make; it must not exist yet
    pub file: PathBuf,
}

pub(super) fn run(args: &BackupArgs, text: Text) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.config.as_deref(), environment())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made = runtime.block_on(ledger::backup(loaded.config.store.url.expose(), &args.file))?;
    let (file, calls, bytes) = (args.file.display(), made.calls, made.bytes);
    let told = match text.0 {
        Lang::Ru => format!("{file}: звонков {calls}, байт {bytes}, копия проверена"),
        Lang::En => format!("{file}: {calls} calls, {bytes} bytes, checked"),
    };
    writeln!(io::stdout().lock(), "{told}")?;
    Ok(ExitCode::SUCCESS)
}
