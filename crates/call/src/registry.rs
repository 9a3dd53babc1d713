//! Which channel belongs to which attempt of which call.
//!
//! Our two halves carry the attempt's id in their own; only the trunk channel's id is Asterisk's
//! choice and has to be remembered.

use std::collections::HashMap;

use super::{AttemptId, CallId, Half};

/// What a channel is to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelRole {
    Half(Half),
    Trunk,
}

#[derive(Debug, Default)]
pub struct Registry {
    trunks: HashMap<String, AttemptId>,
}

impl Registry {
    pub fn watch(&mut self, trunk_channel: String, attempt: AttemptId) {
        self.trunks.insert(trunk_channel, attempt);
    }

    /// The call has ended: none of its trunk channels is known any more, of which a dialplan may have dialed several.
    pub fn forget(&mut self, call: CallId) {
        self.trunks.retain(|_, of| of.call != call);
    }

    pub fn role(&self, channel: &str) -> Option<(AttemptId, ChannelRole)> {
        if let Some(attempt) = self.trunks.get(channel) {
            return Some((*attempt, ChannelRole::Trunk));
        }
        let (id, half) = match channel.strip_suffix(";2") {
            Some(id) => (id, Half::Far),
            None => (channel, Half::Near),
        };
        id.parse().ok().map(|id| (id, ChannelRole::Half(half)))
    }

    /// The trunk channels of all calls.
    pub fn trunks(&self) -> impl Iterator<Item = &str> {
        self.trunks.keys().map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.trunks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.trunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_known_by_their_name_and_the_trunk_by_memory() {
        let call: CallId = "0193d0a0-0000-7000-8000-000000000001".parse().expect("a UUID");
        let mut registry = Registry::default();
        let attempt = AttemptId { call, number: 2 };
        registry.watch("1700000000.7".into(), attempt);
        assert_eq!(registry.role(&attempt.near_channel()), Some((attempt, ChannelRole::Half(Half::Near))));
        assert_eq!(registry.role(&attempt.far_channel()), Some((attempt, ChannelRole::Half(Half::Far))));
        assert_eq!(registry.role("1700000000.7"), Some((attempt, ChannelRole::Trunk)));
        assert_eq!(registry.role("1700000000.8"), None);
        // A dialplan may dial more than one leg.
        registry.watch("1700000000.9".into(), attempt);
        registry.forget(call);
        assert!(registry.is_empty());
    }
}
