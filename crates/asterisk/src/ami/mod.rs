//! A thin client of the Asterisk Manager Interface: one connection a host, up while somebody needs it, actions with
//! their answers, and typed events. It owns the wire: blocks, login, time-outs, reconnects, and the difference between
//! "not sent", "refused" and "nobody knows". It must not know calls, the store, or the configuration file.
//!
//! [`connect`] starts the supervisor. The [`AmiLink`]s must be drained without waiting for answers of [`Ami`]: an
//! answer travels behind the events, and a listener that does not listen costs the connection.

mod action;
mod check;
mod client;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod line;
mod login;
mod loss;
mod model;
pub mod recording;
mod request;
mod session;
mod supervisor;
mod target;
mod wire;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use client::{Ami, AmiState, Hold};
pub use error::AmiError;
pub use event::*;
pub use line::Response;
pub use model::{Bridge, Channel, ChannelRow, ChannelState, CoreSettings, CoreStatus, Unreadable};
pub use request::{CallerId, Originate, OriginateTarget};
pub use supervisor::{AmiLink, connect};
pub use target::{AmiTarget, DEFAULT_PORT, EventMask, Login, TargetError};
pub use wire::Block;

pub use crate::ari::{Certainty, Received};
