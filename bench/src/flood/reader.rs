//! Who reads the flood, each in a process of its own: our AMI client as the bot uses it, and asterisk-rs-ami as its
//! own examples do. bench/flood/read.py is the third. It owns the count of what arrived and what that cost.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use asterisk::{
    ami::{AmiLink, AmiTarget, Class, Event, Interest, connect},
    secret::Secret,
};
use asterisk_rs_ami::{AmiClient, AmiEvent};
use clap::ValueEnum;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{END, SECRET, USER};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reader {
    Ours,
    AsteriskRs,
}

/// What a reader has to tell.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// With the last, numbered one.
    pub events: u64,
    pub kinds: BTreeMap<String, u64>,
    /// Not delivered, and the reader was told so.
    #[serde(default)]
    pub lost: u64,
    /// Delivered, but as something that the client could not read.
    pub unreadable: u64,
    /// From the ping that starts the flood to its last event.
    pub seconds: f64,
    pub cpu: f64,
    /// The most resident memory that the process ever had, bytes.
    pub peak: u64,
}

/// A listener that takes no more than so many events a second.
#[derive(Debug, Clone, Copy)]
struct Pace {
    per_second: Option<u64>,
    taken: u64,
    begin: Instant,
}

impl Pace {
    /// After each event.
    async fn keep(&mut self) {
        self.taken += 1;
        let Some(rate) = self.per_second.filter(|_| self.taken.is_multiple_of(100)) else { return };
        let due = self.begin + Duration::from_secs_f64(self.taken as f64 / rate as f64);
        tokio::time::sleep_until(due.into()).await;
    }
}

/// Of one that has lost events, whose last it may not know: nothing comes any more.
const QUIET: Duration = Duration::from_secs(1);
const FOREVER: Duration = Duration::from_secs(3600);

/// Reads all, on a runtime as the bot's, and prints what there is to tell as one line of JSON.
pub fn run(reader: Reader, from: SocketAddr, slow: Option<u64>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let pace = Pace { per_second: slow, taken: 0, begin: Instant::now() };
    let told = runtime.block_on(async {
        match reader {
            Reader::Ours => tokio::spawn(ours(from, pace)).await?,
            Reader::AsteriskRs => tokio::spawn(asterisk_rs(from, pace)).await?,
        }
    })?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

async fn ours(from: SocketAddr, mut pace: Pace) -> anyhow::Result<Told> {
    let mut target = AmiTarget::new(from.ip().to_string(), USER, Secret::new(SECRET));
    target.port = from.port();
    let ami = connect(target, CancellationToken::new())?;
    // What differs from the bot's: nothing is left out, so that all can be counted.
    let all = [Class::Call, Class::System, Class::User];
    let mut links = ami.subscribe(Interest::in_classes(&all).with_others());
    let mut count: Option<Count> = None;
    loop {
        let lost = count.as_ref().is_some_and(|count| count.told.lost > 0);
        let link = match timeout(if lost { QUIET } else { FOREVER }, links.next()).await {
            Ok(link) => link.context("the client gave up")?,
            // The last one was among them.
            Err(_) => {
                let mut told = count.context("nothing came")?.end()?;
                told.seconds -= QUIET.as_secs_f64();
                return Ok(told);
            }
        };
        let event = match link {
            AmiLink::Up { .. } | AmiLink::Snapshot(_) => continue,
            AmiLink::Event(event, _) => event,
            AmiLink::Lost { count: lost } => {
                count
                    .as_mut()
                    .map(|count: &mut Count| count.told.lost += lost)
                    .context("lost before it began")?;
                continue;
            }
            other => bail!("a flood of whole events led to {other:?}"),
        };
        if matches!(*event, Event::FullyBooted) {
            count = Some(Count::begin());
            pace.begin = Instant::now();
            // Its answer comes before the flood, and somebody must listen meanwhile.
            let ami = ami.clone();
            tokio::spawn(async move { ami.ping().await });
            continue;
        }
        let count = count.as_mut().context("an event came before FullyBooted")?;
        count.add(kind(&event));
        if let Event::Other(block) = &*event
            && block.field("UserEvent") == Some(END)
        {
            return count.end();
        }
        pace.keep().await;
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Newchannel(_) => "Newchannel",
        Event::Newstate(_) => "Newstate",
        Event::Rename(_) => "Rename",
        Event::DialBegin(_) => "DialBegin",
        Event::DialState(_) => "DialState",
        Event::DialEnd(_) => "DialEnd",
        Event::BridgeEnter(_) => "BridgeEnter",
        Event::BridgeLeave(_) => "BridgeLeave",
        Event::HangupRequest(_) => "HangupRequest",
        Event::SoftHangupRequest(_) => "SoftHangupRequest",
        Event::Hangup(_) => "Hangup",
        Event::OriginateResponse(_) => "OriginateResponse",
        Event::LocalBridge(_) => "LocalBridge",
        Event::LocalOptimizationEnd(_) => "LocalOptimizationEnd",
        Event::ChanSpyStart(_) => "ChanSpyStart",
        Event::ChanSpyStop(_) => "ChanSpyStop",
        Event::FullyBooted => "FullyBooted",
        Event::Shutdown(_) => "Shutdown",
        Event::Other(_) => OTHER,
    }
}

/// Events that our client has no type for.
pub const OTHER: &str = "other";

async fn asterisk_rs(from: SocketAddr, mut pace: Pace) -> anyhow::Result<Told> {
    let client = AmiClient::builder()
        .host(from.ip().to_string())
        .port(from.port())
        .credentials(USER, SECRET)
        .timeout(Duration::from_secs(10))
        .build()
        .await?;
    let mut events = client.subscribe();
    let mut count = Count::begin();
    pace.begin = Instant::now();
    let pinging = tokio::spawn({
        let client = client.clone();
        async move { client.ping().await }
    });
    while let Some(event) = events.recv_lossy().await {
        match &event {
            AmiEvent::FullyBooted { .. } => continue,
            AmiEvent::Malformed { .. } => count.told.unreadable += 1,
            _ => {}
        }
        count.add(event.event_name());
        if matches!(&event, AmiEvent::UserEvent { user_event, .. } if user_event == END) {
            let told = count.end();
            pinging.await??;
            return told;
        }
        pace.keep().await;
    }
    bail!("the client gave up")
}

/// A reader's count and the moment when it began.
struct Count {
    told: Told,
    begin: Instant,
    cpu: Duration,
}

impl Count {
    fn begin() -> Self {
        Count { told: Told::default(), begin: Instant::now(), cpu: cpu() }
    }

    fn add(&mut self, kind: &str) {
        self.told.events += 1;
        match self.told.kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.told.kinds.insert(kind.to_owned(), 1)),
        }
    }

    fn end(&mut self) -> anyhow::Result<Told> {
        let (seconds, cpu) = (self.begin.elapsed().as_secs_f64(), (cpu() - self.cpu).as_secs_f64());
        let peak = peak()?;
        Ok(Told { seconds, cpu, peak, ..std::mem::take(&mut self.told) })
    }
}

/// Of all threads of this process, user and system.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn peak() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>()?)
}
