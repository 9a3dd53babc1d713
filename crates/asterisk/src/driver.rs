//! The channel drivers of phones, whose endpoints are asked for in words of their own.

/// What has registered the phones of an Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Driver {
    /// `chan_sip`, up to Asterisk 20. Its channels are `SIP/...`.
    ChanSip,
    /// `chan_pjsip`. Its channels are `PJSIP/...`.
    Pjsip,
}

impl Driver {
    /// What its channels' names begin with.
    pub fn technology(self) -> &'static str {
        match self {
            Driver::ChanSip => "SIP",
            Driver::Pjsip => "PJSIP",
        }
    }
}
