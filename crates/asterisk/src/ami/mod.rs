//! A thin client of the Asterisk Manager Interface: one connection per host, up while somebody needs it, actions with
//! their answers, and typed events for as many subscribers as there are. It owns the wire: blocks, login, time-outs, reconnects, and the difference between
//! "not sent", "refused" and "nobody knows". It must not know calls, the store, or the configuration file.
//!
//! [`connect`] starts the supervisor, and [`Ami::subscribe`] tells it which events somebody needs. Each subscriber gets a
//! snapshot of the channels and then events ([`AmiLink`] says what is promised), in a queue of its own.
//!
//! ```no_run
//! use asterisk::ami::{self, AmiLink, AmiTarget, Class, Event, Interest, Originate, OriginateTarget};
//! use asterisk::secret::Secret;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let target = AmiTarget::new("10.88.10.19", "office", Secret::new("s3cret"));
//! let ami = ami::connect(target, CancellationToken::new())?;
//! // As long as it lives, the connection is kept up.
//! let mut links = ami.subscribe(Interest::in_classes(&[Class::Call]));
//! tokio::spawn(async move {
//!     let call = Originate {
//!         channel: "Local/150@internal".into(),
//!         target: OriginateTarget::Dialplan { context: "internal".into(), exten: "200".into(), priority: 1 },
//!         timeout_ms: 30_000,
//!         caller_id: None,
//!         variables: Vec::new(),
//!         channel_id: "call-1".into(),
//!         other_channel_id: None,
//!     };
//!     match ami.originate(&call).await {
//!         Ok(action_id) => println!("Asterisk has taken {action_id}"),
//!         Err(error) => println!("{error} ({:?})", error.certainty()),
//!     }
//! });
//! while let Some(link) = links.next().await {
//!     match link {
//!         AmiLink::Snapshot(now) => println!("{} channels", now.channels.len()),
//!         AmiLink::Event(event, _) if event.linkedid() == Some("call-1") => match &*event {
//!             Event::DialEnd(dial) => println!("{}: {:?}", dial.peer.name, dial.status),
//!             Event::Hangup(end) => println!("{} is gone: {:?}", end.channel.name, end.cause),
//!             _ => {}
//!         },
//!         AmiLink::Doubtful { ids } => println!("ask anew about {ids:?}: an event may be forged"),
//!         AmiLink::Down { reason } => println!("{reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod action;
mod check;
mod client;
mod common;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod interest;
mod line;
mod login;
mod loss;
mod model;
mod names;
pub mod recording;
mod request;
mod rows;
mod session;
mod state;
mod subscription;
mod supervisor;
mod sync;
mod target;
mod wire;

#[cfg(test)]
mod tests;

pub use action::Action;
pub use client::{Ami, connect};
pub use error::AmiError;
pub use event::*;
pub use interest::{Class, Interest};
pub use line::Response;
#[cfg(all(test, feature = "russian"))]
pub(crate) use loss::samples as loss_samples;
pub use model::{Bridge, Channel, ChannelRow, ChannelState, CoreSettings, CoreStatus, Unreadable};
pub use request::{CallerId, Originate, OriginateTarget};
pub use state::AmiState;
pub use subscription::{AmiLink, Snapshot, Subscription};
pub use target::{AmiTarget, DEFAULT_PORT, Login, TargetError};
pub use wire::Block;
