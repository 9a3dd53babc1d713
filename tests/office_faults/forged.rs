//! A caller of the office's trunk with a line break in his number. Asterisk writes it into the events of his channel as it
//! is, so that what follows the break is a message of his own: about a call of ours, if he guesses an id of its channels.

use tokio::net::UdpSocket;

use crate::support::{Firm, Lab, Part, SOON, Site, until};

const TAINTED: &str = "novofon_bot_office_ami_tainted_total";

/// One call from the trunk to an extension, whose caller's number is this.
async fn calls(lab: &Lab, socket: &UdpSocket, number: &str, once: usize) {
    let (office, port) = (lab.office("june", "IP"), lab.office("june", "SIP"));
    let own = socket.local_addr().expect("it is bound");
    let number: String = number.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n",
        ip = own.ip()
    );
    let invite = format!(
        "INVITE sip:155@{office}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-forged-{once};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{number}@{own}>;tag=forged{once}\r\nTo: <sip:155@{office}>\r\n\
         Call-ID: forged-{once}@{own}\r\nCSeq: 1 INVITE\r\nContact: <sip:trunk@{own}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}",
        length = sdp.len()
    );
    socket.send_to(invite.as_bytes(), format!("{office}:{port}")).await.expect("it is sent");
}

async fn trunk(lab: &Lab) -> UdpSocket {
    UdpSocket::bind((lab.setting("PHONES_IP"), 0)).await.expect("an address of the trunk")
}

/// Those who call 155, at the office: what they write deceives the laboratory's phones too.
async fn hang_up_callers(lab: &Lab) {
    let shown = lab.console("june", "core show channels concise").await;
    let callers =
        shown.lines().filter(|line| line.starts_with("PJSIP/trunk-") && line.contains("!155!1!Ring!"));
    for name in callers.filter_map(|line| line.split('!').next()) {
        lab.console("june", &format!("channel request hangup {name}")).await;
    }
}

/// The id of the channel that the trunk is called by.
async fn id_of_trunk(lab: &Lab) -> String {
    let shown = lab.console("june", "core show channels concise").await;
    let mut lines = shown.lines();
    let line = lines
        .find(|line| line.starts_with("PJSIP/trunk-") && line.contains("!AppDial!"))
        .expect("the trunk is in a call");
    line.rsplit('!').next().expect("an id").trim().to_owned()
}

/// 0 when there is no such line yet.
async fn tainted(site: &Site) -> f64 {
    let answer = site.main.get("/metrics").await;
    let text = answer.body.as_str().expect("a text");
    let line = text.lines().find(|line| line.starts_with(TAINTED) && line.contains('{'));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

async fn until_tainted(site: &Site, before: f64) {
    until("the forged messages are noticed", SOON, async || {
        let count = tainted(site).await;
        if count > before { Ok(()) } else { Err(count) }
    })
    .await;
}

#[tokio::test]
async fn an_answer_and_an_end_that_a_caller_writes_are_not_believed() {
    let lab = Lab::hold(&[Part::June]).await;
    let firm = Firm::of("june", "ami");
    let site = Site::start(&lab, &[&firm], &[]).await;
    let socket = trunk(&lab).await;
    site.works(&firm).await;
    assert_eq!(tainted(&site).await, 0.0, "an honest host taints nothing");

    let phone = lab.number("june", "0180");
    let id = site.call(&firm, "150", &phone).await.call_id();
    site.main.until_status(&id, "ringing").await;
    let channel = id_of_trunk(&lab).await;
    let number = format!("1\n\nEvent:Newstate\nChannel:a\nChannelState:6\nUniqueid:{channel}");
    calls(&lab, &socket, &number, 1).await;
    until_tainted(&site, 0.0).await;
    // The host was asked, and the phone rings.
    until("the host is asked", SOON, async || {
        let events = site.main.events(&id).await;
        if events.iter().any(|event| event == "sight_lost") { Ok(()) } else { Err(events.join(" ")) }
    })
    .await;
    println!("{:?}", site.main.timeline(&id).await);
    assert_eq!(site.main.call(&id).await.status(), "ringing");
    // Asked for in the middle of the doubt, and its end is known none the less.
    assert_eq!(site.main.hang_up(&id).await.status, 200);
    let call = site.main.until_ended(&id, SOON).await;
    assert_eq!(
        (call.status(), call.text("reached")),
        ("canceled".to_owned(), "ringing".to_owned()),
        "{call:?}"
    );
    lab.run("hangup-phone", &["june", "155"]).await;

    let id = site.talks(&firm, "150").await;
    let before = tainted(&site).await;
    let channel = id_of_trunk(&lab).await;
    calls(&lab, &socket, &format!("1\n\nEvent:Hangup\nChannel:a\nUniqueid:{channel}"), 2).await;
    until_tainted(&site, before).await;
    until("the host is asked", SOON, async || {
        let events = site.main.events(&id).await;
        if events.iter().any(|event| event == "sight_lost") { Ok(()) } else { Err(events.join(" ")) }
    })
    .await;
    assert_eq!(site.main.call(&id).await.status(), "answered");
    assert_eq!(site.main.hang_up(&id).await.status, 200);
    let call = site.main.until_ended(&id, SOON).await;
    assert_eq!(call.status(), "completed", "{call:?}");

    let log = site.log_text();
    assert_eq!(log.matches("AMI messages are not whole").count(), 1, "{log}");
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "control characters in the log");
}

/// The same callers, where the console's list of channels is what is seen: a line break in a number makes lines there.
#[tokio::test]
async fn lines_that_a_caller_writes_into_the_list_of_channels_are_not_believed() {
    let lab = Lab::hold(&[Part::June]).await;
    let firm = Firm::of("june", "ssh");
    let site = Site::start(&lab, &[&firm], &[]).await;
    let socket = trunk(&lab).await;
    lab.run("phone", &["june", "155", "ring"]).await;
    site.works(&firm).await;

    // A line that is none: what is seen of others' calls goes on, and so does hanging up.
    let id = site.talks(&firm, "150").await;
    calls(&lab, &socket, "79!00 \"\nhello\n", 31).await;
    until("the list has it", SOON, async || {
        let shown = lab.console("june", "core show channels concise").await;
        if shown.contains("\nhello\n") { Ok(()) } else { Err(shown) }
    })
    .await;
    assert_eq!(site.main.hang_up(&id).await.status, 200);
    let call = site.main.until_ended(&id, SOON).await;
    assert_eq!(
        (call.status(), call.text("ended_by")),
        ("completed".to_owned(), "api".to_owned()),
        "{call:?}"
    );
    hang_up_callers(&lab).await;

    // A second line of the trunk's channel, which rings: there it is up.
    let phone = lab.number("june", "0180");
    let id = site.call(&firm, "150", &phone).await.call_id();
    site.main.until_status(&id, "ringing").await;
    let shown = lab.console("june", "core show channels concise").await;
    let line = shown.lines().find(|line| line.starts_with("PJSIP/trunk-")).expect("the trunk rings");
    let (name, channel) = (line.split('!').next().expect("a name"), line.rsplit('!').next().expect("an id"));
    let forged = format!("{name}!inoffice!!1!Up!AppDial!x!1!!!3!9!forged!{channel}");
    calls(&lab, &socket, &format!("1!!!3!9!!1.1\n{forged}\nPJSIP/a-1!x!!1!Up!A!x!1"), 32).await;
    until("the list is doubted", SOON, async || {
        let call = site.main.call(&id).await;
        assert_eq!(call.status(), "ringing", "{:?}", site.main.timeline(&id).await);
        let events = site.main.events(&id).await;
        if events.iter().any(|event| event == "sight_lost") { Ok(()) } else { Err(events.join(" ")) }
    })
    .await;
    hang_up_callers(&lab).await;
    assert_eq!(site.main.hang_up(&id).await.status, 200);
    let call = site.main.until_ended(&id, SOON).await;
    assert_eq!(
        (call.status(), call.text("reached")),
        ("canceled".to_owned(), "ringing".to_owned()),
        "{call:?}"
    );
}

#[tokio::test]
async fn an_office_serves_while_a_caller_floods_it() {
    let lab = Lab::hold(&[Part::June]).await;
    let firm = Firm::of("june", "ami");
    let site = Site::start(&lab, &[&firm], &[]).await;
    let socket = trunk(&lab).await;
    site.works(&firm).await;
    let number = "1\r\n\r\nEvent:Hangup\r\nUniqueid:1.1";
    let flood = async {
        for once in 100.. {
            calls(&lab, &socket, number, once).await;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let serve = async {
        until_tainted(&site, 0.0).await;
        for _ in 0..3 {
            let call = site.works(&firm).await;
            println!("{call:?}, tainted {}", tainted(&site).await);
        }
    };
    tokio::select! {
        () = flood => {}
        () = serve => {}
    }
    // What the last ones wrote must not be told to the next test.
    lab.run("hangup-phone", &["june", "155"]).await;
    assert_eq!(site.log_text().matches("AMI messages are not whole").count(), 1);
}
