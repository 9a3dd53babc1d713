//! Puts the floors below together: feeds the machines with what Asterisk, the clock and the clients
//! say, and carries out what they wish for.

mod admission;
mod agenda;
mod asterisk;
mod early;
mod handle;
mod journal;
mod line;
mod place;
mod refusal;
mod runner;
mod settings;
mod start;
mod strays;
mod survey;
mod waiting;

pub use handle::{
    AriState, AriTrouble, CancelFilter, Command, EngineHandle, EnginePort, EngineState, HangupAnswer,
    IdempotencyKey, PlaceError, StoreState, channel,
};
pub use settings::{CallerIds, Dial, Settings, Trunk};
pub use start::{Engine, StartError, start};
