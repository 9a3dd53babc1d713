//! What an enterprise sees: its own calls, as they happen, and nothing of another's, even at the same host.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::support::{Bot, Client, Desk, Lab, SOON, Way, end, until};

/// Two enterprises at one host, each with one of the extensions.
async fn two() -> ([Desk; 2], Bot, [Client; 2]) {
    let lab = Lab::shared().await;
    let desks = lab.two_desks().await;
    let office = desks[0].office;
    let mut bot = Bot::stopped(&lab, office, Way::Ami, &[]);
    let secrets = ["1".repeat(32), "2".repeat(32)];
    let host = lab.office(office, "IP");
    bot.has_enterprises(
        &[
            &["0001", "one", host, "--extensions", &desks[0].name, "--secret-file", "one"],
            &["0002", "two", host, "--extensions", &format!("{},199", desks[1].name), "--secret-file", "two"],
        ],
        &[("one", &secrets[0]), ("two", &secrets[1])],
    );
    bot.launch();
    bot.until_live().await;
    let clients = secrets.each_ref().map(|secret| bot.client_with(secret));
    (desks, bot, clients)
}

/// The ids of a list.
async fn listed(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/api/calls{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let calls = answer.json();
    let id = |call: &Value| call["id"].as_str().expect("an id").to_owned();
    calls["calls"].as_array().expect("a list").iter().map(id).collect()
}

#[tokio::test]
async fn calls_of_another_enterprise_are_as_good_as_none() {
    let ([first, second], bot, [one, two]) = two().await;
    let (number, others) = (first.number("0200"), second.number("0200"));
    let call = one.place_answered(&first.name, &number).await.id();
    let other = two.place_answered(&second.name, &others).await.id();
    assert_eq!(listed(&one, "").await, [call.as_str()]);
    assert_eq!(listed(&two, "").await, [other.as_str()]);
    assert_eq!(listed(&two, &format!("?phone={}", number.name)).await, [""; 0]);
    for path in ["", "/timeline", "/events"] {
        let answer = two.get(&format!("/api/calls/{call}{path}")).await;
        assert_eq!((answer.status, answer.detail()), (404, format!("Call {call} not found")), "{path}");
    }
    assert_eq!(two.hang_up(&call).await.status, 404);
    assert_eq!(one.call(&call).await.status(), "answered");
    first.until_connected().await;
    number.until_connected().await;

    // The bot's owner sees all, with what makes it an office's.
    let seen = bot.main.call(&call).await;
    let office = seen.field("office");
    assert_eq!((&office["enterprise"], &office["enterprise_name"]), (&json!("0001"), &json!("one")));
    assert_eq!(bot.main.calls().await.len(), 2);

    // By status, while it lasts and after.
    assert_eq!(listed(&one, "?status=answered").await, [call.as_str()]);
    one.hang_up(&call).await;
    one.until_ended(&call).await;
    assert_eq!(listed(&one, "?status=answered").await, [""; 0]);
    assert_eq!(listed(&one, "?status=ringing,completed").await, [call.as_str()]);
    // What is wrong with a question is told as with an order.
    for (query, kind, told) in [
        ("status=bogus", "value_error", "Value error, `bogus`"),
        ("limit=0", "value_error", "Value error, "),
        ("statuses=answered", "extra_forbidden", "Extra inputs are not permitted. "),
    ] {
        let answer = one.get(&format!("/api/calls?{query}")).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        let detail = &answer.json()["detail"][0];
        let name = query.split('=').next();
        assert_eq!((&detail["type"], &detail["loc"]), (&json!(kind), &json!(["query", name])), "{detail}");
        assert!(detail["msg"].as_str().is_some_and(|msg| msg.starts_with(told)), "{detail}");
    }
    assert_eq!(two.call(&other).await.status(), "answered");
    // Its owner may end it too.
    bot.main.hang_up(&other).await;
    let ended = two.until_ended(&other).await;
    assert_eq!(end(&ended), "completed hung_up api answered - 16");
    second.until_free().await;
}

#[tokio::test]
async fn extensions_of_another_enterprise_are_forbidden() {
    let ([first, second], _bot, [one, two]) = two().await;
    let number = first.number("0200");
    let call = one.place_answered(&first.name, &number).await.id();
    let before = second.arrivals().await;
    let (ones, twos) = (first.name.as_str(), second.name.as_str());
    let forbidden = |extension: &str, enterprise: &str| {
        (403, format!("Extension {extension} does not belong to {enterprise}"))
    };
    let answers = [
        (two.make_call(ones, &number, &[]).await, forbidden(ones, "two")),
        (one.make_call("1500", &number, &[]).await, forbidden("1500", "one")),
        (two.monitor("09", ones, twos, &[]).await, forbidden(ones, "two")),
        (one.monitor("09", ones, twos, &[]).await, forbidden(twos, "one")),
        (two.get(&format!("/api/extensions/{ones}/calls")).await, forbidden(ones, "two")),
        (two.get("/api/extensions/200/calls").await, forbidden("200", "two")),
    ];
    for (answer, expected) in answers {
        assert_eq!((answer.status, answer.detail()), expected);
    }
    let order = json!({"action": "02", "target": ones, "monitor_from": twos});
    assert_eq!(two.post("/api/monitor", order).await.status, 403);
    assert_eq!((second.arrivals().await - before, number.arrivals().await), (0, 1));
    assert_eq!(listed(&two, "").await, [""; 0]);
    let busy = one.get(&format!("/api/extensions/{ones}/calls")).await.json();
    assert_eq!(busy["calls"][0]["call_id"], json!(call));
    one.hang_up(&call).await;
    first.until_free().await;
}

/// A call that the phone made by itself is shown, and is nobody's.
#[tokio::test]
async fn what_an_extension_does_is_told_whoever_began_it() {
    let ([first, _second], _bot, [one, _two]) = two().await;
    let (number, path) = (first.number("0200"), format!("/api/extensions/{}/calls", first.name));
    first.dials(&number).await;
    first.until_connected().await;
    let busy = until("it talks", SOON, async || {
        let busy = one.get(&path).await.json();
        if busy["calls"][0]["talking"] == true { Ok(busy) } else { Err(busy.to_string()) }
    })
    .await;
    let call = &busy["calls"][0];
    assert_eq!((&call["with"], &call["call_id"]), (&json!(number.name), &Value::Null), "{busy}");
    assert_eq!(listed(&one, "").await, [""; 0]);
    first.hang_up().await;
    number.until_free().await;
    until("it is idle", SOON, async || {
        let busy = one.get(&path).await.json();
        if busy == json!({"extension": first.name, "calls": []}) { Ok(()) } else { Err(busy.to_string()) }
    })
    .await;
}

/// The messages of a live status until one is the end of a call, or until nothing comes any more.
async fn live(bot: &Bot, client: &Client) -> impl AsyncFnMut(Duration) -> Option<Value> {
    let url = format!("{}/api/ws?clientId={}", bot.url.replace("http", "ws"), client.secret);
    let request = url.into_client_request().expect("a URL");
    let (mut socket, _) = connect_async(request).await.expect("a WebSocket");
    async move |patience| loop {
        let message = timeout(patience, socket.next()).await.ok()??.expect("a message");
        if let Ok(text) = message.to_text()
            && message.is_text()
        {
            return Some(serde_json::from_str(text).expect("JSON"));
        }
    }
}

#[tokio::test]
async fn live_status_by_websocket_tells_each_its_own() {
    let ([first, second], bot, [one, two]) = two().await;
    let (number, others) = (first.number("0200"), second.number("0200"));
    let other = two.place_answered(&second.name, &others).await.id();
    let (mut ones, mut twos) = (live(&bot, &one).await, live(&bot, &two).await);
    let calls = ones(SOON).await.expect("the first message");
    assert_eq!(calls, json!({"type": "calls", "calls": []}));
    let calls = twos(SOON).await.expect("the first message");
    assert_eq!((&calls["type"], &calls["calls"][0]["id"]), (&json!("calls"), &json!(other)));

    let call = one.place_answered(&first.name, &number).await.id();
    one.hang_up(&call).await;
    let mut statuses = Vec::new();
    while statuses.last().is_none_or(|status| status != "completed") {
        let message = ones(SOON).await.unwrap_or_else(|| panic!("the end is told, after {statuses:?}"));
        assert_eq!((&message["type"], &message["call_id"]), (&json!("event"), &json!(call)), "{message}");
        if let Some(status) = message["status"].as_str() {
            statuses.push(status.to_owned());
            assert_eq!(message["call"]["id"], json!(call), "{message}");
        }
    }
    assert_eq!(statuses, ["queued", "dialing", "ringing", "answered", "completed"]);
    two.hang_up(&other).await;
    // The next that the other one hears of is its own.
    let message = twos(SOON).await.expect("a message");
    assert_eq!(message["call_id"], json!(other), "{message}");

    // A secret that nobody has gets none, and no WebSocket is had by other means.
    let url = format!("{}/api/ws?clientId=wrong", bot.url.replace("http", "ws"));
    let refused = connect_async(url.into_client_request().expect("a URL")).await.expect_err("it is refused");
    assert!(refused.to_string().contains("401"), "{refused}");
    assert_eq!(one.get("/api/ws").await.status, 426);
    second.until_free().await;
    first.until_free().await;
}

/// It is a stream to the client: who sends more than a few words is sent away, and nobody else.
#[tokio::test]
async fn a_client_that_floods_its_live_status_is_closed() {
    let ([first, second], bot, [one, two]) = two().await;
    let mut others = live(&bot, &two).await;
    others(SOON).await.expect("the first message");
    let url = format!("{}/api/ws?clientId={}", bot.url.replace("http", "ws"), one.secret);
    for length in [4096, 4097] {
        let (mut socket, _) = connect_async(&url).await.expect("a WebSocket");
        socket.next().await.expect("the first message").expect("a message");
        socket.send("x".repeat(length).into()).await.expect("it is taken");
        socket.send(Message::Ping("?".into())).await.expect("it is taken");
        let is_answered = timeout(SOON, async {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Pong(_))) => return true,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
                    // The bot asks too whether we are there.
                    Some(Ok(_)) => {}
                }
            }
        });
        assert_eq!(is_answered.await.expect("an answer, or the end"), length == 4096, "{length}");
    }
    let number = second.number("0200");
    let call = two.place_answered(&second.name, &number).await.id();
    assert_eq!(others(SOON).await.expect("a message")["call_id"], json!(call));
    two.hang_up(&call).await;
    second.until_free().await;
    first.until_free().await;
}

#[tokio::test]
async fn events_of_a_call_are_streamed_to_its_end() {
    let ([first, _second], _bot, [one, _two]) = two().await;
    let number = first.number("0211");
    let call = one.place(&first.name, &number).await;
    // Server-sent events: the stream closes by itself after the last one.
    let stream = timeout(SOON, one.get(&format!("/api/calls/{call}/events"))).await.expect("an end");
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let timeline = one.timeline(&call).await;
    for entry in &timeline {
        let id = format!("id: {}\n", entry["seq"]).replace(": ", ":");
        assert!(stream.text.replace(": ", ":").contains(&id), "no {entry} in\n{}", stream.text);
    }
    assert_eq!(end(&one.call(&call).await), "completed hung_up callee answered - 16");
    first.until_free().await;
}

#[tokio::test]
async fn an_id_that_is_none_and_a_body_that_is_no_object_are_faults() {
    let ([first, _second], bot, [one, _two]) = two().await;
    for path in ["", "/timeline", "/events"] {
        let answer = one.get(&format!("/api/calls/abc{path}")).await;
        let fault = &answer.json()["detail"][0];
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert_eq!((&fault["type"], &fault["loc"]), (&json!("uuid_parsing"), &json!(["path", "id"])));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for body in [json!([]), json!("x"), json!(null), json!(7)] {
        let answer = one.post("/api/makecallexternal", body.clone()).await;
        let fault = &answer.json()["detail"][0];
        assert_eq!((answer.status, &fault["loc"]), (422, &json!(["body"])), "{body}: {}", answer.text);
    }
    // What need not be there may be null.
    let http = reqwest::Client::new();
    let number = first.number("0486");
    let body = json!({
        "code": first.name, "phone": number.name, "clientId": null, "wait": null, "wait_timeout": null,
    });
    let order = http.post(format!("{}/api/makecallexternal", bot.url)).bearer_auth(&one.secret).json(&body);
    let answer: Value = order.send().await.expect("an answer").json().await.expect("JSON");
    one.until_ended(answer["call_id"].as_str().unwrap_or_else(|| panic!("{answer}"))).await;
    first.until_free().await;

    // Each is counted as it was answered.
    let metrics = bot.main.get("/metrics").await;
    let metrics = metrics.body.as_str().expect("a text");
    let counted = |status| {
        let labels = format!(r#"{{enterprise="0001",kind="read",status="{status}"}}"#);
        metrics.lines().any(|line| line.contains("office") && line.contains(&labels))
    };
    assert!(counted(422) && counted(200), "{metrics}");
}

/// Requests that wait hold a connection each: 64 of an enterprise, and the next is told so before it calls anybody.
#[tokio::test]
async fn an_enterprise_has_so_many_requests_that_wait() {
    let ([first, second], _bot, [one, two]) = two().await;
    first.does("ring").await;
    let numbers: Vec<_> = (0..65).map(|_| first.number("0200")).collect();
    let wait = [("wait", "ended"), ("wait_timeout", "6")];
    let waiting = join_all(numbers[..64].iter().map(|number| one.make_call(&first.name, number, &wait)));
    let others = async {
        until("all of them ring", SOON, async || {
            let count = listed(&one, "?status=dialing&limit=100").await.len();
            if count == 64 { Ok(()) } else { Err(count) }
        })
        .await;
        let refused = one.make_call(&first.name, &numbers[64], &wait).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{}", refused.text);
        assert_eq!(listed(&one, "?limit=100").await.len(), 64, "nobody was called for it");
        two.place_and_wait(&second.name, &second.number("0486")).await;
    };
    let (answers, ()) = tokio::join!(waiting, others);
    for answer in answers {
        assert_eq!(
            (answer.status, answer.header("x-wait-timed-out")),
            (200, Some("true")),
            "{}",
            answer.text
        );
        one.hang_up(&answer.call_id()).await;
    }
    first.until_free().await;
    second.until_free().await;
}

/// An enterprise that goes another way from now on: of its former connection nothing stays.
#[tokio::test]
async fn a_host_that_is_not_an_enterprises_any_more_is_left() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let mut bot = Bot::stopped(&lab, desk.office, Way::Ari, &[]);
    let secret = "8".repeat(32);
    bot.has_enterprises(
        &[&["0801", "one", lab.office(desk.office, "IP"), "--secret-file", "one"]],
        &[("one", &secret)],
    );
    bot.launch();
    bot.until_live().await;
    let client = bot.client_with(&secret);
    let first = client.place_answered(&desk.name, &desk.number("0200")).await.id();
    let apps = async || lab.run("cli", &[desk.office, "ari show apps"]).await;
    let own = format!("office_{}_", std::process::id());
    assert!(apps().await.contains(&own), "{}", apps().await);

    bot.changes_enterprise("0801", &["--way", "ami"]);
    let second = client.place_answered(&desk.name, &desk.number("0200")).await;
    assert_eq!(second.field("office")["way"], "ami");
    // The call that went this way is followed to its end.
    client.hang_up(&first).await;
    assert_eq!(end(&client.until_ended(&first).await), "completed hung_up api answered - 16");
    until("the connection is gone", SOON, async || {
        let apps = apps().await;
        if apps.contains(&own) { Err(apps) } else { Ok(()) }
    })
    .await;
    client.hang_up(&second.id()).await;
    desk.until_free().await;
}

/// The row changes in the middle of a call, and both connections work: the one of before would take the application
/// back again and again. Its call goes on by the new one.
#[tokio::test]
async fn a_calls_host_is_reached_by_another_port_from_now_on() {
    let lab = Lab::shared().await;
    let desk = lab.desk().await;
    let host = lab.office(desk.office, "IP");
    let other = TcpListener::bind((host, 0)).await.expect("a port of the host");
    let port = other.local_addr().expect("it is bound").port().to_string();
    let asterisk = format!("{host}:{}", lab.office(desk.office, "HTTP"));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = other.accept().await {
            let mut server = TcpStream::connect(&asterisk).await.expect("Asterisk listens");
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let mut bot = Bot::stopped(&lab, desk.office, Way::Ari, &[]);
    let secret = "9".repeat(32);
    bot.has_enterprises(&[&["0901", "one", host, "--secret-file", "one"]], &[("one", &secret)]);
    bot.launch();
    bot.until_live().await;
    let client = bot.client_with(&secret);
    let numbers = [(); 2].map(|()| desk.number("0200"));
    let first = client.place_answered(&desk.name, &numbers[0]).await.id();
    bot.changes_enterprise("0901", &["--ari-port", &port]);
    let second = client.place_answered(&desk.name, &numbers[1]).await.id();

    let taken = "another program took the application";
    until("the call of before is found by the new way", SOON, async || {
        let story = client.story(&first).await;
        if story.contains(taken) { Ok(()) } else { Err(story) }
    })
    .await;
    for (call, number) in [(&first, &numbers[0]), (&second, &numbers[1])] {
        assert_eq!(client.call(call).await.status(), "answered");
        number.hang_up().await;
        assert_eq!(end(&client.until_ended(call).await), "completed hung_up callee answered - 16");
    }
    // Neither took it from the other for good.
    assert!(!client.story(&second).await.contains(taken), "{}", client.story(&second).await);
    desk.until_free().await;
}

/// Streams that go on for as long as a call does: 64 of an enterprise, and another enterprise has its own.
#[tokio::test]
async fn an_enterprise_has_so_many_streams() {
    let ([first, second], bot, [one, two]) = two().await;
    let call = one.place_answered(&first.name, &first.number("0200")).await.id();
    let others = two.place_answered(&second.name, &second.number("0200")).await.id();
    let http = reqwest::Client::new();
    let stream = async |client: &Client, call: &str| {
        let url = format!("{}/api/calls/{call}/events", bot.url);
        http.get(url).bearer_auth(&client.secret).send().await.expect("an answer")
    };
    let mut open = Vec::new();
    for _ in 0..64 {
        let answer = stream(&one, &call).await;
        assert_eq!(answer.status().as_u16(), 200);
        open.push(answer);
    }
    assert_eq!(stream(&one, &call).await.status().as_u16(), 503);
    assert_eq!(stream(&two, &others).await.status().as_u16(), 200);
    drop(open);
    until("there is room again", SOON, async || {
        let status = stream(&one, &call).await.status().as_u16();
        if status == 200 { Ok(()) } else { Err(status) }
    })
    .await;
    for (client, call, desk) in [(&one, &call, &first), (&two, &others, &second)] {
        client.hang_up(call).await;
        desk.until_free().await;
    }
}

/// One Asterisk for two enterprises, each with an ARI user of its own: neither takes the other's events.
#[tokio::test]
async fn two_with_an_ari_user_each_at_one_asterisk() {
    let lab = Lab::shared().await;
    let desks = lab.two_desks().await;
    let office = desks[0].office;
    let mut bot = Bot::stopped(&lab, office, Way::Ari, &[]);
    let secrets = ["6".repeat(32), "7".repeat(32)];
    let host = lab.office(office, "IP");
    bot.has_enterprises(
        &[
            &["0601", "one", host, "--secret-file", "one"],
            &[
                "0602",
                "two",
                host,
                "--secret-file",
                "two",
                "--ari-user",
                "tenant",
                "--ari-password-file",
                "ari",
            ],
        ],
        &[("one", &secrets[0]), ("two", &secrets[1]), ("ari", lab.office(office, "ARI_PASSWORD"))],
    );
    bot.launch();
    bot.until_live().await;
    for (desk, secret) in desks.iter().zip(&secrets).cycle().take(4) {
        let client = bot.client_with(secret);
        let call = client.place_answered(&desk.name, &desk.number("0200")).await.id();
        client.hang_up(&call).await;
        assert_eq!(end(&client.until_ended(&call).await), "completed hung_up api answered - 16");
        desk.until_free().await;
    }
    let log = bot.log_text();
    assert!(!log.contains("another program took the application"), "{log}");
}
