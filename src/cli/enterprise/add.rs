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
    reach,
    settings::{SettingsArgs, tell_added_columns},
};
use crate::{
    config::is_short,
    enterprises::{Added, Host, Name, NewEnterprise, Number},
};
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise add 0367 june 10.88.10.19
  novofon-bot enterprise add 0368 july pbx.example.org --technology PJSIP \\
    --ssh-port 22 --extensions 100-199,300
  novofon-bot enterprise add 0369 may 10.88.10.21 --way ami --ami-user bot \\
    --ami-password-file - < password

The secret goes to standard output, all else to standard error. Where the database has no table of enterprises, it is
made. In a table that others made a row is added, and nothing is altered without --alter-table.";

/// Whoever has a secret calls at the enterprise's cost: a short one is told, and one of a few characters refused.
const SHORT: usize = 16;

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
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: AddArgs, text: Text) -> anyhow::Result<ExitCode> {
    let AddArgs { number, name, ip, secret_file, settings, database } = args;
    settings.check_files(secret_file.as_deref())?;
    let directory = database.directory()?;
    let keeps_secret = secret_file.is_some();
    let alter_table = settings.alter_table;
    let kept = secret_file.as_deref().map(secret_of_file).transpose()?;
    if kept.as_ref().is_some_and(is_short) {
        match text.0 {
            Lang::En => bail!(
                "the secret has so few characters that it would be guessed: leave --secret-file out and a new one is made"
            ),
            Lang::Ru => {
                bail!("ключ так короток, что его подберут: уберите --secret-file, и будет создан новый")
            }
        }
    }
    let new = NewEnterprise {
        secret: kept,
        settings: settings.read(text)?,
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
    tell_added_columns(&place, &added_columns, text);
    note(&match (text.0, keeps_secret) {
        (Lang::En, false) => format!("enterprise {number} is added; its secret, shown only now:"),
        (Lang::Ru, false) => format!("предприятие {number} добавлено; его ключ, он показан только сейчас:"),
        (Lang::En, true) => format!("enterprise {number} is added with the secret that it had"),
        (Lang::Ru, true) => format!("предприятие {number} добавлено с прежним ключом"),
    });
    if !keeps_secret {
        line(secret.expose())?;
    } else if secret.expose().len() < SHORT {
        note(&match text.0 {
            Lang::En => {
                format!("its secret has fewer than {SHORT} characters and can be guessed: see rotate-secret")
            }
            Lang::Ru => format!("ключ короче {SHORT} знаков, его можно подобрать: см. rotate-secret"),
        });
    }
    reach::tell(&number, &database, text).await;
    Ok(ExitCode::SUCCESS)
}
