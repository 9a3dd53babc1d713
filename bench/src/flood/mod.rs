//! A flood of AMI events, and who reads it. The sender is scripted: recorded events of a real Asterisk
//! (tests/fixtures/ami/22) with ids of their own for each call, as fast as they are taken. It must not know what
//! is measured.

pub mod reader;
pub mod script;
pub mod sender;
pub mod stream;

/// Who may log in.
pub const USER: &str = "flood";
pub const SECRET: &str = "flood-secret";

/// So many channels are in calls at a time.
pub const CHANNELS: f64 = 200.0;

/// The name of the user event that ends the stream; its `Number` is how many events there were with it.
pub const END: &str = "FloodEnd";
