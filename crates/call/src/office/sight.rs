//! What can be seen of an office's call at its host, by whatever way.

use crate::{Reason, Role, Seen};

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    pub leg: Role,
    /// What the host knows the channel by as long as it lives: its Uniqueid.
    pub channel: String,
    /// Its name when it was first seen, as `PJSIP/150-0000002a`; a pick-up gives it another one.
    pub name: String,
    pub seen: Seen,
}

/// Why a host did not take an order. It was certainly not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFailure {
    pub reason: Reason,
    /// For people, without secrets.
    pub why: String,
}
