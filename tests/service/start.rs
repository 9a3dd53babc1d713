//! What a start says: of a port that can't be had, and of doors that stand open.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use crate::daemon::Daemon;

/// `serve` with this address, which must not come up; what it says in English and in Russian.
fn refused(starter: &[&str], listen: &str) -> [String; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    ["en_US.UTF-8", "ru_RU.UTF-8"].map(|lang| {
        let words = [starter, &[env!("CARGO_BIN_EXE_novofon-bot"), "serve"]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", lang).env("NOVOFON_BOT_HTTP__LISTEN", listen);
        command.env("NOVOFON_BOT_HTTP__API_KEYS", "crm:a-key-of-more-than-16-characters");
        command.env("NOVOFON_BOT_STORE__URL", format!("sqlite://{}", folder.path().join("bot.db").display()));
        command.env("NOVOFON_BOT_ARI__USERNAME", "bot").env("NOVOFON_BOT_ARI__PASSWORD", "hunter2-hunter2");
        let output = command.output().expect("it can be run");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    })
}

#[test]
fn a_port_that_can_not_be_had() {
    // Root without the one right is refused as anybody else is; whoever is not root has no such right anyhow.
    let is_root = fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    let starter: &[&str] =
        if is_root { &["setpriv", "--bounding-set", "-net_bind_service"] } else { &["env"] };
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").expect("it is told");
    if first_free.trim() == "1024" {
        let [english, russian] = refused(starter, "127.0.0.1:80");
        for text in [&english, &russian] {
            assert!(
                text.contains("AmbientCapabilities=CAP_NET_BIND_SERVICE") && text.contains("1023"),
                "{text}"
            );
        }
        assert!(
            english.contains("can't listen on 127.0.0.1:80") && russian.contains("порт 80 на 127.0.0.1"),
            "{russian}"
        );
    }

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let [english, russian] = refused(&["env"], &address);
    assert!(english.contains("another program has this port") && english.contains("ss -tlnp"), "{english}");
    assert!(russian.contains("занимает другая программа"), "{russian}");

    // An address of the documentation's, which nobody has.
    let [english, russian] = refused(&["env"], "192.0.2.1:18080");
    assert!(
        english.contains("has no address 192.0.2.1") && russian.contains("нет адреса 192.0.2.1"),
        "{english}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_keys_says_so_and_tells_of_the_first_proxy() {
    let daemon = Daemon::start("", &[]);
    let log = daemon.until_logged("set http.api_keys");
    let line = log.lines().find(|line| line.contains("there are no API keys")).expect("it is told");
    assert!(line.contains("WARN") && line.contains("through a proxy are refused"), "{line}");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for _ in 0..3 {
        let request = client.get(format!("http://{}/api/calls", daemon.address)).header("Via", "1.1 squid");
        assert_eq!(request.send().await.expect("it answers").status(), 403);
    }
    let log = daemon.until_logged("it has the header `via`");
    assert_eq!(log.matches("a request that came through a proxy was refused").count(), 1, "{log}");

    let keyed = Daemon::start("http.api_keys = ['crm:a-key-of-more-than-16-characters']\n", &[]);
    assert!(!keyed.log().contains("there are no API keys"), "{}", keyed.log());
}

#[test]
fn an_open_store_is_told() {
    let folder =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let url = format!("sqlite://{}", file("bot.db").display());
    let start = || {
        let mut daemon = Daemon::start("", &[("NOVOFON_BOT_STORE__URL", &url)]);
        assert!(daemon.stop().success());
        daemon.until_logged("stopped")
    };
    let log = start();
    assert!(!log.contains("others on this machine"), "what it makes is its own alone: {log}");
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    set(&file("bot.db"), 0o644);
    fs::write(file("bot.db.bak"), "").expect("written");
    set(&file("bot.db.bak"), 0o640);
    let log = start();
    for (name, mode) in [("bot.db", "644"), ("bot.db.bak", "640")] {
        let path = file(name).display().to_string();
        let line =
            format!("others on this machine can read or write {path} (mode {mode}): chmod go-rwx {path}");
        assert!(log.lines().any(|told| told.contains("WARN") && told.ends_with(&line)), "{line}: {log}");
    }
}
