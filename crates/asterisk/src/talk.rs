//! Who hears whom: channels meet in bridges, and the two halves of a Local channel join the bridges that they are in.
//!
//! A phone whose bridge holds nothing but half of a Local channel may hear nobody: that is how a click-to-call stands
//! while its number rings (measured on 16.28 and 22.10).

use std::collections::HashSet;

/// A channel, and the bridge that it is in.
#[derive(Debug, Clone, Copy)]
pub struct Seat<'a> {
    /// `PJSIP/150-0000002a`
    pub channel: &'a str,
    /// Its id; `None`: the channel is in none, and so hears nobody.
    pub bridge: Option<&'a str>,
}

/// The channels at the other end of this one's conversation, through however many Local channels; none of them is
/// half of one.
pub fn heard_by<'a>(channel: &str, seats: &[Seat<'a>]) -> Vec<&'a str> {
    let bridge_of = |name: &str| seats.iter().find(|seat| seat.channel == name).and_then(|seat| seat.bridge);
    let mut heard = Vec::new();
    let mut met: HashSet<&str> = HashSet::new();
    let mut next: Vec<&str> = bridge_of(channel).into_iter().collect();
    while let Some(bridge) = next.pop() {
        if !met.insert(bridge) {
            continue;
        }
        for seat in seats.iter().filter(|seat| seat.bridge == Some(bridge) && seat.channel != channel) {
            match twin(seat.channel) {
                Some(twin) => next.extend(bridge_of(&twin)),
                None => heard.push(seat.channel),
            }
        }
    }
    heard
}

/// Whether these two talk with each other; `None`: there is no such channel any more.
pub fn are_connected(sides: [Option<&str>; 2], seats: &[Seat<'_>]) -> bool {
    let [Some(one), Some(other)] = sides else { return false };
    heard_by(one, seats).contains(&other)
}

/// Whether this one talks with a channel that is none of `own`.
pub fn is_with_others(channel: &str, own: &[&str], seats: &[Seat<'_>]) -> bool {
    heard_by(channel, seats).iter().any(|heard| !own.contains(heard))
}

/// The other half of a Local channel.
fn twin(channel: &str) -> Option<String> {
    let (pair, half) = channel.strip_prefix("Local/").and(channel.rsplit_once(';'))?;
    match half {
        "1" => Some(format!("{pair};2")),
        "2" => Some(format!("{pair};1")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard<'a>(channel: &str, seats: &[(&'a str, &'a str)]) -> Vec<&'a str> {
        let seat = |&(channel, bridge): &(&'a str, &'a str)| Seat {
            channel,
            bridge: Some(bridge).filter(|bridge| !bridge.is_empty()),
        };
        heard_by(channel, &seats.iter().map(seat).collect::<Vec<_>>())
    }

    const DESK: &str = "PJSIP/150-00000001";
    const TRUNK: &str = "PJSIP/trunk-00000002";

    #[test]
    fn a_phone_that_waits_for_its_number_hears_nobody() {
        let mut seats = vec![
            (DESK, "a"),
            ("Local/150@inoffice-00000007;2", "a"),
            ("Local/150@inoffice-00000007;1", ""),
            ("Local/+375296250201@inoffice-00000008;1", ""),
            ("Local/+375296250201@inoffice-00000008;2", ""),
            (TRUNK, ""),
        ];
        assert_eq!(heard(DESK, &seats), [""; 0]);
        for (nth, bridge) in [(2, "b"), (3, "b"), (4, "c"), (5, "c")] {
            seats[nth].1 = bridge;
        }
        assert_eq!(heard(DESK, &seats), [TRUNK]);
        assert_eq!(heard(TRUNK, &seats), [DESK]);
    }

    #[test]
    fn others_and_circles() {
        assert_eq!(heard(DESK, &[(DESK, "a")]), [""; 0], "alone in its bridge");
        assert_eq!(heard(DESK, &[(DESK, ""), (TRUNK, "")]), [""; 0], "no bridge is no bridge in common");
        assert_eq!(heard(DESK, &[(DESK, "a"), (TRUNK, "a"), ("SIP/151-1", "a")]), [TRUNK, "SIP/151-1"]);
        let circle = [
            (DESK, "a"),
            ("Local/1@x-1;1", "a"),
            ("Local/1@x-1;2", "b"),
            ("Local/2@x-2;1", "b"),
            ("Local/2@x-2;2", "a"),
        ];
        assert_eq!(heard(DESK, &circle), [""; 0]);
    }
}
