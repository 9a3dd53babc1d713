//! The names of fields that Asterisk writes in its events, as numbers, so that a name is looked at once, when it comes. A
//! name that is not here, or is written in another way, is no less good; it takes longer. It must not know what a name means.

/// What Asterisk tells of a channel, in its order. `Language`, `Linkedid` and `AccountCode`, which old versions leave out,
/// come last.
pub(super) const CHANNEL: [&str; 14] = [
    "Channel",
    "ChannelState",
    "ChannelStateDesc",
    "CallerIDNum",
    "CallerIDName",
    "ConnectedLineNum",
    "ConnectedLineName",
    "Context",
    "Exten",
    "Priority",
    "Uniqueid",
    "Language",
    "Linkedid",
    "AccountCode",
];

/// Before the names of a channel's fields, where an event tells of more than one.
const PREFIXES: [&str; 7] = ["", "Dest", "LocalOne", "LocalTwo", "Spyer", "Spyee", "Source"];

/// What else events have, the shorter before the longer.
const OTHERS: [&str; 29] = [
    "Id",
    "Data",
    "Event",
    "Cause",
    "Reason",
    "Status",
    "Uptime",
    "Success",
    "Forward",
    "Newname",
    "ActionID",
    "Response",
    "Privilege",
    "Cause-txt",
    "TechCause",
    "EventList",
    "DialStatus",
    "DialString",
    "BridgeType",
    "BridgeName",
    "LastReload",
    "Application",
    "SwapUniqueid",
    "BridgeCreator",
    "BridgeUniqueid",
    "BridgeTechnology",
    "BridgeNumChannels",
    "LocalOptimization",
    "BridgeVideoSourceMode",
];

/// A name: which of [`CHANNEL`] with which prefix, or which of [`OTHERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Code(u8);

const OF_CHANNEL: u8 = 1;
const OF_OTHERS: u8 = OF_CHANNEL + (16 * PREFIXES.len()) as u8;

impl Code {
    /// A name that is not here.
    pub(super) const UNKNOWN: Self = Self(0);

    /// Only as Asterisk writes it.
    pub(super) fn of(name: &[u8]) -> Self {
        let (prefix, rest) = part(name);
        if let Some(field) = channel(rest) {
            return Self::channel(prefix, field);
        }
        other(name).map_or(Self::UNKNOWN, |other| Self(OF_OTHERS + other as u8))
    }

    fn channel(prefix: usize, field: usize) -> Self {
        Self(OF_CHANNEL + (16 * prefix + field) as u8)
    }

    /// Which prefix, and which of [`CHANNEL`].
    pub(super) fn of_channel(self) -> Option<(usize, usize)> {
        let code = usize::from(self.0.checked_sub(OF_CHANNEL)?);
        (self.0 < OF_OTHERS).then_some((code / 16, code % 16))
    }
}

/// Which prefix it is.
pub(super) fn prefix(text: &str) -> Option<usize> {
    PREFIXES.iter().position(|prefix| *prefix == text)
}

/// The names that a block has, each at most once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names {
    channels: [u16; PREFIXES.len()],
    others: u32,
}

impl Names {
    /// `None`: one is unknown, or comes again.
    pub(super) fn of(codes: impl Iterator<Item = Code>) -> Option<Self> {
        let mut names = Self::default();
        for code in codes {
            let (set, bit) = match code.of_channel() {
                Some((prefix, field)) => {
                    let set = &mut names.channels[prefix];
                    let bit = 1 << field;
                    if *set & bit != 0 {
                        return None;
                    }
                    *set |= bit;
                    continue;
                }
                None => (&mut names.others, 1 << code.0.checked_sub(OF_OTHERS)?),
            };
            if *set & bit != 0 {
                return None;
            }
            *set |= bit;
        }
        Some(names)
    }

    pub(super) fn has(&self, code: Code) -> bool {
        match code.of_channel() {
            Some((prefix, field)) => self.channels[prefix] & (1 << field) != 0,
            None => code.0.checked_sub(OF_OTHERS).is_some_and(|other| self.others & (1 << other) != 0),
        }
    }

    /// Whether every channel that it tells of has the first so many of [`CHANNEL`], and those with these prefixes are told of.
    pub(super) fn tell_wholly(&self, prefixes: &[&str], fields: usize) -> bool {
        let all = (1 << fields) - 1;
        let is_whole = |set: &u16| *set & all == all;
        // The second is `ChannelState`.
        self.channels.iter().all(|set| *set & 2 == 0 || is_whole(set))
            && prefixes.iter().all(|text| prefix(text).is_some_and(|prefix| is_whole(&self.channels[prefix])))
    }
}

fn part(name: &[u8]) -> (usize, &[u8]) {
    let candidates: &[usize] = match name.first() {
        Some(b'D') => &[1],
        Some(b'L') => &[2, 3],
        Some(b'S') => &[4, 5, 6],
        _ => &[],
    };
    let found = candidates
        .iter()
        .find_map(|prefix| Some((*prefix, name.strip_prefix(PREFIXES[*prefix].as_bytes())?)));
    found.unwrap_or((0, name))
}

/// Which of [`CHANNEL`]; by its length it is one of few.
fn channel(name: &[u8]) -> Option<usize> {
    let candidates: &[usize] = match name.len() {
        5 => &[8],
        7 => &[0, 7],
        8 => &[10, 12, 9, 11],
        11 => &[3, 13],
        12 => &[1, 4],
        16 => &[5, 2],
        17 => &[6],
        _ => &[],
    };
    candidates.iter().copied().find(|field| CHANNEL[*field].as_bytes() == name)
}

/// Which of [`OTHERS`]; the same way.
fn other(name: &[u8]) -> Option<usize> {
    let mut candidates = match name.len() {
        2 => 0..1,
        4 => 1..2,
        5 => 2..4,
        6 => 4..7,
        7 => 7..10,
        8 => 10..12,
        9 => 12..16,
        10 => 16..21,
        11 => 21..22,
        12 => 22..23,
        13 => 23..24,
        14 => 24..25,
        16 => 25..26,
        17 => 26..28,
        21 => 28..29,
        _ => return None,
    };
    candidates.find(|other| OTHERS[*other].as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_has_a_number_of_its_own() {
        let channels = PREFIXES.iter().enumerate().flat_map(|(prefix, text)| {
            CHANNEL
                .iter()
                .enumerate()
                .map(move |(field, name)| (format!("{text}{name}"), Some((prefix, field))))
        });
        let others = OTHERS.iter().map(|name| ((*name).to_owned(), None));
        let mut codes = BTreeSet::new();
        for (name, expected) in channels.chain(others) {
            let code = Code::of(name.as_bytes());
            assert_ne!(code, Code::UNKNOWN, "{name}");
            assert_eq!(code.of_channel(), expected, "{name}");
            assert!(codes.insert(code.0), "{name}");
            assert_eq!(Code::of(name.to_ascii_uppercase().as_bytes()), Code::UNKNOWN, "{name}");
        }
        for name in ["", "Dest", "channel", "DestEvent", "Channelx"] {
            assert_eq!(Code::of(name.as_bytes()), Code::UNKNOWN, "{name}");
        }
    }
}
