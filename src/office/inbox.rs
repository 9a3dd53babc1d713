//! Where what is seen of a call is put: one inbox a live call.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use call::{CallId, office::OfficeInput};

/// The inboxes of all live calls. What is put in for a call that has none is nobody's, and dropped.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<HashMap<CallId, mpsc::UnboundedSender<OfficeInput>>>>);

impl Inboxes {
    pub fn open(&self, call: CallId) -> mpsc::UnboundedReceiver<OfficeInput> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.lock().insert(call, sender);
        receiver
    }

    pub fn close(&self, call: CallId) {
        self.0.lock().remove(&call);
    }

    /// False when the call does not live.
    pub fn put(&self, call: CallId, input: OfficeInput) -> bool {
        self.0.lock().get(&call).is_some_and(|inbox| inbox.send(input).is_ok())
    }

    pub fn live(&self) -> usize {
        self.0.lock().len()
    }
}
