//! Everything that speaks to Asterisk, one folder a protocol.
//! Nothing here knows what a call is: it carries the wire, and says exactly what it could not learn.

pub mod ami;
pub mod ari;
mod backoff;
pub mod console;
pub mod files;
mod russian;
pub mod ssh;
pub mod talk;
pub mod translate;
pub use russian::loss_in_russian;
