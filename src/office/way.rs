//! What every way to a host tells, whichever it is.

/// A host took an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its own id of the call, where it chose one.
    pub linked_id: Option<String>,
    /// It will tell every event.
    pub detailed: bool,
}

/// A channel of an extension's phone that is in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// `PJSIP/150-0000002a`
    pub channel: String,
    /// The other party's number, where it is known.
    pub with: Option<String>,
    /// Asterisk's word: `Up`, `Ringing`.
    pub state: String,
    pub seconds: Option<u64>,
    /// In a bridge with somebody.
    pub is_talking: bool,
    /// The host's id of the call.
    pub linked_id: Option<String>,
}
