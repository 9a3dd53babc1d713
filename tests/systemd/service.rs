//! Installed, started, reloaded, upgraded, stopped, removed: as an operator does it.

use std::time::{Duration, Instant};

use crate::{
    machine::Machine,
    support::{Lab, SOON},
};

#[tokio::test]
async fn installed_filled_in_and_started() {
    let lab = Lab::shared();
    let machine = Machine::installed(&lab);
    assert_eq!(machine.service("UnitFileState"), "enabled");
    assert_eq!(machine.service("ActiveState"), "inactive", "it has no password yet");
    machine.give_password(&lab);

    // Type=notify: `start` returns when the API listens.
    machine.run(&["systemctl", "start", "novofon-bot"]);
    assert_eq!(machine.api.get("/health/live").await.status, 200);
    machine.until_ready().await;

    // Through the hardening: a name is looked up, the store is written, Asterisk is reached on loopback.
    let call = machine.api.place_and_wait(serde_json::json!({"phone": "+79005550486"}), SOON).await;
    assert_eq!((call.status().as_str(), call.text("reason").as_str()), ("busy", "busy"));
    let store =
        machine.run(&["stat", "--format=%U %a", "/var/lib/novofon-bot", "/var/lib/novofon-bot/bot.db"]);
    assert_eq!(store, "novofon-bot 700\nnovofon-bot 600\n");

    // The secret is root's; the daemon has a copy that it alone sees, and tells nobody.
    let rights = machine.run(&["stat", "--format=%U %a", "/etc/novofon-bot/ari_password"]);
    assert_eq!(rights, "root 600\n");
    let pid = machine.service("MainPID");
    let environment = machine.run(&["cat", &format!("/proc/{pid}/environ")]);
    let password = lab.setting("PBX_ARI_PASSWORD");
    assert!(environment.contains("PASSWORD_FILE") && !environment.contains(password), "{environment}");
    assert!(!machine.journal(&[]).contains(password));
    let status = machine.run(&["cat", &format!("/proc/{pid}/status")]);
    for line in ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{status}");
    }

    // The installation's key is the one way in, and on disk there is its hash; root's command line needs none.
    let url = format!("{}/api/calls", machine.api.url());
    let anybody = machine.run(&["curl", "--silent", "--noproxy", "*", &url]);
    assert!(anybody.contains(r#""code":"unauthorized""#), "{anybody}");
    let keys = machine.run(&["cat", "/etc/novofon-bot/api_keys"]);
    assert!(keys.contains("crm:sha256:") && !keys.contains(&machine.key), "{keys}");
    let rights = machine.run(&["stat", "--format=%U %G %a", "/etc/novofon-bot/api_keys"]);
    assert_eq!(rights, "root novofon-bot 640\n");
    let token = machine.run(&["stat", "--format=%U %a", "/run/novofon-bot", "/run/novofon-bot/token"]);
    assert_eq!(token, "novofon-bot 700\nnovofon-bot 600\n");
    let listen = format!("NOVOFON_BOT_HTTP__LISTEN={}", machine.api.url().trim_start_matches("http://"));
    let list = machine.run(&["env", &listen, "novofon-bot", "calls"]);
    assert!(list.contains("+79005550486"), "{list}");
    let token = machine.run(&["cat", "/run/novofon-bot/token"]);
    let token = token.split_whitespace().nth(2).expect("a token");
    assert!(!machine.journal(&[]).contains(token) && !machine.journal(&[]).contains(&machine.key));

    let security = machine.run(&["systemd-analyze", "security", "--no-pager", "novofon-bot"]);
    let level =
        security.lines().last().and_then(|line| line.split(' ').find_map(|word| word.parse::<f64>().ok()));
    assert!(level.is_some_and(|level| level <= 2.0), "{security}");
}

#[tokio::test]
async fn installed_again_and_removed() {
    let lab = Lab::shared();
    let machine = Machine::running(&lab, "").await;
    let install = ["/mnt/checkout/scripts/install", "--binary", "/mnt/share/novofon-bot"];
    let pid = machine.service("MainPID");
    machine.run(&install);
    assert_eq!(machine.service("MainPID"), pid, "the same again: nothing is restarted");

    // An upgrade with a call ringing.
    let call = machine.api.place_to("+79005550486").await;
    machine.api.until_ended(&call.id(), SOON).await;
    machine.append("/mnt/share/novofon-bot", "\n");
    machine.run(&install);
    assert_ne!(machine.service("MainPID"), pid);
    machine.until_ready().await;
    assert_eq!(machine.api.call(&call.id()).await.status(), "busy", "the calls are kept");

    // One that somebody started by hand is nothing of systemd's: it is told with its process.
    let beside = |name: &str| format!("--setenv=NOVOFON_BOT_{name}");
    machine.run(&[
        "systemd-run",
        "--unit=beside",
        "--property=Type=notify",
        &beside("CONFIG=/etc/novofon-bot/config.toml"),
        &beside("HTTP__LISTEN=127.93.14.16:8123"),
        &beside("HTTP__TOKEN_FILE=/tmp/beside.token"),
        &beside("ARI__PASSWORD_FILE=/etc/novofon-bot/ari_password"),
        &beside("STORE__URL=sqlite:///tmp/beside.db"),
        &beside("ARI__APP=beside"),
        "/usr/bin/novofon-bot",
        "serve",
    ]);
    let process = machine.run(&["systemctl", "show", "--property", "MainPID", "--value", "beside"]);
    let process =
        format!("process {} (user root, configuration /etc/novofon-bot/config.toml)", process.trim());
    let told = machine.run(&install);
    assert!(told.contains(&format!("the old program goes on running: {process}")), "{told}");
    assert!(told.contains("scripts/all.sh restart"), "{told}");

    let told = machine.run(&["/mnt/checkout/scripts/uninstall"]);
    assert!(
        told.contains(&format!("goes on running: {process}")) && told.contains("To stop it: kill "),
        "{told}"
    );
    assert_eq!(machine.service("LoadState"), "not-found");
    assert!(machine.api.send(reqwest::Method::GET, "/health/live", None, None).await.is_err());
    machine.run(&["test", "-s", "/var/lib/novofon-bot/bot.db", "-a", "-s", "/etc/novofon-bot/ari_password"]);
}

#[tokio::test]
async fn reloaded() {
    let lab = Lab::shared();
    let machine = Machine::running(&lab, "").await;
    let pid = machine.service("MainPID");
    machine.append("/etc/novofon-bot/config.toml", "[dial]\ncalls_per_second = 2.5\n");
    machine.run(&["systemctl", "reload", "novofon-bot"]);
    machine.until_journal(&[], "calls_per_second 5.0 → 2.5").await;
    machine.append("/etc/novofon-bot/config.toml", "max_concurrent = \"many\"\n");
    machine.run(&["systemctl", "reload", "novofon-bot"]);
    // Errors are errors for journald too.
    machine.until_journal(&["--priority=err"], "dial.max_concurrent").await;
    let errors = machine.journal(&["--priority=err"]);
    assert!(!errors.contains("read again") && !errors.contains("<3>"), "{errors}");
    assert_eq!((machine.service("MainPID"), machine.service("ActiveState")), (pid, "active".to_owned()));
}

/// Live calls get `service.stop_timeout`, though the unit's own time is shorter: the bot asks for more.
#[tokio::test]
async fn stopped_with_a_live_call() {
    let lab = Lab::shared();
    let settings = "TimeoutStopSec=1\nEnvironment=NOVOFON_BOT_SERVICE__STOP_TIMEOUT=3";
    let machine = Machine::running(&lab, settings).await;
    let call = machine.api.place_to("+79005550201").await;
    machine.api.until_status(&call.id(), "answered").await;
    let begun = Instant::now();
    machine.run(&["systemctl", "stop", "--no-block", "novofon-bot"]);
    machine.until_service("ActiveState", "deactivating", SOON).await;
    assert_eq!(machine.api.call(&call.id()).await.status(), "answered", "the API goes on");
    machine.until_service("ActiveState", "inactive", SOON).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(3), "the call had {took:?} to end");
    assert_eq!(machine.service("Result"), "success");
    lab.asterisk().until_free_of(&[&call.id()], "", SOON).await;
    machine.run(&["systemctl", "start", "novofon-bot"]);
    let call = machine.api.call(&call.id()).await;
    assert_eq!((call.status().as_str(), call.text("reason").as_str()), ("completed", "shutdown"));
}

/// The office API from nothing, by the scripts that its users know; its secrets are credentials too.
#[tokio::test]
async fn started_tried_and_stopped_by_its_scripts() {
    let lab = Lab::shared();
    let machine = Machine::installed(&lab);
    let by = |verb: &str, environment: &str| {
        let script = "/usr/share/novofon-bot/scripts/asterisk.sh";
        let output = machine.try_run(&["env", "LANG=C", environment, script, verb]);
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).expect("UTF-8"))
    };
    let expect = |verb: &str, environment: &str, code: i32, words: &str| {
        let (ended, told) = by(verb, environment);
        assert!(
            ended == Some(code) && told.contains(words),
            "{verb}: {ended:?} {told}\n{}",
            machine.journal(&[])
        );
    };
    expect("start", "A=", 6, "ari_password is empty");
    machine.give_password(&lab);
    expect("start", "A=", 6, "office.database");
    let database = "sqlite:///var/lib/novofon-bot/enterprises.db";
    let office = format!("\n[office]\ndatabase = \"{database}\"\nlisten = \"{}\"\n", machine.office);
    machine.append("/etc/novofon-bot/config.toml", &office);
    // For enterprises alone, as docs/office.md has it: no [ari], and the password's file stays empty.
    machine.run(&["sed", "-i", r"/^\[ari\]/,/^$/d", "/etc/novofon-bot/config.toml"]);
    machine.run(&["truncate", "--size=0", "/etc/novofon-bot/ari_password"]);

    // As its own words have it.
    let shipped = machine.run(&["cat", "/usr/share/novofon-bot/systemd/office.conf"]);
    let password = "hunter2-of-all-hosts";
    machine.append("/etc/novofon-bot/office_ssh_password", password);
    machine.run(&["chmod", "600", "/etc/novofon-bot/office_ssh_password"]);
    let lines = shipped.lines().filter(|line| line.to_lowercase().contains("ssh_password"));
    let lines: Vec<&str> = lines.map(|line| line.trim_start_matches('#')).collect();
    machine.drop_in("office", &lines.join("\n"));

    expect("status", "A=", 3, "it does not run");
    expect("start", "A=", 0, "started");
    let pid = machine.service("MainPID");
    expect("start", "A=", 0, "it runs already");
    expect("status", "A=", 0, "enterprise add");
    let add =
        ["novofon-bot", "enterprise", "add", "0367", "june", "127.0.0.1", "--ssh-port", "9", "--database"];
    let told = machine.run(&[&add[..], &[database]].concat());
    let secret = told.lines().find(|line| line.len() >= 32 && !line.contains(' ')).expect("the secret");
    let owner = machine.run(&["stat", "--format=%U %a", "/var/lib/novofon-bot/enterprises.db"]);
    assert_eq!(owner, "novofon-bot 600\n", "root made it for the service");
    crate::support::until("the daemon has the database", SOON, async || {
        match by("test", &format!("CLIENT_ID={secret}")) {
            (Some(0), told) if told.contains("CLIENT_ID is the secret") => Ok(()),
            (_, told) => Err(told),
        }
    })
    .await;

    // Nobody is at that port, but it was tried, by ssh, with a password that nobody is told.
    let url = format!("http://{}/api/makecallexternal?code=150&phone=150&clientId={secret}", machine.office);
    let answer = machine.run(&["curl", "--silent", "--noproxy", "*", &url]);
    assert_eq!(answer, r#"{"detail":"Call initiation failed: SSH command failed: Connection refused"}"#);
    let environment = machine.run(&["cat", &format!("/proc/{pid}/environ")]);
    assert!(!environment.contains(password) && !machine.journal(&[]).contains(password));
    expect("logs", "A=", 0, "the office API is ready");

    machine.run(&["/usr/share/novofon-bot/scripts/all.sh", "restart"]);
    assert_ne!(machine.service("MainPID"), pid);
    expect("stop", "A=", 0, "stopped");
    assert_eq!(machine.service("ActiveState"), "inactive");
    expect("stop", "A=", 0, "it is stopped already");
}

/// What the error says to do is done, as it stands there.
#[tokio::test]
async fn port_80_is_refused_with_the_way_to_get_it() {
    let lab = Lab::shared();
    let machine = Machine::running(&lab, "").await;
    // What its trunk refused is a warning, and what a callee does is none.
    let refused = machine.api.place_and_wait(serde_json::json!({"phone": "+79005550403"}), SOON).await;
    assert_eq!(refused.text("reason"), "carrier_forbidden");
    let busy = machine.api.place_and_wait(serde_json::json!({"phone": "+79005550486"}), SOON).await;
    machine.until_journal(&["-p", "warning"], "reason=carrier_forbidden").await;
    let warnings = machine.journal(&["-p", "warning"]);
    assert!(warnings.contains(&refused.id()) && warnings.contains("check the balance"), "{warnings}");
    assert!(!warnings.contains(&busy.id()) && machine.journal(&[]).contains(&busy.id()), "{warnings}");
    machine.run(&["/mnt/checkout/scripts/all.sh", "reload"]);

    // An address of loopback that nobody else has.
    machine.drop_in("listen", "Environment=NOVOFON_BOT_HTTP__LISTEN=127.93.14.15:80");
    assert!(!machine.try_run(&["systemctl", "restart", "novofon-bot"]).status.success());
    machine.until_journal(&[], "can't listen on 127.93.14.15:80").await;
    let journal = machine.journal(&[]);
    let told = journal.lines().find(|line| line.contains("can't listen on")).expect("it is told");
    let rights: Vec<&str> = told.split_whitespace().filter(|word| word.contains('=')).collect();
    let rights = &rights[..3];
    assert_eq!(rights[0], "AmbientCapabilities=CAP_NET_BIND_SERVICE", "{told}");
    machine.drop_in("port", &rights.join("\n"));
    machine.run(&["systemctl", "restart", "novofon-bot"]);
    let answer = reqwest::get("http://127.93.14.15:80/health/live").await.expect("it listens");
    assert_eq!(answer.status(), 200);
}
