//! An earlier connection ends in the very moment that the next one takes the application over from it: Asterisk may
//! forget the application then, and the new socket stays open and deaf. It is what an Asterisk that stood still does
//! with the attempts to connect that were given up meanwhile.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use asterisk::ari::{AriTarget, Event, Link, Subscriptions, connect};
use asterisk::secret::Secret;
use reqwest::{Method, Url};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::support::{Lab, SOON};

/// On 22.10.1 the application is forgotten in about a third of them.
const ROUNDS: usize = 24;

#[tokio::test]
async fn every_connection_hears() {
    let lab = Lab::shared();
    let asterisk: Url = lab.setting("PBX_ARI_URL").parse().expect("a URL");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url: Url = format!("http://{}", listener.local_addr().expect("it is bound")).parse().expect("a URL");
    tokio::spawn(each_after_another(listener, asterisk.authority().to_owned()));

    let (user, password) = (lab.setting("PBX_ARI_USER"), Secret::new(lab.setting("PBX_ARI_PASSWORD")));
    let mut forgotten = 0;
    for round in 0..ROUNDS {
        let application = format!("forgotten_{}_{round}", std::process::id());
        let mut target = AriTarget::new(url.clone(), user, password.clone(), &application);
        target.all_channels = true;
        // The earlier one may also come out as the later: then it has taken the name from ours.
        target.replaced_wait = Duration::from_millis(100);
        let stop = CancellationToken::new();
        let (_ari, mut links) = connect(target, Subscriptions::default(), stop.clone()).expect("a target");
        // What happens to the first connection, in the end it hears.
        let until = Instant::now() + SOON;
        loop {
            let query = [("application", application.as_str())];
            lab.asterisk().ask(Method::POST, "events/user/hello", &query).await;
            match timeout_at(until.min(Instant::now() + Duration::from_millis(300)), links.recv()).await {
                Ok(Some(Link::Event(event, _))) if is_hello(&event) => break,
                Ok(Some(Link::Down { reason } | Link::StillDown { reason })) => {
                    forgotten += usize::from(reason.contains("has lost the application"));
                }
                Ok(Some(_)) => {}
                Ok(None) => panic!("the client has ended"),
                Err(_) => assert!(Instant::now() < until, "round {round}: it hears nothing"),
            }
        }
        stop.cancel();
    }
    println!("forgotten in {forgotten} of {ROUNDS}");
}

fn is_hello(event: &Event) -> bool {
    matches!(event, Event::ChannelUserevent(event) if event.eventname == "hello")
}

/// Before the first events socket of an application, another one for it goes on to Asterisk, and ends at once.
async fn each_after_another(listener: TcpListener, asterisk: String) {
    let known = Arc::new(Mutex::new(HashSet::new()));
    while let Ok((mut client, _)) = listener.accept().await {
        let (asterisk, known) = (asterisk.clone(), known.clone());
        tokio::spawn(async move {
            let mut start = vec![0; 4096];
            let length = client.read(&mut start).await.unwrap_or(0);
            let start = &start[..length];
            let mut earlier = TcpStream::connect(&asterisk).await.expect("Asterisk listens");
            let mut own = TcpStream::connect(&asterisk).await.expect("Asterisk listens");
            let line = start.split(|byte| *byte == b'\r').next().unwrap_or_default().to_vec();
            if line.starts_with(b"GET /ari/events?") && known.lock().expect("no panic holds it").insert(line)
            {
                earlier.write_all(start).await.expect("Asterisk takes it");
            }
            own.write_all(start).await.expect("Asterisk takes it");
            earlier.set_zero_linger().expect("a socket");
            drop(earlier);
            // Either end may go.
            let _ = copy_bidirectional(&mut client, &mut own).await;
        });
    }
}
