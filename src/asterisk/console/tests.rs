//! On answers of real consoles (`tests/fixtures/console`: Asterisk 16.28 with chan_sip phones, 22.10.1 with PJSIP
//! phones, both with a PJSIP trunk) and against a scripted one.

mod answers;
mod commands;
mod noise;
mod scripted;
mod shell;
