//! `novofon-bot enterprise`, as a shell runs it, on PostgreSQL and on SQLite.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use asterisk::secret::Secret;
use novofon_bot::enterprises::{Directory, DirectoryConfig};
use serde_json::{Value, json};

use crate::{
    JUNE, SEED_TABLE,
    cluster::{Cluster, PASSWORD},
    number, until,
};

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program in a bare environment with this database and this on its standard input.
fn run(database: &str, input: &str, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_novofon-bot"));
    command.env_clear().env("LANG", "C.UTF-8").arg("enterprise").args(args);
    if !database.is_empty() {
        command.env("NOVOFON_BOT_OFFICE__DATABASE", database);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // One that does not read it may have ended by now.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}/enterprises.db", folder.display())
}

fn json_lines(said: &Said) -> Vec<Value> {
    said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enterprise_lives_in_a_file_from_its_beginning_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path());
    let directory = Directory::open(DirectoryConfig::new(Secret::new(&*database))).await.expect("a URL");
    assert!(crate::why(&directory).contains("there is no file"), "{}", crate::why(&directory));
    let empty = run(&database, "", &["list"]);
    assert!(empty.code == 1 && empty.err.contains("`novofon-bot enterprise add` makes it"), "{}", empty.err);

    let added = run(&database, "", &["add", "0367", "june", "127.88.10.19"]);
    assert_eq!((added.code, added.out.trim().len()), (0, 32), "{}", added.err);
    let notes: Vec<&str> = added.err.lines().collect();
    // Nobody listens there, and that is told after the secret.
    assert!(
        notes.len() == 4 && notes[2].starts_with("! nobody answers at 127.88.10.19, port 5059 (ssh): "),
        "{}",
        added.err
    );
    assert!(notes[3].ends_with("novofon-bot enterprise test 0367"), "{}", added.err);
    assert!(notes[0].ends_with("had no table of enterprises: it was made"));
    assert_eq!(notes[1], "enterprise 0367 is added; its secret, shown only now:");
    let secret = added.out.trim();
    // The daemon was there before the file, and knows at once.
    assert!(crate::ask(&directory, secret).await.is_ok_and(|it| it.is_some()), "{}", crate::why(&directory));

    let rotated = run(&database, "", &["rotate-secret", "0367"]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    let new = rotated.out.trim();
    assert!(new.len() == 32 && new != secret);
    let took = until("the old secret's end", async || number(&directory, secret).await.is_none()).await;
    assert!(took.as_millis() < 1100, "{took:?}");
    until("the new secret", async || number(&directory, new).await.is_some()).await;

    let disabled = run(&database, "", &["disable", "0367"]);
    assert_eq!((disabled.code, &*disabled.out), (0, ""));
    assert_eq!(disabled.err, "enterprise 0367 is disabled: its secret opens nothing any more\n");
    until("the end", async || number(&directory, new).await.is_none()).await;
    assert!(run(&database, "", &["list"]).out.contains("disabled"));
    assert_eq!(run(&database, "", &["enable", "0367"]).code, 0);
    until("the return", async || number(&directory, new).await.is_some()).await;

    let asked = run(&database, "", &["remove", "0367"]);
    assert_eq!(asked.code, 1, "nobody can be asked");
    assert!(asked.err.contains("say so with --yes"), "{}", asked.err);
    let removed = run(&database, "", &["remove", "0367", "--yes"]);
    assert_eq!((removed.code, &*removed.out), (0, ""));
    assert!(
        removed.err.starts_with("audit: enterprise 0367 (june, 127.88.10.19) is removed by "),
        "{}",
        removed.err
    );
    let took = until("its end", async || number(&directory, new).await.is_none()).await;
    assert!(took.as_millis() < 1100, "{took:?}");
    assert!(!run(&database, "", &["list"]).out.contains("0367"));
    // The same secret, which was just said to be nobody's.
    for _ in 0..3 {
        assert_eq!(number(&directory, new).await, None);
    }
    let again = run(&database, new, &["add", "0367", "june", "127.88.10.19", "--secret-file", "-"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(number(&directory, new).await.as_deref(), Some("0367"), "at once");

    for order in ["disable", "enable", "rotate-secret", "remove"] {
        let arguments: &[&str] = if order == "remove" { &[order, "0400", "--yes"] } else { &[order, "0400"] };
        let said = run(&database, "", arguments);
        assert_eq!((said.code, &*said.out), (1, ""));
        assert_eq!(
            said.err,
            "novofon-bot: there is no enterprise `0400`; see `novofon-bot enterprise list`\n"
        );
    }
    let said = run(&database, "", &["add", "0367", "june", "127.88.10.19"]);
    assert!(said.code == 1 && said.err.contains("there is an enterprise `0367` already"), "{}", said.err);
}

/// Clients that have a secret already keep it, and who adds it is warned when it is short. One that can be tried out in
/// no time is refused; where it stands in the table already, it is told.
#[test]
fn a_short_secret_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path());
    for (number, secret, warned) in [("0367", "hunter2", 1), ("0368", "0123456789abcdef", 0)] {
        let added = run(&database, secret, &["add", number, "june", "127.88.10.19", "--secret-file", "-"]);
        assert_eq!((added.code, &*added.out), (0, ""), "{}", added.err);
        let said = "its secret has fewer than 16 characters and can be guessed: see rotate-secret";
        assert_eq!(added.err.matches(said).count(), warned, "{}", added.err);
        assert!(!added.err.contains(secret), "{}", added.err);
    }
    for secret in ["x", "12345", "ключи"] {
        let added = run(&database, secret, &["add", "0369", "may", "127.88.10.19", "--secret-file", "-"]);
        assert_eq!((added.code, &*added.out), (1, ""), "{}", added.err);
        assert!(added.err.contains("would be guessed") && !added.err.contains(secret), "{}", added.err);
    }
    let listed = run(&database, "", &["list"]);
    assert_eq!(listed.out.matches("its secret can be guessed").count(), 1, "{}", listed.out);
    assert!(listed.out.contains("rotate-secret 0367"), "{}", listed.out);
    let changed = run(&database, "ami", &["change", "0368", "--ami-password-file", "-"]);
    assert!(changed.code == 0 && changed.err.contains("ami_password can be guessed"), "{}", changed.err);
}

#[test]
fn settings_are_kept_and_passwords_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path());
    let password = folder.path().join("password");
    std::fs::write(&password, "ami-hunter2\n").expect("a file");
    let password = password.display().to_string();
    let args = [
        "add",
        "0368",
        "june & july",
        "pbx.example.org",
        "--way",
        "ssh",
        "--context",
        "inoffice",
        "--technology",
        "pjsip",
        "--ssh-port",
        "5059",
        "--ssh-user",
        "root",
        "--ssh-password-file",
        "-",
        "--ami-password-file",
        &password,
        "--ami-user",
        "bot",
        "--extensions",
        "100-199,300",
        "--rate-limit",
        "60",
    ];
    let added = run(&database, "ssh hunter2\n", &args);
    assert_eq!(added.code, 0, "{}", added.err);
    let list = run(&database, "", &["list", "--json"]);
    assert_eq!(
        json_lines(&list),
        [json!({
            "number": "0368", "name": "june & july", "ip": "pbx.example.org", "active": true, "guessable": false, "problem": null,
            "settings": {
                "way": "ssh", "context": "inoffice", "technology": "PJSIP", "ssh_port": "5059", "ssh_user": "root",
                "ssh_password": "***", "ami_user": "bot", "ami_password": "***", "extensions": "100-199,300",
                "rate_limit": "60",
            },
        })]
    );
    let shown = run(&database, "", &["list"]);
    let lines: Vec<&str> = shown.out.lines().collect();
    assert_eq!(lines[0], "Number  Name         IP               State   Settings");
    assert!(
        lines[1].starts_with("0368    june & july  pbx.example.org  active  way=ssh context=inoffice"),
        "{}",
        lines[1]
    );
    for text in [&added.out, &added.err, &list.out, &shown.out] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_change_leaves_the_rest_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path());
    let add =
        ["add", "0367", "june", "127.88.10.19", "--way", "ssh", "--ssh-port", "22", "--ssh-user", "root"];
    assert_eq!(run(&database, "", &add).code, 0);
    let listed = || json_lines(&run(&database, "", &["list", "--json"])).remove(0);
    let row = |ip: &str, settings: Value| json!({"number": "0367", "name": "june", "ip": ip, "active": true, "guessable": false, "problem": null, "settings": settings});
    let change =
        ["change", "0367", "--ip", "127.88.10.20", "--ssh-password-file", "-", "--default", "way,ssh_port"];
    let said = run(&database, "hunter2\n", &change);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    assert!(said.err.contains("enterprise 0367 is changed") && !said.err.contains("hunter2"), "{}", said.err);
    assert_eq!(listed(), row("127.88.10.20", json!({"ssh_user": "root", "ssh_password": "***"})));
    for (args, code, told) in [
        (&["change", "0367"] as &[&str], 1, "say what is to be changed"),
        (&["change", "9", "--name", "x"], 1, "there is no enterprise `9`"),
        (&["change", "0367", "--default", "secret"], 2, "`secret` is no setting: there are way, context"),
        (
            &["change", "0367", "--way", "ami", "--default", "way"],
            1,
            "can't be set and be the configuration's",
        ),
        (&["change", "0367", "--ip", "a b"], 2, "is no host"),
    ] {
        let said = run(&database, "", args);
        assert!(said.code == code && said.err.contains(told), "{args:?}: {} {}", said.code, said.err);
    }
    assert_eq!(listed(), row("127.88.10.20", json!({"ssh_user": "root", "ssh_password": "***"})));
}

#[test]
fn what_is_asked_wrongly_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(folder.path());
    for (args, code, told) in [
        (
            &["add", "0367", "june", "127.88.10.19:22"] as &[&str],
            2,
            "which is no host: write an IP address or a host name",
        ),
        (&["add", "", "june", "127.88.10.19"], 2, "is empty"),
        (&["add", "1", "a\u{1b}[2J", "127.88.10.19"], 2, "holds the control character"),
        (&["add", "1", "june", "h", "--way", "telnet"], 2, "write ssh, ami, ari or auto"),
        (&["add", "1", "june", "h", "--context", "in office"], 2, "letters, digits and"),
        (&["add", "1", "june", "h", "--ssh-port", "0"], 2, "0 is not in 1..=65535"),
        (&["add", "1", "june", "h", "--extensions", "199-100"], 2, "goes from nowhere to nowhere"),
        (
            &["add", "1", "june", "h", "--ssh-password-file", "-", "--ami-password-file", "-"],
            1,
            "one secret only",
        ),
        (&["add", "1", "june", "h", "--ssh-password-file", "-"], 1, "- is empty: put the secret into it"),
        (
            &["add", "1", "june", "h", "--ssh-password-file", "/none"],
            1,
            "cannot read the secret in /none: No such file",
        ),
        (&["add", "1", "june", "h", "--ssh-password", "x"], 2, "--ssh-password"),
        (
            &["add", "1", "june", "h", "--database", "hunter2"],
            1,
            "can't be used: it has no scheme; give it as postgres://",
        ),
    ] {
        let said = run(&database, "", args);
        assert!(said.code == code && said.err.contains(told), "{args:?}: {} {}", said.code, said.err);
        assert!(!said.err.contains("hunter2") && said.out.is_empty(), "{args:?}: {}", said.err);
    }
    let said = run("", "", &["list"]);
    assert!(
        said.code == 1 && said.err.contains("no --database is given, so the configuration must name it"),
        "{}",
        said.err
    );
    assert!(!folder.path().join("enterprises.db").exists(), "nothing was made");
}

#[tokio::test]
async fn a_table_of_others_is_listed_and_added_to() {
    let cluster = Cluster::with(SEED_TABLE).await;
    cluster.run("INSERT INTO enterprises VALUES ('0366', E'a\\x1b[2J', '10.0.0.1', 's', true)").await;
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).expect("a file");
    let password = password.display().to_string();
    let url = cluster.url("owner");
    let owner = |args: &[&str]| {
        let args: Vec<&str> = args.iter().copied().chain(["--database-password-file", &password]).collect();
        run(&url, "", &args)
    };

    let list = owner(&["list"]);
    assert_eq!(list.code, 1, "a row can't be used: {}", list.err);
    assert!(list.out.contains("0366    a\\u{1b}[2J"), "{}", list.out);
    assert!(list.out.contains("✗ enterprise `0366` can't be used: its `name` holds"), "{}", list.out);
    assert!(list.out.contains("0367    june") && list.out.contains("0369    gone"), "{}", list.out);
    assert!(!list.out.contains('\u{1b}') && !list.out.contains(JUNE), "{}", list.out);

    cluster.run("INSERT INTO enterprises SELECT '0377', 'twin', ip, secret, true FROM enterprises WHERE number = '0367'").await;
    let list = owner(&["list"]);
    for number in ["0367", "0377"] {
        let told =
            format!("✗ enterprise `{number}` can't be used: another active enterprise has the same secret");
        assert!(list.out.contains(&told), "{}", list.out);
    }
    cluster.run("DELETE FROM enterprises WHERE number = '0377'").await;

    let said = owner(&["add", "0400", "may", "127.88.10.22", "--ssh-port", "22"]);
    assert_eq!(
        said.err,
        "novofon-bot: the table `enterprises` is not ours and has no column for ssh_port; leave out those options, or \
         let the columns be added with --alter-table\n"
    );
    let said = owner(&["add", "0400", "may", "127.88.10.22", "--ssh-port", "22", "--alter-table"]);
    assert!(said.code == 0 && said.err.contains("has got the columns way, context,"), "{}", said.err);
    let said = owner(&["change", "0400", "--ip", "127.88.10.23", "--ssh-port", "5059", "--default", "way"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let list = owner(&["list"]);
    assert!(list.out.contains("127.88.10.23") && list.out.contains("ssh_port=5059"), "{}", list.out);
    let said = run(&url, "", &["list"]);
    assert!(said.code == 1 && said.err.contains("is away since"), "without its password: {}", said.err);
}

#[tokio::test]
async fn the_configurations_database_is_taken() {
    let cluster = Cluster::with(SEED_TABLE).await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("bot.toml");
    let url = cluster.url("owner");
    let text = |database: &str| {
        format!(
            "[ari]\nusername = \"bot\"\npassword = \"x\"\n[office]\ndatabase = \"{database}\"\n\
             database_password = \"{PASSWORD}\"\n"
        )
    };
    let list = ["list", "--config", config.to_str().expect("UTF-8")];
    std::fs::write(&config, text(&url)).expect("a file");
    let said = run("", "", &list);
    assert!(said.code == 0 && said.out.contains("0367"), "{}", said.err);
    // The daemon's variable names the place, and its file the password.
    std::fs::write(&config, text("")).expect("a file");
    let said = run(&url, "", &list);
    assert!(said.code == 0 && said.out.contains("0367"), "{}", said.err);
    let said = run("", "", &list);
    assert!(said.code == 1 && said.err.contains("no database is named"), "{}", said.err);
}
