//! The store's disk full, then free: a small file system of its own, which only the bot sees.

use std::{fs::File, io::Write, path::PathBuf, process::Command, time::Duration};

use reqwest::StatusCode;

use crate::{
    judge::{ANSWERS, BUSY, assert_all_true},
    leaks::Before,
    load::{SCENARIOS, place, request, stay_in},
    support::{Bot, Lab, SOON, assert_end, until},
};

/// A file system of this size in a name space of the process that follows; its folder is `$0`.
const ON_A_SMALL_DISK: &str = "mount -t tmpfs -o size=3m,mode=0700 novofon-bot-test \"$0\" && exec \"$@\"";

struct Disk {
    /// The folder as the bot sees it.
    folder: PathBuf,
    bot: u32,
}

impl Disk {
    /// Through the bot's own view: nobody else has this file system.
    fn filler(&self) -> PathBuf {
        let inside = self.folder.strip_prefix("/").expect("an absolute path").join("filler");
        PathBuf::from(format!("/proc/{}/root", self.bot)).join(inside)
    }

    fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file on the bot's disk");
        for size in [64 * 1024, 4096, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        assert!(file.metadata().expect("its size").len() > 1 << 20, "the disk was smaller than it should be");
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the file is there");
    }
}

async fn bot_on_a_small_disk(lab: &Lab) -> (Bot, Disk) {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status().expect("unshare can be run");
    assert!(
        allowed.success(),
        "this test mounts a small file system in a name space of its own, and `unshare -rm` is not allowed here: \
         allow unprivileged user name spaces (sysctl kernel.unprivileged_userns_clone=1, or \
         kernel.apparmor_restrict_unprivileged_userns=0), or run as root"
    );
    let mut bot = Bot::stopped(lab, &SCENARIOS);
    let folder = bot.folder().join("disk");
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.to_str().expect("UTF-8").to_owned();
    bot.run_by(&["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, &path]);
    bot.set("store.url", &format!("sqlite://{path}/bot.db"));
    bot.launch();
    bot.until_ready().await;
    let pid = bot.pid();
    assert!(!folder.join("bot.db").exists(), "the store is on a disk of its own");
    (bot, Disk { folder, bot: pid })
}

#[tokio::test]
async fn full_then_free() {
    let lab = Lab::shared();
    let (mut bot, disk) = bot_on_a_small_disk(&lab).await;
    let before = Before::of(&bot).await;
    let talk = stay_in(&bot, "answered").await;
    let rings = stay_in(&bot, "ringing").await;
    disk.fill();

    // What room the database has left of its own may hold some calls yet: these are on disk, and dialed.
    let mut refused = Vec::new();
    for _ in 0..500 {
        let request = request(ANSWERS);
        let answer = bot.initiate(request.clone()).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.code(), "store_unavailable", "{}", answer.body);
            refused.push(request["caller_id"].as_str().expect("a number").to_owned());
        }
        if refused.len() == 3 {
            break;
        }
    }
    assert_eq!(refused.len(), 3, "a full disk takes no call");
    let health = bot.get("/health/database").await.body;
    assert_eq!(health["status"], "unhealthy", "{health}");
    assert!(health["error"].as_str().is_some_and(|error| error.contains("full")), "{health}");
    let ready = bot.get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.body);
    assert_eq!(bot.metric("novofon_bot_store_up").await, 0.0);
    assert!(bot.log_text().contains("full"), "the log says it");

    // Live calls go on meanwhile, and their ends wait for room.
    lab.put_down(&talk.text("novofon_call_id")).await;
    lab.asterisk().until_free_of(&[&talk.id()], "-", SOON).await;
    assert_eq!(bot.call(&talk.id()).await.status(), "answered", "what is shown is what is on disk");
    assert_eq!(bot.hang_up(&rings.id()).await.status, StatusCode::OK);
    lab.asterisk().until_free_of(&[&rings.id()], "-", SOON).await;
    let errors = bot.log_text().lines().filter(|line| line.contains("full")).count();
    assert!(errors < 10, "the disk is said to be full {errors} times");

    disk.free();
    bot.until_ready().await;
    let calls = bot.until_all_ended(Duration::from_secs(20)).await;
    for (call, end) in
        [(&talk, "completed hung_up callee answered 200 OK"), (&rings, "canceled hung_up api ringing")]
    {
        let call = bot.call(&call.id()).await;
        assert_end(&bot, &call, end).await;
    }
    let ends = ["canceled store_unavailable bot none", "completed hung_up callee", "canceled hung_up api"];
    assert_all_true(&bot, &calls, &ends).await;
    let arrivals = bot.carrier.by_caller();
    assert!(refused.iter().all(|caller| !arrivals.contains_key(caller)), "a refused call is never dialed");

    for kind in [BUSY, ANSWERS] {
        let next = place(&bot, kind).await;
        let next = bot.until_ended(&next.id(), SOON).await;
        assert_end(&bot, &next, kind.end).await;
    }
    until("all is well", SOON, async || {
        let health = bot.get("/health").await.body;
        if health["status"] == "healthy" { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    before.assert_back(&bot).await;
}
