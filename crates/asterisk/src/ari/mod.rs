//! A thin client of the Asterisk REST Interface: one events socket that is kept up for ever, and requests.
//! It owns the wire: addresses, frames, time-outs, reconnects, and the difference between "not sent", "refused"
//! and "nobody knows". It must not know calls, the store, the engine, or the configuration file.
//!
//! [`connect`] starts the supervisor. The [`Link`]s must be drained without waiting for answers of [`Ari`]: the
//! reader waits when they are not, and an answer that travels over the same socket waits behind the events.

mod application;
mod client;
mod error;
mod event;
mod http;
mod loss;
mod model;
mod request;
mod rest;
mod socket;
mod supervisor;
mod target;

#[cfg(test)]
mod tests;

pub use client::{Ari, Create, HangupReason, Originate, PHONE_FORMATS, Whisper};
pub use error::{AriError, Certainty};
pub use event::*;
pub use model::{Bridge, Channel, DialplanPosition, Endpoint, Party, Playback};
pub use supervisor::{Link, Received, Subscriptions, connect};
pub use target::{AriTarget, RestOverSocket, TargetError};
