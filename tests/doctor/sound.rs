//! A sound system has no ✗.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use crate::bench::Bench;

#[test]
fn with_the_daemon_the_console_and_a_call() {
    let bench = Bench::with_daemon();
    let report = bench.doctor(&["--call", "+79005550211"]);
    report
        .fails(&[])
        .says("test_call", "completed")
        .says("daemon", "is ready")
        .says("ari_app", "the daemon holds");
    report
        .says("registration", "registered at")
        .says("endpoint_contact", "Avail")
        .says("endpoint_codecs", "alaw");
    report.says("caller_id", "From: 0123456 (from_user); P-Asserted-Identity: +79675558164");
    // Whose the lab's files are depends on who runs it.
    assert!(report.ids("warn").iter().all(|id| *id == "asterisk_rights"), "{:#}", report.json);
    assert_eq!(report.ids("skipped"), [""; 0], "{:#}", report.json);
}

/// The warnings of a host with only `lo`, and without its locale, are not its answer.
#[test]
fn a_console_that_says_more_than_its_answer() {
    let bench = Bench::new();
    let console = bench.path("asterisk");
    let noisy = bench.path("noisy");
    let text = format!(
        "#!/bin/sh\necho 'No ethernet interface found for seeding global EID. You will have to set it manually.'\n\
         echo 'bash: warning: setlocale: LC_ALL: cannot change locale (ru_RU.UTF-8)' >&2\nexec '{}' \"$@\"\n",
        console.display()
    );
    fs::write(&noisy, text).expect("written");
    fs::set_permissions(&noisy, Permissions::from_mode(0o755)).expect("set");
    let report = bench.doctor_with(&["--cli", &noisy.to_string_lossy()]);
    report.fails(&[]);
    assert_eq!(report.ids("skipped"), bench.doctor(&[]).ids("skipped"));
    assert_eq!(report.level("registration"), "ok", "{:#}", report.json);
}

#[test]
fn by_ari_alone_and_from_files() {
    let bench = Bench::new();
    let report = bench.doctor_with(&[]);
    report.fails(&[]);
    assert_eq!(report.ids("skipped"), ["pjsip_duplicates", "registration", "outgoing", "asterisk_rights"]);
    assert_eq!(report.ids("warn"), ["daemon"]);
    let etc = bench.pbx.etc();
    let report = bench.doctor_with(&["--etc", &etc.to_string_lossy()]);
    report.fails(&[]).says("outgoing_dials", "PJSIP/${EXTEN}@novofon");
    assert_eq!(report.ids("skipped"), ["registration"]);
}

#[test]
fn lines_for_people_in_both_languages() {
    let bench = Bench::new();
    for (lang, expected) in [("en", "does not run"), ("ru", "не работает")] {
        let output = bench.program().args(["doctor", "--lang", lang]).output().expect("doctor runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{text}");
        let mut lines = text.lines().skip_while(|line| !line.starts_with("! daemon "));
        let daemon =
            lines.next().and_then(|line| line.strip_prefix("! daemon ")).expect("a line of the daemon");
        assert!(daemon.trim_start().starts_with(expected), "{text}");
        let next = lines.next().expect("the remedy");
        assert!(next.trim_start().starts_with("→ systemctl start"), "{next}");
        assert!(text.starts_with("✓ config "), "{text}");
    }
}

#[test]
fn asked_wrongly_it_ends_with_2() {
    let bench = Bench::new();
    for arguments in [["--cli", "asterisk 'x"], ["--call", "nobody"], ["--what", "x"]] {
        let output = bench.program().arg("doctor").args(arguments).output().expect("doctor runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
