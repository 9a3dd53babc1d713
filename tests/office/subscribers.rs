//! Several subscribers over one AMI connection to a real Asterisk, in the middle of a storm of calls: what each hears, and that
//! a snapshot with the events behind it is what Asterisk has.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use asterisk::{
    ami::{
        self, Action, Ami, AmiLink, AmiTarget, Class, Event, Interest, Originate, OriginateTarget, Snapshot,
        Subscription,
    },
    secret::Secret,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{Lab, SOON, until};

const CALLS: Interest = Interest::in_classes(&[Class::Call]);

/// The way to an Asterisk's manager interface, which counts who comes and can be cut.
struct Wire {
    connections: Arc<AtomicUsize>,
    logins: Arc<AtomicUsize>,
    cut: watch::Sender<()>,
    ami: Ami,
    /// Of the test's own dialplan; its channels are called after it.
    context: &'static str,
    _stop: DropGuard,
}

impl Wire {
    async fn to(lab: &Lab, context: &'static str) -> Self {
        let way_in = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut target = AmiTarget::new(
            "127.0.0.1",
            lab.office("june", "AMI_USER"),
            Secret::new(lab.office("june", "AMI_PASSWORD")),
        );
        target.port = way_in.local_addr().expect("it is bound").port();
        let asterisk = format!("{}:{}", lab.office("june", "IP"), lab.office("june", "AMI_PORT"));
        let stop = CancellationToken::new();
        let (connections, logins, cut) = (Arc::default(), Arc::default(), watch::Sender::default());
        tokio::spawn(stop.clone().run_until_cancelled_owned(carry(
            way_in,
            asterisk,
            Arc::clone(&connections),
            Arc::clone(&logins),
            cut.subscribe(),
        )));
        let ami = ami::connect(target, stop.clone()).expect("it is a target");
        for step in [
            "a,1,Answer",
            "a,2,Dial,Local/b@CONTEXT/n,9,g",
            "a,3,Wait,0.2",
            "b,1,Answer",
            "b,2,Wait,0.15",
            "stay,1,Answer",
            "stay,2,Wait,60",
            // A caller's number with a line break in it, and what follows is an end of somebody's channel.
            "cut,1,Set(CALLERID(num)=${URIDECODE(7%0D%0AX:%20y%0D%0A%0D%0AEvent:%20Hangup)})",
            "cut,2,Answer",
            "cut,3,Wait,1",
        ] {
            let step = step.replace("CONTEXT", context);
            lab.run("cli", &["june", &format!("dialplan add extension {step} into {context} replace")]).await;
        }
        Wire { connections, logins, cut, ami, context, _stop: stop.drop_guard() }
    }

    /// A call to an extension of the storm, whose other side waits for so many seconds.
    async fn call(&self, extension: &str, seconds: &str) -> String {
        let id = format!("{}-{}", self.context, uuid::Uuid::now_v7());
        let call = Originate {
            channel: format!("Local/{extension}@{}/n", self.context),
            target: OriginateTarget::Application { name: "Wait".to_owned(), data: seconds.to_owned() },
            timeout_ms: 9000,
            caller_id: None,
            variables: Vec::new(),
            channel_id: id.clone(),
            other_channel_id: None,
        };
        self.ami.originate(&call).await.expect("Asterisk takes it");
        id
    }
}

async fn carry(
    way_in: TcpListener,
    asterisk: String,
    connections: Arc<AtomicUsize>,
    logins: Arc<AtomicUsize>,
    cut: watch::Receiver<()>,
) {
    while let Ok((client, _)) = way_in.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let server = TcpStream::connect(&asterisk).await.expect("Asterisk listens");
        let (logins, mut cut) = (logins.clone(), cut.clone());
        cut.mark_unchanged();
        tokio::spawn(async move {
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let asked = async {
                let mut chunk = vec![0; 1 << 16];
                while let Ok(length @ 1..) = from_client.read(&mut chunk).await {
                    let text = String::from_utf8_lossy(&chunk[..length]);
                    logins.fetch_add(text.matches("Action: Login\r\n").count(), Ordering::SeqCst);
                    if to_server.write_all(&chunk[..length]).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = asked => {}
                _ = copy(&mut from_server, &mut to_client) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn next(links: &mut Subscription) -> AmiLink {
    timeout(SOON, links.next()).await.expect("something comes").expect("the client lives")
}

/// The first snapshot, behind whatever else is told of the link; events must not come before it.
async fn snapshot(links: &mut Subscription) -> Snapshot {
    loop {
        match next(links).await {
            AmiLink::Snapshot(snapshot) => return snapshot,
            AmiLink::Up { .. } | AmiLink::Down { .. } | AmiLink::StillDown { .. } => {}
            other => panic!("before the snapshot: {other:?}"),
        }
    }
}

const STORM: &str = "storm";

fn is_of_storm(name: &str) -> bool {
    name.contains(&format!("@{STORM}-"))
}

/// What a subscriber believes that Asterisk has, of the storm's channels.
#[derive(Debug, Default)]
struct Model {
    /// With the bridge that each is in.
    alive: HashMap<String, Option<String>>,
    /// When the end of each was read, and the bridge that it was in.
    ended: HashMap<String, (Instant, Option<String>)>,
    events: usize,
}

impl Model {
    fn of(snapshot: &Snapshot) -> Self {
        let ours = snapshot.channels.iter().filter(|row| is_of_storm(&row.channel.name));
        let alive = ours.map(|row| (row.channel.uniqueid.clone(), row.bridge_id.clone())).collect();
        Model { alive, ..Model::default() }
    }

    fn hear(&mut self, event: &Event, at: Instant) {
        match event {
            Event::Newchannel(channel) if is_of_storm(&channel.name) => {
                self.alive.insert(channel.uniqueid.clone(), None);
            }
            Event::BridgeEnter(entered) if is_of_storm(&entered.channel.name) => {
                self.alive.insert(entered.channel.uniqueid.clone(), Some(entered.bridge.id.clone()));
            }
            Event::BridgeLeave(left) if is_of_storm(&left.channel.name) => {
                let seat = self.alive.get_mut(&left.channel.uniqueid);
                if let Some(seat) = seat.filter(|seat| seat.as_deref() == Some(&left.bridge.id)) {
                    *seat = None;
                }
            }
            Event::Hangup(end) if is_of_storm(&end.channel.name) => {
                let bridge = self.alive.remove(&end.channel.uniqueid).flatten();
                self.ended.insert(end.channel.uniqueid.clone(), (at, bridge));
            }
            _ => return,
        }
        self.events += 1;
    }
}

/// Takes a snapshot and then the events until the storm is over and all of its channels are gone.
fn follow(
    mut links: Subscription,
    is_over: watch::Receiver<bool>,
) -> JoinHandle<(Instant, BTreeSet<String>, Model)> {
    tokio::spawn(async move {
        let snapshot = snapshot(&mut links).await;
        let (begun, mut model) = (Instant::now(), Model::of(&snapshot));
        let first = model.alive.keys().cloned().collect();
        loop {
            match timeout(Duration::from_secs(3), links.next()).await {
                Ok(Some(AmiLink::Event(event, received))) => model.hear(&event, received.at),
                Ok(other) => panic!("{other:?}"),
                Err(_) if *is_over.borrow() => return (begun, first, model),
                Err(_) => {}
            }
        }
    })
}

#[tokio::test]
async fn who_joins_in_a_storm_misses_nothing_over_one_connection_and_one_login() {
    let lab = Lab::shared().await;
    let wire = Wire::to(&lab, STORM).await;
    let (over, is_over) = watch::channel(false);
    let whole = follow(wire.ami.subscribe(CALLS), is_over.clone());
    // Other events altogether, for which the mask is widened and made narrow again in the middle of it.
    let mut steps = wire.ami.subscribe(Interest::in_classes(&[Class::Dialplan]).with_others());
    snapshot(&mut steps).await;
    let mut joined = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        wire.call("a", "0.6").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        if joined.len() < 40 {
            joined.push(follow(wire.ami.subscribe(CALLS), is_over.clone()));
        }
        if let Ok(Some(link)) = timeout(Duration::ZERO, steps.next()).await {
            match link {
                AmiLink::Event(event, _) => match &*event {
                    Event::Other(block) => {
                        assert!(
                            block.field("Privilege").is_some_and(|it| it.starts_with("dialplan")),
                            "{block:?}"
                        );
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
    }
    drop(steps);
    over.send_replace(true);
    let (_, nothing, whole) = whole.await.expect("it heard all");
    assert!(nothing.is_empty() && whole.alive.is_empty(), "{:?}", whole.alive);
    assert!(whole.ended.len() > 300, "{} channels are no storm", whole.ended.len());
    let (mut listed, mut in_bridges) = (0, 0);
    for joined in joined {
        let (begun, first, model) = joined.await.expect("it heard all");
        assert!(model.alive.is_empty(), "their end was missed: {:?}", model.alive);
        listed += first.len();
        in_bridges += model.ended.values().filter(|(_, bridge)| bridge.is_some()).count();
        for (id, (ended, bridge)) in &whole.ended {
            match model.ended.get(id) {
                Some((_, seen)) => assert_eq!(seen, bridge, "{id}"),
                None => assert!(*ended < begun && !first.contains(id), "{id} was missed"),
            }
        }
    }
    println!("{listed} listed channels; {in_bridges} ends in a bridge; {} events", whole.events);
    assert!(listed > 100, "nobody joined in the storm");
    assert_eq!((wire.connections.load(Ordering::SeqCst), wire.logins.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn one_that_does_not_listen_delays_nobody_and_catches_up() {
    const EVENTS: usize = 9000;
    let lab = Lab::shared().await;
    let wire = Wire::to(&lab, "silence").await;
    let said = Interest::in_classes(&[Class::User]).with_others();
    let (mut ear, mut deaf) = (wire.ami.subscribe(said.clone()), wire.ami.subscribe(said));
    snapshot(&mut ear).await;
    let number = |event: &Event| match event {
        Event::Other(block) if block.field("UserEvent") == Some("Storm") => {
            block.field("No")?.parse::<usize>().ok()
        }
        _ => None,
    };
    let say = async {
        for number in 0..EVENTS {
            let action = Action::new("UserEvent").with("UserEvent", "Storm").with("No", number.to_string());
            wire.ami.action(&action).await.expect("Asterisk takes it");
        }
    };
    let hear = async {
        let mut heard = 0;
        while heard < EVENTS {
            match next(&mut ear).await {
                AmiLink::Event(event, _) => {
                    if let Some(number) = number(&event) {
                        assert_eq!(number, heard);
                        heard += 1;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(say, hear);
    let stays = wire.call("stay", "60").await;
    snapshot(&mut deaf).await;
    let lost = loop {
        match next(&mut deaf).await {
            AmiLink::Lost { count } => break count,
            AmiLink::Event(..) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(lost > 4000, "{lost}");
    let now = snapshot(&mut deaf).await;
    assert!(now.channels.iter().any(|row| row.channel.uniqueid == stays), "{now:?}");
    wire.ami.hangup(&stays, None).await.expect("it stands");
    assert_eq!(wire.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_is_killed_and_a_taint_lead_to_a_fresh_snapshot() {
    let lab = Lab::shared().await;
    let wire = Wire::to(&lab, "taint").await;
    let mut links = wire.ami.subscribe(CALLS);
    assert_eq!(snapshot(&mut links).await.generation, 1);
    wire.cut.send_replace(());
    loop {
        match next(&mut links).await {
            AmiLink::Down { .. } => break,
            AmiLink::Event(..) => {}
            other => panic!("{other:?}"),
        }
    }
    let stays = wait_up_and_call(&wire).await;
    let now = snapshot(&mut links).await;
    assert_eq!(now.generation, 2);
    // It was made before the list was asked for, or its event comes behind it.
    let mut is_there = now.channels.iter().any(|row| row.channel.uniqueid == stays);
    while !is_there {
        is_there = matches!(next(&mut links).await, AmiLink::Event(event, _)
            if matches!(&*event, Event::Newchannel(channel) if channel.uniqueid == stays));
    }

    wire.call("cut", "1").await;
    while !matches!(next(&mut links).await, AmiLink::Tainted { .. }) {}
    let now = loop {
        match next(&mut links).await {
            AmiLink::Snapshot(snapshot) => break snapshot,
            AmiLink::Event(event, _) => {
                assert!(!matches!(&*event, Event::Hangup(end) if end.channel.uniqueid == stays));
            }
            AmiLink::Doubtful { .. } | AmiLink::Tainted { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(now.generation, 2);
    assert!(now.channels.iter().any(|row| row.channel.uniqueid == stays));
    wire.ami.hangup(&stays, None).await.expect("it stands");
    assert_eq!((wire.connections.load(Ordering::SeqCst), wire.logins.load(Ordering::SeqCst)), (2, 2));
}

async fn wait_up_and_call(wire: &Wire) -> String {
    until("the link is up again", SOON, async || wire.ami.ready().await).await;
    wire.call("stay", "60").await
}
