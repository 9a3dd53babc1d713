//! What an enterprise has instead of the configuration's values, as options of the commands that write its row.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use super::{
    super::{output::note, text::Text},
    database::secret_of_file,
};
use crate::{
    config::is_short,
    enterprises::{Context, Extensions, Overrides, User},
};
use call::{Technology, WayChoice};
use lang::{Lang, Text as Both, say};

/// What differs from the section `[office]` of the configuration. Passwords are kept in the table as they are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Instead of the configuration's values")]
pub(super) struct SettingsArgs {
    /// Add the columns that a table made by others lacks, and the trigger that tells the daemon of changes
    #[arg(long, help_heading = "The table")]
    pub(super) alter_table: bool,
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

fn way(word: &str) -> Result<WayChoice, Both> {
    word.parse().map_err(|_| say!("write ssh, ami, ari or auto", "нужно ssh, ami, ari или auto"))
}

fn technology(word: &str) -> Result<Technology, Both> {
    word.parse().map_err(|_| say!("write SIP or PJSIP", "нужно SIP или PJSIP"))
}

fn port() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..)
}

impl SettingsArgs {
    /// Standard input can hold one secret. `other`: a file of one besides.
    pub(super) fn check_files(&self, other: Option<&Path>) -> anyhow::Result<()> {
        let files = [&self.ssh_password_file, &self.ami_password_file, &self.ari_password_file];
        let files = files.into_iter().filter_map(|file| file.as_deref()).chain(other);
        if files.filter(|file| file.as_os_str() == "-").count() > 1 {
            bail!(say!(
                "standard input can hold one secret only; put the others into files",
                "со стандартного ввода можно взять только один секрет; остальные положите в файлы"
            ));
        }
        Ok(())
    }

    /// With the passwords out of their files. A short one is told: it is the host's, and may be no choice of ours.
    pub(super) fn read(self, text: Text) -> anyhow::Result<Overrides> {
        let password = |name: &str, file: &Option<PathBuf>| {
            let password = file.as_deref().map(secret_of_file).transpose()?;
            if password.as_ref().is_some_and(is_short) {
                note(&match text.0 {
                    Lang::En => {
                        format!("{name} can be guessed, it is that short: set a longer one at the host")
                    }
                    Lang::Ru => format!("{name} так короток, что его подберут: задайте на хосте длиннее"),
                });
            }
            anyhow::Ok(password)
        };
        Ok(Overrides {
            ssh_password: password("ssh_password", &self.ssh_password_file)?,
            ami_password: password("ami_password", &self.ami_password_file)?,
            ari_password: password("ari_password", &self.ari_password_file)?,
            way: self.way,
            context: self.context,
            technology: self.technology,
            ssh_port: self.ssh_port,
            ssh_user: self.ssh_user,
            ami_port: self.ami_port,
            ami_user: self.ami_user,
            ari_port: self.ari_port,
            ari_user: self.ari_user,
            extensions: self.extensions,
            rate_limit: self.rate_limit,
        })
    }
}

/// `place`: the database's name.
pub(super) fn tell_added_columns(place: &str, columns: &[&str], text: Text) {
    if columns.is_empty() {
        return;
    }
    let columns = columns.join(", ");
    note(&match text.0 {
        Lang::En => format!("{place}: the table `enterprises` has got the columns {columns}"),
        Lang::Ru => format!("{place}: в таблицу `enterprises` добавлены столбцы {columns}"),
    });
}
