//! What is said in Russian: everything but names, and words of programs, under a Russian locale.

use std::{fs, path::Path};

use crate::program::{Said, bare, run};

/// The program as a Russian user starts it.
async fn said(args: &[&str]) -> Said {
    let mut command = bare(args);
    command.env("LANG", "ru_RU.UTF-8");
    run(command).await
}

/// Words of an English sentence; names of options, keys and programs are no such.
fn is_english(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        " the ",
        " is ",
        " not ",
        " can't ",
        " must ",
        "error:",
        "warning:",
        "Usage",
        "expected ",
        " no ",
        "there ",
        " of ",
        "found ",
        "(os error",
    ];
    WORDS.iter().any(|word| text.contains(word))
}

#[tokio::test]
async fn mistakes_at_the_command_line() {
    for (args, expected) in [
        (&["bogus"] as &[&str], "ошибка: команды `bogus` нет"),
        (
            &["call"],
            "ошибка: не хватает обязательного:\n  <PHONE>\n\nИспользование: novofon-bot call <PHONE>",
        ),
        (&["call", "+7", "--bogus"], "ошибка: параметра `--bogus` нет"),
        (&["calls", "--limit", "0"], "нужно число от 1 до 100000"),
        (&["show", "abc"], "нужен id целиком"),
        (&["--lang", "de", "calls"], "укажите en или ru"),
        (&["api-key", "add", "x", "--rights", "q"], "права `q` нет; есть call, read"),
        (&["enterprise", "add", "1", "n", "a b"], "`a b` — не хост"),
        (&["doctor", "--cli", "'a"], "закрыты ли кавычки?"),
        (&["doctor", "--api-key-file", "/nope"], "/nope не читается: нет такого файла или папки"),
        (&["enterprise", "list"], "базу должна называть конфигурация"),
        (&["enterprise", "list", "--database", "sqlite:///nope/x"], "файла /nope/x нет"),
        (&["enterprise", "list", "--database", "mysql://x"], "он начинается с `mysql:`"),
    ] {
        let said = said(args).await;
        assert!(said.err.contains(expected) && !is_english(&said.err), "{args:?}: {}", said.err);
        // As clap ends, or as a refusal does.
        assert!(matches!(said.code, Some(1 | 2)), "{args:?}: {said:?}");
    }
    let english = run(bare(&["bogus"])).await;
    assert!(english.err.starts_with("error: unrecognized subcommand 'bogus'"), "{}", english.err);
}

#[tokio::test]
async fn help_is_russian_throughout() {
    let help = said(&["api-key", "add", "--help"]).await;
    assert_eq!(help.code, Some(0));
    for heading in [
        "Использование: novofon-bot api-key add",
        "Аргументы:",
        "Параметры:",
        "Показать эту справку",
        "Создать ключ",
        "Что ему можно",
    ] {
        assert!(help.out.contains(heading), "{heading}: {}", help.out);
    }
    assert!(!help.out.contains("Usage") && !help.out.contains("Options"), "{}", help.out);
    // A value of clap's own may stand in the line below its word.
    let long = said(&["enterprise", "add", "--help"]).await;
    assert!(!long.out.contains("[env:") && !long.out.contains("[default:"), "{}", long.out);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_configuration_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bot.toml");
    let text = "[ari]\nusername = \"a:b\"\npassword = 5\n[dial]\nring_timout = 5\nallow = [\"7\"]\nmax_concurrent = -1\n\
                [htp]\nx = 1\n[http]\nlisten = \"here\"\napi_keys = [\"a\"]\n[scenarios.A]\nsteps = []\n";
    fs::write(&path, text).expect("a file");
    let config = path.to_str().expect("UTF-8");
    let wrong = said(&["check-config", "--config", config]).await;
    assert_eq!(wrong.code, Some(1));
    assert!(!is_english(&wrong.err), "{}", wrong.err);
    for (line, key) in [
        (2, "ari.username"),
        (3, "ari.password"),
        (5, "dial.ring_timout"),
        (6, "dial.allow[0]"),
        (7, "dial.max_concurrent"),
        (8, "htp"),
        (11, "http.listen"),
        (12, "http.api_keys[0]"),
        (13, "scenarios.A"),
    ] {
        let told = wrong.err.matches(&format!("{config}:{line}: `{key}`: ")).count();
        assert_eq!(told, 1, "{line} {key}: {}", wrong.err);
    }
    assert!(wrong.err.contains("имелся в виду `dial.ring_timeout`?"), "{}", wrong.err);
}

fn config(folder: &Path, store: &str) -> String {
    let path = folder.join("bot.toml");
    fs::write(
        &path,
        format!("[ari]\nusername = \"a\"\npassword = \"long-enough\"\n[store]\nurl = \"sqlite://{store}\"\n"),
    )
    .expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn a_store_without_a_folder_is_told_before_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = folder.path().join("none/bot.db");
    let config = config(folder.path(), none.to_str().expect("UTF-8"));
    let checked = said(&["check-config", "--config", &config]).await;
    assert_eq!(checked.code, Some(0), "the file itself is right: {}", checked.err);
    assert!(checked.err.contains("предупреждение: `store.url`: папки для хранилища"), "{}", checked.err);
    assert!(checked.err.contains("→ sudo install -d -o "), "{}", checked.err);
    assert!(
        checked.err.trim_end().ends_with("бот не запустится: см. предупреждение выше"),
        "{}",
        checked.err
    );
    let served = said(&["serve", "--config", &config]).await;
    let last = served.err.lines().last().unwrap_or_default();
    assert!(
        last.contains("не открыть: нет такого файла или папки; сначала создайте папку"),
        "{}",
        served.err
    );
    fs::create_dir(folder.path().join("none")).expect("a folder");
    let checked = said(&["check-config", "--config", &config]).await;
    assert!(!checked.err.contains("store.url"), "{}", checked.err);
}

#[tokio::test]
async fn a_link_to_no_configuration_is_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("bot.toml");
    std::os::unix::fs::symlink("gone.toml", &link).expect("a link");
    let config = link.to_str().expect("UTF-8");
    let checked = said(&["check-config", "--config", config]).await;
    assert!(checked.err.contains("это ссылка на файл, которого нет"), "{}", checked.err);
    let added = said(&["api-key", "add", "x", "--config", config]).await;
    assert!(added.code == Some(1) && added.err.contains("это ссылка на файл, которого нет"), "{}", added.err);
    assert!(
        link.is_symlink() && fs::read_dir(folder.path()).expect("a folder").count() == 1,
        "nothing was made"
    );
}

/// The keys go beside the link, and the file that it leads to is not touched.
#[tokio::test]
async fn a_key_is_added_through_a_link_to_the_configuration() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().expect("a folder");
    let real = folder.path().join("real");
    fs::create_dir(&real).expect("a folder");
    fs::write(real.join("bot.toml"), "[http]\napi_keys_file = \"keys\"\n").expect("a file");
    fs::write(real.join("keys"), "# ours\n").expect("a file");
    fs::set_permissions(real.join("keys"), fs::Permissions::from_mode(0o600)).expect("rights");
    let before = fs::metadata(real.join("keys")).expect("it is there");
    for name in ["bot.toml", "keys"] {
        symlink(format!("real/{name}"), folder.path().join(name)).expect("a link");
    }
    let config = folder.path().join("bot.toml");
    let added = said(&["api-key", "add", "crm", "--config", config.to_str().expect("UTF-8")]).await;
    assert_eq!(added.code, Some(0), "{}", added.err);
    for name in ["bot.toml", "keys"] {
        assert!(folder.path().join(name).is_symlink(), "{name} is a link no more");
    }
    let text = fs::read_to_string(real.join("keys")).expect("it is there");
    assert!(text.starts_with("# ours\ncrm:sha256:"), "{text}");
    let after = fs::metadata(real.join("keys")).expect("it is there");
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    // One that leads nowhere stays, and nothing takes its place.
    fs::remove_file(real.join("keys")).expect("removed");
    let refused = said(&["api-key", "add", "crm", "--config", config.to_str().expect("UTF-8")]).await;
    assert!(
        refused.code == Some(1) && refused.err.contains("ссылка на файл, которого нет"),
        "{}",
        refused.err
    );
    assert!(folder.path().join("keys").is_symlink());
}

#[tokio::test]
async fn a_key_where_nothing_is_installed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bare(&["api-key", "add", "crm"]);
    let keys = folder.path().join("none/keys");
    command.env("LANG", "ru_RU.UTF-8").env("NOVOFON_BOT_HTTP__API_KEYS_FILE", keys);
    let told = run(command).await;
    assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "no key is shown that is not kept");
    assert!(told.err.contains("sudo scripts/install") && told.err.contains("--config ФАЙЛ"), "{}", told.err);
    assert!(!is_english(&told.err), "{}", told.err);
}
