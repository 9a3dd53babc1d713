//! How ChanSpy listens.

/// How much whoever listens by ChanSpy takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChanSpy {
    /// Hears both sides; nobody hears the listener.
    Listen,
    /// The channel that is listened to hears the listener, the other side doesn't.
    Whisper,
    /// Both sides hear the listener.
    Barge,
}

impl ChanSpy {
    /// The application's options: `q` no announcement, `b` only channels in a bridge, `w` whisper, `B` barge.
    pub fn options(self) -> &'static str {
        match self {
            ChanSpy::Listen => "bq",
            ChanSpy::Whisper => "bqw",
            ChanSpy::Barge => "Bbqw",
        }
    }
}
