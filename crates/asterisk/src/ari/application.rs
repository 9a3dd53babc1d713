//! What Asterisk tells an application, as it says itself when it is asked. It must not know what is done where something is
//! missing.

use serde::Deserialize;

/// What an application is told. Versions without event filters leave the lists out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Application {
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
    /// Which of these types of events (of all, if there are none) and this endpoint it is not told of.
    pub(super) fn lacks(&self, kinds: &[String], endpoint: Option<&str>) -> Option<String> {
        let has = |list: &[EventKind], kind: &String| list.iter().any(|one| one.r#type == *kind);
        let allowed = self.events_allowed.as_deref().unwrap_or_default();
        let disallowed = self.events_disallowed.as_deref().unwrap_or_default();
        let passes = |kind: &&String| (allowed.is_empty() || has(allowed, kind)) && !has(disallowed, kind);
        let mut lacking: Vec<&str> = kinds.iter().filter(|kind| !passes(kind)).map(String::as_str).collect();
        lacking.extend(endpoint.filter(|name| !self.endpoint_ids.iter().any(|id| id == name)));
        (!lacking.is_empty()).then(|| format!("no {}", lacking.join(", ")))
    }
}
