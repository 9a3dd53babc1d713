//! The exact texts, and that nothing else gets in.

use super::dial;
use crate::{
    ChanSpy, Driver,
    console::{Batch, Command, ConsoleError, Context, of_exec},
};

fn context(text: &str) -> Context {
    text.parse().expect("a context")
}

fn spy(mode: ChanSpy) -> Command {
    let target = "SIP/150".parse().expect("a device");
    Command::Spy { listener: "151".parse().expect("digits"), target, mode, context: context("inoffice") }
}

#[test]
fn orders_are_what_the_hosts_are_used_to() {
    assert_eq!(
        dial().to_string(),
        "channel originate LOCAL/150@inoffice application Dial LOCAL/+375296254070@inoffice"
    );
    assert_eq!(
        dial().shell(),
        "asterisk -rx \"channel originate LOCAL/150@inoffice application Dial LOCAL/+375296254070@inoffice\""
    );
    for (mode, options) in [(ChanSpy::Listen, "bq"), (ChanSpy::Whisper, "bqw"), (ChanSpy::Barge, "Bbqw")] {
        assert_eq!(
            spy(mode).to_string(),
            format!("channel originate LOCAL/151@inoffice application ChanSpy SIP/150-,{options}")
        );
    }
}

/// Every command with the longest and oddest values that its types let in, as two shells and the console read it.
#[test]
fn a_shell_reads_each_command_as_one_argument_and_the_console_as_its_words() {
    let (longest, name) = (context(&"-".repeat(79)), "Local/+9@a.b-_*#=:;1".parse().expect("a name"));
    let dial = Command::Dial {
        extension: "9".repeat(10).parse().expect("digits"),
        number: format!("+{}", "9".repeat(20)).parse().expect("a number"),
        context: longest,
    };
    let commands = [dial, spy(ChanSpy::Barge), Command::Channel(name), Command::Channels, Command::Version];
    for command in commands {
        let text = command.to_string();
        assert_eq!(shlex::split(&command.shell()), Some(vec!["asterisk".into(), "-rx".into(), text.clone()]));
        let script = command.shell().replacen("asterisk -rx", "printf %s", 1);
        let shell = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&shell.stdout), text);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
        assert!(!text.contains(['"', '\\', '\'', '$', '`']), "{text}");
    }
}

#[test]
fn only_what_acts_must_not_be_repeated() {
    let name: Result<_, _> = "SIP/150-00000001".parse();
    let name = || Clone::clone(&name).expect("a name");
    assert!([dial(), spy(ChanSpy::Listen), Command::Hangup(name())].iter().all(Command::acts));
    let peers = Command::Endpoints(Driver::ChanSip);
    let looks = [Command::Channels, Command::Channel(name()), peers, Command::Version, Command::Uptime];
    assert!(!looks.iter().any(Command::acts));
}

#[test]
fn what_an_exec_left_tells_whether_asterisk_heard_it() {
    let exec = |status, signal, out: &str, err: &str| {
        of_exec(&dial(), status, signal, out.as_bytes(), err.as_bytes())
    };
    assert_eq!(exec(Some(0), None, "", "").as_deref(), Ok(""));
    let not_running = "Unable to open specified master config file '/x', using built-in defaults\n\
                       Unable to connect to remote asterisk (does /var/run/asterisk/asterisk.ctl exist?)\n";
    let error = exec(Some(1), None, "", not_running).expect_err("not running");
    assert!(
        error.to_string().contains("does /var/run/asterisk/asterisk.ctl exist?") && !error.may_have_acted()
    );
    assert!(error.to_string().ends_with("whether this user may use asterisk.ctl"), "{error}");
    let error = exec(Some(127), None, "", "bash: line 1: asterisk: command not found\n").expect_err("none");
    assert!(error.to_string().ends_with("in the PATH of this user's commands?"), "{error}");
    assert_eq!(exec(None, Some("PIPE"), "", ""), Err(ConsoleError::Full));
    assert_eq!(exec(Some(141), None, "", ""), Err(ConsoleError::Full));
    assert!(exec(None, Some("KILL"), "", "").is_err_and(|error| error.may_have_acted()));
    // A shell that stands between says it so.
    assert!(exec(Some(137), None, "", "Killed\n").is_err_and(|error| error.may_have_acted()));
    assert!(exec(None, None, "", "").is_err_and(|error| error.may_have_acted()));
    let look = of_exec(&Command::Channels, None, Some("KILL"), b"", b"");
    assert!(look.is_err_and(|error| !error.may_have_acted()));
}

/// Run by a real shell, with an `asterisk` that says its argument, and ends as its last word wants.
#[test]
fn a_batch_is_one_line_for_a_shell_and_its_answers_are_told_apart() {
    let run = |batch: &Batch, function: &str| {
        let script = format!("asterisk() {{ {function}; }}; {}", batch.shell());
        std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell")
    };
    let batch = Batch::new(vec![Command::Channels, dial(), Command::Uptime]);
    let left = run(&batch, r#"printf "%s\n" "$2""#);
    let answers = batch.answers(&left.stdout, &left.stderr).expect("three answers");
    let told = [Command::Channels, dial(), Command::Uptime].map(|command| format!("{command}\n"));
    assert_eq!(answers, told);

    let left = run(&batch, r#"echo "$1: no" >&2; return 1"#);
    let error = batch.answers(&left.stdout, &left.stderr).expect_err("refused");
    assert!(error.to_string().contains("`core show channels concise`: -rx: no"), "{error}");

    let left = run(&batch, "case $2 in *originate*) exit;; esac; echo x");
    let error = batch.answers(&left.stdout, &left.stderr).expect_err("cut off");
    assert!(error.may_have_acted() && error.to_string().contains("channel originate"), "{error}");
}
