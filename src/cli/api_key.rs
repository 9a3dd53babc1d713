//! `novofon-bot api-key`: who may use the API. It changes the file of keys, which the daemon reads at its next reload;
//! no daemon need run for that.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    ConfigArgs,
    output::{Ink, Style, line, note},
    text::Text,
    wire::json_line,
};
use crate::config::{Config, KeyFile, KeyList, ListedKey, Rights, environment};
use asterisk::secret::Secret;
use lang::Lang;

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot api-key add crm
  novofon-bot api-key add \"Отдел продаж\" --rights call,read --rate-limit 120
  novofon-bot api-key add prometheus --rights read-all
  novofon-bot api-key list
  novofon-bot api-key revoke crm && systemctl reload novofon-bot

Rights: call (place calls, hang up and delete its own), read (see its own), read-all (see every client's), admin
(everything). The key goes to standard output, all else to standard error.";

#[derive(Debug, Args)]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make a key and print it, which is shown only now; its hash is written into http.api_keys_file
    Add(AddArgs),
    /// List the keys with their rights, and where each is written
    List(ListArgs),
    /// Take a key out of the file of keys
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Its name, which logs and calls show: letters of any script
    name: String,
    /// What it may do
    #[arg(long, value_name = "RIGHTS", default_value = "call,read", value_parser = rights)]
    rights: Rights,
    /// Requests per minute, 0 is no limit [default: http.rate_limit]
    #[arg(long, value_name = "N")]
    rate_limit: Option<u32>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// One key a line, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

fn rights(text: &str) -> Result<Rights, lang::Text> {
    Rights::parse(text.split(','))
}

pub(super) fn run(args: ApiKeyArgs, text: Text) -> anyhow::Result<ExitCode> {
    match args.order {
        Order::Add(args) => add(&args, text),
        Order::List(args) => show(&args, text),
        Order::Revoke(args) => revoke(&args, text),
    }
}

fn keys(config: &ConfigArgs) -> anyhow::Result<KeyList> {
    Ok(Config::keys(config.config.as_deref(), environment())?)
}

fn add(args: &AddArgs, text: Text) -> anyhow::Result<ExitCode> {
    let list = keys(&args.config)?;
    if let Some(other) = list.keys.iter().find(|other| other.key.name == args.name) {
        match text.0 {
            Lang::En => bail!(
                "there is a key named `{}` already ({}): choose another name, or revoke that one first",
                args.name,
                other.origin
            ),
            Lang::Ru => bail!(
                "ключ с именем «{}» уже есть ({}): возьмите другое имя или сначала отзовите тот",
                args.name,
                other.origin
            ),
        }
    }
    let bytes: [u8; 24] = rand::random();
    let key = Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let file = KeyFile::of(&list);
    file.add(&args.name, &key, args.rights, args.rate_limit)?;
    let (name, rights, path) = (&args.name, args.rights, file.path.display());
    note(&match text.0 {
        Lang::En => format!("key `{name}` ({rights}) is made; its hash is in {path}"),
        Lang::Ru => format!("ключ «{name}» ({rights}) создан; его хеш записан в {path}"),
    });
    tell_next(&list, &file, text);
    // Last, so that it stands right above the prompt, and what is still to be done is not overlooked below it.
    note(match text.0 {
        Lang::En => "the key itself, which is shown only now:",
        Lang::Ru => "сам ключ, показан только сейчас:",
    });
    line(key.expose())?;
    Ok(ExitCode::SUCCESS)
}

/// What is still to be done so that the change holds.
fn tell_next(list: &KeyList, file: &KeyFile, text: Text) {
    let reload = match text.0 {
        Lang::En => {
            "→ it holds after a reload: systemctl reload novofon-bot (without systemd: kill -HUP of the bot)"
        }
        Lang::Ru => "→ начнёт действовать после: systemctl reload novofon-bot (без systemd — kill -HUP бота)",
    };
    if file.is_named {
        return note(reload);
    }
    // It lies beside the configuration, where a relative path begins.
    let path = file.path.file_name().unwrap_or_default().to_string_lossy();
    let at = list.config.as_deref().unwrap_or(std::path::Path::new(crate::config::DEFAULT_PATH)).display();
    note(&match text.0 {
        Lang::En => format!(
            "→ this file is not read yet: in {at}, section [http], write\n    api_keys_file = \"{path}\"\n  \
             From then on nobody is let in without a key, but root's own command line"
        ),
        Lang::Ru => format!(
            "→ этот файл пока не читается: впишите в {at}, раздел [http]\n    api_keys_file = \"{path}\"\n  \
             После этого без ключа не пустят никого, кроме командной строки root"
        ),
    });
    note(reload);
}

fn show(args: &ListArgs, text: Text) -> anyhow::Result<ExitCode> {
    let list = keys(&args.config)?;
    if args.json {
        for key in &list.keys {
            let limit = key.key.rate_limit.map_or(0, std::num::NonZeroU32::get);
            line(&json_line(&json!({
                "name": key.key.name, "rights": key.key.rights.to_string().split(',').collect::<Vec<_>>(),
                "rate_limit": limit, "origin": key.origin.to_string(), "has_rights": key.has_rights,
                "is_plain": key.is_plain,
            })))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let unread = KeyFile::of(&list);
    if !unread.is_named && unread.path.exists() {
        let path = unread.path.display();
        note(&match text.0 {
            Lang::En => format!("the keys in {path} are not read: http.api_keys_file does not name it"),
            Lang::Ru => format!("ключи в {path} не читаются: http.api_keys_file его не называет"),
        });
    }
    if list.keys.is_empty() {
        note(match (text.0, list.file.is_some()) {
            (Lang::En, false) => {
                "there are no keys: every program of this machine is let in; see api-key add"
            }
            (Lang::Ru, false) => "ключей нет: пускают любую программу этой машины; см. api-key add",
            (Lang::En, true) => "there are no keys: no client is let in; see api-key add",
            (Lang::Ru, true) => "ключей нет: клиентов не пускают; см. api-key add",
        });
        return Ok(ExitCode::SUCCESS);
    }
    table(&list.keys, text).iter().try_for_each(|row| line(row))?;
    Ok(ExitCode::SUCCESS)
}

fn table(keys: &[ListedKey], text: Text) -> Vec<String> {
    let heading = match text.0 {
        Lang::En => ["Name", "Rights", "Per minute", "Where"],
        Lang::Ru => ["Имя", "Права", "В минуту", "Где записан"],
    }
    .map(str::to_owned);
    let of_before = match text.0 {
        Lang::En => "admin (none written)",
        Lang::Ru => "admin (не указаны)",
    };
    let cells = |key: &ListedKey| {
        let rights = if key.has_rights { key.key.rights.to_string() } else { of_before.to_owned() };
        let limit = key.key.rate_limit.map_or("-".to_owned(), |limit| limit.to_string());
        [key.key.name.clone(), rights, limit, key.origin.to_string()]
    };
    let rows: Vec<[String; 4]> = std::iter::once(heading).chain(keys.iter().map(cells)).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let joined = |row: &[String; 4]| {
        let mut joined: String =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        joined.push_str(&row[3]);
        joined
    };
    let mut lines: Vec<String> = rows.iter().map(joined).collect();
    lines[0] = Style::of_stdout().paint(Ink::Strong, &lines[0]);
    lines
}

fn revoke(args: &RevokeArgs, text: Text) -> anyhow::Result<ExitCode> {
    let list = keys(&args.config)?;
    let (name, file) = (&args.name, KeyFile::of(&list));
    if let Some(key) = list.keys.iter().find(|key| key.key.name == *name && !key.in_file) {
        // A file that people write is theirs to change.
        match text.0 {
            Lang::En => bail!(
                "key `{name}` stands in {}: take it out of `http.api_keys` there, then reload the bot",
                key.origin
            ),
            Lang::Ru => bail!(
                "ключ «{name}» записан в {}: уберите его там из `http.api_keys` и перечитайте настройки бота",
                key.origin
            ),
        }
    }
    if !file.revoke(name)? {
        match text.0 {
            Lang::En => bail!("there is no key named `{name}`; see novofon-bot api-key list"),
            Lang::Ru => bail!("ключа с именем «{name}» нет; см. novofon-bot api-key list"),
        }
    }
    let path = file.path.display();
    note(&match (text.0, file.is_named) {
        (Lang::En, true) => format!("key `{name}` is taken out of {path}; until the reload it still opens"),
        (Lang::Ru, true) => {
            format!("ключ «{name}» убран из {path}; до перечитывания настроек он ещё действует")
        }
        // Then its keys are in no list, and none of them ever opened anything.
        (Lang::En, false) => {
            format!("key `{name}` is taken out of {path}, which is not read yet: it never opened")
        }
        (Lang::Ru, false) => {
            format!("ключ «{name}» убран из {path}; этот файл пока не читается, ключ и не действовал")
        }
    });
    if !file.is_named {
        return Ok(ExitCode::SUCCESS);
    }
    if list.keys.iter().all(|key| key.key.name == *name) {
        note(match text.0 {
            Lang::En => "it was the last one: after the reload no client is let in",
            Lang::Ru => "это был последний ключ: после перечитывания клиентов не пустят",
        });
    }
    tell_next(&list, &file, text);
    Ok(ExitCode::SUCCESS)
}
