//! The verdict table, proven on event traces recorded from a real Asterisk 22.10.
//!
//! `ari/` was recorded with the dialplan that is shipped, `ari/plain/` with the older document's `[outgoing]`,
//! which tells nothing by itself. Each line of a trace has the milliseconds since the originate.

mod replay;
mod shuffle;
mod table;
