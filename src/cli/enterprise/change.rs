//! `novofon-bot enterprise change`.

use std::process::ExitCode;

use clap::Args;

use super::{
    super::{output::note, text::Text},
    database::DatabaseArgs,
    reach,
    settings::{SettingsArgs, tell_added_columns},
};
use crate::enterprises::{Change, Host, Name, Number, Setting};
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise change 0367 --ip 10.88.10.20
  novofon-bot enterprise change 0367 --way ssh --ssh-password-file - < password
  novofon-bot enterprise change 0367 --default way,ssh_password

What is not named stays as it is. The daemon takes the change with the enterprise's next request; its calls go on.";

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// The enterprise's number, as in 0367
    number: Number,
    /// Another name
    #[arg(long)]
    name: Option<Name>,
    /// Another address of its Asterisk: an IP address or a host name
    #[arg(long)]
    ip: Option<Host>,
    /// Settings that are the configuration's again, as in way,ssh_port
    #[arg(long, value_name = "SETTINGS", value_delimiter = ',')]
    default: Vec<Setting>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ChangeArgs, text: Text) -> anyhow::Result<ExitCode> {
    let ChangeArgs { number, name, ip, default, settings, database } = args;
    settings.check_files(None)?;
    let directory = database.directory()?;
    let (alter_table, moves) = (settings.alter_table, ip.is_some());
    let change = Change { name, ip, settings: settings.read(text)?, default, alter_table };
    let added = directory.change(&number, change).await?;
    tell_added_columns(&directory.name(), &added, text);
    note(&match text.0 {
        Lang::En => format!("enterprise {number} is changed; see `novofon-bot enterprise test {number}`"),
        Lang::Ru => {
            format!("предприятие {number} изменено; проверьте: `novofon-bot enterprise test {number}`")
        }
    });
    if moves {
        reach::tell(&number, &database, text).await;
    }
    Ok(ExitCode::SUCCESS)
}
