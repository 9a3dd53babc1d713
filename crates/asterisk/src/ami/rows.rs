//! The list of channels, by whichever action the user may ask for it, over one connection. It owns what is done where a
//! caller has cut rows of it in two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::action::Action;
use super::check;
use super::error::AmiError;
use super::line::Line;
use super::model::{ChannelRow, Reader, Unreadable};
use super::request;

/// Rows of a list that a caller's number has cut are asked for one by one: no more than so many, so many at a time.
const MAX_CUT: usize = 1000;
const CUT_AT_ONCE: usize = 32;

/// All channels. `patience`: for each of the actions that it takes.
pub(super) async fn channels(line: &Line, patience: Duration) -> Result<Arc<[ChannelRow]>, AmiError> {
    let begun = Instant::now();
    let mut action = Action::new("CoreShowChannels");
    let response = match line.send(&action, patience).await {
        Err(error) if error.is_permission_denied() => {
            action = Action::new("Status");
            let left = patience.saturating_sub(begun.elapsed());
            // What it lacks is the right to the better one.
            line.send(&action, left).await.map_err(|_| error)?
        }
        response => response?,
    };
    let mut rows = Vec::new();
    let mut cut = Vec::new();
    for row in &response.rows {
        let reader = Reader { block: row, kind: action.what() };
        match check::flaw(row) {
            None => rows.push(reader.row().map_err(|why| not_read(&action, &why))?),
            Some(_) => cut.push(row),
        }
    }
    if cut.len() > MAX_CUT {
        let why = format!("{} of its rows are cut by numbers with a line break in them", cut.len());
        return Err(AmiError::MaybeTaken { what: action.what().to_owned(), why });
    }
    for some in cut.chunks(CUT_AT_ONCE) {
        let head = |row| Reader { block: row, kind: action.what() };
        let asked = some.iter().map(|row| row_of_cut(line, head(row), patience));
        rows.extend(try_join_all(asked).await?.into_iter().flatten());
    }
    Ok(rows.into())
}

/// A row that a number has cut ends before the ids. `None`: the channel is gone.
async fn row_of_cut(
    line: &Line,
    head: Reader<'_>,
    patience: Duration,
) -> Result<Option<ChannelRow>, AmiError> {
    let name = head.text("Channel");
    let variable = async |variable| {
        let action = request::getvar(Some(&name), variable);
        action.check().map_err(|flaw| not_sent(&action, &flaw))?;
        let response = line.send(&action, patience).await?;
        Ok::<_, AmiError>(response.head.field("Value").filter(|value| !value.is_empty()).map(str::to_owned))
    };
    let ids = async {
        let uniqueid = variable("UNIQUEID").await?;
        let linkedid = variable("CHANNEL(linkedid)").await?;
        Ok::<_, AmiError>(uniqueid.zip(linkedid))
    };
    match ids.await {
        Ok(ids) => Ok(ids.map(|(uniqueid, linkedid)| head.row_of(name.clone(), uniqueid, linkedid))),
        Err(error) if error.is_no_such_channel() => Ok(None),
        Err(error) => Err(error),
    }
}

/// An action that can't be written.
pub(super) fn not_sent(action: &Action, flaw: &impl std::fmt::Display) -> AmiError {
    AmiError::NotSent { what: action.what().to_owned(), why: flaw.to_string() }
}

/// An answer that lacks what it always has.
pub(super) fn not_read(action: &Action, unreadable: &Unreadable) -> AmiError {
    AmiError::MaybeTaken { what: action.what().to_owned(), why: format!("its answer: {unreadable}") }
}
