//! `novofon-bot backup FILE`: a copy of the store, taken from its file, so it works with and without
//! a running daemon.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::ConfigArgs;
use crate::{
    config::{Config, environment},
    lang::Lang,
    store,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  novofon-bot backup /var/backups/novofon-bot-$(date +%F).db\n\n\
    To restore: stop the daemon, move bot.db, bot.db-wal and bot.db-shm away, put the copy in place of\n\
    bot.db with the owner of the old one, and start the daemon.")]
pub struct BackupArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The file to make; it must not exist yet
    pub file: PathBuf,
}

pub(super) fn run(args: &BackupArgs, lang: Lang) -> anyhow::Result<ExitCode> {
    let loaded = Config::load(args.config.config.as_deref(), environment())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made = runtime.block_on(store::backup(&loaded.config.store.url, &args.file))?;
    let (file, calls, bytes) = (args.file.display(), made.calls, made.bytes);
    match lang {
        Lang::Ru => println!("{file}: звонков {calls}, байт {bytes}, копия проверена"),
        Lang::En => println!("{file}: {calls} calls, {bytes} bytes, checked"),
    }
    Ok(ExitCode::SUCCESS)
}
