//! What the tests stand on: the lab (a real PBX and a carrier), the bot as a child process, its API
//! as a client sees it, the carrier's own log, and a line to Asterisk that can be cut.

pub mod api;
pub mod asterisk;
pub mod bot;
pub mod carrier;
pub mod end;
pub mod lab;
pub mod line;

#[path = "../../support/until.rs"]
mod until;

use std::time::Duration;

pub use self::{
    api::Call,
    bot::Bot,
    end::{End, assert_arrived, assert_end, assert_words, wrong_story, wrong_words},
    lab::Lab,
    line::BreakableLine,
    until::until,
};

/// Long enough for anything that has no time of its own, on a busy machine.
pub const SOON: Duration = Duration::from_secs(10);
