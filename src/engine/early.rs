//! Events of trunk channels whose call is not known yet.
//!
//! The `Dial` event that names a call's trunk channel and the events of that channel travel through
//! Asterisk by different ways: under load a refusal can come first (measured on 22.10). They are kept
//! for a moment and given to the call as soon as its trunk channel is known.

use std::collections::VecDeque;

use asterisk::ari::{Channel, Event};

/// The trunk may carry calls of others, whose events nobody will ever ask for.
const MOST: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Early(VecDeque<(String, Event)>);

impl Early {
    pub fn keep(&mut self, channel: String, event: Event) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((channel, event));
    }

    /// The channel of this name.
    pub fn named(&self, name: &str) -> Option<&Channel> {
        let channels = self.0.iter().filter_map(|(_, event)| match event {
            Event::ChannelStateChange(event) => Some(&event.channel),
            Event::ChannelHangupRequest(event) => Some(&event.channel),
            Event::ChannelDestroyed(event) => Some(&event.channel),
            _ => None,
        });
        channels.into_iter().find(|channel| channel.name == name)
    }

    /// What came of this channel, in its order.
    pub fn take(&mut self, channel: &str) -> Vec<Event> {
        if !self.0.iter().any(|(kept, _)| kept == channel) {
            return Vec::new();
        }
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(kept, _)| kept == channel);
        self.0 = left;
        let taken: VecDeque<(String, Event)> = taken;
        taken.into_iter().map(|(_, event)| event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str) -> Event {
        Event::Other { kind: kind.into() }
    }

    #[test]
    fn a_channel_gets_its_own_in_order() {
        let mut early = Early::default();
        early.keep("a".into(), event("1"));
        early.keep("b".into(), event("2"));
        early.keep("a".into(), event("3"));
        assert_eq!(early.take("a"), [event("1"), event("3")]);
        assert_eq!(early.take("a"), []);
        assert_eq!(early.take("b"), [event("2")]);
    }

    #[test]
    fn events_of_others_do_not_pile_up() {
        let mut early = Early::default();
        (0..10_000).for_each(|n| early.keep(n.to_string(), event("x")));
        assert_eq!(early.0.len(), MOST);
        assert_eq!(early.take("9999").len(), 1);
    }
}
