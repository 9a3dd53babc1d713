//! What a call is: its number, states, evidence, verdict and the machine that joins them.
//!
//! Pure: no I/O, no clock, no randomness. Time and ids come in as arguments, wishes go out as
//! [`Effect`]s. The same inputs give the same effects, always.

mod attempt;
pub mod cause;
mod destination;
mod dialed;
mod effect;
mod evidence;
mod fact;
mod input;
mod kernel;
pub mod leg;
mod machine;
mod metadata;
mod number;
pub mod office;
mod outcome;
mod record;
mod registry;
mod request;
pub mod scenario;
mod seen;
mod status;
mod timeline;
mod timer;
mod words;

pub use attempt::{Attempt, AttemptId, NoAttempt};
pub use destination::{Destinations, Excluded, Forbidden, RUSSIA};
pub use dialed::{DialString, Extension, NotDialable};
pub use effect::{Effect, Originate};
pub use evidence::{Evidence, LegReport, Report};
pub use fact::{Asked, Fact};
pub use input::{
    ChannelState, DialStep, Found, FoundPlayback, FoundTrunk, Half, Input, OriginateFailure, TrunkSeen,
};
pub use leg::{Causes, Role};
pub use machine::{Limits, Machine};
pub use metadata::Metadata;
pub use number::{NumberError, PhoneNumber};
pub use office::{MonitorMode, OfficeCall, Technology, WayChoice, WayKind, What};
pub use outcome::{EndedBy, Outcome, Reached, Reason};
pub use record::{CallId, CallRecord};
pub use registry::{ChannelRole, Registry};
pub use request::{Kind, OutgoingCall, Request, Tenant};
pub use seen::{LegRef, Seen};
pub use status::{Status, UnknownStatus};
pub use timeline::{Entry, Source};
pub use timer::{Moment, Timer, Timers};
pub use words::{hint, hint_of, status_line};
