//! SIGHUP, and the backup of a running daemon.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::daemon::Daemon;

const KEY: &str = "a-key-of-more-than-16-characters";

async fn initiate(daemon: &Daemon, body: Value, key: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("http://{}/api/calls/initiate", daemon.address)).json(&body);
    let answer = request.bearer_auth(key).send().await.expect("the daemon answers");
    (answer.status().as_u16(), answer.text().await.expect("a whole body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_configuration_holds_at_once() {
    let mut daemon = Daemon::start("", &[]);
    let abroad = json!({ "phone": "+375291234567", "scenario": "hello" });
    assert_ne!(
        initiate(&daemon, abroad.clone(), "").await.0,
        201,
        "neither the prefix nor the scenario is there"
    );

    let text = format!(
        "http.api_keys = ['crm:{KEY}']\nhttp.rate_limit = 2\ndial.allow = ['+7', '+375']\n\
         [scenarios.hello]\nsteps = [{{ hangup = true }}]\n"
    );
    let told = daemon.reload(&text, "configuration read again");
    for change in
        ["http.api_keys [] → [crm]", "dial.allow [\"russia\"] → [\"+7\", \"+375\"]", "scenarios.hello added"]
    {
        assert!(told.contains(change), "{change}: {told}");
    }
    assert_eq!(initiate(&daemon, abroad.clone(), "").await.0, 401);
    assert_eq!(initiate(&daemon, abroad.clone(), KEY).await.0, 201);
    assert_eq!(initiate(&daemon, abroad.clone(), KEY).await.0, 201);
    assert_eq!(initiate(&daemon, abroad.clone(), KEY).await.0, 429, "the rate limit holds too");
    assert!(daemon.reload(&text, "configuration read again").contains("nothing to change"));

    // What needs a restart is named, and nothing else happens.
    let told = daemon
        .reload(&text.replace("http.rate_limit", "log.format = 'json'\nhttp.rate_limit"), "need a restart");
    assert!(told.contains("need a restart: log.format"), "{told}");
    assert!(daemon.stop().success());
    assert!(!daemon.log().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_changes_nothing_and_says_why() {
    let mut daemon = Daemon::start(&format!("http.api_keys = ['crm:{KEY}']\n"), &[]);
    let bad = "dial.allow = ['+375']\ndial.max_concurrent = 0\ndial.colour = 'red'\n";
    let told = daemon.reload(bad, "the old one stays in force");
    assert!(told.contains("dial.colour") && told.contains("bot.toml:6"), "{told}");
    let told =
        daemon.reload("dial.allow = ['+375']\ndial.max_concurrent = 0\n", "the old one stays in force");
    assert!(told.contains("`dial.max_concurrent`"), "{told}");
    let home = json!({ "phone": "+79522675444" });
    assert_eq!(initiate(&daemon, home.clone(), "").await.0, 401);
    assert_eq!(initiate(&daemon, home, KEY).await.0, 201);
    assert!(daemon.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_is_backed_up() {
    let mut daemon = Daemon::start("", &[]);
    let (status, body) = initiate(&daemon, json!({ "phone": "+79522675444" }), "").await;
    assert_eq!(status, 201, "{body}");
    let copy = daemon.path("copy.db");
    let name = copy.to_str().expect("UTF-8");
    let made = daemon.run(&["--lang", "en", "backup", name]);
    let told = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success() && told.contains("1 calls") && told.contains("checked"), "{made:?}");
    assert_eq!(std::fs::metadata(&copy).expect("it is there").permissions().mode() & 0o777, 0o600);
    let again = daemon.run(&["backup", name]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"), "{again:?}");
    assert_eq!(initiate(&daemon, json!({ "phone": "+79522675445" }), "").await.0, 201);
    assert!(daemon.stop().success());
    // A stopped one too.
    let later = daemon.path("later.db");
    let made = daemon.run(&["--lang", "ru", "backup", later.to_str().expect("UTF-8")]);
    assert!(String::from_utf8_lossy(&made.stdout).contains("звонков 2"), "{made:?}");
}
