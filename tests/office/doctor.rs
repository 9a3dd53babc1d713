//! `novofon-bot doctor` of a bot for offices: it looks at their database and their hosts, and at no Asterisk that the
//! bot does not have.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Bot, Lab, Way, by_each_way};

/// The findings by their names, each with its level, what was seen and how to mend it; and the exit code.
fn doctor(bot: &Bot, arguments: &[&str]) -> (BTreeMap<String, String>, Option<i32>) {
    let output = bot.program().args(["doctor", "--json"]).args(arguments).output().expect("doctor runs");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let line = |check: &Value| {
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        (text("id"), format!("{} {} {}", text("level"), text("seen"), text("mend")).trim_end().to_owned())
    };
    (report["checks"].as_array().expect("checks").iter().map(line).collect(), output.status.code())
}

#[tokio::test]
async fn offices_alone() {
    let lab = Lab::shared().await;
    let mut bot = Bot::stopped(&lab, "june", Way::Socket, &[]);
    let secret = "5".repeat(32);
    let host = lab.office("june", "IP");
    bot.has_enterprises(&[&["0501", "one", host, "--secret-file", "secret"]], &[("secret", &secret)]);

    let (found, code) = doctor(&bot, &[]);
    let ids: Vec<&str> = found.keys().map(String::as_str).collect();
    let expected = [
        "clock",
        "config",
        "config_rights",
        "daemon",
        "exposure_api",
        "exposure_office",
        "office_database",
        "office_hosts",
        "office_technology",
        "private_files",
        "store",
        "store_space",
    ];
    assert_eq!((ids.as_slice(), code), (expected.as_slice(), Some(0)), "{found:#?}");
    assert_eq!(found["office_database"], "ok enterprises: 1, disabled: 0");
    let answers = "ok enterprises whose Asterisk answers by all ways that are set up: 1";
    assert_eq!(found["office_hosts"], answers);
    assert_eq!(found["office_technology"], "ok enterprises whose `technology` is that of their phones: 1");
    assert!(found["exposure_api"].contains("can see all calls"), "{found:#?}");
    assert!(!bot.file("known_hosts").exists(), "it changes nothing");

    let (found, code) = doctor(&bot, &["--call", "+375291110000"]);
    assert!(found["test_call"].contains("has no Asterisk of its own") && code == Some(1), "{found:#?}");

    // One way of two fails, then both; and what belongs to a password is not told.
    bot.set("office.way", "auto");
    bot.set("office.ami_password", "not-this-one");
    let (found, code) = doctor(&bot, &[]);
    let hosts = &found["office_hosts"];
    assert!(hosts.starts_with(&format!("warn 0501 (one) at {host}: not by ami: ")), "{hosts}");
    assert_eq!(code, Some(0), "{found:#?}");
    bot.set("office.way", "ami");
    let (found, code) = doctor(&bot, &[]);
    let hosts = &found["office_hosts"];
    assert!(hosts.starts_with(&format!("fail 0501 (one) at {host}: ami: ")), "{hosts}");
    assert!(hosts.ends_with("novofon-bot enterprise test 0501") && !hosts.contains("not-this"), "{hosts}");
    assert_eq!(code, Some(1), "{found:#?}");

    bot.set("office.database", "sqlite:///nowhere/enterprises.db");
    let (found, code) = doctor(&bot, &[]);
    assert!(found["office_database"].starts_with("fail ") && code == Some(1), "{found:#?}");
}

/// Calls go by the dialplan whatever the technology is; with a wrong one none of them is seen.
async fn wrong_technology(way: Way) {
    let lab = Lab::shared().await;
    let mut bot = Bot::stopped(&lab, "june", way, &[]);
    let secret = "5".repeat(32);
    let host = lab.office("june", "IP");
    bot.has_enterprises(&[&["0501", "one", host, "--secret-file", "secret"]], &[("secret", &secret)]);
    let enterprise_test = |bot: &Bot, lang: &str| {
        let output = bot.program().args(["--lang", lang, "enterprise", "test", "0501"]).output();
        let output = output.expect("the program can be run");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    };
    let (shown, code) = enterprise_test(&bot, "en");
    assert!(shown.ends_with("\n✓ technology: PJSIP, as its phones are\n") && code == Some(0), "{shown}");

    bot.set("office.technology", "SIP");
    let change = "novofon-bot enterprise change 0501 --technology PJSIP";
    for (lang, said) in [
        ("en", "✗ technology: SIP, which this Asterisk has no driver for"),
        ("ru", "✗ technology: SIP, а драйвера для этого в Asterisk нет"),
    ] {
        let (shown, code) = enterprise_test(&bot, lang);
        assert!(shown.ends_with(&format!("\n{said}\n→ {change}\n")) && code == Some(1), "{shown}");
    }
    let (found, code) = doctor(&bot, &[]);
    let said = format!(
        "fail 0501 (one) has `technology` SIP, and the Asterisk at {host} has no driver for it: no call of its \
         extensions is seen {change}"
    );
    assert_eq!((&found["office_technology"], code), (&said, Some(1)), "{found:#?}");

    // What it says to do helps.
    bot.changes_enterprise("0501", &["--technology", "PJSIP"]);
    let (found, code) = doctor(&bot, &[]);
    assert!(found["office_technology"].starts_with("ok ") && code == Some(0), "{found:#?}");
    let (shown, code) = enterprise_test(&bot, "ru");
    assert!(shown.contains("✓ technology: PJSIP") && code == Some(0), "{shown}");

    // Nobody's phones are told of a host that can't be reached.
    bot.set("office.ssh_password", "not-this-one");
    bot.set("office.ami_password", "not-this-one");
    bot.set("office.ari_password", "not-this-one");
    let (found, _) = doctor(&bot, &[]);
    assert!(!found.contains_key("office_technology"), "{found:#?}");
}

by_each_way!(wrong_technology);

/// Root's look leaves nothing behind that is not the service's to write: not even the folder, where there is none yet.
#[tokio::test]
async fn a_look_makes_no_folder() {
    let lab = Lab::shared().await;
    let mut bot = Bot::stopped(&lab, "june", Way::Exec, &[]);
    let secret = "7".repeat(32);
    bot.has_enterprises(
        &[&["0501", "one", lab.office("june", "IP"), "--secret-file", "secret"]],
        &[("secret", &secret)],
    );
    let folder = bot.file("not_yet");
    bot.set("office.ssh_known_hosts", &folder.join("known_hosts").display().to_string());
    let look = |lang: &str| {
        let output = bot.program().args(["--lang", lang, "enterprise", "test", "0501"]).output();
        let output = output.expect("the program can be run");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (en, ru) = (look("en"), look("ru"));
    assert!(en.contains(&format!("there is no folder {}", folder.display())), "{en}");
    assert!(ru.contains("ключ хоста не записан: папки "), "{ru}");
    assert!(!folder.exists());
    std::fs::create_dir(&folder).expect("the folder");
    let said = look("en");
    assert!(folder.join("known_hosts").exists() && !said.contains("not written down"), "{said}");
}
