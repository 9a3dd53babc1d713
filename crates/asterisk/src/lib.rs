//! Everything that speaks to Asterisk, one folder a protocol.
//! Nothing here knows what a call is: it carries the wire, and says exactly what it could not learn.

pub mod ami;
pub mod ari;
mod backoff;
mod chanspy;
pub mod console;
mod driver;
pub mod files;
#[cfg(feature = "russian")]
mod russian;
pub mod secret;
#[cfg(feature = "ssh")]
pub mod ssh;
pub mod talk;

pub use chanspy::ChanSpy;
pub use driver::Driver;
#[cfg(feature = "russian")]
pub use russian::loss_in_russian;
