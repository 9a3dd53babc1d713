//! The hosts, and of each the ways that lead to it, the best first.
//!
//! A way that can't be used is left alone for a while, so that a dead one costs a call nothing; the next one is
//! taken only where the order was certainly not carried out by the one before.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    ami::AmiWay,
    ari::AriWay,
    error::{HostError, HostErrorKind},
    inbox::Inboxes,
    order::Order,
    settings::HostSettings,
    ssh::SshWay,
    way::{Busy, Taken},
};
use crate::{
    asterisk::ssh::KnownHosts,
    call::{CallId, Extension, Technology, WayChoice, WayKind},
    config,
    enterprises::Enterprise,
};

/// A way that could not be used is not tried again for so long, where there is another one.
const PAUSE: Duration = Duration::from_secs(30);

/// What a way said when it was tried.
#[derive(Debug, Clone)]
pub struct Probe {
    pub way: WayKind,
    /// With the connection, which is made for it.
    pub took: Duration,
    /// Asterisk's version and how it was reached, or what is wrong.
    pub result: Result<String, HostError>,
}

/// Tries every way that is set up to an enterprise's host, with connections of its own.
pub async fn probe(config: config::Office, enterprise: &Enterprise, known_hosts: KnownHosts) -> Vec<Probe> {
    let hosts = Hosts::new(config, known_hosts, Inboxes::default(), CancellationToken::new());
    hosts.of(enterprise).probe().await
}

/// All hosts that were asked for.
pub(super) struct Hosts {
    config: config::Office,
    known_hosts: Arc<KnownHosts>,
    inboxes: Inboxes,
    stop: CancellationToken,
    /// By address.
    hosts: Mutex<HashMap<String, Vec<Arc<Host>>>>,
    of_calls: Mutex<HashMap<CallId, Arc<Host>>>,
}

impl Hosts {
    pub fn new(
        config: config::Office,
        known_hosts: KnownHosts,
        inboxes: Inboxes,
        stop: CancellationToken,
    ) -> Self {
        let known_hosts = Arc::new(known_hosts);
        Hosts { config, known_hosts, inboxes, stop, hosts: Mutex::default(), of_calls: Mutex::default() }
    }

    /// The host of an enterprise; it is connected to when it is needed.
    pub fn of(&self, enterprise: &Enterprise) -> Arc<Host> {
        let settings = HostSettings::of(&self.config, enterprise);
        let mut all = self.hosts.lock();
        let hosts = all.entry(settings.address.clone()).or_default();
        if let Some(host) = hosts.iter().find(|host| host.settings == settings) {
            return host.clone();
        }
        let host = Arc::new(Host::new(settings, hosts, &self.known_hosts, &self.inboxes, &self.stop));
        // One whose settings have changed serves its last calls, and then nobody.
        hosts.retain(|host| {
            Arc::strong_count(host) > 1 || host.used.lock().elapsed() < Duration::from_secs(600)
        });
        hosts.push(host.clone());
        host
    }

    pub fn remember(&self, call: CallId, host: &Arc<Host>) {
        self.of_calls.lock().insert(call, host.clone());
    }

    pub fn of_call(&self, call: CallId) -> Option<Arc<Host>> {
        self.of_calls.lock().get(&call).cloned()
    }

    /// The call has ended.
    pub fn forget(&self, call: CallId) {
        if let Some(host) = self.of_calls.lock().remove(&call) {
            host.forget(call);
        }
    }
}

/// One host.
pub struct Host {
    settings: HostSettings,
    ways: Vec<Arc<Way>>,
    /// Until when a way is left alone.
    paused: Mutex<HashMap<WayKind, Instant>>,
    /// Which way each call went.
    taken_by: Mutex<HashMap<CallId, WayKind>>,
    used: Mutex<Instant>,
}

enum Way {
    Ssh(SshWay),
    Ami(AmiWay),
    Ari(Box<AriWay>),
}

/// Calls the same method of whichever way it is.
macro_rules! of_way {
    ($way:expr, $inner:ident => $call:expr) => {
        match $way {
            Way::Ssh($inner) => $call,
            Way::Ami($inner) => $call,
            Way::Ari($inner) => $call,
        }
    };
}

impl Way {
    fn kind(&self) -> WayKind {
        match self {
            Way::Ssh(_) => WayKind::Ssh,
            Way::Ami(_) => WayKind::Ami,
            Way::Ari(_) => WayKind::Ari,
        }
    }
}

impl Host {
    /// `beside`: those at the same address. Enterprises that differ in no more than a context share a connection,
    /// and so its limits; two would take ARI's application from each other.
    fn new(
        settings: HostSettings,
        beside: &[Arc<Host>],
        known_hosts: &Arc<KnownHosts>,
        inboxes: &Inboxes,
        stop: &CancellationToken,
    ) -> Self {
        let wanted = |kind| matches!(settings.way, WayChoice::Auto) || settings.way == WayChoice::Only(kind);
        let beside = |kind, is_same: fn(&HostSettings, &HostSettings) -> bool| {
            let mut alike = beside.iter().filter(|host| is_same(&host.settings, &settings));
            alike.find_map(|host| host.ways.iter().find(|way| way.kind() == kind).cloned())
        };
        let mut ways = Vec::new();
        if let Some(login) = settings.ari.as_ref().filter(|_| wanted(WayKind::Ari)) {
            let new = || AriWay::new(&settings, login, inboxes.clone(), stop.clone());
            let shared = beside(WayKind::Ari, |one, other| one.ari == other.ari);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ari(Box::new(new())))));
        }
        if let Some(login) = settings.ami.as_ref().filter(|_| wanted(WayKind::Ami)) {
            let new = || AmiWay::new(&settings, login, inboxes.clone(), stop.clone());
            let shared = beside(WayKind::Ami, |one, other| one.ami == other.ami);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ami(new()))));
        }
        if let Some(ssh) = settings.ssh.as_ref().filter(|_| wanted(WayKind::Ssh)) {
            let new = || SshWay::new(&settings, ssh, known_hosts.clone(), inboxes.clone(), stop.clone());
            let shared = beside(WayKind::Ssh, |one, other| one.ssh == other.ssh);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ssh(new()))));
        }
        Host {
            settings,
            ways,
            paused: Mutex::default(),
            taken_by: Mutex::default(),
            used: Mutex::new(Instant::now()),
        }
    }

    pub fn settings(&self) -> &HostSettings {
        &self.settings
    }

    /// An order comes as soon as the intent is on disk: what can be made ready is made ready meanwhile.
    pub(super) fn expect_order(&self) {
        if let Some(way) = self.ways_in_turn().first()
            && let Way::Ssh(way) = &**way
        {
            way.expect_order();
        }
    }

    /// Gives an order, by the best way that works.
    pub(super) async fn place(&self, order: &Order) -> Result<(WayKind, Taken), HostError> {
        self.first_that_works(|way| async move {
            // Before the order leaves: what it leads to can be faster than the answer.
            self.taken_by.lock().insert(order.call, way.kind());
            let taken = of_way!(&*way, way => way.place(order).await)?;
            Ok((way.kind(), taken))
        })
        .await
    }

    pub(super) async fn hang_up(&self, order: &Order) -> Result<(), HostError> {
        self.by_the_way_of(order, |way| async move { of_way!(&*way, way => way.hang_up(order).await) }).await
    }

    /// Whether the host has this call; from now on it is followed.
    pub(super) async fn look(&self, order: &Order) -> Result<bool, HostError> {
        self.by_the_way_of(order, |way| async move {
            let found = of_way!(&*way, way => way.look(order).await)?;
            self.taken_by.lock().insert(order.call, way.kind());
            Ok(found)
        })
        .await
    }

    /// The calls that an extension's phone is in now.
    ///
    /// # Errors
    /// When the host can't be asked.
    pub async fn calls_of(&self, extension: &Extension) -> Result<Vec<Busy>, HostError> {
        let device = &self.settings.technology.device(extension);
        self.first_that_works(|way| async move { of_way!(&*way, way => way.calls_of(device).await) }).await
    }

    /// Tries every way that is set up.
    pub async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for way in &self.ways {
            let begun = Instant::now();
            let result = of_way!(&**way, way => way.probe().await);
            probes.push(Probe { way: way.kind(), took: begun.elapsed(), result });
        }
        probes
    }

    pub fn technology(&self) -> Technology {
        self.settings.technology
    }

    pub(super) fn forget(&self, call: CallId) {
        self.taken_by.lock().remove(&call);
        for way in &self.ways {
            of_way!(&**way, way => way.forget(call));
        }
    }

    /// The way that took the call knows most of it; after a restart any may be asked.
    async fn by_the_way_of<T, F: Future<Output = Result<T, HostError>>>(
        &self,
        order: &Order,
        request: impl Fn(Arc<Way>) -> F,
    ) -> Result<T, HostError> {
        let kind = self.taken_by.lock().get(&order.call).copied().or(order.way);
        match kind.and_then(|kind| self.ways.iter().find(|way| way.kind() == kind)) {
            Some(way) => request(way.clone()).await,
            None => self.first_that_works(request).await,
        }
    }

    async fn first_that_works<T, F: Future<Output = Result<T, HostError>>>(
        &self,
        request: impl Fn(Arc<Way>) -> F,
    ) -> Result<T, HostError> {
        *self.used.lock() = Instant::now();
        let mut last = None;
        for way in self.ways_in_turn() {
            match request(way.clone()).await {
                Ok(value) => {
                    self.paused.lock().remove(&way.kind());
                    return Ok(value);
                }
                Err(error) => {
                    let is_the_ways =
                        !matches!(error.kind, HostErrorKind::Refused | HostErrorKind::Overloaded);
                    if is_the_ways {
                        let before = self.paused.lock().insert(way.kind(), Instant::now() + PAUSE);
                        // Said once for as long as it goes on; with one way alone each order's failure says it.
                        if before.is_none() && self.ways.len() > 1 {
                            let (host, why) = (&self.settings.address, &error.why);
                            tracing::warn!(host, way = %way.kind(), why, "a way to the host does not work; the next one is tried");
                        }
                    }
                    if !(is_the_ways && error.is_certain) {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| self.no_way()))
    }

    /// Those that are not paused, then, for want of them, those that are.
    fn ways_in_turn(&self) -> Vec<Arc<Way>> {
        let now = Instant::now();
        let paused: Vec<WayKind> =
            self.paused.lock().iter().filter(|(_, until)| **until > now).map(|(kind, _)| *kind).collect();
        let all_paused = self.ways.iter().all(|way| paused.contains(&way.kind()));
        self.ways.iter().filter(|way| all_paused || !paused.contains(&way.kind())).cloned().collect()
    }

    fn no_way(&self) -> HostError {
        HostError {
            kind: HostErrorKind::NoWay,
            way: None,
            is_certain: true,
            words: "no way to the host is set up".to_owned(),
            why: format!(
                "{} to {} is set up: {}",
                match self.settings.way {
                    WayChoice::Auto => "no way".to_owned(),
                    WayChoice::Only(way) => format!("its way is `{way}`, and none"),
                },
                self.settings.address,
                match self.settings.way {
                    WayChoice::Only(WayKind::Ami) => "give it a user and a password of its AMI (`ami_user`)",
                    WayChoice::Only(WayKind::Ari) => "give it a user and a password of its ARI (`ari_user`)",
                    WayChoice::Only(WayKind::Ssh) => "give it `office.ssh_password` or `office.ssh_key_file`",
                    WayChoice::Auto => {
                        "give it `office.ssh_password` or `office.ssh_key_file`, or a user and a password of its AMI \
                         or ARI"
                    }
                }
            ),
        }
    }
}
