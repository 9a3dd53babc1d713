//! A host that does not let the bot in any more: another password, another host key, no way to the console's socket.

use std::{path::Path, process::Command, time::Duration};

use futures_util::future::join_all;

use crate::support::{AT_ONCE, FAILED, Firm, Lab, Part, Site, timed, until, watch};

/// How often fail2ban lets an address fail before it is banned, by default: 5 in 10 minutes.
const BANNED_AT: usize = 5;

#[tokio::test]
async fn another_password() {
    let lab = Lab::hold(&[Part::June]).await;
    let ssh = Firm::of("june", "ssh");
    let ami = Firm::of("june", "ami").with("ami_password", "not-its-password");
    let ari = Firm::of("june", "ari").with("ari_password", "not-its-password");
    let mut site = Site::start(&lab, &[&ssh, &ami, &ari], &[]).await;
    lab.ssh_password("june", Some("changed-meanwhile")).await;
    let (sshd, asterisk) = (lab.sshd_log("june"), lab.asterisk_log("june"));
    let phone = lab.number("june", "0211");

    let words = [
        (&ssh, "SSH command failed: Permission denied"),
        (&ami, "AMI action failed: Authentication failed"),
        (&ari, "ARI request failed: Authentication failed"),
    ];
    for (firm, words) in words {
        let mut took = Vec::new();
        let mut answers = join_all((0..5).map(|_| site.fails(firm, "150", &phone))).await;
        for _ in 0..5 {
            let (answer, time) = timed(site.fails(firm, "150", &phone)).await;
            took.push(time);
            answers.push(answer);
        }
        for answer in &answers {
            assert_eq!(answer.detail(), format!("{FAILED}{words}"), "{}", firm.way);
            assert_eq!(site.record_of(answer).await, ["failed", "host_auth_failed", "none"], "{}", firm.way);
        }
        assert!(watch::median(&took) < AT_ONCE, "{}: {took:?}", firm.way);
    }
    // A host that is asked too often bans the bot, and everybody else behind its address.
    let denied = [sshd.count("Failed password"), asterisk.count("failed to authenticate as 'office'")];
    println!("of ten orders by each way, so many logins were tried (ssh, ami): {denied:?}");
    assert_eq!(denied[0], 1, "{}", sshd.text());
    assert!(denied[1] < BANNED_AT, "{}", asterisk.text());
    let log = site.log_text();
    assert!(log.contains("check the user, the password or key"), "the operator is told what to do");
    assert_eq!(lab.arrivals(&[&phone]).await, [0]);

    lab.ssh_password("june", None).await;
    // The pause is long on purpose; who can't wait starts the bot anew.
    site.bot.kill();
    site.launch().await;
    site.works(&ssh).await;
}

#[tokio::test]
async fn another_host_key() {
    let lab = Lab::hold(&[Part::July]).await;
    let firm = Firm::of("july", "ssh");
    let site = Site::start(&lab, &[&firm], &[]).await;
    site.works(&firm).await;
    let known = std::fs::read_to_string(site.file("known_hosts")).expect("the key was kept");

    lab.fault("ssh-newkey", "july").await;
    let logins = lab.sshd_log("july");
    let phone = lab.number("july", "0211");
    for _ in 0..5 {
        let answer = site.fails(&firm, "150", &phone).await;
        assert_eq!(answer.detail(), format!("{FAILED}SSH command failed: Host key verification failed"));
        assert_eq!(site.record_of(&answer).await, ["failed", "host_key_changed", "none"]);
    }
    assert_eq!(std::fs::read_to_string(site.file("known_hosts")).expect("it is there"), known);
    assert_eq!(
        logins.count("Accepted password") + logins.count("Failed password"),
        0,
        "the password went out"
    );
    assert_eq!(lab.arrivals(&[&phone]).await, [0]);

    let log = site.log_text();
    let alarm = log.lines().find(|line| line.contains("HAS CHANGED")).expect("an alarm");
    assert!(alarm.contains("ERROR"), "{alarm}");
    let remedy = alarm.split('`').nth(1).expect("a command");
    run_as_told(&lab, remedy);
    assert_eq!(site.until_works(&firm, Duration::from_secs(10)).await, 0, "at once");
}

/// What the alarm says, word for word, with the laboratory's own `ssh-keygen`.
fn run_as_told(lab: &Lab, remedy: &str) {
    let folder = Path::new(lab.setting("SSH_KEYGEN")).parent().expect("a folder");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell.args(["-c", remedy]).env("PATH", path);
    let libraries = lab.setting("TOOL_LIBRARIES");
    if folder.starts_with(lab.dir()) || !libraries.is_empty() {
        shell.env("LD_LIBRARY_PATH", libraries);
    }
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{remedy}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn no_way_to_the_socket() {
    let lab = Lab::hold(&[Part::July]).await;
    let firm = Firm::of("july", "ssh");
    let site = Site::start(&lab, &[&firm], &[]).await;
    let log = lab.sshd_log("july");
    site.works(&firm).await;
    assert_eq!(log.count("Starting session"), 0, "by the socket");
    lab.fault("ssh-nosocket", "july").await;
    site.works(&firm).await;
    assert!(log.count("Starting session: command") > 0, "by processes");
    assert!(site.log_text().contains("AllowStreamLocalForwarding"), "the operator is told why");
    lab.fault("ssh-socket", "july").await;
    until("the socket is used again", Duration::from_secs(40), async || {
        let log = lab.sshd_log("july");
        site.works(&firm).await;
        let processes = log.count("Starting session");
        if processes == 0 { Ok(()) } else { Err(format!("{processes} processes")) }
    })
    .await;
}
