//! Whether a message is whole, as Asterisk writes it. A number of a caller with a line break in it cuts every event of his
//! channel in two, and what he wrote after the break is read as a message of its own (measured on 16.28 and 22.10.1). This
//! owns what a whole one has; it must not know what it means.
//!
//! The head of a cut event lacks what Asterisk writes after the number, and a forged event that passes needs some 200 bytes
//! of one caller's text: Asterisk keeps no more than 79 of a number, a name and an extension (measured). Where the cut is behind `Exten`, all
//! that counts was written before it, and 79 bytes are enough for one whole event: it passes, and the rest of the cut one taints
//! the link a message later. So what is known from AMI alone is confirmed by a query.

use super::names::{self, Code};
use super::wire::Block;

/// What Asterisk always tells of a channel. `Language`, `Linkedid` and `AccountCode`, which old versions leave out, are not
/// counted.
const CHANNEL: &[&str] = names::CHANNEL.split_at(11).0;

/// What is not as it should be. The words hold nothing of the message but names of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("an event lacks `{0}`")]
    Lacks(&'static str),
    #[error("an event has `{0}` twice")]
    Twice(&'static str),
    #[error("an event has a header twice, or a line that is none")]
    Odd,
    #[error("an event tells of more than {MOST} channels")]
    Many,
    #[error("a message is neither an event nor an answer")]
    Neither,
}

/// What else the events have that this client reads; the channels whose fields must be there, by their prefixes.
fn shape(kind: &str) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match kind {
        "Newchannel" | "Newstate" | "HangupRequest" | "SoftHangupRequest" => (&[""], &["Privilege"]),
        "Hangup" => (&[""], &["Privilege", "Cause", "Cause-txt"]),
        "Rename" => (&[], &["Privilege", "Channel", "Newname", "Uniqueid"]),
        "DialBegin" | "DialState" | "DialEnd" => (&["Dest"], &["Privilege"]),
        "BridgeEnter" | "BridgeLeave" => (&[""], &["Privilege", "BridgeUniqueid", "BridgeNumChannels"]),
        "OriginateResponse" => {
            (&[], &["Privilege", "Response", "Channel", "Reason", "Uniqueid", "CallerIDNum", "CallerIDName"])
        }
        "LocalBridge" | "LocalOptimizationEnd" => (&["LocalOne", "LocalTwo"], &["Privilege"]),
        "ChanSpyStart" | "ChanSpyStop" => (&["Spyer"], &["Privilege"]),
        "FullyBooted" => (&[], &["Privilege", "Status"]),
        "Shutdown" => (&[], &["Privilege", "Shutdown", "Restart"]),
        _ => return None,
    })
}

/// No event tells of more channels; each costs a look at all fields.
const MOST: usize = 8;

/// `None`: it is whole, or an answer. One of a type that nobody reads is looked at too: it may be the head of a cut one. The
/// rest of one that was cut after its last number may have no name.
pub(super) fn flaw(block: &Block) -> Option<Flaw> {
    let Some(kind) = block.field("Event") else {
        return block.field("Response").is_none().then_some(Flaw::Neither);
    };
    // An application of the dialplan writes these as it likes.
    if kind == "UserEvent" {
        return None;
    }
    let read = shape(kind);
    if is_plainly_whole(block, read.unwrap_or_default()) {
        return None;
    }
    let names = || block.fields().map(|(name, _)| name);
    let (prefixes, others) = read.unwrap_or_default();
    if let Some(missing) = others.iter().find(|name| block.field(name).is_none()) {
        return Some(Flaw::Lacks(missing));
    }
    // Whatever channels it tells of, it tells of them wholly, and once.
    let told = || names().filter_map(|name| strip_suffix(name, "ChannelState"));
    if told().count() > MOST {
        return Some(Flaw::Many);
    }
    for prefix in told().chain(prefixes.iter().copied()) {
        for field in CHANNEL {
            let is_it =
                |name: &&str| strip_suffix(name, field).is_some_and(|rest| rest.eq_ignore_ascii_case(prefix));
            match names().filter(is_it).count() {
                1 => {}
                0 => return Some(Flaw::Lacks(field)),
                _ => return Some(Flaw::Twice(field)),
            }
        }
    }
    (read.is_some() && has_repeats(block)).then_some(Flaw::Odd)
}

/// Almost every one is, and thousands may come a second: seen by its names as numbers. False tells nothing.
fn is_plainly_whole(block: &Block, (prefixes, others): (&[&str], &[&str])) -> bool {
    let Some(names) = block.names() else { return false };
    names.tell_wholly(prefixes, CHANNEL.len())
        && others.iter().all(|name| names.has(Code::of(name.as_bytes())))
}

/// Variables of a channel, which the owner of the PBX may have put into its events, have one name for all.
fn has_repeats(block: &Block) -> bool {
    let mut names: Vec<String> = (block.fields().map(|(name, _)| name.to_ascii_lowercase()))
        .filter(|name| !name.ends_with("chanvariable"))
        .collect();
    names.sort_unstable();
    names.iter().any(String::is_empty) || names.windows(2).any(|pair| pair[0] == pair[1])
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(suffix.len())?;
    let (prefix, rest) = name.split_at_checked(at)?;
    rest.eq_ignore_ascii_case(suffix).then_some(prefix)
}

/// The unique ids that it names, whoever wrote them.
pub(super) fn ids(block: &Block) -> Vec<String> {
    let is_id = |name: &str| ["Uniqueid", "Linkedid"].iter().any(|id| strip_suffix(name, id).is_some());
    block.fields().filter(|(name, _)| is_id(name)).map(|(_, value)| value.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ami::recording;

    /// As before there were numbers for names: a mistake in them shows.
    fn is_whole_by_its_names(block: &Block) -> bool {
        let Some(kind) = block.field("Event") else { return block.field("Response").is_some() };
        if kind == "UserEvent" {
            return true;
        }
        let read = shape(kind);
        let (prefixes, others) = read.unwrap_or_default();
        let names: Vec<String> = block.fields().map(|(name, _)| name.to_ascii_lowercase()).collect();
        let count = |name: String| names.iter().filter(|known| **known == name.to_ascii_lowercase()).count();
        let told = names.iter().filter_map(|name| name.strip_suffix("channelstate"));
        let mut channels = told.chain(prefixes.iter().copied());
        let has_repeats = || {
            names
                .iter()
                .any(|name| name.is_empty() || (!name.ends_with("chanvariable") && count(name.clone()) > 1))
        };
        others.iter().all(|name| count((*name).to_owned()) > 0)
            && channels.all(|prefix| CHANNEL.iter().all(|field| count(format!("{prefix}{field}")) == 1))
            && !(read.is_some() && has_repeats())
    }

    /// What a hostile caller may make of an event: lines are dropped, doubled, put elsewhere, and written in another way.
    fn events() -> impl Strategy<Value = Vec<String>> {
        let kinds =
            ["Hangup", "DialBegin", "LocalBridge", "OriginateResponse", "AttendedTransfer", "UserEvent"];
        let names = |prefixes: &[&'static str]| -> Vec<String> {
            let pairs = prefixes.iter().flat_map(|prefix| CHANNEL.iter().map(move |field| (prefix, field)));
            pairs.map(|(prefix, field)| format!("{prefix}{field}")).collect()
        };
        let channels = prop_oneof![
            Just(names(&[""])),
            Just(names(&["", "Dest"])),
            Just(names(&["LocalOne", "LocalTwo"])),
            Just(names(&["", "A", "B", "C", "D", "E"])),
        ];
        let change = (0..4usize, any::<prop::sample::Index>(), any::<prop::sample::Index>());
        (prop::sample::select(kinds.to_vec()), channels, prop::collection::vec(change, 0..3), any::<bool>())
            .prop_map(|(kind, mut names, changes, has_variables)| {
                names.extend(["Privilege", "Cause", "Cause-txt"].map(str::to_owned));
                if has_variables {
                    names.extend(["ChanVariable", "ChanVariable"].map(str::to_owned));
                }
                for (what, at, to) in changes {
                    let (at, to) = (at.index(names.len()), to.index(names.len()));
                    match what {
                        0 => drop(names.remove(at)),
                        1 => names.insert(to, names[at].clone()),
                        2 => names.swap(at, to),
                        _ => names[at] = names[at].to_ascii_uppercase(),
                    }
                }
                names.insert(0, format!("Event: {kind}"));
                names
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn what_is_whole_is_so_by_the_rule_itself(lines in events()) {
            let wire: String = lines.iter().map(|line| match line.contains(": ") {
                true => format!("{line}\r\n"),
                false => format!("{line}: x\r\n"),
            }).collect();
            let blocks = recording::blocks(format!("{wire}\r\n").as_bytes()).unwrap();
            prop_assert_eq!(flaw(&blocks[0]).is_none(), is_whole_by_its_names(&blocks[0]), "{:?}", blocks[0]);
        }
    }

    #[test]
    fn whatever_comes_twice_or_not_at_all_is_a_flaw() {
        let others = ["Privilege: call,all", "Cause: 16", "Cause-txt: Normal Clearing", "Event: Hangup"]
            .map(str::to_owned);
        let lines: Vec<_> = CHANNEL.iter().map(|name| format!("{name}: x")).chain(others).collect();
        let judge = |lines: &[String]| {
            let wire = format!("{}\r\n\r\n", lines.join("\r\n"));
            flaw(&recording::blocks(wire.as_bytes()).unwrap()[0])
        };
        assert_eq!(judge(&lines), None);
        for at in 0..lines.len() {
            let twice: Vec<_> = lines.iter().chain([&lines[at]]).cloned().collect();
            assert!(judge(&twice).is_some(), "{} twice", lines[at]);
            let without: Vec<_> = lines.iter().filter(|line| **line != lines[at]).cloned().collect();
            // What names no event is the rest of one that was cut.
            assert!(judge(&without).is_some(), "without {}", lines[at]);
        }
    }

    /// Or all of the numbers were for nothing.
    #[test]
    fn what_an_honest_asterisk_sends_is_seen_at_once() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ami/22");
        let (mut all, mut slow) = (0, 0);
        for file in std::fs::read_dir(folder).unwrap() {
            for block in recording::blocks(&std::fs::read(file.unwrap().path()).unwrap()).unwrap() {
                let Some(kind) = block.field("Event") else { continue };
                all += 1;
                slow += u32::from(!is_plainly_whole(&block, shape(kind).unwrap_or_default()));
            }
        }
        assert!(all > 2000 && slow * 50 < all, "{slow} of {all}");
    }
}
