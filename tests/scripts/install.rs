//! scripts/install and scripts/uninstall, into a folder of their own.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::support::{said, script, write};

/// All files below a folder: content, mode and inode.
fn tree(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, u64)> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let file = fs::metadata(&path).expect("it is there");
            if file.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below it").to_owned();
                files.insert(name, (fs::read(&path).expect("it is read"), file.mode() & 0o7777, file.ino()));
            }
        }
    }
    files
}

fn run(name: &str, root: &Path, arguments: &[&str]) -> Output {
    let output =
        script(name).arg("--root").arg(root).args(arguments).output().expect("the script can be run");
    assert!(output.status.success(), "{}", said(&output));
    output
}

#[test]
fn an_upgrade_keeps_what_is_the_operators() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, binary) = (folder.path().join("root"), folder.path().join("novofon-bot"));
    write(&binary, b"#!/bin/sh\necho 1\n", 0o755);
    let install = |arguments: &[&str]| {
        let mut all = vec!["--binary", binary.to_str().expect("UTF-8")];
        all.extend(arguments);
        run("install", &root, &all)
    };
    let told = said(&install(&[]));
    assert!(told.contains("/etc/novofon-bot/config.toml"));
    // Nothing of this machine is to be started, and no password belongs on it.
    assert!(
        told.contains(&format!("The files lie in {}; on this machine nothing was installed", root.display())),
        "{told}"
    );
    assert!(
        told.contains("systemctl enable --now novofon-bot") && !told.contains("then systemctl start"),
        "{told}"
    );
    let first = tree(&root);
    let mode = |name: &str| first.get(Path::new(name)).unwrap_or_else(|| panic!("{name} is missing")).1;
    assert_eq!(mode("usr/bin/novofon-bot"), 0o755);
    assert_eq!(mode("usr/lib/systemd/system/novofon-bot.service"), 0o644);
    assert_eq!((mode("etc/novofon-bot/config.toml"), mode("etc/novofon-bot/ari_password")), (0o640, 0o600));
    assert_eq!(
        fs::metadata(root.join("etc/novofon-bot")).expect("it is there").permissions().mode() & 0o777,
        0o750
    );
    // The scripts find their parts where they are installed.
    let fix = root.join("usr/share/novofon-bot/scripts/fix_outgoing_dialplan.sh");
    let mut fix = std::process::Command::new(fix);
    fix.env("ASTERISK_ETC", &root).env("NOVOFON_BOT", env!("CARGO_BIN_EXE_novofon-bot"));
    let output = fix.output().expect("it can be run");
    assert!(said(&output).contains("extensions.conf"), "{}", said(&output));
    for script in ["asterisk.sh", "all.sh"] {
        let script = root.join("usr/share/novofon-bot/scripts").join(script);
        let output = std::process::Command::new(script).arg("--help").output().expect("it can be run");
        assert!(output.status.success(), "{}", said(&output));
    }

    assert!(said(&install(&[])).contains("nothing was changed"));
    assert_eq!(tree(&root), first, "a second run touches nothing");

    let (config, password) =
        (root.join("etc/novofon-bot/config.toml"), root.join("etc/novofon-bot/ari_password"));
    write(&config, b"[ari]\nusername = 'mine'\n", 0o600);
    write(&password, b"hunter2", 0o600);
    let store = root.join("var/lib/novofon-bot/bot.db");
    fs::create_dir_all(store.parent().expect("a folder")).expect("it can be made");
    write(&store, b"calls", 0o600);
    write(&binary, b"#!/bin/sh\necho 2\n", 0o755);
    let told = said(&install(&[]));
    assert!(told.contains("/usr/bin/novofon-bot") && !told.contains("config.toml"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let kept = |path: &Path| fs::read(path).expect("it is there");
    assert_eq!(kept(&root.join("usr/bin/novofon-bot")), b"#!/bin/sh\necho 2\n");
    assert_eq!(
        (kept(&config), kept(&password), kept(&store)),
        (b"[ari]\nusername = 'mine'\n".into(), b"hunter2".into(), b"calls".into())
    );

    let folders =
        ["etc/novofon-bot", "var/lib/novofon-bot"].map(|name| root.join(name).display().to_string());
    let told = said(&run("uninstall", &root, &[]));
    assert!(told.starts_with("removed\n") && folders.iter().all(|name| told.contains(name)), "{told}");
    let told = said(&run("uninstall", &root, &[]));
    assert!(told.starts_with("novofon-bot is not installed here: nothing was removed"), "{told}");
    assert!(folders.iter().all(|name| told.contains(name)), "what is still there: {told}");
    let left: Vec<PathBuf> = tree(&root).into_keys().collect();
    let expected = [
        "etc/novofon-bot/api_keys",
        "etc/novofon-bot/ari_password",
        "etc/novofon-bot/config.toml",
        "var/lib/novofon-bot/bot.db",
    ];
    assert_eq!(left, expected.map(PathBuf::from));
    run("uninstall", &root, &["--purge"]);
    assert!(tree(&root).is_empty());
    for arguments in [&[][..], &["--purge"]] {
        let told = said(&run("uninstall", &root, arguments));
        assert_eq!(told, "novofon-bot is not installed here: nothing was removed\n");
    }
}

#[test]
fn the_first_configuration_is_a_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    run("install", &root, &["--binary", env!("CARGO_BIN_EXE_novofon-bot")]);
    let check = || {
        let mut command = std::process::Command::new(root.join("usr/bin/novofon-bot"));
        command.arg("check-config").env("NOVOFON_BOT_CONFIG", root.join("etc/novofon-bot/config.toml"));
        command.output().expect("it can be run")
    };
    let empty = check();
    assert!(
        !empty.status.success() && said(&empty).contains("is empty: put the secret into it"),
        "{}",
        said(&empty)
    );
    fs::write(root.join("etc/novofon-bot/ari_password"), "hunter2\n").expect("it can be written");
    let filled = check();
    let told = said(&filled);
    assert!(filled.status.success(), "{told}");
    // A folder for packages has no key: it would be everybody's. Nobody is let in before the first is made.
    // The folder of the calls is this machine's, which may have none.
    let warnings = |told: &str| {
        told.lines().filter(|line| line.starts_with("warning: ") && !line.contains("`store.url`")).count()
    };
    assert_eq!(warnings(&told), 1, "{told}");
    assert!(told.contains("no client is let in; `novofon-bot api-key add NAME` makes one"), "{told}");
    let keys = root.join("etc/novofon-bot/api_keys");
    assert_eq!(fs::metadata(&keys).expect("it is there").mode() & 0o7777, 0o640);
    let mut add = std::process::Command::new(root.join("usr/bin/novofon-bot"));
    add.args(["api-key", "add", "crm"]).env("NOVOFON_BOT_CONFIG", root.join("etc/novofon-bot/config.toml"));
    let added = add.output().expect("it can be run");
    assert!(added.status.success() && warnings(&said(&check())) == 0, "{}", said(&added));
    assert!(fs::read_to_string(&keys).expect("it is there").contains("crm:sha256:"));
    assert_eq!(fs::metadata(&keys).expect("it is there").mode() & 0o7777, 0o640, "its rights stay");
}

#[test]
fn the_unit_is_hardened() {
    let unit = crate::support::root().join("systemd/novofon-bot.service");
    let analyzed = std::process::Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
        .arg(unit)
        .output();
    // A machine without systemd has nobody to say it.
    let Ok(analyzed) = analyzed else { return };
    assert!(analyzed.status.success(), "{}", said(&analyzed));
}

/// As the other scripts do: the bot's own language first.
#[test]
fn quickstart_speaks_the_bots_language() {
    let help = |lang: &str| {
        let mut command = script("quickstart");
        command.arg("--help").env("NOVOFON_BOT_LANG", lang);
        said(&command.output().expect("it can be run"))
    };
    assert!(help("ru").contains("настоящий звонок") && help("en").contains("a real call"));
    assert!(help("ru").contains("LAB_PBX_IP") && help("en").contains("LAB_PBX_IP"));
}

/// What a newcomer has done is not lost, and he is told where it lies.
#[test]
fn quickstart_tells_what_its_stop_keeps() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("quickstart");
    fs::create_dir(&folder).expect("a folder");
    let stop = |lang: &str| {
        let mut command = script("quickstart");
        command.arg("--stop").env("LAB_HOME", home.path()).env("NOVOFON_BOT_LANG", lang);
        let output = command.output().expect("it can be run");
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    assert!(!stop("en").contains("bot.db"), "there is nothing yet");
    let store = folder.join("bot.db");
    fs::write(&store, "").expect("written");
    let remove = format!("rm {}* ", store.display());
    let told = stop("ru");
    assert!(told.contains("Звонки остались в ") && told.contains(&remove), "{told}");
    let told = stop("en");
    assert!(told.contains("The calls stay in ") && told.contains(&remove), "{told}");
    assert!(store.exists());
}

/// Its bot may have been started again by all.sh: nothing of it is left behind.
#[test]
fn quickstart_stops_its_bot_whoever_started_it() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("quickstart");
    fs::create_dir(&folder).expect("a folder");
    let config = folder.join("bot.toml");
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[ari]\nurl = \"http://127.0.0.1:9\"\nusername = \"nobody\"\npassword = \"nothing\"\n\
         [store]\nurl = \"sqlite://{}/bot.db\"\n",
        folder.display()
    );
    fs::write(&config, text).expect("written");
    let mut bot = Command::new(env!("CARGO_BIN_EXE_novofon-bot"))
        .arg("serve")
        .env("NOVOFON_BOT_CONFIG", &config)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be run");
    let output =
        script("quickstart").arg("--stop").env("LAB_HOME", home.path()).output().expect("it can be run");
    assert!(output.status.success(), "{}", said(&output));
    let ended = bot.try_wait().expect("our child");
    bot.kill().expect("our child");
    assert!(ended.is_some(), "it runs on: {}", said(&output));
}
