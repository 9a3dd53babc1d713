//! `novofon-bot enterprise`: who may use the office API. It talks to the database, so it works with and without a
//! running daemon, which sees what was changed within a second.

mod add;
mod change;
mod database;
mod list;
mod reach;
mod remove;
mod settings;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::{add::AddArgs, change::ChangeArgs, database::DatabaseArgs, list::ListArgs, remove::RemoveArgs};
use super::{
    output::{line, note},
    text::Text,
};
use crate::enterprises::Number;
use lang::Lang;

#[derive(Debug, Args)]
pub struct EnterpriseArgs {
    #[command(subcommand)]
    order: Order,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  novofon-bot enterprise add 0367 june 10.88.10.19
  novofon-bot enterprise list
  novofon-bot enterprise rotate-secret 0367";

#[derive(Debug, Subcommand)]
enum Order {
    /// Add an enterprise and print its secret, which is shown only now
    #[command(after_help = add::EXAMPLES)]
    Add(Box<AddArgs>),
    /// List enterprises, by number
    #[command(after_help = list::EXAMPLES)]
    List(ListArgs),
    /// Change an enterprise's name, address or settings
    #[command(after_help = change::EXAMPLES)]
    Change(Box<ChangeArgs>),
    /// Turn an enterprise away from now on; its row stays
    Disable(OneArgs),
    /// Let a disabled enterprise in again
    Enable(OneArgs),
    /// Take an enterprise out of the table, after a question; records of its calls stay
    #[command(after_help = remove::EXAMPLES)]
    Remove(RemoveArgs),
    /// Reach an enterprise's host by every way that is set up, and say what works; no call is placed
    #[command(after_help = test::EXAMPLES)]
    Test(OneArgs),
    /// Give an enterprise a new secret and print it; the old one is nobody's from now on
    RotateSecret(OneArgs),
}

#[derive(Debug, Args)]
struct OneArgs {
    /// The enterprise's number
    number: Number,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) fn run(args: EnterpriseArgs, text: Text) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match args.order {
            Order::Add(args) => add::run(*args, text).await,
            Order::List(args) => list::run(args, text).await,
            Order::Change(args) => change::run(*args, text).await,
            Order::Disable(args) => disable(args, text).await,
            Order::Enable(args) => enable(args, text).await,
            Order::Remove(args) => remove::run(args, text).await,
            Order::Test(args) => test::run(args, text).await,
            Order::RotateSecret(args) => rotate_secret(args, text).await,
        }
    });
    // A name that is still being looked up is nothing to wait for.
    runtime.shutdown_background();
    done
}

async fn disable(OneArgs { number, database }: OneArgs, text: Text) -> anyhow::Result<ExitCode> {
    database.directory()?.disable(&number).await?;
    note(&match text.0 {
        Lang::En => format!("enterprise {number} is disabled: its secret opens nothing any more"),
        Lang::Ru => format!("предприятие {number} отключено: его ключ больше не действует"),
    });
    Ok(ExitCode::SUCCESS)
}

async fn enable(OneArgs { number, database }: OneArgs, text: Text) -> anyhow::Result<ExitCode> {
    database.directory()?.enable(&number).await?;
    note(&match text.0 {
        Lang::En => format!("enterprise {number} is enabled: the secret that it had is good again"),
        Lang::Ru => format!("предприятие {number} включено: прежний ключ снова действует"),
    });
    Ok(ExitCode::SUCCESS)
}

async fn rotate_secret(OneArgs { number, database }: OneArgs, text: Text) -> anyhow::Result<ExitCode> {
    let secret = database.directory()?.rotate_secret(&number).await?;
    note(&match text.0 {
        Lang::En => format!("enterprise {number} has a new secret, shown only now; the old one is dead"),
        Lang::Ru => {
            format!("у предприятия {number} новый ключ, он показан только сейчас; старый не действует")
        }
    });
    line(secret.expose())?;
    Ok(ExitCode::SUCCESS)
}
