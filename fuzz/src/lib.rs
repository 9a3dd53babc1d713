//! The modules of the bot that are fuzzed, and what they stand on, taken in by path.

#[path = "../../src/call/mod.rs"]
pub mod call;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/lang.rs"]
pub mod lang;
#[path = "../../src/scenario/mod.rs"]
pub mod scenario;
#[path = "../../src/secret.rs"]
pub mod secret;

#[path = "../../src/asterisk"]
pub mod asterisk {
    #[path = "ari"]
    pub mod ari {
        mod event;
        mod model;

        pub use event::*;
        pub use model::*;
    }
    pub mod translate;
}
