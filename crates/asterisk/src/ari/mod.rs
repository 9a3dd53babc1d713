//! A thin client of the Asterisk REST Interface: one events socket that is kept up for ever, and requests.
//! It owns the wire: addresses, frames, time-outs, reconnects, and the difference between "not sent", "refused"
//! and "nobody knows". It must not know calls, the store, the engine, or the configuration file.
//!
//! [`connect`] starts the supervisor. The [`Link`]s must be drained without waiting for answers of [`Ari`]: the
//! reader waits when they are not, and an answer that travels over the same socket waits behind the events.
//!
//! ```no_run
//! use asterisk::Certainty;
//! use asterisk::ari::{self, AriTarget, Event, Link, Originate, Subscriptions};
//! use asterisk::secret::Secret;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let target = AriTarget::new("http://127.0.0.1:8088".parse()?, "bot", Secret::new("s3cret"), "my_app");
//! let trunk = Subscriptions { endpoint: Some("PJSIP/trunk".into()), ..Subscriptions::default() };
//! let (ari, mut links) = ari::connect(target, trunk, CancellationToken::new())?;
//! while let Some(link) = links.recv().await {
//!     match link {
//!         Link::Up { asterisk_version, generation } => {
//!             println!("connection {generation} to Asterisk {asterisk_version}");
//!             let ari = ari.clone();
//!             // A task of its own: its answer may wait behind events that this loop has to take.
//!             tokio::spawn(async move {
//!                 let call = Originate {
//!                     endpoint: "Local/150@internal".into(),
//!                     channel_id: "call-1".into(),
//!                     timeout_secs: Some(30),
//!                     ..Originate::default()
//!                 };
//!                 if let Err(error) = ari.originate(&call).await {
//!                     match error.certainty() {
//!                         Certainty::NotSent | Certainty::Refused => println!("no call: {error}"),
//!                         Certainty::MaybeSent => println!("{:?}", ari.channel("call-1").await),
//!                     }
//!                 }
//!             });
//!         }
//!         Link::Event(event, _) => match *event {
//!             Event::StasisStart(start) => println!("{} has answered", start.channel.name),
//!             Event::ChannelDestroyed(end) => println!("{}: cause {}", end.channel.name, end.cause),
//!             _ => {}
//!         },
//!         Link::Down { reason } => println!("{reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod application;
mod client;
mod error;
mod event;
mod http;
mod link;
mod loss;
mod model;
mod request;
mod rest;
mod socket;
mod subscriptions;
mod supervisor;
mod target;

#[cfg(test)]
mod tests;

pub use client::{Ari, Create, HangupReason, Originate, PHONE_FORMATS, Whisper};
pub use error::AriError;
pub use event::*;
pub use link::Link;
#[cfg(all(test, feature = "russian"))]
pub(crate) use loss::samples as loss_samples;
pub use model::{Bridge, Channel, DialplanPosition, Endpoint, Party, Playback};
pub use subscriptions::Subscriptions;
pub use supervisor::connect;
pub use target::{AriTarget, RestOverSocket, TargetError};
