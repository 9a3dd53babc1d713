//! A configuration file and variables of the environment: what is accepted comes out again as it is shown, and
//! what is refused is told with its key and its line.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lang::Text;
use libfuzzer_sys::fuzz_target;
use novofon_bot_fuzz::config::{Config, ConfigErrors, Loaded, Origin};

const PASSWORD: &str = "the-password-of-the-environment";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The file, and after a line of its own the variables, one a line.
    let (file, variables) = text.split_once("\n===\n").unwrap_or((text, ""));
    let mut environment = vec![
        ("NOVOFON_BOT_ARI__USERNAME".to_owned(), "bot".to_owned()),
        ("NOVOFON_BOT_ARI__PASSWORD".to_owned(), PASSWORD.to_owned()),
    ];
    for line in variables.lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        // Another file or folder of this machine is none of the fuzzer's.
        if name != "NOVOFON_BOT_CONFIG" {
            environment.push((name.to_owned(), value.to_owned()));
        }
    }
    match load(file, &environment) {
        Ok(loaded) => accepted(loaded),
        Err(errors) => refused(file, &errors),
    }
});

fn load(file: &str, environment: &[(String, String)]) -> Result<Loaded, ConfigErrors> {
    std::fs::write(path(), file).expect("the folder can be written");
    Config::load(Some(path()), environment.iter().cloned())
}

fn accepted(loaded: Loaded) {
    let Loaded { config, warnings, effective_toml, source_path } = loaded;
    assert_eq!(source_path.as_deref(), Some(path()));
    let tells = |warning: &Text| warning.en.contains(PASSWORD) || warning.ru.contains(PASSWORD);
    assert!(!effective_toml.contains(PASSWORD) && !warnings.iter().any(tells));
    assert!(config.scenarios.values().all(|steps| !steps.is_empty()));
    assert!(config.scenarios.contains_key(&config.scenario.default));
    assert!(config.ari.url.password().is_none() && config.ari.url.query().is_none());
    // Keys are not shown, nor is where the enterprises are, so they can't come out again.
    if !config.http.api_keys.is_empty() || config.office.is_some() {
        return;
    }
    let account = [("NOVOFON_BOT_ARI__PASSWORD".to_owned(), config.ari.password.expose().to_owned())];
    let is_file = |line: &str| line.split(" = ").next().is_some_and(|key| key.ends_with("password_file"));
    let lines = effective_toml.lines().filter(|line| !is_file(line));
    let shown = lines.collect::<Vec<_>>().join("\n");
    match load(&shown, &account) {
        Ok(again) => assert_eq!(again.config, config, "shown as\n{shown}"),
        Err(errors) => panic!("{errors}\nshown as\n{shown}"),
    }
}

fn refused(file: &str, errors: &ConfigErrors) {
    let lines = file.split('\n').count();
    assert!(!errors.problems().is_empty() && !errors.to_string().contains(PASSWORD), "{errors}");
    for problem in errors.problems() {
        assert!(!problem.text.en.is_empty() && !problem.text.ru.is_empty());
        match &problem.origin {
            Origin::File { path, line: Some(line) } => {
                assert!((1..=lines).contains(line), "{} of {lines} lines: {problem}", path.display());
            }
            Origin::File { line: None, .. } => panic!("no line: {problem}"),
            Origin::Environment(name) => assert!(problem.key.is_some() && !name.is_empty(), "{problem}"),
            Origin::Default => assert!(problem.key.is_some(), "{problem}"),
        }
    }
}

/// One file for this process; scripts/fuzz sees to a folder in memory.
fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::temp_dir().join(format!("novofon-bot-fuzz-{}.toml", std::process::id())))
}
