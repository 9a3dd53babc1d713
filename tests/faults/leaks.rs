//! Memory, files and tasks of a bot after a fault, compared with what it had before.

use std::time::Duration;

use crate::{
    judge::BUSY,
    load::place,
    support::{Bot, until},
};

/// More than this after a fault is a leak: what the allocator keeps and a build without optimization need
/// is less. Measured: up to 10 MiB, and 29 MiB once after 25 cuts on a machine with fifteen times too much to do.
const MEMORY: u64 = 40 * 1024;

/// Connections of the test's own client and of the pool to Asterisk come and go.
const FILES: usize = 12;

pub struct Before {
    memory: u64,
    files: usize,
}

impl Before {
    /// After some calls, so that what is made once is there.
    pub async fn of(bot: &Bot) -> Self {
        for _ in 0..20 {
            place(bot, BUSY).await;
        }
        bot.until_all_ended(Duration::from_secs(20)).await;
        Before { memory: bot.resident(), files: bot.open_files() }
    }

    /// The bot is idle: what it took for the calls and for the fault is free again.
    pub async fn assert_back(&self, bot: &Bot) {
        until("memory and files are free again", Duration::from_secs(30), async || {
            let (memory, files) = (bot.resident(), bot.open_files());
            let seen = format!("{} → {memory} KiB, {} → {files} open files", self.memory, self.files);
            let back = memory <= self.memory + MEMORY && files <= self.files + FILES;
            if !back {
                return Err(seen);
            }
            eprintln!("{seen}");
            Ok(())
        })
        .await;
        for what in ["live", "queued"] {
            assert_eq!(bot.metric(&format!("novofon_bot_calls_{what}")).await, 0.0, "{what} calls");
        }
    }
}
