//! Enterprises that are switched off and secrets that are changed, while calls go on.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::support::{Firm, Lab, Part, SOON, Site, until};

/// An answer of the database is believed for a second; the rest is for a busy machine.
const A_SECOND: Duration = Duration::from_millis(2500);

/// Until a secret is nobody's any more.
async fn until_refused(site: &Site, secret: &str, since: Instant) {
    until("the secret is nobody's", SOON, async || {
        let answer = site.ask(secret, "/api/calls?limit=1").await;
        if answer.status == 401 { Ok(()) } else { Err(answer.status.to_string()) }
    })
    .await;
    let took = since.elapsed();
    println!("refused after {took:.2?}");
    assert!(took < A_SECOND, "{took:?}");
}

/// What the command line says on standard output.
async fn order(site: &Site, words: &[&str]) -> String {
    let mut command = tokio::process::Command::from(site.program());
    let output = command.arg("enterprise").args(words).output().await.expect("the program can be run");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A live status, after its first message.
async fn live(site: &Site, secret: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let url = format!("{}/api/ws?clientId={secret}", site.url.replace("http", "ws"));
    let (mut socket, _) = connect_async(url).await.expect("a WebSocket");
    assert!(matches!(socket.next().await, Some(Ok(Message::Text(_)))));
    socket
}

/// Why it is closed.
async fn until_closed(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> String {
    let end = tokio::time::timeout(SOON, async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    end.await.expect("the WebSocket is closed")
}

#[tokio::test]
async fn in_the_middle_of_calls() {
    let lab = Lab::hold(&[Part::June, Part::Postgres]).await;
    let firms = [(); 5].map(|()| Firm::of("june", "ssh"));
    let [by_sql, by_order, changed, rotated, removed] = &firms;
    let site = Site::on_postgres(&lab, &firms.each_ref(), &[]).await;
    let ids = [site.talks(by_sql, "150").await, site.talks(by_order, "151").await];
    for firm in &firms {
        assert_eq!(site.ask(&firm.secret, "/api/calls").await.status, 200);
    }

    let mut live = live(&site, &by_sql.secret).await;
    let stream = format!("{}/api/calls/{}/events?clientId={}", site.url, ids[0], by_sql.secret);
    let stream = reqwest::get(stream).await.expect("a stream");
    // Nobody tells the bot of this.
    let number = &by_sql.number;
    lab.sql(&format!("UPDATE enterprises SET active = false WHERE number = '{number}'")).await;
    until_refused(&site, &by_sql.secret, Instant::now()).await;
    // The call goes on, and is told to this secret no longer.
    let told = tokio::time::timeout(SOON, stream.text()).await.expect("the stream ends").expect("a text");
    assert!(told.contains("answered") && !told.contains("event: end"), "{told}");
    let since = Instant::now();
    order(&site, &["disable", &by_order.number]).await;
    until_refused(&site, &by_order.secret, since).await;
    for (firm, id) in [by_sql, by_order].into_iter().zip(&ids) {
        let phone = lab.number("june", "0211");
        let answer = site.call(firm, "152", &phone).await;
        assert_eq!((answer.status, answer.detail().as_str()), (401, "Invalid clientId"));
        assert_eq!(lab.arrivals(&[&phone]).await, [0]);
        // The call lives on, and is the operator's to see and to end.
        assert_eq!(site.ask(&firm.secret, &format!("/api/calls/{id}")).await.status, 401);
        assert_eq!(site.main.call(id).await.status(), "answered");
        assert_eq!(site.main.hang_up(id).await.status, 200);
        let call = site.main.until_ended(id, SOON).await;
        assert_eq!(call.status(), "completed", "{call:?}");
    }
    lab.until_free("june").await;
    // What was told to this secret before goes on no longer.
    assert_eq!(until_closed(&mut live).await, "Invalid clientId");

    let id = site.talks(removed, "153").await;
    let mut live = self::live(&site, &removed.secret).await;
    let since = Instant::now();
    order(&site, &["remove", &removed.number, "--yes"]).await;
    until_refused(&site, &removed.secret, since).await;
    assert_eq!(until_closed(&mut live).await, "Invalid clientId");
    // Its row is gone, and what is known of its call is not.
    assert_eq!(site.main.call(&id).await.status(), "answered");
    assert_eq!(site.main.hang_up(&id).await.status, 200);
    assert_eq!(site.main.until_ended(&id, SOON).await.status(), "completed");
    lab.until_free("june").await;

    let new = "0123456789abcdef0123456789abcdef";
    let number = &changed.number;
    lab.sql(&format!("UPDATE enterprises SET secret = '{new}' WHERE number = '{number}'")).await;
    until_refused(&site, &changed.secret, Instant::now()).await;
    assert_eq!(site.ask(new, "/api/calls").await.status, 200);

    let since = Instant::now();
    let new = order(&site, &["rotate-secret", &rotated.number]).await;
    until_refused(&site, &rotated.secret, since).await;
    assert_eq!(site.ask(&new, "/api/calls").await.status, 200);
    crate::support::watch::assert_tells_no_secret("the log", &site.log_text(), &[new]);
}
