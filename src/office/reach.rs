//! The hosts, and of each the ways that lead to it, the best first.
//!
//! A way that can't be used is left alone for a while, so that a dead one costs a call nothing; the next one is
//! taken only where the order was certainly not carried out by the one before.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    ami::AmiWay,
    ari::AriWay,
    error::{HostError, HostErrorKind},
    fit::{Fit, judge},
    inbox::Inboxes,
    order::Order,
    settings::HostSettings,
    ssh::SshWay,
    way::{Busy, Taken},
};
use crate::{
    config,
    enterprises::{Enterprise, Extensions},
    hosts,
    metrics::Metrics,
};
use asterisk::ssh::KnownHosts;
use call::{CallId, Extension, Technology, WayChoice, WayKind};
use lang::say;

/// A way that could not be used is not tried again for so long, where there is another one; and so often it is tried
/// beside the calls.
const PAUSE: Duration = Duration::from_secs(20);

/// What a way said when it was tried.
#[derive(Debug, Clone)]
pub struct Probe {
    pub way: WayKind,
    /// With the connection, which is made for it.
    pub took: Duration,
    /// Asterisk's version and how it was reached, or what is wrong.
    pub result: Result<String, HostError>,
}

/// What is found out about a host.
#[derive(Debug, Clone)]
pub struct Probed {
    pub ways: Vec<Probe>,
    pub technology: Technology,
    /// Whether the technology is that of its phones; `None` when no way works.
    pub fit: Option<Fit>,
}

/// Tries every way that is set up to an enterprise's host, with connections of its own.
pub async fn probe(config: config::Office, enterprise: &Enterprise, known_hosts: KnownHosts) -> Probed {
    let metrics = Arc::new(Metrics::default());
    let stop = CancellationToken::new();
    let links = hosts::Hosts::new(known_hosts, stop.clone());
    let hosts = Reaches::new(config, links, Inboxes::default(), metrics, stop);
    let host = hosts.of(enterprise);
    let ways = host.probe().await;
    let works = |kind| ways.iter().any(|probe| probe.way == kind && probe.result.is_ok());
    let mut fit = None;
    for way in host.ways.iter().filter(|way| works(way.kind())) {
        let found = host.fit(way, enterprise.settings.extensions.as_ref()).await;
        fit = Some(found);
        // Another way may be shown more.
        if found != Fit::Untold {
            break;
        }
    }
    Probed { technology: host.technology(), ways, fit }
}

/// All hosts that were asked for.
pub(super) struct Reaches {
    config: config::Office,
    links: hosts::Hosts,
    inboxes: Inboxes,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    /// By the number of the enterprise, as its row says now. One whose row has changed serves its last calls, and is gone
    /// with them.
    current: Mutex<HashMap<String, Arc<Reach>>>,
    of_calls: Mutex<HashMap<CallId, Arc<Reach>>>,
}

impl Reaches {
    pub fn new(
        config: config::Office,
        links: hosts::Hosts,
        inboxes: Inboxes,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let (current, of_calls) = Default::default();
        Reaches { config, links, inboxes, metrics, stop, current, of_calls }
    }

    /// The host of an enterprise; it is connected to when it is needed.
    pub fn of(&self, enterprise: &Enterprise) -> Arc<Reach> {
        let settings = HostSettings::of(&self.config, enterprise);
        let mut current = self.current.lock();
        if let Some(host) = current.get(enterprise.number.as_str())
            && host.settings == settings
        {
            return host.clone();
        }
        // Those that only calls of before have, too: what they are connected with is not connected with twice.
        let mut beside: Vec<_> = current.values().cloned().collect();
        beside.extend(self.of_calls.lock().values().cloned());
        beside.retain(|host| host.settings.address == settings.address);
        let same = beside.iter().find(|host| host.settings == settings).cloned();
        let host = same.unwrap_or_else(|| Arc::new(Reach::new(settings, &beside, self)));
        current.insert(enterprise.number.to_string(), host.clone());
        host
    }

    /// Ends the connections that nobody needs any more; to be asked for from time to time.
    pub fn rest(&self) {
        for host in self.current.lock().values() {
            host.rest();
        }
    }

    /// The host of the enterprise with this number, as its row was when it was last asked for.
    pub fn current(&self, number: &str) -> Option<Arc<Reach>> {
        self.current.lock().get(number).cloned()
    }

    pub fn remember(&self, call: CallId, host: &Arc<Reach>) {
        self.of_calls.lock().insert(call, host.clone());
    }

    pub fn of_call(&self, call: CallId) -> Option<Arc<Reach>> {
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
pub struct Reach {
    settings: HostSettings,
    /// Keeps its links those of all who have the same host.
    _links: Arc<hosts::Host>,
    /// All that are set up, the best first; orders go by those that the settings want.
    ways: Vec<Arc<Way>>,
    paused: Arc<Pauses>,
    /// Which way each call went.
    taken_by: Mutex<HashMap<CallId, WayKind>>,
    looks: Semaphore,
}

/// Calls of a host that are looked for at once.
const LOOKS: usize = 8;

/// Which ways are left alone, and until when.
type Pauses = Mutex<HashMap<WayKind, Pause>>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Pause {
    Until(Instant),
    /// Until a try beside the calls has worked.
    UntilItWorks,
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

impl Reach {
    /// `beside`: those at the same address. Enterprises that differ in no more than a context share a connection,
    /// and so its limits; two would take ARI's application from each other.
    fn new(settings: HostSettings, beside: &[Arc<Reach>], of: &Reaches) -> Self {
        let Reaches { links, inboxes, metrics, stop, .. } = of;
        let links = links.at(&settings.address);
        let beside = |kind, is_same: fn(&HostSettings, &HostSettings) -> bool| {
            let mut alike = beside.iter().filter(|host| is_same(&host.settings, &settings));
            alike.find_map(|host| host.ways.iter().find(|way| way.kind() == kind).cloned())
        };
        let mut ways = Vec::new();
        if let Some(login) = &settings.ari {
            let new = || AriWay::new(&settings, login, inboxes.clone(), stop.clone());
            let shared = beside(WayKind::Ari, |one, other| one.ari == other.ari);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ari(Box::new(new())))));
        }
        if let Some(login) = &settings.ami {
            let new = || AmiWay::new(&links, login, inboxes.clone(), metrics.clone(), stop.clone());
            let shared = beside(WayKind::Ami, |one, other| one.ami == other.ami);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ami(new()))));
        }
        if let Some(ssh) = &settings.ssh {
            let new = || SshWay::new(&links, ssh, inboxes.clone(), stop.clone());
            let shared = beside(WayKind::Ssh, |one, other| one.ssh == other.ssh);
            ways.push(shared.unwrap_or_else(|| Arc::new(Way::Ssh(new()))));
        }
        Reach {
            settings,
            _links: links,
            ways,
            paused: Arc::default(),
            taken_by: Mutex::default(),
            looks: Semaphore::new(LOOKS),
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

    /// False: it was not hung up, for its sides are connected with others now.
    pub(super) async fn hang_up(&self, order: &Order) -> Result<bool, HostError> {
        let hang_up = |way: Arc<Way>| async move { of_way!(&*way, way => way.hang_up(order).await) };
        match self.way_of(order) {
            Some(kind) => hang_up(self.way(kind)?.clone()).await,
            None => self.first_that_works(hang_up).await,
        }
    }

    /// Whether the host has this call; from now on it is followed.
    pub(super) async fn look(&self, order: &Order) -> Result<bool, HostError> {
        // After a restart with many calls a host is not asked for all of them at once.
        let _turn = self.looks.acquire().await.expect("it is never closed");
        let ways = match self.way_of(order) {
            // What another way does not see is not over for that.
            Some(kind) => std::slice::from_ref(self.way(kind)?),
            // Of an order of a former run it may not be known which way it went: it is nowhere only if no way has it.
            None => &self.ways,
        };
        let mut answer = Ok(false);
        for way in ways {
            match of_way!(&**way, way => way.look(order).await) {
                Ok(true) => {
                    self.taken_by.lock().insert(order.call, way.kind());
                    return Ok(true);
                }
                Ok(false) => {}
                Err(error) => answer = Err(error),
            }
        }
        answer
    }

    /// The calls that an extension's phone is in now.
    ///
    /// # Errors
    /// When the host can't be asked.
    pub async fn calls_of(&self, extension: &Extension) -> Result<Vec<Busy>, HostError> {
        let device = &self.settings.technology.device(extension);
        self.first_that_works(|way| async move { of_way!(&*way, way => way.calls_of(device).await) }).await
    }

    /// Whether the technology is that of the phones, as one way tells.
    async fn fit(&self, way: &Way, extensions: Option<&Extensions>) -> Fit {
        let technology = self.settings.technology;
        let own = of_way!(way, way => way.endpoints(technology).await);
        let other = of_way!(way, way => way.endpoints(technology.other()).await);
        for error in [&own, &other].into_iter().filter_map(|endpoints| endpoints.as_ref().err()) {
            tracing::debug!(way = %way.kind(), why = %error.why, "the endpoints of a host are not shown");
        }
        judge(&own, &other, extensions)
    }

    /// Tries every way that is set up.
    pub async fn probe(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        for way in self.ways.iter().filter(|way| self.is_wanted(way.kind())) {
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

    /// Ends the connections that orders do not need any more; AMI and SSH end theirs by themselves.
    fn rest(&self) {
        for way in self.ways.iter().filter(|way| !self.is_wanted(way.kind())) {
            // One that another enterprise has too may be in use just now.
            if let Way::Ari(ari) = &**way
                && Arc::strong_count(way) == 1
            {
                ari.rest();
            }
        }
    }

    /// The call is another host's from now on, which is reached at the same address: it goes on.
    pub(super) fn leave(&self, call: CallId, to: &Reach) {
        self.taken_by.lock().remove(&call);
        for way in self.ways.iter().filter(|way| !to.ways.iter().any(|other| Arc::ptr_eq(way, other))) {
            of_way!(&**way, way => way.leave(call));
        }
    }

    /// The way that took the call, as far as it is known.
    fn way_of(&self, order: &Order) -> Option<WayKind> {
        self.taken_by.lock().get(&order.call).copied().or(order.way)
    }

    fn way(&self, kind: WayKind) -> Result<&Arc<Way>, HostError> {
        self.ways.iter().find(|way| way.kind() == kind).ok_or_else(|| HostError {
            kind: HostErrorKind::NoWay,
            way: Some(kind),
            is_certain: true,
            words: "no way to the host is set up".to_owned(),
            why: say!(
                "the call went by {kind}, which is not set up any more for {}; set it up again, and the call is found",
                "звонок шёл через {kind}, а для {} это больше не настроено; настройте снова, и звонок найдётся",
                self.settings.address
            ),
        })
    }

    fn is_wanted(&self, kind: WayKind) -> bool {
        matches!(self.settings.way, WayChoice::Auto) || self.settings.way == WayChoice::Only(kind)
    }

    async fn first_that_works<T, F: Future<Output = Result<T, HostError>>>(
        &self,
        request: impl Fn(Arc<Way>) -> F,
    ) -> Result<T, HostError> {
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
                        self.pause(&way, &error);
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

    /// Leaves a way alone, where there is another one.
    fn pause(&self, way: &Arc<Way>, error: &HostError) {
        if self.ways.iter().filter(|way| self.is_wanted(way.kind())).count() < 2 {
            return;
        }
        // Who does not answer would cost every call in the turn after a pause all its patience; who refuses a login does
        // so at once, and shall not be asked again and again.
        let pause = match error.kind {
            HostErrorKind::Unreachable => Pause::UntilItWorks,
            _ => Pause::Until(Instant::now() + PAUSE),
        };
        let before = self.paused.lock().insert(way.kind(), pause);
        if before.is_none() {
            // Said once for as long as it goes on.
            let (host, why) = (&self.settings.address, &error.why);
            tracing::warn!(host, way = %way.kind(), %why, "a way to the host does not work; the next one is tried");
        }
        if pause == Pause::UntilItWorks && before != Some(Pause::UntilItWorks) {
            let host = self.settings.address.clone();
            tokio::spawn(try_until_it_works(host, Arc::downgrade(way), Arc::downgrade(&self.paused)));
        }
    }

    /// Those that are not paused, then, for want of them, those that are.
    fn ways_in_turn(&self) -> Vec<Arc<Way>> {
        let now = Instant::now();
        let is_on = |pause: &Pause| match pause {
            Pause::Until(until) => *until > now,
            Pause::UntilItWorks => true,
        };
        let paused: Vec<WayKind> =
            self.paused.lock().iter().filter(|(_, pause)| is_on(pause)).map(|(kind, _)| *kind).collect();
        let wanted = || self.ways.iter().filter(|way| self.is_wanted(way.kind()));
        let all_paused = wanted().all(|way| paused.contains(&way.kind()));
        wanted().filter(|way| all_paused || !paused.contains(&way.kind())).cloned().collect()
    }

    fn no_way(&self) -> HostError {
        HostError {
            kind: HostErrorKind::NoWay,
            way: None,
            is_certain: true,
            words: "no way to the host is set up".to_owned(),
            why: {
                let address = &self.settings.address;
                let (no_en, no_ru) = match self.settings.way {
                    WayChoice::Auto => ("no way".to_owned(), "ни один путь".to_owned()),
                    WayChoice::Only(way) => {
                        (format!("its way is `{way}`, and none"), format!("путь задан `{way}`, а он"))
                    }
                };
                let ssh = "`office.ssh_password` or `office.ssh_key_file`";
                let give = match self.settings.way {
                    WayChoice::Only(WayKind::Ami) => say!(
                        "give it a user and a password of its AMI (`ami_user`)",
                        "задайте имя и пароль его AMI (`ami_user`)"
                    ),
                    WayChoice::Only(WayKind::Ari) => say!(
                        "give it a user and a password of its ARI (`ari_user`)",
                        "задайте имя и пароль его ARI (`ari_user`)"
                    ),
                    WayChoice::Only(WayKind::Ssh) => {
                        say!("give it {ssh}", "задайте `office.ssh_password` или `office.ssh_key_file`")
                    }
                    WayChoice::Auto => say!(
                        "give it {ssh}, or a user and a password of its AMI or ARI",
                        "задайте `office.ssh_password` или `office.ssh_key_file` либо имя и пароль его AMI или ARI"
                    ),
                };
                say!(
                    "{no_en} to {address} is set up: {give}",
                    "{no_ru} к {address} не настроен: {give}",
                    give = give
                )
            },
        }
    }
}

/// Tries a way that is left alone, for as long as somebody has it.
async fn try_until_it_works(host: String, way: Weak<Way>, paused: Weak<Pauses>) {
    loop {
        sleep(PAUSE).await;
        let Some(way) = way.upgrade() else { return };
        let result = of_way!(&*way, way => way.probe().await);
        let Some(paused) = paused.upgrade() else { return };
        match result {
            Ok(_) => {
                paused.lock().remove(&way.kind());
                tracing::info!(host, way = %way.kind(), "a way to the host works again");
                return;
            }
            // It is asked no more than the calls that come would ask it.
            Err(error) if error.kind == HostErrorKind::Auth || error.kind == HostErrorKind::KeyChanged => {
                paused.lock().insert(way.kind(), Pause::Until(Instant::now() + PAUSE));
                return;
            }
            Err(_) => {}
        }
    }
}
