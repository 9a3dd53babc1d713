//! On answers of real consoles (`tests/fixtures/console`: Asterisk 16.28 with chan_sip phones, 22.10.1 with PJSIP
//! phones, both with a PJSIP trunk) and against a scripted one.

mod answers;
mod commands;
mod noise;
mod scripted;
mod shell;

use crate::console::Command;

/// The order that most tests give.
fn dial() -> Command {
    Command::Dial {
        extension: "150".parse().expect("digits"),
        number: "+375296254070".parse().expect("a number"),
        context: "inoffice".parse().expect("a context"),
    }
}
