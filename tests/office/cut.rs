//! By ARI: the events connection breaks just when a snooping channel is there, and its event is lost.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    Bot, Lab, Way,
    desk::{EXTERNAL_TONE, until_all_hear},
};

#[tokio::test]
async fn a_listener_is_joined_all_the_same() {
    let lab = Lab::shared().await;
    let [target, listener] = lab.two_desks().await;
    let host = lab.office(target.office, "IP");
    let way_in = TcpListener::bind((host, 0)).await.expect("a port of the host");
    let port = way_in.local_addr().expect("it is bound").port().to_string();
    let cuts = Arc::new(AtomicUsize::new(0));
    let asterisk = format!("{host}:{}", lab.office(target.office, "HTTP"));
    tokio::spawn(cut_at_the_first_snoop(way_in, asterisk, cuts.clone()));
    let bot = Bot::start(&lab, target.office, Way::Ari, &[("office.ari_port", &port)]).await;
    let client = bot.client(target.office);

    let number = target.number("0200");
    let id = client.monitor("09", &target.name, &listener.name, &[]).await.call_id();
    listener.until_connected().await;
    assert_eq!(cuts.load(Ordering::SeqCst), 0, "there is nothing to hear yet");
    let talk = client.place_answered(&target.name, &number).await;
    until_all_hear(&[(&listener, &[target.tone(), EXTERNAL_TONE])]).await;
    assert_eq!(cuts.load(Ordering::SeqCst), 1);
    assert_eq!(client.call(&id).await.status(), "answered");
    for call in [&id, &talk.id()] {
        client.hang_up(call).await;
    }
    listener.until_free().await;
    target.until_free().await;
}

/// Lets everything through, until Asterisk tells of a snooping channel for the first time: that connection breaks.
async fn cut_at_the_first_snoop(way_in: TcpListener, asterisk: String, cuts: Arc<AtomicUsize>) {
    while let Ok((client, _)) = way_in.accept().await {
        let (asterisk, cuts) = (asterisk.clone(), cuts.clone());
        tokio::spawn(async move {
            let server = TcpStream::connect(&asterisk).await.expect("Asterisk listens");
            let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let told = async {
                let mut chunk = vec![0; 1 << 16];
                while let Ok(length @ 1..) = from_server.read(&mut chunk).await {
                    let text = String::from_utf8_lossy(&chunk[..length]);
                    let is_it = text.contains("\"StasisStart\"") && text.contains(";snoop\"");
                    if is_it && cuts.fetch_add(1, Ordering::SeqCst) == 0 {
                        return;
                    }
                    if to_client.write_all(&chunk[..length]).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = told => {}
                // Either end may go.
                _ = copy(&mut from_client, &mut to_server) => {}
            }
        });
    }
}
