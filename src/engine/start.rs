//! The start of the engine, and what a former run has left open.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    admission::Admission,
    agenda::Agenda,
    early::Early,
    handle::{AriState, EngineHandle, EngineState, StoreState, channel},
    line::Line,
    runner::{Ears, Runner},
    settings::Settings,
    strays::Strays,
};
use crate::{metrics::Metrics, trouble::Troubles};
use asterisk::ari::{self, Ari, AriTarget, Subscriptions, TargetError};
use call::scenario::Scenario;
use call::{CallId, CallRecord, DialString, Machine, OutgoingCall, Registry, Status};
use ledger::{Notice, Store, StoreError};
use witness::{EVENTS, Translator};

/// Commands that may wait for the engine.
const COMMANDS: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Ari(#[from] TargetError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running engine.
pub struct Engine {
    pub handle: EngineHandle,
    pub task: JoinHandle<()>,
    /// Ends the engine at once, without waiting for live calls.
    pub abort: CancellationToken,
}

/// Starts the engine, without an Asterisk of its own where there is no `target`: takes up what a former run left open, then connects to Asterisk.
pub async fn start(
    settings: Settings,
    target: Option<AriTarget>,
    store: Store,
    notices: mpsc::UnboundedReceiver<Notice>,
    metrics: Arc<Metrics>,
) -> Result<Engine, StartError> {
    let abort = CancellationToken::new();
    let subscriptions = Subscriptions {
        endpoint: Some(settings.trunk.endpoint.clone()),
        allowed_events: EVENTS.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    let open = store.open_calls().await?;
    let gap = settings.dial.min_gap;
    let recent = if gap.is_zero() {
        Vec::new()
    } else {
        store.recent_numbers(Utc::now() - TimeDelta::from_std(gap).unwrap_or(TimeDelta::MAX)).await?
    };
    let away = match &target {
        Some(_) => AriState::Down { reason: "not connected yet".into(), since: Utc::now() },
        None => AriState::NotUsed,
    };
    let app = target.as_ref().map(|target| target.app.clone()).unwrap_or_default();
    let (ari, links) = match target {
        Some(target) => ari::connect(target, subscriptions, abort.clone())?,
        // Nothing is ever told, and nothing can be asked.
        None => (Ari::nowhere(), mpsc::channel(1).1),
    };
    let (inputs, fed) = mpsc::unbounded_channel();
    let (probes, probed) = mpsc::unbounded_channel();
    let (handle, port) = channel(
        EngineState {
            ari: away.clone(),
            ari_trouble: None,
            store: StoreState::Up,
            live: 0,
            queued: 0,
            stopping: false,
        },
        COMMANDS,
    );
    let translator = Translator::new(&settings.trunk.endpoint);
    let mut runner = Runner {
        settings,
        strays: Strays::new(ari.clone(), store.clone(), app),
        store,
        line: Line { ari, translator, inputs, probes, metrics: metrics.clone() },
        metrics,
        troubles: Troubles::default(),
        started: Instant::now(),
        machines: HashMap::new(),
        registry: Registry::default(),
        admission: Admission::new(),
        agenda: Agenda::default(),
        early: Early::default(),
        live: HashSet::new(),
        intents: HashMap::new(),
        placing: HashMap::new(),
        patience: VecDeque::new(),
        keys: HashMap::new(),
        written: HashMap::new(),
        event_at: None,
        ari: away,
        held_until: None,
        refusal: None,
        deaf: None,
        cancelling: Vec::new(),
        stopping: None,
        state: port.state,
    };
    runner.take_up(open, recent);
    let ears =
        Ears { links, commands: port.commands, inputs: fed, notices, probes: probed, abort: abort.clone() };
    let task = tokio::spawn(runner.run(ears));
    Ok(Engine { handle, task, abort })
}

impl Runner {
    /// Queued calls go on waiting; a call that was dialed is looked for as soon as Asterisk is there.
    fn take_up(&mut self, open: Vec<CallRecord>, recent: Vec<(DialString, DateTime<Utc>)>) {
        let now = self.now();
        if !open.is_empty() {
            tracing::info!(calls = open.len(), "calls of the former run are taken up");
        }
        for record in open {
            let id = record.id;
            let queued = record.last.status == Status::Queued;
            // An office's call is not dialed here: `office` looks for it at its host.
            let Some(request) = record.request.outgoing() else { continue };
            let (scenario, number) = (self.scenario_of(id, request), request.phone.clone());
            let (machine, effects) =
                Machine::restore(now, record, &scenario, self.settings.dial.limits, false);
            self.machines.insert(id, machine);
            if queued {
                if !self.settings.dial.min_gap.is_zero() {
                    self.admission.waits(number);
                }
                self.admission.push(id);
            } else {
                self.live.insert(id);
            }
            self.carry_out(id, effects);
        }
        self.end_forbidden();
        let gap = self.settings.dial.min_gap;
        for (number, at) in recent {
            let ago = (now.wall - at).to_std().unwrap_or_default();
            self.admission.may_call_at(number, now.mono + gap.saturating_sub(ago), now.mono);
        }
    }

    /// What a call of the former run says. A scenario that is gone from the configuration meanwhile is no reason to hang
    /// up on people without a word.
    fn scenario_of(&self, call: CallId, request: &OutgoingCall) -> Scenario {
        let scenarios = &self.settings.scenarios;
        let own = scenarios.get(&request.scenario);
        if own.is_none() {
            let (scenario, default) = (&*request.scenario, &*self.settings.default_scenario);
            tracing::warn!(%call, scenario, default, "the scenario of a call is not there any more; the default one is taken");
        }
        own.or_else(|| scenarios.get(&self.settings.default_scenario)).cloned().unwrap_or_default()
    }
}
