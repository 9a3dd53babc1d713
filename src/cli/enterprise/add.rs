//! `novofon-bot enterprise add`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use clap::Args;

use super::{
    super::{
        output::{line, note},
        text::Text,
    },
    database::{DatabaseArgs, secret_of_file},
};
use crate::{
    call::{Technology, WayChoice},
    enterprises::{Added, Context, Extensions, Host, Name, NewEnterprise, Number, Overrides, User},
    lang::Lang,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise add 0367 june 10.88.10.19
  novofon-bot enterprise add 0368 july pbx.example.org --technology PJSIP --ssh-port 22 --extensions 100-199,300
  novofon-bot enterprise add 0369 may 10.88.10.21 --way ami --ami-user bot --ami-password-file - < password

The secret goes to standard output, all else to standard error. Where the database has no table of enterprises, it is
made. In a table that others made a row is added, and nothing is altered without --alter-table.";

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The enterprise's number, as in 0367
    number: Number,
    /// Its name
    name: Name,
    /// Where its Asterisk is: an IP address or a host name
    ip: Host,
    /// Keep a secret that its clients have already: a file, or - for standard input [default: a new one]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Add the columns that a table made by others lacks, and the trigger that tells the daemon of changes
    #[arg(long)]
    alter_table: bool,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What differs from the section `[office]` of the configuration. Passwords are kept in the table as they are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instead of the configuration's values")]
struct SettingsArgs {
    /// How its Asterisk is spoken to: ssh, ami, ari, or auto: the best that works
    #[arg(long, value_parser = way)]
    way: Option<WayChoice>,
    /// The dialplan context of its extensions and numbers
    #[arg(long)]
    context: Option<Context>,
    /// The channel driver of its phones: SIP or PJSIP
    #[arg(long, value_parser = technology)]
    technology: Option<Technology>,
    #[arg(long, value_name = "PORT", value_parser = port())]
    ssh_port: Option<u16>,
    #[arg(long, value_name = "USER")]
    ssh_user: Option<User>,
    /// A file with the password, or - for standard input
    #[arg(long, value_name = "FILE")]
    ssh_password_file: Option<PathBuf>,
    #[arg(long, value_name = "PORT", value_parser = port())]
    ami_port: Option<u16>,
    #[arg(long, value_name = "USER")]
    ami_user: Option<User>,
    /// A file with the password, or - for standard input
    #[arg(long, value_name = "FILE")]
    ami_password_file: Option<PathBuf>,
    #[arg(long, value_name = "PORT", value_parser = port())]
    ari_port: Option<u16>,
    #[arg(long, value_name = "USER")]
    ari_user: Option<User>,
    /// A file with the password, or - for standard input
    #[arg(long, value_name = "FILE")]
    ari_password_file: Option<PathBuf>,
    /// Which extensions are its own, as in 100-199,300 [default: every one that its context has]
    #[arg(long, value_name = "RANGES")]
    extensions: Option<Extensions>,
    /// Requests a minute; 0 is no limit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    rate_limit: Option<u32>,
}

fn way(word: &str) -> Result<WayChoice, &'static str> {
    word.parse().map_err(|_| "write ssh, ami, ari or auto")
}

fn technology(word: &str) -> Result<Technology, &'static str> {
    word.parse().map_err(|_| "write SIP or PJSIP")
}

fn port() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..)
}

pub(super) async fn run(args: AddArgs, text: Text) -> anyhow::Result<ExitCode> {
    let AddArgs { number, name, ip, secret_file, alter_table, settings, database } = args;
    let files =
        [&secret_file, &settings.ssh_password_file, &settings.ami_password_file, &settings.ari_password_file];
    let of_stdin = files.iter().filter(|file| file.as_deref().is_some_and(|file| file.as_os_str() == "-"));
    if of_stdin.count() > 1 {
        bail!("standard input can hold one secret only; put the others into files");
    }
    let directory = database.directory()?;
    let read = |file: &Option<PathBuf>| file.as_deref().map(secret_of_file).transpose();
    let keeps_secret = secret_file.is_some();
    let new = NewEnterprise {
        secret: read(&secret_file)?,
        settings: Overrides {
            ssh_password: read(&settings.ssh_password_file)?,
            ami_password: read(&settings.ami_password_file)?,
            ari_password: read(&settings.ari_password_file)?,
            way: settings.way,
            context: settings.context,
            technology: settings.technology,
            ssh_port: settings.ssh_port,
            ssh_user: settings.ssh_user,
            ami_port: settings.ami_port,
            ami_user: settings.ami_user,
            ari_port: settings.ari_port,
            ari_user: settings.ari_user,
            extensions: settings.extensions,
            rate_limit: settings.rate_limit,
        },
        number: number.clone(),
        name,
        ip,
        alter_table,
    };
    let Added { secret, made_table, added_columns } = directory.add(new).await?;
    let place = directory.name();
    if made_table {
        note(&match text.0 {
            Lang::En => format!("{place} had no table of enterprises: it was made"),
            Lang::Ru => format!("{place}: таблицы предприятий не было, она создана"),
        });
    }
    if !added_columns.is_empty() {
        let columns = added_columns.join(", ");
        note(&match text.0 {
            Lang::En => format!("{place}: the table `enterprises` has got the columns {columns}"),
            Lang::Ru => format!("{place}: в таблицу `enterprises` добавлены столбцы {columns}"),
        });
    }
    note(&match (text.0, keeps_secret) {
        (Lang::En, false) => format!("enterprise {number} is added; its secret, shown only now:"),
        (Lang::Ru, false) => format!("предприятие {number} добавлено; его ключ, он показан только сейчас:"),
        (Lang::En, true) => format!("enterprise {number} is added with the secret that it had"),
        (Lang::Ru, true) => format!("предприятие {number} добавлено с прежним ключом"),
    });
    if !keeps_secret {
        line(secret.expose())?;
    }
    Ok(ExitCode::SUCCESS)
}
