//! Values, one by one: what is taken, what is refused and how it is told.

use super::super::env;
use super::super::error::Problem;
use super::super::file;
use super::super::layers::FileLayer;
use super::super::schema::Schema;
use super::*;
use std::path::Path;

/// What came of this file, whose path for messages is `bot.toml`; the account is set.
fn checked(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Vec<Text>), Vec<String>> {
    let schema = Schema::builtin();
    let path = Path::new("bot.toml");
    let file::Checked { table, lines, unknown } = file::checked(text, path, &schema).unwrap();
    assert_eq!(unknown, []);
    let account = [("NOVOFON_BOT_ARI__USERNAME", "bot"), ("NOVOFON_BOT_ARI__PASSWORD", "hunter2")];
    let environment = env::read(account.iter().chain(variables).copied(), &schema);
    assert_eq!(environment.problems, []);
    let layers = Layers::new(schema, FileLayer { path: Some(path.to_owned()), table, lines }, environment);
    check(&layers).map_err(|errors| errors.problems().iter().map(Problem::to_string).collect())
}

/// The same when the file itself says who the bot is in Asterisk.
fn without_account(text: &str) -> Result<(), Vec<String>> {
    let schema = Schema::builtin();
    let path = Path::new("bot.toml");
    let file::Checked { table, lines, unknown } = file::checked(text, path, &schema).unwrap();
    assert_eq!(unknown, []);
    let mut account = vec![("NOVOFON_BOT_ARI__PASSWORD", "hunter2")];
    if !text.contains("username") {
        account.push(("NOVOFON_BOT_ARI__USERNAME", "bot"));
    }
    let environment = env::read(account.into_iter(), &schema);
    let layers = Layers::new(schema, FileLayer { path: Some(path.to_owned()), table, lines }, environment);
    let told = |errors: ConfigErrors| errors.problems().iter().map(Problem::to_string).collect();
    check(&layers).map(|_| ()).map_err(told)
}

fn config(text: &str) -> Config {
    checked(text, &[]).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).0
}

/// `section.key = value` as a file with the value on line 2.
fn lines(key: &str, value: &str) -> String {
    let (section, key) = key.rsplit_once('.').unwrap();
    format!("[{section}]\n{key} = {value}\n")
}

const TWO_SLASHES: &str = "it has two slashes after `sqlite:`: a whole path makes three, as in \
    sqlite:///var/lib/novofon-bot/bot.db; a file in the working folder is written without any, as in sqlite:bot.db";

#[test]
fn bad_values_are_told_with_their_line_and_what_is_expected() {
    let cases = [
        (
            "http.listen",
            "'localhost:80'",
            r#"expected an IP address and a port, as in "127.0.0.1:8080" or "[::1]:8080", found "localhost:80""#,
        ),
        (
            "http.listen",
            "80",
            r#"expected an IP address and a port, as in "127.0.0.1:8080" or "[::1]:8080", found 80"#,
        ),
        ("http.language", "'de'", r#"expected "en" or "ru", found "de""#),
        ("http.body_limit", "1023", "expected a whole number of bytes, 1024 to 16777216, found 1023"),
        ("http.api_keys", "'crm:hunter2-hunter2-x'", "expected a list, found a secret of type string"),
        ("ari.password_file", "5", "expected text in quotes, found 5"),
        (
            "ari.app",
            "'my bot'",
            r#"expected 1 to 64 Latin letters, digits, `.`, `_` and `-`, found "my bot""#,
        ),
        ("ari.rest_over_socket", "'yes'", r#"expected true or false, found "yes""#),
        (
            "trunk.endpoint",
            "'novofon'",
            r#"expected a technology and an endpoint, as in "PJSIP/novofon", found "novofon""#,
        ),
        (
            "trunk.context",
            "'out@going'",
            r#"expected a context of the dialplan: 1 to 79 Latin letters, digits, `.`, `_` and `-`, found "out@going""#,
        ),
        (
            "trunk.caller_id",
            r#""a\r\nb""#,
            r#"expected a number: 3 to 15 digits, a `+` before them or not, as in "+74951234567", found "a\r\nb""#,
        ),
        ("dial.ring_timeout", "4", "expected a whole number of seconds, 5 to 300, found 4"),
        ("dial.ring_timeout", "301", "expected a whole number of seconds, 5 to 300, found 301"),
        ("dial.ring_timeout", "60.0", "expected a whole number of seconds, 5 to 300, found 60.0"),
        ("dial.ring_timeout", "'60'", r#"expected a whole number of seconds, 5 to 300, found "60""#),
        ("dial.max_duration", "14401", "expected a whole number of seconds, 1 to 14400, found 14401"),
        ("dial.min_gap", "-1", "expected a whole number of seconds, 0 to 2592000, found -1"),
        ("dial.calls_per_second", "0", "expected a number of calls per second, 0.01 to 10000, found 0"),
        ("dial.calls_per_second", "nan", "expected a number of calls per second, 0.01 to 10000, found nan"),
        ("dial.allow", "'+7'", r#"expected a list, found "+7""#),
        (
            "dial.default_region",
            "'ru'",
            r#"expected a country's two capital letters, as in "RU", found "ru""#,
        ),
        (
            "dial.default_region",
            "'ZZ'",
            r#"expected a country's two capital letters, as in "RU", found "ZZ""#,
        ),
        ("store.url", "'postgres://x'", r#"it names no database"#),
        ("store.url", "'sqlite::memory:'", "a store in memory or read-only would lose calls; give it a file"),
        (
            "store.url",
            "'sqlite://'",
            r#"expected an SQLite database, as in "sqlite:///var/lib/novofon-bot/bot.db", or "postgres://user:password@host/database", found "sqlite://""#,
        ),
        ("store.url", "'sqlite://bot.db'", TWO_SLASHES),
        ("office.database", "'sqlite://var/e.db'", TWO_SLASHES),
        (
            "log.level",
            "'loud'",
            r#"expected "error", "warn", "info", "debug", "trace" or "off", found "loud""#,
        ),
        ("log.level", "'3'", r#"expected "error", "warn", "info", "debug", "trace" or "off", found "3""#),
        ("log.format", "'xml'", r#"expected "text" or "json", found "xml""#),
        ("scenario.default", "'defaut'", r#"there is no [scenarios.defaut]; did you mean "default"?"#),
        ("scenarios.b.steps", "5", r#"expected a list of steps, as in [{ play = "sound:hello-world" }]"#),
        ("scenarios.b.steps", "[]", "expected at least one step, as in { hangup = true }"),
    ];
    for (key, value, expected) in cases {
        let problems = checked(&lines(key, value), &[]).expect_err(key);
        assert_eq!(problems, [format!("bot.toml:2: `{key}`: {expected}")], "{key} = {value}");
    }
}

#[test]
fn a_bad_value_in_the_environment_is_told_with_its_variable() {
    let problems = checked("", &[("NOVOFON_BOT_DIAL__RING_TIMEOUT", "1000")]).unwrap_err();
    let expected = "expected a whole number of seconds, 5 to 300, found 1000";
    assert_eq!(problems, [format!("NOVOFON_BOT_DIAL__RING_TIMEOUT: `dial.ring_timeout`: {expected}")]);
}

#[test]
fn all_problems_are_told_at_once_each_item_on_its_line() {
    let text = "[dial]\nallow = [\n  '+7',\n  '8800',\n  '+7 952',\n  7,\n]\nring_timeout = 1\n\
                [scenarios.b]\nsteps = [\n  { wait = 1 },\n  { wait = -1 },\n]\n";
    let problems = checked(text, &[]).unwrap_err();
    assert_eq!(
        problems,
        [
            "bot.toml:8: `dial.ring_timeout`: expected a whole number of seconds, 5 to 300, found 1",
            "bot.toml:4: `dial.allow[1]`: expected `+` and up to 15 digits, as in \"+7\", or \"russia\", found \"8800\"",
            "bot.toml:5: `dial.allow[2]`: expected `+` and up to 15 digits, as in \"+7\", or \"russia\", found \"+7 952\"",
            "bot.toml:6: `dial.allow[3]`: expected `+` and up to 15 digits, as in \"+7\", or \"russia\", found 7",
            "bot.toml:12: `scenarios.b.steps[1]`: `wait`: expected seconds, more than 0, at most 3600",
        ]
    );
}

#[test]
fn a_bad_key_is_told_on_its_line_without_its_text() {
    let text = "[http]\nlisten = '0.0.0.0:80'\n[[http.api_keys]]\nname = 'a'\nkey = 'hunter2'\n\
                [[http.api_keys]]\nname = 'b'\nkey = 'hunter2-hunter2-hunter2'\n";
    let problems = checked(text, &[]).unwrap_err();
    assert_eq!(
        problems,
        [
            "bot.toml:3: `http.api_keys[0]`: a key has at least 16 characters; `openssl rand -hex 24` makes one"
        ]
    );
}

#[test]
fn the_asterisk_address() {
    let good = [
        ("http://127.0.0.1:8088", "http://127.0.0.1:8088/"),
        ("http://127.0.0.1:8088/", "http://127.0.0.1:8088/"),
        ("http://127.0.0.1:8088/ari", "http://127.0.0.1:8088/"),
        ("https://pbx.example/asterisk/ari/", "https://pbx.example/asterisk"),
        ("http://[::1]:8088/prefix/", "http://[::1]:8088/prefix"),
    ];
    for (text, expected) in good {
        assert_eq!(config(&lines("ari.url", &format!("'{text}'"))).ari.url.as_str(), expected, "{text}");
    }
    for text in
        ["127.0.0.1:8088", "ws://127.0.0.1:8088", "http://", "http://x/?a=b", "http://u:hunter2@x", ""]
    {
        let problems = checked(&lines("ari.url", &format!("'{text}'")), &[]).expect_err(text);
        assert!(
            problems[0].starts_with("bot.toml:2: `ari.url`: expected an address such as"),
            "{problems:?}"
        );
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn an_address_or_user_that_is_refused_is_told_without_its_password() {
    let cases = [
        ("ari.url", "http://u:hunter2@x", "one with a user or password in it"),
        ("ari.url", "http://hunter2@x", "one with a user or password in it"),
        ("ari.url", "http://x/ari?api_key=bot:hunter2", "one with a query in it"),
        ("ari.url", "http://x/?password=hunter2", "one with a query in it"),
        ("ari.url", "http://x/#hunter2", "one with a query in it"),
        ("ari.url", "http://bot:hunter2", "text that is no address"),
        ("ari.url", "http://u:hunter2%40x", "text that is no address"),
        ("ari.url", "bot:hunter2@pbx", "one that begins with \"bot:\""),
        ("ari.url", "ws://127.0.0.1:8088/ari", "\"ws://127.0.0.1:8088/ari\""),
        ("ari.username", "bot:hunter2", "one with such a character"),
        ("ari.username", "bot\\r\\nX: hunter2", "one with such a character"),
    ];
    for (key, text, expected) in cases {
        let file = lines(key, &format!("\"{text}\""));
        let problems = without_account(&file).expect_err(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&format!("bot.toml:2: `{key}`: expected ")), "{problems:?}");
        assert!(problems[0].ends_with(&format!("found {expected}")), "{problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn a_caller_id_is_a_number_and_nothing_else() {
    for (text, expected) in [("", None), ("100", Some("100")), ("+74951234567", Some("+74951234567"))] {
        let config = config(&lines("trunk.caller_id", &format!("'{text}'")));
        assert_eq!(config.trunk.caller_id.as_deref(), expected, "{text}");
    }
    let bad = [
        "\"Bot\" <+74951234567>",
        "+7 495 1234567",
        " +74951234567",
        "+",
        "12",
        "1234567890123456",
        "7+495123",
        "${SHELL(id)}",
        "1]?x:y",
        "+7495123456\u{661}",
    ];
    for text in bad {
        let problems = checked(&lines("trunk.caller_id", &format!("'{text}'")), &[]).expect_err(text);
        assert!(problems[0].starts_with("bot.toml:2: `trunk.caller_id`: expected a number"), "{problems:?}");
    }
}

#[test]
fn only_loopback_is_served_without_a_key() {
    let key = "api_keys = ['crm:0123456789abcdef']";
    for listen in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        config(&format!("[http]\nlisten = '{listen}'"));
    }
    for listen in ["0.0.0.0:80", "192.168.0.1:80", "[::]:80", "[::ffff:192.168.0.1]:80"] {
        let problems = checked(&format!("[http]\nlisten = '{listen}'"), &[]).expect_err(listen);
        assert_eq!(
            problems,
            [format!(
                "bot.toml:2: `http.listen`: {listen} can be reached from other machines and there is no API key: \
                 anybody could place calls; set `http.api_keys`, or listen on 127.0.0.1:80"
            )]
        );
        config(&format!("[http]\nlisten = '{listen}'\n{key}"));
    }
}

#[test]
fn good_values_arrive() {
    let text = "[http]\napi_keys = [{ name = 'a', key = '0123456789abcdef', rights = ['call'] }, \
                { name = 'b', key = '0123456789abcdeg', rights = ['admin'], rate_limit = 5 }]\n\
                rate_limit = 0\nlanguage = 'ru'\n\
                [trunk]\ncaller_id = '+74951234567'\n\
                [dial]\ncalls_per_second = 2\nallow = ['+7', '+375']\nmin_gap = 30\n\
                [log]\nlevel = 'debug'\nformat = 'json'\nmask_numbers = true\n\
                [scenario]\ndefault = 'b'\n[scenarios.b]\nsteps = [{ hangup = true }]\n";
    let (config, warnings) = checked(text, &[]).unwrap();
    assert_eq!(warnings, []);
    let limits: Vec<_> =
        config.http.api_keys.iter().map(|key| key.rate_limit.map(std::num::NonZero::get)).collect();
    assert_eq!(limits, [None, Some(5)]);
    assert_eq!(config.http.language, Lang::Ru);
    assert_eq!(config.trunk.caller_id.as_deref(), Some("+74951234567"));
    assert_eq!((config.dial.calls_per_second, config.dial.min_gap.as_secs()), (2.0, 30));
    assert_eq!(config.dial.allow, ["+7", "+375"]);
    assert_eq!((config.log.level, config.log.format), (LevelFilter::DEBUG, LogFormat::Json));
    assert!(config.log.mask_numbers);
    assert_eq!(config.scenarios[&config.scenario.default], [StepConfig::Hangup]);
    assert_eq!(config.scenarios.len(), 2, "the built-in one stays");
}

#[test]
fn passwords_of_a_few_characters_are_warned_about() {
    let text =
        "[office]\ndatabase = 'sqlite:///e.db'\nami_password = 'a'\nssh_password = 'hunter2-hunter2'\n";
    let (_, warnings) = checked(text, &[("NOVOFON_BOT_ARI__PASSWORD", "x")]).unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, key) in warnings.iter().zip(["office.ami_password", "ari.password"]) {
        assert!(warning.en.contains(key) && warning.en.contains("can be guessed"), "{warnings:?}");
    }
}

#[test]
fn a_scenario_comes_from_the_environment_too() {
    let variables = [
        ("NOVOFON_BOT_SCENARIOS__BYE__STEPS", "[{ hangup = true }]"),
        ("NOVOFON_BOT_SCENARIO__DEFAULT", "bye"),
    ];
    let (config, _) = checked("", &variables).unwrap();
    assert_eq!(config.scenarios["bye"], [StepConfig::Hangup]);
    let problems = checked("", &[("NOVOFON_BOT_SCENARIOS__BYE__STEPS", "hangup")]).unwrap_err();
    assert!(
        problems[0]
            .starts_with("NOVOFON_BOT_SCENARIOS__BYE__STEPS: `scenarios.bye.steps[0]`: expected one of")
    );
}

#[test]
fn the_unwise_is_warned_about() {
    let cases = [
        (lines("dial.allow", "[]"), "`dial.allow`: nothing is allowed: every call will be refused"),
        (
            lines("dial.allow", "['+']"),
            "`dial.allow`: \"+\" allows every number of the world, the expensive ones too",
        ),
        (
            lines("scenarios.b.steps", "[{ hangup = true }, { wait = 1 }]"),
            "`scenarios.b.steps`: the steps after { hangup = true } are never done",
        ),
    ];
    for (text, expected) in cases {
        let (_, warnings) = checked(&text, &[]).unwrap();
        assert_eq!(
            warnings.iter().map(Text::to_string).collect::<Vec<_>>(),
            [format!("bot.toml:2: {expected}")],
            "{text}"
        );
    }
}

#[test]
fn a_bot_for_offices_alone_needs_no_asterisk() {
    let alone = |text: &str| {
        let schema = Schema::builtin();
        let path = Path::new("bot.toml");
        let file::Checked { table, lines, unknown } = file::checked(text, path, &schema).unwrap();
        assert_eq!(unknown, []);
        let environment = env::read(std::iter::empty(), &schema);
        let layers =
            Layers::new(schema, FileLayer { path: Some(path.to_owned()), table, lines }, environment);
        check(&layers).map(|(config, _)| config).map_err(|errors| errors.problems().len())
    };
    let config = alone("[office]\ndatabase = 'sqlite:///e.db'").expect("nothing is missing");
    assert!(config.ari.username.is_empty() && config.office.is_some());
    // The service names the file whatever the bot is for.
    let named = "[office]\ndatabase = 'sqlite:///e.db'\n[ari]\npassword_file = '/nowhere/ari_password'";
    assert!(alone(named).is_ok());
    assert_eq!(alone("").err(), Some(2), "user and password");
    // Half of an account is a mistake whatever else there is.
    assert_eq!(alone("[office]\ndatabase = 'sqlite:///e.db'\n[ari]\nusername = 'bot'").err(), Some(1));
}

#[test]
fn what_the_office_is_told_wrong_is_told() {
    for (key, value) in [
        ("office.database", "'mysql://x'"),
        ("office.listen", "'8018'"),
        ("office.trusted_proxies", "['nginx']"),
        ("office.cache_seconds", "0"),
        ("office.way", "'telnet'"),
        ("office.context", "'in office'"),
        ("office.technology", "'IAX2'"),
        ("office.ssh_port", "0"),
        ("office.ssh_user", "'root;id'"),
        ("office.ssh_socket", "'asterisk.ctl'"),
        ("office.ssh_known_hosts", "''"),
        ("office.ssh_commands", "0"),
        ("office.ami_port", "65536"),
        ("office.ari_app", "'a b'"),
    ] {
        let problems = checked(&lines(key, value), &[]).expect_err(key);
        let place =
            problems.len() == 1 && problems[0].starts_with("bot.toml:2: ") && problems[0].contains(key);
        // A list's item has a line of its own.
        assert!(place || problems[0].contains("office.trusted_proxies[0]"), "{problems:?}");
    }
    let secret =
        checked(&lines("office.database", "'mysql://u:hunter3@h/d'"), &[]).expect_err("no scheme of ours");
    assert!(!secret[0].contains("hunter3"), "{secret:?}");
}
