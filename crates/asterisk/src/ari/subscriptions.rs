//! What an application is to be told of.

/// What the application shall be told of.
#[derive(Debug, Clone, Default)]
pub struct Subscriptions {
    /// `PJSIP/novofon`: its channels are heard of without subscribing to everything.
    pub endpoint: Option<String>,
    /// Types of events; empty means all. What the client itself needs is added.
    pub allowed_events: Vec<String>,
}

impl Subscriptions {
    /// With those that the client itself needs; empty for all.
    pub(super) fn allowed_events(&self) -> Vec<String> {
        let mut allowed = self.allowed_events.clone();
        if !allowed.is_empty() {
            // Without the first the answers over the socket vanish; the second says who took the application.
            allowed.extend(["RESTResponse".to_owned(), "ApplicationReplaced".to_owned()]);
            allowed.sort();
            allowed.dedup();
        }
        allowed
    }
}
