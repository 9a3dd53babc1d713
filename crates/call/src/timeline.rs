//! The timeline: all evidence of a call in the order in which it was seen.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use lang::Lang;

use super::{Fact, Status};

/// Where a piece of evidence came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A client's request.
    Api,
    /// The bot itself: its limits, its scenario, its restart.
    Bot,
    /// An event or an answer of Asterisk's REST interface.
    Ari,
    /// Our `[outgoing]`, by UserEvent.
    Dialplan,
    /// The carrier, through the trunk channel.
    Sip,
    Store,
    /// An enterprise's own Asterisk, by whatever way it is reached.
    Host,
}

impl Source {
    pub const ALL: [Source; 7] =
        [Source::Api, Source::Bot, Source::Ari, Source::Dialplan, Source::Sip, Source::Store, Source::Host];

    pub fn as_str(self) -> &'static str {
        match self {
            Source::Api => "api",
            Source::Bot => "bot",
            Source::Ari => "ari",
            Source::Dialplan => "dialplan",
            Source::Sip => "sip",
            Source::Store => "store",
            Source::Host => "host",
        }
    }
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub source: Source,
    /// A stable word for programs, e.g. `trunk_ringing`.
    pub event: String,
    /// What was seen, for people; English, with the values as Asterisk or the carrier gave them.
    pub text: String,
    /// The state this led to, when it led to one.
    pub status: Option<Status>,
    /// Values for programs, e.g. `{"cause": 17}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// Number of the attempt that it is about; `None` before the first, and of what older releases wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u16>,
}

impl Entry {
    /// `status`: the state that the fact led to, which is not always the one that it proves.
    /// `attempt`: how many were begun.
    pub fn new(at: DateTime<Utc>, fact: &Fact, status: Option<Status>, attempt: u16) -> Self {
        let (event, data) = fact.parts();
        let attempt = fact.attempt().or(Some(attempt)).filter(|number| *number > 0);
        Entry { at, source: fact.source(), event, text: fact.text(Lang::En), status, data, attempt }
    }

    /// What it says to this reader. What is no fact of this release (a newer one's) stays English.
    pub fn told(&self, lang: Lang) -> Cow<'_, str> {
        let fact =
            (lang != Lang::En).then(|| Fact::read(&self.event, self.data.as_ref(), self.attempt)).flatten();
        fact.map_or(Cow::Borrowed(self.text.as_str()), |fact| Cow::Owned(fact.text(lang)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_told_in_the_readers_language() {
        let fact = Fact::OriginateNotSent { why: "connection refused".into() };
        let mut entry = Entry::new(DateTime::UNIX_EPOCH, &fact, None, 1);
        assert_eq!(entry.told(Lang::En), entry.text);
        assert_eq!(entry.told(Lang::Ru), fact.text(Lang::Ru));
        // A newer release's.
        entry.event = "told_by_a_newer_one".into();
        assert_eq!(entry.told(Lang::Ru), entry.text);
    }
}
