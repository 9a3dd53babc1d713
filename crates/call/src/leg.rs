//! The legs of one attempt, and the rule which of them decides how it ended.
//!
//! A leg is one channel with a role. A dialplan may dial several: one after another (failover), or at once (a
//! fork). What was seen of each is kept apart here, for every kind of call alike; what it means is concluded by
//! the evidence of that kind. The rule (docs/calls.md): a leg that was answered; of several dialed one after
//! another the last; of a fork the furthest. A leg that lost because another one was picked up proves nothing.

use serde::{Deserialize, Serialize};

/// What a channel is to its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Through the carrier to the number, in the bot's own calls.
    Trunk,
    /// The phone of the extension that calls, in an office's call.
    Desk,
    /// The number's side of an office's call.
    Phone,
    /// The phone of the extension that listens: the one side of a monitoring.
    Listener,
}

impl Role {
    /// Whether states and outcomes are said of it.
    pub fn is_main(self) -> bool {
        self != Role::Desk
    }
}

/// Q.850 cause and SIP status that Asterisk put on a channel. The SIP status is absent before Asterisk's
/// late-2025 releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    pub cause: Option<u16>,
    pub tech_cause: Option<u16>,
}

/// Q.850 cause 26, non-selected user clearing: `Dial` hangs up the others of a fork with it.
pub(super) const ANSWERED_ELSEWHERE: u16 = 26;

/// What was seen of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leg {
    /// What its Asterisk knows it by: an id or a name, whichever the events of this kind of call carry.
    pub channel: String,
    /// Its name, `PJSIP/novofon-0000002a`, where `channel` is an id.
    pub name: Option<String>,
    pub sip_call_id: Option<String>,
    pub rang: bool,
    pub early_media: bool,
    pub up: bool,
    /// The carrier answered it (200), with an SDP that is of no use: it never came up.
    pub in_vain: bool,
    /// It was put together with another channel: who merely picks up may still be asked whether to take the call.
    pub joined: bool,
    /// `Dial` gave it up; the word is Asterisk's and often misleads.
    pub dial_ended: Option<String>,
    /// That was because its caller's side went, our half: hung up or taken away at the PBX, for nobody here had asked for
    /// the end.
    pub canceled_here: bool,
    /// The far side ended it: a final answer, or a BYE.
    pub far_hangup: Option<Causes>,
    /// The far side did before anybody here asked for the end.
    pub far_first: bool,
    /// It was hung up at the PBX.
    pub hung_up_here: bool,
    /// The channel is gone.
    pub destroyed: Option<Causes>,
    /// A 3xx sent the call to another channel.
    pub forwarded: bool,
    /// The far side's 408 came when an INVITE without any answer times out (RFC 3261, timer B: 32 s).
    pub at_timer_b: bool,
    /// It is over, and known by the dialplan's words alone: no event told of it.
    pub is_told: bool,
    /// Its own events come, and not only those of the `Dial` that made it: its end will be told.
    pub is_heard: bool,
    /// Events of it may be missing. How far it is now can be asked for, but not whether it sent sound before the answer: that
    /// is no state of a channel.
    pub is_unseen: bool,
    /// Legs with the same number were dialed at once.
    dial: u32,
    /// Its place among the ends.
    ended: Option<u32>,
}

impl Leg {
    /// What its `Dial` came to is not against a time-out of that `Dial`: `BUSY` and `CONGESTION` are words of the carrier's.
    pub fn may_have_timed_out(&self) -> bool {
        self.dial_ended.as_deref().is_none_or(|word| ["NOANSWER", "CANCEL"].contains(&word))
    }

    pub fn rang(&self) -> bool {
        self.rang || self.early_media
    }

    pub fn is_alive(&self) -> bool {
        self.destroyed.is_none() && !self.is_told
    }

    /// It may live, as far as anybody can tell: `Dial` has given it up, but it was taken out of its `Dial`, or up.
    pub fn may_live(&self) -> bool {
        self.is_alive() && (self.is_heard || self.up || self.canceled_here || self.dial_ended.is_none())
    }

    /// Another leg of the fork was picked up: how this one ended says nothing of the call.
    pub fn has_lost(&self) -> bool {
        !self.up && self.destroyed.and_then(|causes| causes.cause) == Some(ANSWERED_ELSEWHERE)
    }

    /// `Dial` is done with it.
    fn is_over(&self) -> bool {
        !self.is_alive() || self.dial_ended.is_some()
    }

    /// It rings or sends sound, now.
    pub fn is_ringing(&self) -> bool {
        self.rang() && !self.up && self.far_hangup.is_none() && self.may_live()
    }

    /// The order of a fork: a leg that lives is further than one that has ended, where both came equally far.
    fn progress(&self) -> (bool, bool, bool, u32) {
        (self.in_vain, self.rang, self.early_media, self.ended.unwrap_or(u32::MAX))
    }
}

/// All legs of one role, in the order in which they were dialed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Legs {
    legs: Vec<Leg>,
    ends: u32,
}

impl Legs {
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    pub fn len(&self) -> usize {
        self.legs.len()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Leg> {
        self.legs.iter()
    }

    pub fn get(&self, channel: &str) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.channel == channel)
    }

    /// In a timeline of several legs each entry says of which it is.
    pub fn which(&self, channel: &str) -> Option<String> {
        let leg = self.get(channel).filter(|_| self.len() > 1)?;
        Some(leg.name.clone().unwrap_or_else(|| leg.channel.clone()))
    }

    pub fn named(&self, name: &str) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.name.as_deref().unwrap_or(&leg.channel) == name)
    }

    /// The leg of this channel; a new one, if nothing was seen of it. It belongs to the fork of the leg before
    /// it while `Dial` is not done with all of that one.
    pub fn entry(&mut self, channel: &str) -> &mut Leg {
        if let Some(at) = self.legs.iter().position(|leg| leg.channel == channel) {
            return &mut self.legs[at];
        }
        let last = self.legs.last().map_or(0, |leg| leg.dial);
        let is_over = self.legs.iter().filter(|leg| leg.dial == last).all(Leg::is_over);
        let dial = if is_over { last + 1 } else { last };
        self.legs.push(Leg { channel: channel.to_owned(), dial, ..Leg::default() });
        self.legs.last_mut().expect("one was pushed")
    }

    /// Events are being lost.
    pub fn lose_sight(&mut self) {
        self.legs.iter_mut().for_each(|leg| leg.is_unseen = true);
    }

    /// Legs that only the dialplan's words tell of, by their names.
    pub fn learn<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if self.named(name).is_none() {
                let leg = self.entry(name);
                leg.name = Some(name.to_owned());
                leg.is_told = true;
            }
        }
        self.order_by_number();
    }

    /// For legs that were not heard of in their order. A channel driver counts its channels:
    /// `PJSIP/reserve-0000002b` was dialed after `PJSIP/novofon-0000002a`.
    pub fn order_by_number(&mut self) {
        self.legs.sort_by_key(|leg| {
            let (_, number) = leg.name.as_deref()?.rsplit_once('-')?;
            u64::from_str_radix(number, 16).ok()
        });
    }

    /// The channel is gone. False when that was known.
    pub fn end(&mut self, channel: &str, causes: Causes) -> bool {
        let ends = self.ends;
        let leg = self.entry(channel);
        if leg.destroyed.is_some() {
            return false;
        }
        leg.destroyed = Some(causes);
        if leg.ended.is_none() {
            leg.ended = Some(ends);
            self.ends += 1;
        }
        true
    }

    /// `Dial` gave the leg up. False when that was known.
    pub fn give_up(&mut self, channel: &str, dialstatus: &str) -> bool {
        let ends = self.ends;
        let leg = self.entry(channel);
        if leg.dial_ended.is_some() {
            return false;
        }
        leg.dial_ended = Some(dialstatus.to_owned());
        if leg.ended.is_none() {
            leg.ended = Some(ends);
            self.ends += 1;
        }
        true
    }

    /// The carrier's 200 on the leg of this name, if that is none that is up.
    pub fn answered_in_vain(&mut self, name: &str) {
        for leg in self.legs.iter_mut().filter(|leg| leg.name.as_deref() == Some(name)) {
            leg.in_vain = !leg.up;
        }
    }

    /// What lives was not canceled, whatever its `Dial` said: it was taken out of it.
    pub fn not_canceled(&mut self) {
        for leg in self.legs.iter_mut().filter(|leg| leg.is_alive()) {
            leg.canceled_here = false;
        }
    }

    /// The leg that decides.
    pub fn deciding(&self) -> Option<&Leg> {
        if let Some(answered) = self.legs.iter().rev().find(|leg| leg.up) {
            return Some(answered);
        }
        let last = self.legs.last()?;
        let fork = || self.legs.iter().filter(|leg| leg.dial == last.dial);
        let furthest = fork().filter(|leg| !leg.has_lost()).max_by_key(|leg| leg.progress());
        // Where all of them have lost, `Dial` only says so (its option `c`): none was picked up.
        furthest.or_else(|| fork().max_by_key(|leg| leg.progress()))
    }

    /// The deciding leg was dialed alone: what is known of the whole dial is known of it.
    pub fn decides_alone(&self) -> bool {
        let Some(deciding) = self.deciding() else { return false };
        self.legs.iter().filter(|leg| leg.dial == deciding.dial).count() == 1
    }

    pub fn alive(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().filter(|leg| leg.is_alive())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(cause: u16) -> Causes {
        Causes { cause: Some(cause), tech_cause: None }
    }

    fn decides(legs: &Legs) -> &str {
        &legs.deciding().expect("there are legs").channel
    }

    #[test]
    fn of_several_one_after_another_the_last_decides() {
        let mut legs = Legs::default();
        assert_eq!(legs.deciding(), None);
        legs.entry("a").rang = true;
        legs.give_up("a", "CONGESTION");
        legs.entry("b");
        assert_eq!(decides(&legs), "b");
        // The end of the first may be told after the second's beginning.
        legs.end("a", gone(34));
        assert_eq!(decides(&legs), "b");
        assert!(legs.decides_alone());
    }

    #[test]
    fn of_a_fork_the_furthest_decides() {
        let mut legs = Legs::default();
        legs.entry("a");
        legs.entry("b").early_media = true;
        legs.entry("c").rang = true;
        assert_eq!(decides(&legs), "c");
        legs.end("c", gone(16));
        legs.end("a", gone(17));
        assert_eq!(decides(&legs), "c", "it had come further than those that are left");
        legs.entry("b").up = true;
        assert_eq!(decides(&legs), "b");
        assert!(!legs.decides_alone());
    }

    #[test]
    fn an_answer_of_no_use_is_further_than_a_refusal() {
        let mut legs = Legs::default();
        legs.entry("a").name = Some("A".into());
        legs.entry("b").rang = true;
        legs.end("a", gone(58));
        legs.end("b", gone(17));
        assert_eq!(decides(&legs), "b");
        legs.answered_in_vain("A");
        assert_eq!(decides(&legs), "a");
    }

    #[test]
    fn of_a_fork_that_came_equally_far_the_last_to_end_decides() {
        let mut legs = Legs::default();
        legs.entry("a");
        legs.entry("b");
        assert!(legs.give_up("b", "BUSY") && !legs.give_up("b", "CANCEL"));
        assert_eq!(decides(&legs), "a");
        assert!(legs.end("a", gone(34)) && !legs.end("a", gone(1)));
        legs.end("b", gone(17));
        assert_eq!(decides(&legs), "a", "`Dial` had given up the other one before");
    }

    #[test]
    fn a_leg_that_lost_proves_nothing() {
        let mut legs = Legs::default();
        legs.entry("a").rang = true;
        legs.entry("b");
        legs.end("a", gone(26));
        assert_eq!(decides(&legs), "b");
        // Where nothing else is known, they are all there is: the furthest of them.
        let mut legs = Legs::default();
        legs.entry("a").rang = true;
        legs.entry("b");
        legs.end("a", gone(26));
        legs.end("b", gone(26));
        assert_eq!(decides(&legs), "a");
    }

    #[test]
    fn legs_that_only_the_dialplan_told_of_are_in_the_order_of_their_numbers() {
        let mut legs = Legs::default();
        legs.learn(["PJSIP/reserve-00000010", "PJSIP/novofon-0000000f"].into_iter());
        assert_eq!(decides(&legs), "PJSIP/reserve-00000010");
        legs.learn(["PJSIP/novofon-0000000f"].into_iter());
        assert_eq!(legs.len(), 2);
        assert_eq!(legs.alive().count(), 0);
    }

    #[test]
    fn an_answer_is_not_undone_by_what_is_dialed_after_it() {
        let mut legs = Legs::default();
        legs.entry("a").up = true;
        legs.end("a", gone(16));
        legs.entry("b").rang = true;
        assert_eq!(decides(&legs), "a");
        assert_eq!(legs.alive().map(|leg| leg.channel.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
