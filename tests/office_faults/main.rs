//! Faults of everything around the office API, each on real hosts that are spoiled on purpose: what its clients are
//! told and how soon, what the operator reads, and what came of the calls as the phones have it. None is ordered twice,
//! none stays open, none is said to be what it was not, and no secret is told.
//!
//! One file a fault. Each test holds the parts of the laboratory that it breaks, and leaves them whole.

mod asterisk;
mod auto;
mod database;
mod fifty;
mod forged;
mod hang;
mod host_down;
mod hostile;
mod injection;
mod kills;
mod login;
mod noise;
mod revoked;
mod support;

/// Where the laboratory is: its folder in `.lab`, and its first address if nobody has brought it up elsewhere.
const LAB: (&str, &str) = ("office-faults", "127.0.4.2");
