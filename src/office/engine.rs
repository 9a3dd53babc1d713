//! Places offices' calls and follows each to its end: one task a call, which owns its machine, feeds it with what
//! comes into its inbox and carries out its wishes.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    error::{HostError, HostErrorKind},
    inbox::Inboxes,
    order::Order,
    reach::{Reach, Reaches},
    way::Taken,
};
use crate::{
    config,
    enterprises::{Directory, Enterprise},
    hosts,
    logging::mask,
    metrics::Metrics,
    trouble::Troubles,
};
use call::{
    CallId, CallRecord, EndedBy, Extension, Moment, OfficeCall, Reason, Status, Tenant, WayKind, What,
    office::{OfficeEffect, OfficeInput, OfficeMachine},
};
use lang::say;
use ledger::{Commit, Store, StoreError};

/// How long a client waits for the disk. Then the call is withdrawn: nothing will be ordered.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is seen to connections that nobody needs any more.
const REST: Duration = Duration::from_secs(5);

/// The machines' time at the start, so that what a former run did lies before it.
const BEFORE_START: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an office asks for, checked.
#[derive(Debug, Clone)]
pub struct OfficeRequest {
    pub enterprise: Arc<Enterprise>,
    pub what: What,
    /// Whose phone is called first.
    pub extension: Extension,
    /// Address of the client, for the record.
    pub client: Option<String>,
    /// Seconds.
    pub ring_timeout: u32,
    pub max_duration: u32,
}

/// Why a call was not placed. It has a record, unless the store did not take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("the store does not take the call: {0}")]
    Store(String),
    #[error("{error}")]
    Host { call: CallId, error: HostError },
    /// Somebody hung it up, or the bot stopped, before the order was given.
    #[error("the call was withdrawn before it was placed")]
    Withdrawn { call: CallId },
    #[error("the bot is stopping and takes no new calls")]
    Stopping,
}

/// What the offices' calls are made of.
pub struct Parts {
    pub config: config::Office,
    /// Where the links come from.
    pub hosts: hosts::Hosts,
    pub directory: Directory,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    /// Numbers are shown without their middle in the log.
    pub mask_numbers: bool,
}

/// What may be asked of the offices' calls. Cheap to clone.
#[derive(Clone)]
pub struct OfficeHandle(Arc<Inner>);

struct Inner {
    directory: Directory,
    store: Store,
    metrics: Arc<Metrics>,
    mask_numbers: bool,
    troubles: Troubles,
    hosts: Reaches,
    inboxes: Inboxes,
    started: Instant,
    stop: CancellationToken,
}

type Reply = oneshot::Sender<Result<CallId, PlaceError>>;

/// Starts: calls that a former run left open are looked for at their hosts, and never ordered again.
///
/// # Errors
/// When the store can't be read.
pub async fn start(parts: Parts, stop: CancellationToken) -> Result<OfficeHandle, StoreError> {
    let Parts { config, hosts, directory, store, metrics, mask_numbers } = parts;
    let inboxes = Inboxes::default();
    let hosts = Reaches::new(config, hosts, inboxes.clone(), metrics.clone(), stop.clone());
    let open = store.open_calls().await?;
    let inner = Inner {
        directory,
        store,
        metrics,
        mask_numbers,
        troubles: Troubles::default(),
        hosts,
        inboxes,
        started: Instant::now(),
        stop,
    };
    let handle = OfficeHandle(Arc::new(inner));
    tokio::spawn(rest(Arc::downgrade(&handle.0)));
    for record in open.into_iter().filter(|record| record.request.office().is_some()) {
        let id = record.id;
        let inbox = handle.0.inboxes.open(id);
        let (machine, effects) = OfficeMachine::restore(handle.0.now(), record);
        tokio::spawn(handle.0.clone().run(machine, effects, inbox, None));
    }
    Ok(handle)
}

async fn rest(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(REST).await;
        let Some(inner) = inner.upgrade().filter(|inner| !inner.stop.is_cancelled()) else { return };
        inner.hosts.rest();
    }
}

impl OfficeHandle {
    /// Places a call. When this returns `Ok`, the host took the order; whether anybody is connected, the record tells.
    pub async fn place(&self, request: OfficeRequest) -> Result<CallId, PlaceError> {
        if self.0.stop.is_cancelled() {
            return Err(PlaceError::Stopping);
        }
        if let Some(reason) = self.0.store.refuses() {
            return Err(PlaceError::Store(reason));
        }
        let host = self.0.hosts.of(&request.enterprise);
        let settings = host.settings();
        let office = OfficeCall {
            what: request.what,
            tenant: Tenant {
                number: request.enterprise.number.to_string(),
                name: request.enterprise.name.to_string(),
            },
            host: settings.address.clone(),
            extension: request.extension,
            context: settings.context.clone(),
            technology: settings.technology,
            client: request.client,
            ring_timeout: request.ring_timeout,
            max_duration: request.max_duration,
        };
        let id = CallId(Uuid::now_v7());
        let record = CallRecord::new(id, office, Utc::now());
        self.0.hosts.remember(id, &host);
        host.expect_order();
        let inbox = self.0.inboxes.open(id);
        let (machine, effects) = OfficeMachine::place(self.0.now(), record);
        let (reply, answer) = oneshot::channel();
        // A task of its own: a client that goes away changes nothing about the call.
        tokio::spawn(self.0.clone().run(machine, effects, inbox, Some(reply)));
        answer.await.unwrap_or(Err(PlaceError::Stopping))
    }

    /// Asks for the end of a call; false when it does not live. `client`: who asks, for the timeline.
    pub fn hang_up(&self, call: CallId, client: Option<String>) -> bool {
        self.0.inboxes.put(call, OfficeInput::Hangup { by: EndedBy::Api, reason: Reason::HungUp, client })
    }

    /// The host of an enterprise.
    pub fn host(&self, enterprise: &Enterprise) -> Arc<Reach> {
        self.0.hosts.of(enterprise)
    }

    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Calls that have not ended.
    pub fn live(&self) -> usize {
        self.0.inboxes.live()
    }
}

impl Inner {
    fn now(&self) -> Moment {
        Moment { mono: BEFORE_START + self.started.elapsed(), wall: Utc::now() }
    }

    /// One call, to its end.
    async fn run(
        self: Arc<Self>,
        mut machine: OfficeMachine,
        mut effects: Vec<OfficeEffect>,
        mut inbox: mpsc::UnboundedReceiver<OfficeInput>,
        mut reply: Option<Reply>,
    ) {
        let id = machine.record().id;
        self.metrics.office.live(machine.record(), 1);
        loop {
            for effect in effects {
                self.carry_out(&machine, effect, &mut reply);
            }
            if machine.has_ended() {
                break;
            }
            let wake = machine
                .next_timer()
                .map_or(Duration::from_secs(1), |(at, _)| at.saturating_sub(self.now().mono));
            tokio::select! {
                biased;
                // The host goes on with the call; the next start looks for it.
                () = self.stop.cancelled() => break,
                Some(input) = inbox.recv() => effects = machine.handle(self.now(), input),
                () = tokio::time::sleep(wake) => effects = machine.tick(self.now()),
            }
        }
        self.inboxes.close(id);
        self.metrics.office.live(machine.record(), -1);
        if machine.has_ended() {
            self.metrics.office.ended(machine.record());
            self.hosts.forget(id);
        }
        if let Some(reply) = reply {
            // The client may have gone.
            let _ = reply.send(Err(match machine.record().last.reason {
                Some(Reason::StoreUnavailable) => PlaceError::Store("it was not written in time".to_owned()),
                Some(_) => PlaceError::Withdrawn { call: id },
                None => PlaceError::Stopping,
            }));
        }
    }

    fn carry_out(self: &Arc<Self>, machine: &OfficeMachine, effect: OfficeEffect, reply: &mut Option<Reply>) {
        let call = machine.record().id;
        match effect {
            OfficeEffect::Store { record, entries, intent } => {
                self.journal(&record, &entries);
                let (done, stored) = oneshot::channel();
                let record = Arc::new(*record);
                let done = intent.then_some(done);
                let begun = Instant::now();
                self.store.submit(Commit { record, entries, idempotency: None, urgent: intent, done });
                if intent {
                    tokio::spawn(self.clone().after_intent(call, begun, stored));
                }
            }
            OfficeEffect::Order => {
                if let Some(order) = Order::of(machine.record()) {
                    tokio::spawn(self.clone().order(order, reply.take()));
                }
            }
            OfficeEffect::Hangup => self.ask(machine, Of::Call, |host, order| async move {
                Some(match host.hang_up(&order).await {
                    Ok(true) => OfficeInput::HangupSent,
                    Ok(false) => OfficeInput::Apart,
                    Err(error) => OfficeInput::HangupFailed { why: error.why.en },
                })
            }),
            OfficeEffect::Look => self.ask(machine, Of::Enterprise, |host, order| async move {
                Some(match host.look(&order).await {
                    Ok(true) => OfficeInput::Found,
                    Ok(false) => OfficeInput::NotFound,
                    Err(error) => OfficeInput::LookFailed { why: error.why.en },
                })
            }),
            OfficeEffect::Ended => {}
        }
    }

    /// Waits for the disk.
    async fn after_intent(self: Arc<Self>, call: CallId, begun: Instant, stored: oneshot::Receiver<()>) {
        let is_stored = matches!(tokio::time::timeout(STORE_PATIENCE, stored).await, Ok(Ok(())));
        let input = if is_stored {
            self.metrics.office.intent(begun.elapsed());
            OfficeInput::IntentStored
        } else {
            OfficeInput::Hangup { by: EndedBy::Bot, reason: Reason::StoreUnavailable, client: None }
        };
        self.inboxes.put(call, input);
    }

    /// Gives the order, and tells the client and the machine what came of it.
    async fn order(self: Arc<Self>, order: Order, reply: Option<Reply>) {
        let call = order.call;
        let begun = Instant::now();
        let host = self.hosts.of_call(call);
        let placed = match &host {
            Some(host) => host.place(&order).await,
            None => Err(gone()),
        };
        let address = host.as_ref().map(|host| host.settings().address.clone()).unwrap_or_default();
        let (way, result) = match &placed {
            Ok((way, _)) => (Some(*way), "taken"),
            Err(error) => (error.way, error.kind.as_str()),
        };
        self.metrics.office.order(&address, way, result, begun.elapsed());
        self.tell_order(&order, &address, way, placed.is_ok());
        let (input, answer) = match placed {
            Ok((way, Taken { linked_id, detailed })) => {
                (OfficeInput::Taken { way, linked_id, detailed }, Ok(call))
            }
            Err(error) => {
                let input = match error.is_certain {
                    true => OfficeInput::NotTaken(error.failure()),
                    false => OfficeInput::Uncertain { why: error.why.en.clone() },
                };
                (input, Err(PlaceError::Host { call, error }))
            }
        };
        if !self.inboxes.put(call, input)
            && !self.stop.is_cancelled()
            && let Some(host) = host
        {
            // Its call was given up meanwhile: what came of it is nobody's.
            if let Err(error) = host.hang_up(&order).await {
                tracing::warn!(%call, why = %error.why, "an order was taken after its call was given up, and can't be hung up");
            }
            host.forget(call);
        }
        if let Some(reply) = reply {
            // The client may have gone.
            let _ = reply.send(answer);
        }
    }

    /// Asks the host of a call something, beside the call's task.
    fn ask<F, A>(self: &Arc<Self>, machine: &OfficeMachine, of: Of, question: F)
    where
        F: FnOnce(Arc<Reach>, Order) -> A + Send + 'static,
        A: Future<Output = Option<OfficeInput>> + Send,
    {
        let Some(mut order) = Order::of(machine.record()) else { return };
        order.sides = machine.sides().cloned();
        let office = machine.record().request.office();
        let [number, address] = office
            .map_or_else(Default::default, |office| [office.tenant.number.clone(), office.host.clone()]);
        let inner = self.clone();
        tokio::spawn(async move {
            let call = order.call;
            let input = match inner.host_of(&order, of, &number, &address).await {
                Ok(host) => question(host, order).await,
                Err(why) => Some(OfficeInput::LookFailed { why }),
            };
            if let Some(input) = input
                && !inner.inboxes.put(call, input)
            {
                // It ended while its host was asked.
                inner.hosts.forget(call);
            }
        });
    }

    /// The host that has the call; after a restart the directory must tell how to reach it. Another host than the
    /// call's knows nothing of it, and would say that it is over.
    async fn host_of(
        &self,
        order: &Order,
        of: Of,
        enterprise: &str,
        address: &str,
    ) -> Result<Arc<Reach>, String> {
        if let Some(host) = self.hosts.of_call(order.call) {
            let current = self.hosts.current(enterprise).filter(|current| {
                of == Of::Enterprise
                    && !Arc::ptr_eq(current, &host)
                    && current.settings().address == host.settings().address
            });
            let Some(current) = current else { return Ok(host) };
            host.leave(order.call, &current);
            self.hosts.remember(order.call, &current);
            return Ok(current);
        }
        let found = self.directory.by_number(enterprise).await.map_err(|error| error.to_string())?;
        let enterprise = found.ok_or_else(|| format!("there is no enterprise {enterprise} any more"))?;
        let host = self.hosts.of(&enterprise);
        let now = &host.settings().address;
        if now != address {
            return Err(format!(
                "enterprise {} is at {now} now, and this call is at {address}",
                enterprise.number
            ));
        }
        self.hosts.remember(order.call, &host);
        Ok(host)
    }

    /// The older service's words, which its users look for in the log. It had SSH alone; the other ways say which.
    fn tell_order(&self, order: &Order, host: &str, way: Option<WayKind>, is_taken: bool) {
        let Some(way) = way else { return };
        let (call, extension) = (order.call, &order.extension);
        let other = match &order.what {
            What::Dial(number) => mask(number.as_str(), self.mask_numbers),
            What::Listen { target, .. } => target.to_string(),
        };
        let name = way.as_str().to_uppercase();
        tracing::info!(%call, "{name} подключение к {host}: {extension} -> {other}");
        let command = if way == WayKind::Ssh { "CLI" } else { &name };
        if is_taken {
            tracing::info!(%call, "{command} команда выполнена на {host}: {extension} -> {other}");
        }
    }

    /// What an operator reads in `journalctl`: one line a state change.
    fn journal(&self, record: &CallRecord, entries: &[call::Entry]) {
        let Some(office) = record.request.office() else { return };
        let number = mask(record.request.phone(), self.mask_numbers);
        let (call, enterprise, extension) = (record.id, &*office.tenant.number, &office.extension);
        for entry in entries {
            let source = entry.source.as_str();
            match entry.status {
                Some(status) => {
                    tracing::info!(%call, enterprise, %extension, %number, %status, source, "{}", entry.text);
                }
                None => {
                    tracing::debug!(%call, enterprise, %extension, %number, source, event = entry.event, "{}", entry.text);
                }
            }
        }
        if entries.iter().any(|entry| entry.status.is_some_and(Status::is_terminal)) {
            self.troubles.ended(record);
        }
    }
}

/// Whose host is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The one that the call was placed by.
    Call,
    /// The enterprise's as its row is now: by what the row said before, the host may not be reached any more, and over
    /// ARI the two would take the application from each other.
    Enterprise,
}

fn gone() -> HostError {
    HostError {
        kind: HostErrorKind::NoWay,
        way: None,
        is_certain: true,
        words: "no way to the host".to_owned(),
        why: say!("the host's settings are gone; try again", "настроек хоста больше нет; повторите"),
    }
}
