//! What Asterisk's events say of a call: the one place that knows both the wire and the machine.
//!
//! It owns the translation, one file a protocol. It must not know sockets, time, or what a verdict is.

mod ari;

pub use ari::{EVENTS, LEG_REPORT_EVENT, REPORT_EVENT, Translator, channel_state};
