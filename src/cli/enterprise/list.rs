//! `novofon-bot enterprise list`: everybody, and what is wrong with their rows. Secrets and passwords are not shown.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    super::{
        output::{Ink, Style, line, note},
        text::Text,
        wire::{clean, json_line},
    },
    database::DatabaseArgs,
};
use crate::enterprises::Listed;
use lang::{Lang, Told};

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise list
  novofon-bot enterprise list --json |
    jq -r 'select(.problem) | .number, .problem'

It ends with 1 if a row can't be used.";

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// One enterprise a line, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(args: ListArgs, text: Text) -> anyhow::Result<ExitCode> {
    let directory = args.database.directory()?;
    let rows = directory.list().await?;
    if args.json {
        rows.iter().try_for_each(|row| line(&json_line(&object(row))))?;
    } else if rows.is_empty() {
        note(match text.0 {
            Lang::En => "there are no enterprises; add one: novofon-bot enterprise add NUMBER NAME IP",
            Lang::Ru => "предприятий нет; добавить: novofon-bot enterprise add NUMBER NAME IP",
        });
    } else {
        table(&rows, text, Style::of_stdout()).iter().try_for_each(|row| line(row))?;
    }
    let is_sound = rows.iter().all(|row| row.enterprise.is_ok());
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn object(row: &Listed) -> Value {
    let mut settings = Map::new();
    if let Ok(enterprise) = &row.enterprise {
        settings.extend(
            enterprise.settings.shown().into_iter().map(|(name, text)| (name.to_owned(), text.into())),
        );
    }
    json!({
        "number": row.number, "name": row.name, "ip": row.ip, "active": row.active, "settings": settings,
        "problem": row.enterprise.as_ref().err().map(ToString::to_string), "guessable": row.is_guessable,
    })
}

fn table(rows: &[Listed], text: Text, style: Style) -> Vec<String> {
    let heading = match text.0 {
        Lang::En => ["Number", "Name", "IP", "State", "Settings"],
        Lang::Ru => ["Номер", "Название", "IP", "Состояние", "Настройки"],
    };
    let cells: Vec<[String; 5]> = rows.iter().map(|row| cells(row, text)).collect();
    let width = |at: usize| {
        let longest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        longest.max(heading[at].chars().count())
    };
    let widths: Vec<usize> = (0..4).map(width).collect();
    let joined = |row: &[String; 5]| {
        let mut joined: String =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        joined.push_str(&row[4]);
        joined.trim_end().to_owned()
    };
    let mut lines = vec![style.paint(Ink::Strong, &joined(&heading.map(str::to_owned)))];
    for (row, cells) in rows.iter().zip(&cells) {
        let shown = joined(cells);
        lines.push(if row.active { shown } else { style.paint(Ink::Faint, &shown) });
        if row.is_guessable {
            let told = match text.0 {
                Lang::En => {
                    "its secret can be guessed, it is that short: novofon-bot enterprise rotate-secret"
                }
                Lang::Ru => "ключ так короток, что его подберут: novofon-bot enterprise rotate-secret",
            };
            lines.push(style.paint(Ink::Bad, &format!("  ! {told} {}", clean(row.number.trim_end()))));
        }
        if let Err(error) = &row.enterprise {
            lines.push(style.paint(Ink::Bad, &format!("  ✗ {}", clean(&error.told(text.0)))));
        }
    }
    lines
}

fn cells(row: &Listed, text: Text) -> [String; 5] {
    let state = match (text.0, row.active, row.enterprise.is_ok()) {
        (Lang::En, false, _) => "disabled",
        (Lang::Ru, false, _) => "отключено",
        (Lang::En, true, true) => "active",
        (Lang::Ru, true, true) => "активно",
        (Lang::En, true, false) => "unusable",
        (Lang::Ru, true, false) => "негодно",
    };
    let settings = row.enterprise.as_ref().map(|enterprise| enterprise.settings.shown()).unwrap_or_default();
    let settings: Vec<String> = settings.into_iter().map(|(name, text)| format!("{name}={text}")).collect();
    [clean(&row.number), clean(&row.name), clean(&row.ip), state.to_owned(), clean(&settings.join(" "))]
}
