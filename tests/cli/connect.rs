//! Where the daemon is, the key, and what is said when it isn't there; the help and the completions.

use std::process::Stdio;

use crate::{
    daemon::{Daemon, ID, PHONE, Reply, problem},
    program::{bare, program, run},
};

const EMPTY: &str = r#"{"total": 0, "calls": [], "next_cursor": null}"#;

fn empty() -> Reply {
    Reply::Json(200, serde_json::from_str(EMPTY).expect("JSON"))
}

/// An address at which nobody listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound").to_string()
}

#[tokio::test]
async fn an_unreachable_daemon_is_told_by_every_command() {
    let url = format!("http://{}", nowhere().await);
    for args in [&["call", PHONE][..], &["calls"], &["show", ID], &["hangup", ID], &["watch"]] {
        let mut command = bare(args);
        command.args(["--url", &url]);
        let said = run(command).await;
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(
            said.err.starts_with(&format!("novofon-bot: the daemon can't be reached at {url}/")),
            "{said:?}"
        );
        assert!(said.err.contains("Connection refused") && said.err.contains("→ is it running"), "{said:?}");
    }
    let said = run(bare(&["calls", "--lang", "ru", "--url", &url])).await;
    assert!(said.err.contains("недоступна") && said.err.contains("→ запущена ли она"), "{said:?}");
}

#[tokio::test]
async fn the_address_is_taken_from_the_configuration() {
    let daemon = Daemon::plays(|_| empty()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    let text = format!(
        "[http]\nlisten = \"{}\"\n[ari]\nusername = \"bot\"\npassword = \"secret-of-the-pbx\"\n",
        daemon.address
    );
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let said = run(bare(&["calls", "--config", file])).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(daemon.seen().len(), 1);

    // The address that is given goes before it.
    let url = format!("http://{}", nowhere().await);
    assert_eq!(run(bare(&["calls", "--config", file, "--url", &url])).await.code, Some(2));
    assert_eq!(daemon.seen().len(), 1);
}

#[tokio::test]
async fn a_named_configuration_that_is_not_there_is_an_error() {
    let said = run(bare(&["calls", "--config", "/nonexistent/config.toml"])).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("/nonexistent/config.toml") && said.err.contains("--url"), "{said:?}");
}

#[tokio::test]
async fn an_environment_that_is_wrong_is_not_passed_over() {
    let mut command = bare(&["calls"]);
    command.env("NOVOFON_BOT_HTTP__LISTEN", "127.0.0.1:port");
    let said = run(command).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("NOVOFON_BOT_HTTP__LISTEN"), "{said:?}");
}

#[tokio::test]
async fn a_bad_address_is_told() {
    for url in ["localhost:8080", "ftp://host", "http://user:hunter2@host/"] {
        let said = run(bare(&["calls", "--url", url])).await;
        assert_eq!(said.code, Some(2), "{url}");
        assert!(said.err.contains("→") && !said.err.contains("hunter2"), "{said:?}");
    }
}

#[tokio::test]
async fn the_key_is_sent_and_never_shown() {
    let key = "0123456789abcdef";
    let daemon = Daemon::plays(|_| Reply::Json(401, problem(401, "unauthorized", "not known"))).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{key}\n")).expect("written");
    let file = file.to_str().expect("UTF-8");
    for args in [&["calls", "--api-key", key][..], &["calls", "--api-key-file", file]] {
        let said = run(program(&daemon, args)).await;
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("unauthorized") && !said.err.contains(key), "{said:?}");
    }
    let mut help = bare(&["calls", "--help"]);
    help.env("NOVOFON_BOT_API_KEY", key);
    assert!(!run(help).await.out.contains(key));
    let sent: Vec<_> =
        daemon.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, vec![Some(format!("Bearer {key}")); 2]);

    let said = run(program(&daemon, &["calls", "--api-key", "ключ\n"])).await;
    assert!(said.err.contains("API key has characters") && !said.err.contains("ключ"), "{said:?}");
    let said = run(program(&daemon, &["calls", "--api-key-file", "/nonexistent"])).await;
    assert!(said.err.contains("`/nonexistent`"), "{said:?}");
}

#[tokio::test]
async fn somebody_else_answers() {
    let daemon = Daemon::plays(|seen| match seen.nth {
        0 => Reply::Text(404, "<html>\u{1b}[2J"),
        _ => Reply::Text(200, "<html>"),
    })
    .await;
    for _ in 0..2 {
        let said = run(program(&daemon, &["calls"])).await;
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("does not answer as novofon-bot does"), "{said:?}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_panic() {
    let calls = vec![crate::daemon::refused(); 20];
    let list = serde_json::json!({"total": calls.len(), "calls": calls, "next_cursor": null});
    let daemon = Daemon::plays(move |_| Reply::Json(200, list.clone())).await;
    for args in
        [&["calls", "--limit", "5000"][..], &["calls", "--limit", "5000", "--json"], &["completion", "bash"]]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = program(&daemon, args);
        command.stdout(Stdio::from(writer));
        let said = run(command).await;
        assert_eq!((said.code, said.err.as_str()), (Some(141), ""), "{args:?}");
    }
}

#[tokio::test]
async fn help_has_examples() {
    for name in ["call", "calls", "show", "hangup", "watch", "completion"] {
        let said = run(bare(&[name, "--help"])).await;
        assert_eq!(said.code, Some(0));
        assert!(said.out.contains("Example"), "{name}");
        assert!(said.out.matches(&format!("novofon-bot {name} ")).count() >= 1, "{name}: {}", said.out);
    }
}

#[tokio::test]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let said = run(bare(&["completion", shell])).await;
        assert_eq!(said.code, Some(0));
        assert!(said.out.contains("hangup") && said.out.contains("ring-timeout"), "{shell}");
    }
    assert_eq!(run(bare(&["completion", "tcsh"])).await.code, Some(2));
}
