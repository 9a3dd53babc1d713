//! The carriers' trunks: what of Asterisk's configuration is ours.

pub mod outgoing;
