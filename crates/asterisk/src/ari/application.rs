//! What Asterisk tells an application, as it says itself when it is asked. It must not know what is done where something is
//! missing.

use serde::Deserialize;

/// What an application is told. Versions without event filters leave the lists out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Application {
    pub(super) channel_ids: Vec<String>,
    pub(super) bridge_ids: Vec<String>,
    pub(super) endpoint_ids: Vec<String>,
    pub(super) events_allowed: Option<Vec<EventKind>>,
    pub(super) events_disallowed: Option<Vec<EventKind>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct EventKind {
    pub(super) r#type: String,
}

impl Application {
    /// It is told of all channels and bridges (the ids are those of 16.28 and 22.10.1).
    pub(super) fn is_told_of_all(&self) -> bool {
        self.channel_ids.iter().any(|id| id == "__AST_CHANNEL_ALL_TOPIC")
            && self.bridge_ids.iter().any(|id| id == "__AST_BRIDGE_ALL_TOPIC")
    }

    /// Which of these types of events (of all, if there are none) and this endpoint it is not told of. `wants_all`: it must be
    /// told of all channels.
    pub(super) fn lacks(&self, kinds: &[String], endpoint: Option<&str>, wants_all: bool) -> Option<String> {
        let has = |list: &[EventKind], kind: &String| list.iter().any(|one| one.r#type == *kind);
        let allowed = self.events_allowed.as_deref().unwrap_or_default();
        let disallowed = self.events_disallowed.as_deref().unwrap_or_default();
        let passes = |kind: &&String| (allowed.is_empty() || has(allowed, kind)) && !has(disallowed, kind);
        let mut lacking: Vec<&str> = kinds.iter().filter(|kind| !passes(kind)).map(String::as_str).collect();
        lacking.extend(endpoint.filter(|name| !self.endpoint_ids.iter().any(|id| id == name)));
        lacking.extend((wants_all && !self.is_told_of_all()).then_some("channels and bridges of others"));
        (!lacking.is_empty()).then(|| format!("no {}", lacking.join(", ")))
    }
}
