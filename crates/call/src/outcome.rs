//! The words of an end: how far the call got, who ended it, why.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Status;

/// Makes an enum of stable snake_case words with `as_str`, `Display` and `FromStr`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|w| w.as_str() == word).ok_or_else(|| word.to_owned())
            }
        }
    };
}

words! {
    /// The furthest point of the trunk leg that the evidence proves.
    Reached {
        /// Nothing reached the trunk.
        None = "none",
        /// A trunk leg was created: the INVITE was handed to the network.
        Sent = "sent",
        /// The carrier answered something: 100 Trying, or a refusal.
        Trying = "trying",
        Ringing = "ringing",
        EarlyMedia = "early_media",
        Answered = "answered",
    }
}

words! {
    /// Who ended the call.
    EndedBy {
        Callee = "callee",
        Carrier = "carrier",
        /// The scenario came to its end, or the bot was stopped.
        Bot = "bot",
        /// `POST /api/calls/{id}/hangup`.
        Api = "api",
        /// The ring time-out or the maximum duration.
        Limit = "limit",
        /// Asterisk or its dialplan.
        Pbx = "pbx",
        /// The extension's phone, in an office's call.
        Extension = "extension",
        Unknown = "unknown",
    }
}

words! {
    /// Why the call ended as it did: one stable word.
    Reason {
        TrunkAuthFailed = "trunk_auth_failed",
        CarrierForbidden = "carrier_forbidden",
        NumberInvalid = "number_invalid",
        CodecMismatch = "codec_mismatch",
        CarrierOverloaded = "carrier_overloaded",
        CarrierError = "carrier_error",
        /// A refusal with no better word here: another 4xx or cause.
        CarrierRefused = "carrier_refused",
        CarrierSilent = "carrier_silent",
        RedirectRefused = "redirect_refused",
        TrunkUnreachable = "trunk_unreachable",
        DialplanMissing = "dialplan_missing",
        AsteriskUnreachable = "asterisk_unreachable",
        AsteriskRefused = "asterisk_refused",
        RingTimeout = "ring_timeout",
        MaxDuration = "max_duration",
        Declined = "declined",
        Busy = "busy",
        NoAnswer = "no_answer",
        Unavailable = "unavailable",
        HungUp = "hung_up",
        /// The bot's scenario came to its end and hung up.
        ScenarioEnded = "scenario_ended",
        /// The bot was stopped while the call lived.
        Shutdown = "shutdown",
        /// It waited in the queue for longer than it may.
        QueueTimeout = "queue_timeout",
        /// The store did not take the intent to dial in time; nothing was sent.
        StoreUnavailable = "store_unavailable",
        /// `dial.allow` does not allow the number any more, and the call had not been dialed yet.
        NotAllowed = "not_allowed",
        /// The number that it asked to show may not be shown any more, and the call had not been dialed yet.
        CallerIdNotAllowed = "caller_id_not_allowed",
        /// The API key that asked for it was taken away before it was dialed.
        ClientRevoked = "client_revoked",
        OutcomeLost = "outcome_lost",
        /// An office's call: the extension's phone was busy, and the number was not dialed.
        ExtensionBusy = "extension_busy",
        ExtensionNoAnswer = "extension_no_answer",
        ExtensionDeclined = "extension_declined",
        /// It is not registered, or the enterprise's dialplan has no such extension.
        ExtensionUnavailable = "extension_unavailable",
        /// The extension's phone was picked up, and the enterprise's dialplan dialed nothing.
        NumberNotDialed = "number_not_dialed",
        /// It ended, both sides were not seen connected, and the way that the host is reached by does not tell why.
        NotConnected = "not_connected",
        HostUnreachable = "host_unreachable",
        HostAuthFailed = "host_auth_failed",
        HostKeyChanged = "host_key_changed",
        HostRefused = "host_refused",
    }
}

impl Reason {
    /// Whether somebody must mend something, or look something up: not an end that the callee or a phone's owner chose.
    pub fn is_for_operator(self) -> bool {
        use Reason as R;
        let at_the_host = matches!(
            self,
            R::NumberNotDialed | R::HostUnreachable | R::HostAuthFailed | R::HostKeyChanged | R::HostRefused
        );
        self.is_own_fault() || at_the_host
    }

    /// The same of the bot's own calls: its trunk, its Asterisk, its store.
    pub fn is_own_fault(self) -> bool {
        use Reason as R;
        let at_the_carrier = matches!(
            self,
            R::TrunkAuthFailed
                | R::CarrierForbidden
                | R::CodecMismatch
                | R::CarrierOverloaded
                | R::CarrierError
                | R::CarrierRefused
                | R::CarrierSilent
                | R::RedirectRefused
                | R::TrunkUnreachable
        );
        let at_the_pbx = matches!(self, R::DialplanMissing | R::AsteriskUnreachable | R::AsteriskRefused);
        at_the_carrier || at_the_pbx || matches!(self, R::QueueTimeout | R::StoreUnavailable | R::OutcomeLost)
    }
}

/// How a call ended. Present on every call in a terminal state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: Status,
    pub reason: Reason,
    pub ended_by: EndedBy,
    /// The carrier's final status, in its words; `None` when it said nothing, whatever Asterisk
    /// filled in by itself.
    pub sip_code: Option<u16>,
    pub sip_text: Option<String>,
    /// Q.850 cause of the trunk leg; `None` when there was none.
    pub q850_cause: Option<u16>,
    pub reached: Reached,
}
