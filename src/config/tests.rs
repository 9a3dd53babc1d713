//! The configuration as a whole: files and environment as a user has them.

use super::*;
use reader::Reader;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const ACCOUNT: &str = "[ari]\nusername = 'bot'\npassword = 'hunter2'\n";

/// A folder with a configuration file, which only its owner reads.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.toml");
    write(&path, text, 0o600);
    (folder, path)
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn env(variables: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.into_iter()
}

fn load(path: Option<&Path>, variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    Config::load_or(path, env(variables), Path::new("/nonexistent/novofon-bot.toml"))
}

const ACCOUNT_IN_ENVIRONMENT: [(&str, &str); 2] =
    [("NOVOFON_BOT_ARI__USERNAME", "bot"), ("NOVOFON_BOT_ARI__PASSWORD", "hunter2")];

#[test]
fn the_environment_alone_is_enough() {
    let loaded = load(None, &ACCOUNT_IN_ENVIRONMENT).unwrap();
    let config = loaded.config;
    assert_eq!(loaded.source_path, None);
    assert_eq!(loaded.warnings, []);
    assert_eq!((config.ari.username.as_str(), config.ari.password.expose()), ("bot", "hunter2"));
    assert_eq!(config.http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.ari.url.as_str(), config.ari.app.as_str()), ("http://127.0.0.1:8088/", "novofon_bot"));
    assert_eq!(
        (config.trunk.context.as_str(), config.trunk.endpoint.as_str()),
        ("outgoing", "PJSIP/novofon")
    );
    assert_eq!(config.trunk.caller_id, None);
    assert_eq!(config.dial.ring_timeout, Duration::from_secs(60));
    assert_eq!((config.dial.max_concurrent, config.dial.calls_per_second), (30, 5.0));
    assert_eq!((config.dial.allow, config.dial.min_gap), (vec!["russia".to_owned()], Duration::ZERO));
    assert_eq!(config.store.url.expose(), "sqlite:///var/lib/novofon-bot/bot.db");
    assert_eq!(config.log.level, LevelFilter::INFO);
    let steps = [
        StepConfig::Play(vec!["sound:hello-world".into()]),
        StepConfig::Wait(Duration::from_secs(1)),
        StepConfig::Hangup,
    ];
    assert_eq!(config.scenarios[&config.scenario.default], steps);
}

#[test]
fn the_defaults_alone_say_what_must_be_set() {
    assert_eq!(
        load(None, &[]).unwrap_err().to_string(),
        "the configuration can't be used:\n  \
         /nonexistent/novofon-bot.toml: there is no such file, and no other was named; see --config\n  \
         `ari.username`: must be set: the name of a user section in Asterisk's ari.conf; a bot for enterprises alone has [office] \
         with its `database` in place of [ari]\n  \
         `ari.password`: must be set, or `ari.password_file`: the password of that ari.conf user"
    );
}

#[test]
fn the_defaults_are_a_whole_configuration_file() {
    let (_folder, path) = file(DEFAULT_TOML);
    let from_file = load(Some(&path), &ACCOUNT_IN_ENVIRONMENT).unwrap();
    assert_eq!(from_file.config, load(None, &ACCOUNT_IN_ENVIRONMENT).unwrap().config);
}

#[test]
fn each_default_is_read_and_what_is_read_has_a_default() {
    let schema = Schema::builtin();
    let known: Vec<String> = schema.keys().map(str::to_owned).collect();
    let layers = Layers::new(schema, FileLayer::default(), env::Environment::default());
    let mut reader = Reader::new(&layers);
    check::config(&mut reader);
    assert_eq!(reader.seen.iter().copied().collect::<Vec<_>>(), known);
}

#[test]
fn each_default_has_a_comment() {
    let mut previous = "";
    for line in DEFAULT_TOML.lines() {
        let is_key = line.starts_with(|c: char| c.is_ascii_lowercase());
        // A secret's file stands under the secret.
        assert!(!is_key || previous.starts_with(['#', '[']) || line.starts_with("password_file"), "{line}");
        previous = line;
    }
}

#[test]
fn the_file_is_found() {
    let (folder, path) = file(ACCOUNT);
    let missing = folder.path().join("missing.toml");
    let named = [("NOVOFON_BOT_CONFIG", path.to_str().unwrap())];
    let found = |path: Option<&Path>, variables: &[(&str, &str)], default: &Path| {
        Config::load_or(path, env(variables), default).map(|loaded| loaded.source_path)
    };
    assert_eq!(found(Some(&path), &[("NOVOFON_BOT_CONFIG", "/missing")], &missing), Ok(Some(path.clone())));
    assert_eq!(found(None, &named, &missing), Ok(Some(path.clone())));
    assert_eq!(found(None, &[("NOVOFON_BOT_CONFIG", "")], &path), Ok(Some(path.clone())));
    assert_eq!(found(None, &ACCOUNT_IN_ENVIRONMENT, &missing), Ok(None));
    for error in [
        found(Some(&missing), &ACCOUNT_IN_ENVIRONMENT, &path).unwrap_err(),
        found(None, &[("NOVOFON_BOT_CONFIG", missing.to_str().unwrap())], &path).unwrap_err(),
    ] {
        let expected = format!("{}: can't read the configuration: No such file", missing.display());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn unknown_keys_of_file_and_environment_are_told_together() {
    let (_folder, path) =
        file("[dial]\nring_timout = 5\nmin_gap = -1\n[ari]\nusername = 'a'\npassword = 'b'\n");
    let errors = load(Some(&path), &[("NOVOFON_BOT_HTTP__LISEN", "x")]).unwrap_err();
    assert_eq!(
        errors.to_string(),
        format!(
            "the configuration can't be used:\n  \
             {0}:2: `dial.ring_timout`: there is no such key; did you mean `dial.ring_timeout`?\n  \
             {0}:3: `dial.min_gap`: expected a whole number of seconds, 0 to 2592000, found -1\n  \
             NOVOFON_BOT_HTTP__LISEN: `http.lisen`: there is no such key; did you mean NOVOFON_BOT_HTTP__LISTEN?",
            path.display()
        )
    );
}

#[test]
fn secrets_are_read_from_files() {
    let (folder, path) =
        file("[ari]\nusername = 'bot'\npassword_file = 'ari'\n[http]\napi_keys_file = 'keys'");
    write(&folder.path().join("ari"), " hunter2 \n", 0o600);
    write(&folder.path().join("keys"), "# who\n\ncrm:0123456789abcdef\n", 0o600);
    let loaded = load(Some(&path), &[]).unwrap();
    assert!(
        matches!(&loaded.warnings[..], [warning] if warning.en.contains("no rights are written for `crm`"))
    );
    assert_eq!(loaded.config.ari.password.expose(), "hunter2");
    let keys = loaded.config.http.api_keys;
    assert_eq!(keys.identify("0123456789abcdef").map(|key| key.name.as_str()), Some("crm"));

    let elsewhere = folder.path().join("elsewhere");
    write(&elsewhere, "other", 0o600);
    let variables = [("NOVOFON_BOT_ARI__PASSWORD_FILE", elsewhere.to_str().unwrap())];
    assert_eq!(load(Some(&path), &variables).unwrap().config.ari.password.expose(), "other");
}

#[test]
fn secrets_that_cannot_be_used_are_told() {
    let cases = [
        (
            "[ari]\nusername = 'b'\npassword_file = 'missing'",
            "4: `ari.password_file`: can't read {}/missing: No such",
        ),
        (
            "[ari]\nusername = 'b'\npassword_file = 'empty'",
            "4: `ari.password_file`: {}/empty is empty: put the",
        ),
        (
            "[ari]\nusername = 'b'\npassword_file = 'keys'\npassword = 'hunter2'",
            "4: `ari.password_file`: `ari.password` is given too ({}/bot.toml:5): leave one of them out",
        ),
    ];
    for (text, expected) in cases {
        let (folder, path) = file(&format!("#\n{text}"));
        write(&folder.path().join("empty"), "\n", 0o600);
        let folder = folder.path().display().to_string();
        let errors = load(Some(&path), &[]).unwrap_err();
        let expected = format!("{}:{}", path.display(), expected.replace("{}", &folder));
        assert!(errors.problems()[0].to_string().starts_with(&expected), "{errors}\n{expected}");
        assert_eq!(errors.problems().len(), 1, "{errors}");
        assert!(!format!("{errors} {errors:?}").contains("hunter2"));
    }
    let (folder, path) = file(&format!("{ACCOUNT}[http]\nlisten = '0.0.0.0:80'\napi_keys_file = 'keys'"));
    let keys = folder.path().join("keys");
    write(&keys, "crm:hunter2-hunter2-hunter2\ncrm:hunter3-hunter3-hunter3\n\nsite:short\n", 0o600);
    let errors = load(Some(&path), &[]).unwrap_err();
    let told: Vec<String> = errors.problems().iter().map(Problem::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with(&format!("{}:2: `http.api_keys_file`: a second key named `crm`", keys.display()))
    );
    assert!(
        told[1].starts_with(&format!("{}:4: `http.api_keys_file`: a key has at least 16", keys.display()))
    );
    // Nobody is let in then, which is no reason not to start; and it is no open door.
    write(&keys, "# nobody\n", 0o600);
    let loaded = load(Some(&path), &[]).unwrap();
    assert!(!loaded.config.http.api_keys.is_empty());
    assert!(
        matches!(&loaded.warnings[..], [warning] if warning.en.contains("no client is let in")),
        "{loaded:?}"
    );
}

#[test]
fn keys_stand_in_the_list_and_in_the_file() {
    let text = format!(
        "{ACCOUNT}[http]\napi_keys = [{{ name = 'crm', key = '0123456789abcdef', rights = ['admin'] }}]\n\
         api_keys_file = 'keys'"
    );
    let (folder, path) = file(&text);
    let keys = folder.path().join("keys");
    write(&keys, "\n# theirs\nКасса:fedcba9876543210\n", 0o600);
    let loaded = load(Some(&path), &[]).unwrap();
    let names: Vec<_> = loaded.config.http.api_keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["crm", "Касса"]);
    assert!(matches!(&loaded.warnings[..], [warning] if warning.en.contains("for `Касса`: ")), "{loaded:?}");

    let list = Config::keys(Some(&path), std::iter::empty()).unwrap();
    let shown: Vec<_> = list.keys.iter().map(|key| (key.origin.to_string(), key.in_file)).collect();
    assert_eq!(shown, [(format!("{}:5", path.display()), false), (format!("{}:3", keys.display()), true)]);
    write(&keys, "crm:fedcba9876543210\n", 0o600);
    let errors = load(Some(&path), &[]).unwrap_err();
    assert!(
        errors.to_string().contains("keys:1: `http.api_keys_file`: a second key named `crm`"),
        "{errors}"
    );
    // Who manages keys may do so before the file is there, and while all else is missing.
    std::fs::remove_file(&keys).unwrap();
    std::fs::write(&path, "http.api_keys_file = 'keys'\n").unwrap();
    assert!(load(Some(&path), &[]).is_err());
    let list = Config::keys(Some(&path), std::iter::empty()).unwrap();
    assert_eq!((list.keys.len(), list.file), (0, Some(keys)));
}

#[test]
fn files_with_secrets_that_anybody_reads_are_warned_about() {
    let hash = "[http]\napi_keys = ['crm:sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f']\n";
    let plain = "[http]\napi_keys = ['crm:0123456789abcdef']\n";
    let cases =
        [(ACCOUNT, &[] as &[_], 1), (plain, &ACCOUNT_IN_ENVIRONMENT, 1), (hash, &ACCOUNT_IN_ENVIRONMENT, 0)];
    for (text, variables, expected) in cases {
        let (_folder, path) = file(text);
        let warnings = || {
            let all = load(Some(&path), variables).unwrap().warnings;
            all.into_iter()
                .filter(|warning| !warning.en.contains("no rights are written"))
                .collect::<Vec<_>>()
        };
        assert_eq!(warnings().len(), 0, "{text}");
        write(&path, text, 0o644);
        let warnings = warnings();
        assert_eq!(warnings.len(), expected, "{text} {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.en.contains("chmod o-rwx")), "{warnings:?}");
    }
    let (folder, path) = file("[ari]\nusername = 'bot'\npassword_file = 'ari'");
    write(&folder.path().join("ari"), "x", 0o644);
    let warnings = load(Some(&path), &[]).unwrap().warnings;
    assert!(warnings[0].en.contains("bot.toml:3: `ari.password_file`: "), "{warnings:?}");
}

#[test]
fn no_secret_is_shown() {
    let (_folder, path) =
        file(&format!("{ACCOUNT}[http]\napi_keys = [{{ name = 'crm', key = 'hunter2-hunter2-hunter2' }}]"));
    let loaded = load(Some(&path), &[]).unwrap();
    let shown = format!("{loaded:?} {:?} {}", loaded.config, loaded.effective_toml);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("password: ***"), "{shown}");

    let (_folder, path) = file("[ari]\nusername = true\npassword = 12345");
    let errors = load(Some(&path), &[]).unwrap_err();
    let told: Vec<&str> = errors.problems().iter().map(|problem| problem.text.en.as_str()).collect();
    let expected = [
        "expected a name without `:` and control characters, as its section in ari.conf has it, found true",
        "expected text in quotes, found a secret of type integer",
    ];
    assert_eq!(told, expected);
}

/// As somebody goes through the file, whatever kind of fault it is.
#[test]
fn faults_are_told_in_the_order_of_the_file() {
    let text = "[service]\nstop_timeout = -1\n[http]\nlisten = 'x'\nfoo = 1\n[dial]\nmax_queued = 0\nring_timout = 5\n\
        [ari]\nurl = 'ftp'\nusername = ''\n[dail]\nx = 1\n[scenario]\ndefault = 'none'\n";
    let (_folder, path) = file(text);
    let errors =
        load(Some(&path), &[("NOVOFON_BOT_DIAL__MIN_GAP", "-1"), ("NOVOFON_BOT_NONE", "1")]).unwrap_err();
    let origins: Vec<String> = errors.problems().iter().map(|problem| problem.origin.to_string()).collect();
    let lines = [2, 4, 5, 7, 8, 10, 11, 12, 15].map(|line| format!("{}:{line}", path.display()));
    assert_eq!(origins[..lines.len()], lines, "{errors}");
    assert_eq!(
        origins[lines.len()..],
        ["NOVOFON_BOT_DIAL__MIN_GAP", "NOVOFON_BOT_NONE", "default"],
        "{errors}"
    );

    // Where there is no file, that comes first: the rest follows from it.
    let missing = Path::new("/nonexistent/novofon-bot.toml");
    let errors = Config::load_or(None, std::iter::empty(), missing).unwrap_err();
    assert!(
        errors.problems().len() > 1 && errors.problems()[0].text.en.starts_with("there is no such file"),
        "{errors}"
    );
}

#[test]
fn the_effective_configuration_tells_values_and_sources() {
    let (_folder, path) = file(&format!(
        "{ACCOUNT}[http]\napi_keys = ['crm:hunter2-hunter2-hunter2']\n[scenarios.b]\nsteps = [{{ wait = 2 }}]\n"
    ));
    let variables = [("NOVOFON_BOT_DIAL__ALLOW", "+7,+375")];
    let text = load(Some(&path), &variables).unwrap().effective_toml;
    let path = path.display();
    let expected = [
        "[http]\nlisten = \"127.0.0.1:8080\"  # default\n".to_owned(),
        format!("api_keys = [\"crm:***\"]  # {path}:5\n"),
        format!("\n[ari]\nurl = \"http://127.0.0.1:8088\"  # default\nusername = \"bot\"  # {path}:2\n"),
        format!("password = \"***\"  # {path}:3\npassword_file = \"\"  # default\n"),
        "allow = [\"+7\", \"+375\"]  # NOVOFON_BOT_DIAL__ALLOW\n".to_owned(),
        format!("\n[scenarios.b]\nsteps = [{{ wait = 2 }}]  # {path}:7\n"),
    ];
    for part in &expected {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    assert!(text.starts_with("[http]\n"));
    let again: toml::Table = text.parse().unwrap();
    assert_eq!(again.len(), Schema::builtin().defaults.len());
}
