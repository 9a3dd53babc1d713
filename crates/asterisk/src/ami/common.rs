//! What the handles, the supervisor and its connections have in common. It must not know actions.

use std::sync::Arc;

use super::error::AmiError;
use super::interest::Classes;
use super::line::Ids;
use super::model::ChannelRow;
use super::subscription::{AmiLink, CAPACITY};
use super::target::AmiTarget;
use crate::Looks;
use crate::feed::Feed;

/// Of one manager interface, for handles, supervisor and connections alike.
pub(super) struct Common {
    pub(super) target: AmiTarget,
    pub(super) feed: Arc<Feed<AmiLink>>,
    pub(super) looks: Looks<Arc<[ChannelRow]>, AmiError>,
    pub(super) ids: Arc<Ids>,
}

impl Common {
    pub(super) fn new(target: AmiTarget) -> Self {
        let feed = Arc::new(Feed::new(CAPACITY));
        Self { target, feed, looks: Looks::default(), ids: Arc::new(Ids::new()) }
    }

    /// Which events Asterisk is to send: what the connection itself and its subscribers need.
    pub(super) fn classes(&self) -> Classes {
        self.feed.fold(Classes::OWN, Classes::with)
    }
}
