//! What a call is: its number, states, evidence, verdict and the machine that joins them.
//!
//! Pure: no I/O, no clock, no randomness. Time and ids come in as arguments, wishes go out as
//! effects. The same inputs give the same effects, always.

mod number;
mod outcome;
mod record;
mod status;
mod timeline;
mod timer;

pub use number::{NumberError, PhoneNumber};
pub use outcome::{EndedBy, Outcome, Reached, Reason};
pub use record::{CallId, CallRecord, CallRequest};
pub use status::{Status, UnknownStatus};
pub use timeline::{Entry, Source};
pub use timer::{Moment, Timer, Timers};
