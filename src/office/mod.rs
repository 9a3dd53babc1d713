//! The offices' calls: click-to-call and monitoring at the enterprises' own Asterisks.
//!
//! `engine` runs a machine for each call and carries out its wishes; `reach` knows of each host the ways that
//! lead to it, `fit` whether their `technology` is that of the phones; `ssh`, `ami` and `ari` (with `snoop`) are those ways, each turning what its wire tells into sights. Who may ask is
//! the directory's matter (`enterprises`), what a call means that of `call::office`. HTTP is not known here.

mod ami;
mod ari;
mod engine;
mod error;
mod events;
mod fit;
mod heard;
mod inbox;
mod order;
mod reach;
mod settings;
mod snoop;
mod ssh;
#[cfg(test)]
mod verdicts;
mod way;

pub use engine::{OfficeHandle, OfficeRequest, Parts, PlaceError, start};
pub use error::{HostError, HostErrorKind};
pub use fit::Fit;
pub use reach::{Probe, Probed, Reach, probe};
pub use settings::{HostSettings, directory_config};
pub use way::Busy;
