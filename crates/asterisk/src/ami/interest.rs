//! What a subscriber wants to hear of, in AMI's own classes of events. It owns how Asterisk is asked for them; it must not
//! know who asks.

use super::wire::Block;

/// A class of events, as `read` in manager.conf names it. Others (`command`, `originate`) are for actions alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// That Asterisk has booted, reloads and shuts down.
    System,
    /// Channels, dialing, bridges, transfers, parking.
    Call,
    /// Queues and their members too: there is no class of that name.
    Agent,
    /// One for each detail record, where `cdr_manager` is set up.
    Cdr,
    /// Each step of the dialplan, and variables: more than half of all events (measured on 16.28 and 22.10.1).
    Dialplan,
    /// Keys of phones.
    Dtmf,
    /// RTCP, contacts, states of devices.
    Reporting,
    /// `UserEvent()` of the dialplan.
    User,
    /// Logins, and calls that were refused.
    Security,
    /// Commands of AGI.
    Agi,
    /// Advice of charge.
    Aoc,
    /// Completion of calls to busy subscribers.
    Cc,
    /// Changes of the configuration.
    Config,
    /// Lines of the log.
    Log,
    /// Those of verbose output.
    Verbose,
    /// Text messages.
    Message,
    /// Asterisk's own tests.
    Test,
}

/// By their places in [`Class`].
const NAMES: [&str; 17] = [
    "system",
    "call",
    "agent",
    "cdr",
    "dialplan",
    "dtmf",
    "reporting",
    "user",
    "security",
    "agi",
    "aoc",
    "cc",
    "config",
    "log",
    "verbose",
    "message",
    "test",
];

/// Some of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes(u32);

impl Classes {
    /// What the connection itself needs: that Asterisk is ready, and why it closes.
    pub(super) const OWN: Self = Self::of(&[Class::System]);

    const fn of(classes: &[Class]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < classes.len() {
            bits |= 1 << classes[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    pub(super) fn with(self, interest: &Interest) -> Self {
        Self(self.0 | interest.classes.0)
    }

    fn hold(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// As Asterisk reads it, with commas and no spaces: with a space it reads the first class alone, and a name that is no
    /// class it ignores without a word (measured on 16.28 and 22.10.1).
    pub(super) fn mask(self) -> String {
        let names = NAMES.iter().enumerate().filter(|(at, _)| self.0 & (1 << at) != 0);
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
    }

    /// Those that an event says it is of, as far as they have names here.
    pub(super) fn of_event(block: &Block) -> Self {
        let place = |class| NAMES.iter().position(|name| *name == class);
        match block.field("Privilege").unwrap_or_default() {
            // Most of them.
            "call,all" => Self::of(&[Class::Call]),
            privilege => Self(privilege.split(',').filter_map(place).fold(0, |bits, at| bits | 1 << at)),
        }
    }
}

/// What a subscriber wants to hear of. Asterisk is asked for what all subscribers want, and the `read` of the user in
/// manager.conf must allow it: what it does not allow never comes, and nothing tells so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    classes: Classes,
    others: bool,
}

impl Interest {
    /// Events of these classes that this client has types for.
    pub const fn in_classes(classes: &[Class]) -> Self {
        Self { classes: Classes::of(classes), others: false }
    }

    /// Those besides that it has no type for, as they came: [`Event::Other`](super::Event::Other).
    pub const fn with_others(self) -> Self {
        Self { others: true, ..self }
    }

    pub(super) fn wants_others(&self) -> bool {
        self.others
    }

    /// Whether Asterisk is asked for all of this, if it is asked for these classes.
    pub(super) fn is_within(&self, asked: Classes) -> bool {
        asked.hold(self.classes)
    }

    /// Whether events of these classes are wanted. One of several comes only to who wants them all, as Asterisk has it.
    pub(super) fn takes(&self, classes: Classes) -> bool {
        self.classes.hold(classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ami::recording;

    #[test]
    fn masks_are_what_asterisk_reads_and_names_stand_in_the_order_of_their_classes() {
        let mask = |classes| Classes::of(classes).mask();
        assert_eq!(Classes::OWN.with(&Interest::in_classes(&[Class::Call])).mask(), "system,call");
        assert_eq!(mask(&[Class::Agent, Class::Cdr, Class::Test]), "agent,cdr,test");
        assert_eq!(mask(&[Class::Security]), "security");
        assert_eq!(Class::Test as usize, NAMES.len() - 1);
    }

    #[test]
    fn an_event_comes_to_who_wants_all_its_classes() {
        let block = |privilege: &str| {
            recording::blocks(format!("Event: X\r\n{privilege}\r\n\r\n").as_bytes()).unwrap().remove(0)
        };
        let takes = |classes: &[Class], privilege| {
            Interest::in_classes(classes).takes(Classes::of_event(&block(privilege)))
        };
        assert!(takes(&[Class::Call], "Privilege: call,all"));
        assert!(!takes(&[Class::Agent], "Privilege: call,all"));
        assert!(!takes(&[Class::Call], "Privilege: call,reporting,all"));
        assert!(takes(&[Class::Call, Class::Reporting], "Privilege: call,reporting,all"));
        assert!(takes(&[Class::Agent], "X: y"), "one that names no class is kept from nobody");
    }
}
