//! Over one connection: asks Asterisk for the events that the subscribers want, and for a snapshot when one is due to any
//! of them. It must not know what they do with it.

use std::convert::Infallible;
use std::time::Instant;

use tokio::time::sleep_until;

use super::action::Action;
use super::common::Common;
use super::error::AmiError;
use super::interest::Classes;
use super::line::Line;
use super::loss::Loss;
use super::rows;
use super::subscription::Snapshot;

/// `asked`: the classes that the login asked for.
pub(super) async fn keep(common: &Common, line: &Line, generation: u64, asked: Classes) -> Loss {
    // Who comes while a list is on its way does not wait for that.
    tokio::select! {
        loss = ask_for_events(common, line, asked) => loss,
        never = snapshots(common, line, generation) => match never {},
    }
}

/// Asterisk changes the classes in the order of the stream: what it writes after its answer is by the new mask, and nothing is
/// lost at the change (measured on 16.28 and 22.10.1, at a thousand events a second).
async fn ask_for_events(common: &Common, line: &Line, mut asked: Classes) -> Loss {
    loop {
        common.feed.admit(|interest| interest.is_within(asked));
        let wanted = common.classes();
        if wanted == asked {
            common.feed.interests().await;
            continue;
        }
        let action = Action::new("Events").with("EventMask", wanted.mask());
        if let Err(error) = line.send(&action, common.target.action_timeout).await {
            // Some would wait in vain for what they want to hear of; a login asks for all of it.
            return lost(line, &error).await;
        }
        asked = wanted;
    }
}

async fn snapshots(common: &Common, line: &Line, generation: u64) -> Infallible {
    loop {
        match common.feed.due() {
            None => common.feed.work().await,
            Some(at) if at <= Instant::now() => snapshot(common, line, generation).await,
            Some(at) => {
                tokio::select! {
                    () = sleep_until(at.into()) => {}
                    () = common.feed.work() => {}
                }
            }
        }
    }
}

async fn lost(line: &Line, error: &AmiError) -> Loss {
    if line.is_dead() {
        // What has happened, the reader knows.
        return std::future::pending().await;
    }
    Loss::Broken(error.to_string())
}

async fn snapshot(common: &Common, line: &Line, generation: u64) {
    common.feed.ask();
    let list = common.looks.look_over(generation, rows::channels(line, common.target.action_timeout)).await;
    if line.is_dead() {
        return std::future::pending().await;
    }
    let is_final = matches!(&list, Err(error) if error.is_permission_denied());
    let answer = list.map(|channels| Snapshot { generation, channels }).map_err(|error| error.to_string());
    common.feed.answer(answer, is_final);
}
