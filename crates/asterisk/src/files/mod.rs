//! Asterisk's configuration files: reading them as Asterisk does, saying whose they are, and changing one of them
//! without touching what is not ours. The dialplan is also read from the console's words, for both say the same.
//!
//! Knows files and texts, no console and no call: who wants to know what runs asks the console, and gives its answer here.

pub mod conf;
pub mod dialplan;
pub mod edit;
mod line;
mod pattern;
pub mod pjsip;
pub mod replace;
pub mod whose;

pub use conf::{Conf, Fault, Place, Section};
pub use dialplan::{Context, Dial, Step};
