//! What is known about a request that failed.

/// A call must never be placed twice and never be lost, so the three are told apart strictly; when in doubt it is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Not a byte of it left: it had no effect, and may be tried again.
    NotSent,
    /// Asterisk itself read it and said no: it had no effect.
    Refused,
    /// It may have been carried out. Ask Asterisk what it has before anything is repeated.
    MaybeSent,
}
