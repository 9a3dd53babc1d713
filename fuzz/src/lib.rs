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
    #[path = "ami"]
    pub mod ami {
        mod check;
        mod event;
        mod model;
        mod wire;

        pub use event::*;
        pub use model::*;
        pub use wire::Block;

        /// What a connection does with its bytes.
        #[derive(Default)]
        pub struct Framer(wire::Framer);

        impl Framer {
            pub fn expect_no_old_output(&mut self) {
                self.0.expect_no_old_output();
            }

            /// The blocks that are whole with these bytes; `None` when there are more than Asterisk sends.
            pub fn take(&mut self, bytes: &[u8]) -> Option<Vec<Block>> {
                self.0.buffer().extend_from_slice(bytes);
                std::iter::from_fn(|| self.0.block().transpose()).collect::<Result<_, _>>().ok()
            }
        }

        /// Why a message is not whole.
        pub fn flaw(block: &Block) -> Option<String> {
            check::flaw(block).map(|flaw| flaw.to_string())
        }

        /// The ids that are in doubt with it.
        pub fn ids(block: &Block) -> Vec<String> {
            check::ids(block)
        }

        /// Its length, as it is counted against the bounds.
        pub fn bytes(block: &Block) -> usize {
            block.bytes()
        }

        /// It as a row of a list, and as each of the documents.
        pub fn read_as_answer(block: &Block) -> Option<ChannelRow> {
            let reader = model::Reader { block, kind: "a list" };
            let _ = (reader.settings(), reader.status());
            let _ = reader.row_of("PJSIP/1-1".to_owned(), "1.1".to_owned(), String::new());
            reader.row().ok()
        }
    }

    #[path = "console"]
    pub mod console {
        mod answer;
        mod batch;
        mod channels;
        mod command;
        mod details;
        mod error;
        mod family;
        mod names;
        mod noise;

        pub use answer::{HangupAnswer, endpoints, hangup_answer, of_exec, ordered, uptime, version};
        pub use batch::Batch;
        pub use channels::{Channel, ChannelState, Channels, UniqueId};
        pub use command::{Command, SpyTarget};
        pub use details::ChannelDetails;
        pub use error::ConsoleError;
        pub use family::{Family, Look};
        pub use names::{BadName, ChannelName, Context, LocalHalf};
        pub use noise::{noise_of, plain, without};
    }
    pub mod talk;
    pub mod translate;
}
