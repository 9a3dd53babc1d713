//! What a failure on the way over SSH means to an order: is it certain that nothing came of it, and whose fault is it.

use crate::{
    hosts::COMMAND,
    office::error::{HostError, HostErrorKind},
};
use asterisk::{
    console::ConsoleError,
    ssh::{Fate, SshError, SshHost},
};
use call::WayKind;
use lang::{Told, say};

/// Part of a command's output is as good as none: in a list of channels those that are missing would be gone.
pub(super) fn cut_off(host: &SshHost, acts: bool) -> HostError {
    HostError {
        kind: HostErrorKind::Unreachable,
        way: Some(WayKind::Ssh),
        is_certain: !acts,
        words: "Connection lost".to_owned(),
        why: say!(
            "the output of a command at {} came only in part",
            "вывод команды на {} пришёл не целиком",
            host.label()
        ),
    }
}

/// Asterisk, or the host, stands still.
pub(super) fn late(host: &SshHost, acts: bool) -> HostError {
    HostError {
        kind: HostErrorKind::Unreachable,
        way: Some(WayKind::Ssh),
        is_certain: !acts,
        words: "Command timeout".to_owned(),
        why: {
            let host = host.label();
            say!(
                "{host} did not answer on Asterisk's console within {COMMAND:?}; see whether that Asterisk stands still",
                "{host} не ответил в консоли Asterisk за {COMMAND:?}; посмотрите, не завис ли тот Asterisk"
            )
        },
    }
}

pub(super) fn of_ssh(error: &SshError) -> HostError {
    let kind = match error {
        SshError::Denied { .. } => HostErrorKind::Auth,
        error if error.is_host_key() => HostErrorKind::KeyChanged,
        SshError::Paused { cause, .. } => of_ssh(cause).kind,
        SshError::Busy { .. } | SshError::QueueTimeout { .. } => HostErrorKind::Overloaded,
        SshError::CommandRefused { .. } | SshError::ChannelRefused { .. } => HostErrorKind::Refused,
        _ => HostErrorKind::Unreachable,
    };
    HostError {
        kind,
        way: Some(WayKind::Ssh),
        is_certain: error.fate() == Fate::NotSent,
        words: error.in_short().to_owned(),
        why: error.text(),
    }
}

pub(super) fn of_console(error: &ConsoleError) -> HostError {
    let words = match error {
        ConsoleError::Refused { said, .. } => said.clone(),
        ConsoleError::Full => "Asterisk's console takes no more connections".to_owned(),
        ConsoleError::Connect { .. } => "Unable to connect to Asterisk's console".to_owned(),
        ConsoleError::NoEffect { .. } | ConsoleError::Uncertain { .. } => "Connection lost".to_owned(),
    };
    let kind = match error {
        ConsoleError::Refused { .. } if !error.is_asterisk_away() => HostErrorKind::Refused,
        ConsoleError::Full => HostErrorKind::Overloaded,
        _ => HostErrorKind::Unreachable,
    };
    HostError { kind, way: Some(WayKind::Ssh), is_certain: !error.may_have_acted(), words, why: error.text() }
}
