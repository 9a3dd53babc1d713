//! What was asked for: every kind of call has a request of its own. It knows nothing of how a call goes.

use serde::{Deserialize, Serialize};

use super::{DialString, Metadata, OfficeCall, What};

/// What a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The bot's own, through its trunk.
    Outgoing,
    /// Click-to-call at an enterprise's Asterisk: the extension's phone is called, then the number.
    Click,
    /// The extension's phone is called and listens to another extension's call.
    Monitor,
}

/// An enterprise, as the one whose call it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// As `0367`.
    pub number: String,
    pub name: String,
}

impl Tenant {
    /// The enterprise as a client, where calls and timelines name one. No key's name has such brackets.
    pub fn client_name(&self) -> String {
        format!("{} ({})", self.name, self.number)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Outgoing(OutgoingCall),
    Office(Box<OfficeCall>),
}

/// A call of the bot's own, with the defaults filled in but for the caller id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutgoingCall {
    pub phone: DialString,
    /// The number to show to the callee: as it was asked for, while the call waits; then the trunk's own where none was.
    /// `None` leaves it to the dialplan.
    pub caller_id: Option<String>,
    /// Name of the scenario that runs on answer.
    pub scenario: String,
    /// Seconds from `dialing` to our giving up.
    pub ring_timeout: u32,
    /// Seconds from the answer to our hanging up.
    pub max_duration: u32,
    /// A JSON object of the client's, returned as given.
    pub custom_metadata: Option<Metadata>,
    /// Name of the API key that asked.
    pub requested_by: Option<String>,
}

impl Request {
    pub fn kind(&self) -> Kind {
        match self {
            Request::Outgoing(_) => Kind::Outgoing,
            Request::Office(office) => office.kind(),
        }
    }

    /// Whose call it is; `None`: the bot's own.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.office().map(|office| &office.tenant)
    }

    pub fn outgoing(&self) -> Option<&OutgoingCall> {
        match self {
            Request::Outgoing(request) => Some(request),
            Request::Office(_) => None,
        }
    }

    pub fn office(&self) -> Option<&OfficeCall> {
        match self {
            Request::Office(office) => Some(office),
            Request::Outgoing(_) => None,
        }
    }

    /// The number, or the extension that is listened to.
    pub fn phone(&self) -> &str {
        match self {
            Request::Outgoing(request) => request.phone.as_str(),
            Request::Office(office) => match &office.what {
                What::Dial(number) => number.as_str(),
                What::Listen { target, .. } => target.as_str(),
            },
        }
    }

    /// Seconds from `dialing` to our giving up.
    pub fn ring_timeout(&self) -> u32 {
        match self {
            Request::Outgoing(request) => request.ring_timeout,
            Request::Office(office) => office.ring_timeout,
        }
    }

    /// Seconds from the answer to our hanging up.
    pub fn max_duration(&self) -> u32 {
        match self {
            Request::Outgoing(request) => request.max_duration,
            Request::Office(office) => office.max_duration,
        }
    }

    /// The client that asked, as the timeline names it.
    pub fn requested_by(&self) -> Option<String> {
        match self {
            Request::Outgoing(request) => request.requested_by.clone(),
            Request::Office(office) => Some(office.tenant.client_name()),
        }
    }
}

impl From<OutgoingCall> for Request {
    fn from(request: OutgoingCall) -> Self {
        Request::Outgoing(request)
    }
}

impl From<OfficeCall> for Request {
    fn from(office: OfficeCall) -> Self {
        Request::Office(Box::new(office))
    }
}
