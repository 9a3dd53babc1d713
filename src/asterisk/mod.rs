//! Everything that speaks to Asterisk, one folder a protocol.
//! Nothing here knows what a call is: it carries the wire, and says exactly what it could not learn.

pub mod ami;
pub mod ari;
mod backoff;
mod chanspy;
pub mod console;
mod driver;
pub mod files;
mod russian;
pub mod ssh;
pub mod talk;
pub mod translate;

pub use chanspy::ChanSpy;
pub use driver::Driver;
pub use russian::loss_in_russian;
