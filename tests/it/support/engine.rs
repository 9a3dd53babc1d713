//! A stand-in for the engine: it takes calls and stores them as the real one does; what becomes of
//! them is the test's to say.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use call::{CallId, CallRecord, EndedBy, Entry, OutgoingCall, Reached, Reason, Source, Status};
use chrono::{DurationRound, TimeDelta, Utc};
use ledger::{Commit, IdempotencyRow, Notice, Store};
use novofon_bot::engine::{Command, EnginePort, EngineState, HangupAnswer, IdempotencyKey, PlaceError};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{RwLock, mpsc, oneshot, watch};
use uuid::Uuid;

type Reply = oneshot::Sender<Result<Arc<CallRecord>, PlaceError>>;

#[derive(Clone)]
pub struct FakeEngine {
    pub state: watch::Sender<EngineState>,
    /// Nothing is placed while a test holds it for writing.
    pub gate: Arc<RwLock<()>>,
    /// The answer to calls to come, in place of taking them.
    pub refuse: Arc<Mutex<Option<PlaceError>>>,
    /// Requests that came in.
    pub asked: Arc<AtomicUsize>,
    waiting: Arc<Mutex<HashMap<CallId, Reply>>>,
    store: Store,
}

impl FakeEngine {
    pub fn start(mut port: EnginePort, store: Store, mut told: mpsc::UnboundedReceiver<Notice>) -> Self {
        let engine = FakeEngine {
            state: port.state,
            gate: Arc::default(),
            refuse: Arc::default(),
            asked: Arc::default(),
            waiting: Arc::default(),
            store,
        };
        let on_disk = engine.clone();
        tokio::spawn(async move {
            while let Some(notice) = told.recv().await {
                match notice {
                    Notice::Committed(changes) => {
                        changes.iter().for_each(|change| on_disk.stored(&change.record));
                    }
                    Notice::Refused(refused) => panic!("{refused:?}"),
                }
            }
        });
        let taking = engine.clone();
        tokio::spawn(async move {
            while let Some(command) = port.commands.recv().await {
                match command {
                    Command::Place { request, idempotency, reply } => {
                        tokio::spawn(taking.clone().place(*request, idempotency, reply));
                    }
                    Command::Hangup { id, reply, .. } => {
                        let _ = reply.send(taking.hangup(id));
                    }
                    Command::Cancel { filter, reply } => {
                        let fits = |call: &CallRecord| {
                            let own = call.request.outgoing();
                            call.last.status == Status::Queued && own.is_some_and(|own| filter.takes(own))
                        };
                        let count = taking.store.live_calls().iter().filter(|call| fits(call)).count();
                        let _ = reply.send(count);
                    }
                    Command::Reload { done, .. } => drop(done.send(())),
                    Command::Ping(reply) => drop(reply.send(())),
                    Command::Stop => {}
                }
            }
        });
        engine
    }

    async fn place(self, request: OutgoingCall, key: Option<IdempotencyKey>, reply: Reply) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.read().await;
        if let Some(error) = self.refuse.lock().clone() {
            let _ = reply.send(Err(error));
            return;
        }
        let now = Utc::now().duration_trunc(TimeDelta::microseconds(1)).expect("in range");
        let record = Arc::new(CallRecord::new(CallId(Uuid::now_v7()), request, now));
        let idempotency = key.map(|key| IdempotencyRow {
            scope: key.scope,
            key: key.key,
            fingerprint: key.fingerprint,
            call_id: record.id,
            created_at: now,
        });
        self.waiting.lock().insert(record.id, reply);
        let entries = vec![entry("accepted", Some(Status::Queued), None)];
        self.store.submit(Commit { record, entries, idempotency, urgent: true, done: None });
    }

    fn hangup(&self, id: CallId) -> HangupAnswer {
        match self.store.watch(id) {
            Some(call) => HangupAnswer::Asked(call.borrow().clone()),
            None => HangupAnswer::NotFound,
        }
    }

    fn stored(&self, record: &Arc<CallRecord>) {
        if let Some(reply) = self.waiting.lock().remove(&record.id) {
            let _ = reply.send(Ok(record.clone()));
        }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The calls that live, when there are so many.
    pub async fn live(&self, count: usize) -> Vec<CallId> {
        until("calls to live", || self.store.live_calls().len() == count).await;
        self.store.live_calls().iter().map(|call| call.id).collect()
    }

    /// What was seen of a live call, and what it changed.
    pub fn record(&self, id: &str, entry: Entry, change: impl FnOnce(&mut CallRecord)) {
        let id: CallId = id.parse().expect("an id");
        let mut record = self.store.watch(id).expect("it lives").borrow().as_ref().clone();
        if let Some(status) = entry.status {
            record.last.status = status;
        }
        change(&mut record);
        self.store.submit(Commit {
            record: Arc::new(record),
            entries: vec![entry],
            idempotency: None,
            urgent: true,
            done: None,
        });
    }

    /// The call comes into this state, and that is on disk.
    pub async fn step(&self, id: &str, status: Status) {
        self.record(id, entry(status.as_str(), Some(status), None), |call| {
            let now = Some(entry("", None, None).at);
            match status {
                Status::Dialing => call.last.dialed_at = now,
                Status::Ringing => (call.last.ringing_at, call.last.reached) = (now, Reached::Ringing),
                Status::Answered => (call.last.answered_at, call.last.reached) = (now, Reached::Answered),
                status if status.is_terminal() => {
                    call.last.ended_at = now;
                    call.last.reason = Some(Reason::HungUp);
                    call.last.ended_by = Some(EndedBy::Callee);
                    call.last.talk_seconds = call.last.answered_at.map(|_| 2.5);
                }
                _ => {}
            }
        });
        let id = id.parse().expect("an id");
        until("the step to be on disk", || {
            self.store.watch(id).map_or(status.is_terminal(), |call| call.borrow().last.status == status)
        })
        .await;
    }
}

pub fn entry(event: &str, status: Option<Status>, data: Option<Value>) -> Entry {
    let at = Utc::now().duration_trunc(TimeDelta::microseconds(1)).expect("in range");
    Entry {
        at,
        source: Source::Bot,
        event: event.into(),
        text: format!("seen: {event}"),
        status,
        data,
        attempt: None,
    }
}

/// Waits for a condition that no channel tells.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let polling = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), polling).await.unwrap_or_else(|_| panic!("no {what}"));
}
