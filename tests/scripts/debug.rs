//! debug_call_issue.sh: it shows what is wrong, and no secret.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::{Pbx, said, script, write};

const DEBUG: &str = "debug_call_issue.sh";

#[test]
fn a_sound_system_is_shown_without_its_secrets() {
    let pbx = Pbx::alone();
    assert_sound(&pbx, &pbx.cli());
}

/// Its warnings are not its answer.
#[test]
fn a_console_that_says_more_than_its_answer() {
    let pbx = Pbx::alone();
    assert_sound(&pbx, &pbx.noisy_cli());
}

fn assert_sound(pbx: &Pbx, cli: &Path) {
    let setting = |name: &str| pbx.settings[name].clone();
    let output = pbx
        .script(DEBUG)
        .env("ASTERISK_CLI", cli)
        .env("NOVOFON_BOT", "/nonexistent/novofon-bot")
        .env("NOVOFON_BOT_ARI__URL", setting("PBX_ARI_URL"))
        .env("NOVOFON_BOT_ARI__USERNAME", setting("PBX_ARI_USER"))
        .env("NOVOFON_BOT_ARI__PASSWORD", setting("PBX_ARI_PASSWORD"))
        .output()
        .expect("the script can be run");
    let told = said(&output);
    for expected in [
        "✓ Asterisk answers",
        "✓ endpoint novofon is there, with outbound_auth",
        "Registered",
        "✓ [outgoing] dials",
        "/ari/applications: 200",
        "✓ ARI accepts the bot's user",
        "== Last logs ==",
        "== Errors ==",
        "== novofon-bot doctor ==",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(output.status.success(), "{told}");
    for secret in ["PBX_ARI_PASSWORD", "TRUNK_PASSWORD"] {
        assert!(!told.contains(&setting(secret)), "{secret} is shown: {told}");
    }
}

#[test]
fn the_fault_of_the_seed_and_a_wrong_password_are_named() {
    let pbx = Pbx::alone();
    let trunk = pbx.etc.join("pjsip_novofon.conf");
    let good = fs::read_to_string(&trunk).expect("the trunk");
    fs::write(&trunk, good.replacen("\noutbound_auth = novofon", "\nauth = novofon", 1))
        .expect("it can be written");
    pbx.console("module reload res_pjsip.so");
    let output = pbx
        .script(DEBUG)
        .env("LANG", "ru_RU.UTF-8")
        .env("NOVOFON_BOT", "/nonexistent/novofon-bot")
        .env("NOVOFON_BOT_ARI__URL", &pbx.settings["PBX_ARI_URL"])
        .env("NOVOFON_BOT_ARI__USERNAME", &pbx.settings["PBX_ARI_USER"])
        .env("NOVOFON_BOT_ARI__PASSWORD", "wrong-password-of-ari")
        .output()
        .expect("the script can be run");
    fs::write(&trunk, good).expect("it can be written");
    pbx.console("module reload res_pjsip.so");
    let told = said(&output);
    assert!(told.contains("✗ у endpoint novofon нет outbound_auth"), "{told}");
    assert!(told.contains("✗ ARI не принимает логин и пароль"), "{told}");
    assert!(!told.contains("wrong-password-of-ari"), "{told}");
    assert!(!output.status.success());
}

/// A system without Asterisk, whose logs are full of secrets.
#[test]
fn secrets_in_logs_are_masked() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("asterisk.conf"), format!("[directories]\nastlogdir => {}\n", folder.path().display()))
        .expect("it can be written");
    fs::write(at("pjsip.conf"), "[t]\ntype = auth\npassword = Tr*nk.$ecret\\1 ; the trunk's\r\n")
        .expect("it can be written");
    let log = "WARNING retry with Tr*nk.$ecret\\1 now\n\
        Authorization: Digest username=\"0123\", realm=\"r\", nonce=\"n0nce\", response=\"0a1b2c3d\"\n\
        Proxy-Authorization: Digest response=\"feedbeef\"\n\
        INVITE sip:bob:s1pword@example.org and http://u:urlword@host/x?api_key=bot:queryword\n\
        password=plainword\n\"api_key\": \"jsonword\"\n ERROR X-API-Key: headerword\nall else stays: 486 Busy Here\n";
    fs::write(at("full"), log).expect("it can be written");
    write(&at("journalctl"), b"#!/bin/sh\necho 'line of the bot, Authorization: Bearer bearerword'\n", 0o755);
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let output = script(DEBUG)
        .env("PATH", path)
        .env("NOVOFON_BOT_CONFIG", "/etc/novofon-bot/config.toml")
        .env("ASTERISK_ETC", folder.path())
        .env("ASTERISK_CLI", "false")
        .env("NOVOFON_BOT", "/nonexistent/novofon-bot")
        .output()
        .expect("the script can be run");
    let told = said(&output);
    assert!(told.contains("✗ Asterisk does not answer"), "{told}");
    assert!(
        told.contains("WARNING retry with *** now") && told.contains("all else stays: 486 Busy Here"),
        "{told}"
    );
    assert!(told.contains("line of the bot"), "{told}");
    let secrets =
        "ecret\\1 0a1b2c3d n0nce feedbeef s1pword urlword queryword plainword jsonword headerword bearerword";
    for secret in secrets.split(' ') {
        assert!(!told.contains(secret), "{secret} is shown: {told}");
    }
}

#[test]
fn the_doctor_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let bot = folder.path().join("novofon-bot");
    write(&bot, b"#!/bin/sh\n[ \"$2\" = --help ] || echo 'doctor says: password=hunter22 is wrong'\n", 0o755);
    let output = script(DEBUG)
        .env("ASTERISK_ETC", folder.path())
        .env("ASTERISK_CLI", "false")
        .env("NOVOFON_BOT", &bot)
        .output()
        .expect("the script can be run");
    let told = said(&output);
    assert!(told.trim_end().ends_with("doctor says: password=***"), "{told}");
}

/// The trunk of an older guide beside ours: the program is not needed to see it.
#[test]
fn what_stands_twice_is_named_without_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("pjsip.d")).expect("a folder");
    let own = "[base](!)\ntype=endpoint\n[novofon]\ntype = auth\nusername = x\n[novofon](+)\npassword = y\n#include pjsip.d/*.conf\n";
    fs::write(at("pjsip.conf"), own).expect("written");
    let ours =
        fs::read_to_string(crate::support::root().join("asterisk-config/pjsip_novofon.conf")).expect("ours");
    fs::write(at("pjsip.d/novofon.conf"), &ours).expect("written");
    let line = 1 + ours.lines().position(|line| line == "type = auth").expect("an auth") - 1;
    let run = || {
        let mut command = script(DEBUG);
        command.env("ASTERISK_ETC", folder.path()).env("ASTERISK_CLI", "false");
        said(&command.env("NOVOFON_BOT", "/nonexistent/novofon-bot").output().expect("the script can be run"))
    };
    let told = run();
    let expected = format!(
        "✗ [novofon] with type = auth stands twice in pjsip.conf: {0}/pjsip.conf:3, {0}/pjsip.d/novofon.conf:{line}",
        folder.path().display()
    );
    assert!(told.contains(&expected), "{expected}: {told}");
    assert_eq!(told.matches("stands twice").count(), 1, "{told}");
    fs::write(at("pjsip.conf"), "#include pjsip.d/*.conf\n").expect("written");
    assert!(!run().contains("stands twice"));
}

/// The program of a checkout is found, and speaks the user's language.
#[test]
fn the_doctor_of_a_checkout_speaks_the_users_language() {
    let checkout = tempfile::tempdir().expect("a folder");
    let at = |name: &str| checkout.path().join(name);
    fs::create_dir_all(at("target/release")).expect("a folder");
    std::os::unix::fs::symlink(crate::support::root().join("scripts/lib"), at("lib.real")).expect("a link");
    fs::create_dir_all(at("scripts")).expect("a folder");
    fs::copy(crate::support::root().join("scripts").join(DEBUG), at("scripts").join(DEBUG)).expect("copied");
    std::os::unix::fs::symlink(at("lib.real"), at("scripts/lib")).expect("a link");
    write(
        &at("target/release/novofon-bot"),
        b"#!/bin/sh\n[ \"$2\" = --help ] || echo \"the doctor speaks $NOVOFON_BOT_LANG\"\n",
        0o755,
    );
    let output = std::process::Command::new(at("scripts").join(DEBUG))
        .env("LANG", "ru_RU.UTF-8")
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env_remove("NOVOFON_BOT")
        .env_remove("NOVOFON_BOT_LANG")
        .env("NOVOFON_BOT_CONFIG", "/nonexistent/config.toml")
        .env("ASTERISK_ETC", checkout.path())
        .env("ASTERISK_CLI", "false")
        .output()
        .expect("the script can be run");
    assert!(said(&output).trim_end().ends_with("the doctor speaks ru"), "{}", said(&output));
}

/// Beside systemd the bot's log lies beside its store, as all.sh writes it; without any there is nothing to call sound.
#[test]
fn the_bots_own_log_is_looked_into() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let config = format!("[store]\nurl = \"sqlite://{}\"\n", at("bot.db").display());
    fs::write(at("config.toml"), config).expect("written");
    // Where there is no systemd, its journal has nothing.
    write(&at("journalctl"), b"#!/bin/sh\nexit 1\n", 0o755);
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let run = |lang: &str| {
        let mut command = script(DEBUG);
        command.env("PATH", &path).env("ASTERISK_ETC", folder.path()).env("ASTERISK_CLI", "false");
        command.env("LANG", lang).env("NOVOFON_BOT_CONFIG", at("config.toml"));
        // A folder that has none of Asterisk's logs.
        fs::write(at("asterisk.conf"), format!("astlogdir => {}\n", folder.path().display()))
            .expect("written");
        let told =
            said(&command.env("NOVOFON_BOT", "/nonexistent/novofon-bot").output().expect("the script runs"));
        let (_, told) = told.split_once("== Последние логи ==").unwrap_or_else(|| panic!("{told}"));
        let (logs, rest) = told.split_once("== Ошибки ==").expect("the errors");
        (logs.to_owned(), rest.split_once("== novofon-bot doctor").expect("the doctor").0.to_owned())
    };
    let (logs, errors) = run("ru_RU.UTF-8");
    assert!(logs.contains(&format!("нет {}", at("asterisk_service.log").display())), "{logs}");
    assert!(
        errors.contains("novofon-bot: неизвестно") && errors.contains("Asterisk: неизвестно"),
        "{errors}"
    );
    assert!(!errors.lines().any(|line| line == "нет"), "{errors}");

    let log = "2026-11-21T10:00:00Z  INFO all is ready\n2026-11-21T10:00:01Z ERROR ari: connection refused\n";
    fs::write(at("asterisk_service.log"), log).expect("written");
    let (logs, errors) = run("ru_RU.UTF-8");
    assert!(logs.contains("INFO all is ready"), "{logs}");
    assert!(errors.contains("ERROR ari: connection refused") && !errors.contains("all is ready"), "{errors}");
    assert!(!errors.contains("novofon-bot: неизвестно"), "{errors}");
}

/// A bot that runs with this configuration, ended with this.
struct Running {
    folder: tempfile::TempDir,
    child: Child,
}

impl Running {
    /// Its log is a file of this name.
    fn new(log: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let text = format!(
            "[http]\nlisten = \"127.0.0.1:0\"\n[ari]\nurl = \"http://127.0.0.1:9\"\nusername = \"nobody\"\npassword = \"of-{log}-1\"\n\
             [store]\nurl = \"sqlite://{}\"\n",
            at("bot.db").display()
        );
        write(&at("config.toml"), text.as_bytes(), 0o600);
        let file = fs::File::create(at(log)).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_novofon-bot"))
            .args(["serve", "--config"])
            .arg(at("config.toml"))
            .stdin(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the program can be run");
        Self { folder, child }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
    }
}

/// Several bots on a machine: the log is that of the one in question, and which one that is stands at the top.
#[test]
fn the_log_is_that_of_the_bot_that_is_named() {
    let (asked, other) = (Running::new("of_asked.log"), Running::new("of_other.log"));
    let etc = tempfile::tempdir().expect("a folder");
    let config = asked.at("config.toml").display().to_string();
    let run = |arguments: &[&str], variable: &str| {
        let mut command = script(DEBUG);
        command.args(arguments).env("NOVOFON_BOT_CONFIG", variable);
        command.env("ASTERISK_ETC", etc.path()).env("ASTERISK_CLI", "false");
        said(&command.env("NOVOFON_BOT", "/nonexistent/novofon-bot").output().expect("the script runs"))
    };
    for told in [run(&["--config", &config], "/nonexistent/config.toml"), run(&[], &config)] {
        assert!(told.contains(&format!("the bot: configuration {config}\n")), "{told}");
        assert!(told.contains(&format!("-- {}\n", asked.at("of_asked.log").display())), "{told}");
        assert!(!told.contains("of_other.log") && !told.contains("journalctl -u novofon-bot\n"), "{told}");
    }
    // Nobody is named, there is no service, and several run.
    let mut command = script(DEBUG);
    command.env_remove("NOVOFON_BOT_CONFIG").env("ASTERISK_ETC", etc.path()).env("ASTERISK_CLI", "false");
    let told =
        said(&command.env("NOVOFON_BOT", "/nonexistent/novofon-bot").output().expect("the script runs"));
    if Path::new("/etc/novofon-bot/config.toml").exists() {
        assert!(told.contains("the bot: the service"), "{told}");
        return;
    }
    assert!(told.contains("several run; name one of them"), "{told}");
    for bot in [&asked, &other] {
        assert!(told.contains(&format!("--config {}", bot.at("config.toml").display())), "{told}");
    }
    assert!(!told.contains("of_asked.log\n") && !told.contains("of_other.log\n"), "{told}");
}

/// On a machine with this bot alone, as after `scripts/quickstart --keep`: it is the one in question.
#[test]
fn the_only_bot_is_the_one_in_question() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("asterisk")).expect("a folder");
    let text = format!(
        "[ari]\nurl = \"http://127.0.0.1:9\"\nusername = \"nobody\"\npassword = \"nothing\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [store]\nurl = \"sqlite://{}\"\n",
        at("bot.db").display()
    );
    write(&at("config.toml"), text.as_bytes(), 0o600);
    // A list of processes of its own, and no configuration of a service.
    let inner = "mount -t tmpfs none /etc/novofon-bot 2>/dev/null; \"$1\" serve --config \"$2/config.toml\" 2>\"$2/terminal.log\" & \
        until [ -s \"$2/terminal.log\" ]; do sleep 0.1; done; \"$3\"";
    let script = crate::support::root().join("scripts").join(DEBUG);
    let output = Command::new("unshare")
        .args(["-rmpf", "--mount-proc", "--kill-child", "bash", "-c", inner, "-"])
        .args([Path::new(env!("CARGO_BIN_EXE_novofon-bot")), folder.path(), &script])
        .env_remove("NOVOFON_BOT_CONFIG")
        .env("LANG", "en_US.UTF-8")
        .env_remove("LC_ALL")
        .env("ASTERISK_ETC", at("asterisk"))
        .env("ASTERISK_CLI", "false")
        .env("NOVOFON_BOT", env!("CARGO_BIN_EXE_novofon-bot"))
        .output()
        .expect("unshare can be run");
    let told = said(&output);
    assert!(told.contains("the bot: the only one that runs here: pid "), "{told}");
    assert!(told.contains(&format!("-- {}\n", at("terminal.log").display())), "{told}");
    let config = format!("{} is read and right", at("config.toml").display());
    assert!(told.contains(&config), "doctor looks at the same bot: {told}");
}

#[test]
fn a_machine_without_asterisk_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    let run = || {
        let mut command = script(DEBUG);
        command.env("ASTERISK_ETC", folder.path()).env("ASTERISK_CLI", "/nonexistent/asterisk");
        command.env("NOVOFON_BOT_CONFIG", &config).env("NOVOFON_BOT", "/nonexistent/novofon-bot");
        let output = command.output().expect("the script can be run");
        (output.status.success(), said(&output))
    };
    let (sound, told) = run();
    assert!(!sound && told.contains("✗ Asterisk is not installed here"), "{told}");
    assert!(!told.contains("systemctl start asterisk"), "{told}");
    fs::write(&config, "[office]\ndatabase = \"sqlite:///x.db\"\n").expect("written");
    let (sound, told) = run();
    assert!(sound && told.contains("a bot for enterprises alone needs none"), "{told}");
}
