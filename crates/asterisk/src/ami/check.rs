//! Whether a message is whole, as Asterisk writes it. A number of a caller with a line break in it cuts every event of his
//! channel in two, and what he wrote after the break is read as a message of its own (measured on 16.28 and 22.10.1). This
//! owns what a whole one has; it must not know what it means.
//!
//! The head of a cut event lacks what Asterisk writes after the number, and a forged event that passes needs some 200 bytes
//! of one caller's text: Asterisk keeps no more than 79 of a number, a name and an extension (measured). Where the cut is behind `Exten`, all
//! that counts was written before it, and 79 bytes are enough for one whole event: it passes, and the rest of the cut one taints
//! the link a message later. So what is known from AMI alone is confirmed by a query.

use super::wire::Block;

/// What Asterisk tells of a channel, in its order. `Language` and `Linkedid`, which old versions leave out, are not counted.
const CHANNEL: [&str; 11] = [
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
];

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
