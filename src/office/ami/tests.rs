//! The way against a manager interface that lets in and takes orders, and never lists its channels.

use std::{path::Path, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::*;
use crate::hosts::Hosts;
use asterisk::{secret::Secret, ssh::KnownHosts};

const SOON: Duration = Duration::from_secs(5);

/// Its port, and what it is asked for; nothing comes any more when the connection is closed.
async fn asterisk() -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    let (asked, actions) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        serve(stream, asked).await;
    });
    (port, actions)
}

async fn serve(stream: TcpStream, asked: mpsc::UnboundedSender<String>) {
    let (from, mut to) = stream.into_split();
    to.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.expect("it is open");
    let mut lines = BufReader::new(from).lines();
    let (mut name, mut id) = (String::new(), String::new());
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(": ") {
            Some(("Action", action)) => action.clone_into(&mut name),
            Some(("ActionID", value)) => value.clone_into(&mut id),
            Some(_) => {}
            None => {
                let rest = match name.as_str() {
                    "Challenge" => "Challenge: 1\r\n\r\n",
                    "Login" => {
                        "\r\nEvent: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
                    }
                    _ => "\r\n",
                };
                if name != "CoreShowChannels" {
                    let answer = format!("Response: Success\r\nActionID: {id}\r\n{rest}");
                    to.write_all(answer.as_bytes()).await.expect("it is open");
                }
                let _ = asked.send(std::mem::take(&mut name));
            }
        }
    }
}

fn way(port: u16) -> AmiWay {
    let stop = CancellationToken::new();
    let hosts = Hosts::new(KnownHosts::new(Path::new("/nonexistent")), stop.clone());
    let login = Login { port, user: "office".to_owned(), password: Secret::new("s3cret") };
    AmiWay::new(&hosts.at("127.0.0.1"), &login, Inboxes::default(), Arc::default(), stop)
}

#[tokio::test]
async fn an_order_does_not_wait_for_the_list_of_channels() {
    let (port, mut actions) = asterisk().await;
    let way = way(port);
    timeout(SOON, way.place(&Order::to_dial())).await.expect("it waits").expect("Asterisk takes it");
    let mut before = Vec::new();
    loop {
        match actions.recv().await.expect("it is asked").as_str() {
            "Originate" => break,
            other => before.push(other.to_owned()),
        }
    }
    assert!(before.contains(&"Login".to_owned()), "{before:?}");
}

#[tokio::test]
async fn a_way_that_is_gone_leaves_its_connection() {
    let (port, mut actions) = asterisk().await;
    let way = way(port);
    way.place(&Order::to_dial()).await.expect("Asterisk takes it");
    drop(way);
    let closed = async { while actions.recv().await.is_some() {} };
    timeout(SOON, closed).await.expect("it keeps the connection");
}
