//! Puts the floors below together: feeds the machines with what Asterisk, the clock and the clients
//! say, and carries out what they wish for.

mod handle;

pub use handle::{
    AriState, Change, Command, EngineHandle, EnginePort, EngineState, HangupAnswer, IdempotencyKey,
    LiveCalls, PlaceError, StoreState, channel,
};
