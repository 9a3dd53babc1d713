//! The way out of the dialplan.

use crate::bench::Bench;

fn with(change: impl FnOnce(&str) -> String) -> Bench {
    let bench = Bench::new();
    bench.pbx.edit("extensions_outgoing.conf", change);
    bench.pbx.console("dialplan reload");
    bench
}

#[test]
fn no_context() {
    let bench = Bench::new();
    bench.pbx.spoil("no-outgoing");
    bench.doctor(&[]).fails(&["outgoing"]).says("outgoing", "no context [outgoing]");
    let etc = bench.pbx.etc().display().to_string();
    bench.doctor_with(&["--etc", &etc]).fails(&["outgoing"]);
}

#[test]
fn a_plain_context_works_and_is_warned_of() {
    let bench = Bench::new();
    bench.pbx.spoil("plain-outgoing");
    let report = bench.doctor(&[]);
    report
        .fails(&[])
        .says("outgoing_redirects", "add the option i")
        .says("outgoing_reports", "does not report");
    let warned = report.ids("warn");
    assert!(warned.starts_with(&["daemon", "outgoing_redirects", "outgoing_reports"]), "{warned:?}");
}

#[test]
fn no_extension_for_a_leading_plus() {
    let bench = with(|text| text.replace("_+X.", "_00X."));
    bench.doctor(&[]).fails(&["outgoing"]).says("outgoing", "with a leading +");
}

#[test]
fn another_endpoint_is_dialed() {
    let bench = with(|text| text.replace("@novofon", "@other"));
    bench.doctor(&[]).fails(&["outgoing_dials"]).says("outgoing_dials", "it dials PJSIP/other");
}

#[test]
fn nothing_is_dialed() {
    let bench = with(|text| text.replace("Dial(PJSIP/${EXTEN}@novofon,,i)", "NoOp()"));
    bench.doctor(&[]).fails(&["outgoing_dials"]).says("outgoing_dials", "no Dial()");
}

#[test]
fn a_caller_id_that_is_overwritten() {
    let mut bench = Bench::new();
    bench.pbx.spoil("plain-outgoing");
    let report = bench.set("trunk.caller_id", "+78120000000").doctor(&[]);
    report
        .fails(&[])
        .says("caller_id", "P-Asserted-Identity: +79675558164")
        .says("caller_id", "is overwritten");
}

#[test]
fn a_variable_decides_what_is_dialed() {
    let bench = with(|text| text.replace("@novofon,,i", "@${TRUNK},,i"));
    let report = bench.doctor(&[]);
    report
        .fails(&[])
        .says("outgoing_dials", "can't be judged")
        .says("outgoing_dials", "which a variable decides");
    assert_eq!(report.level("outgoing_dials"), "skipped");
}

#[test]
fn nobody_sets_a_caller_id() {
    let bench = with(|text| {
        text.lines().filter(|line| !line.contains("CALLERID")).map(|l| format!("{l}\n")).collect()
    });
    bench.doctor(&[]).warns(&["caller_id"]).says("caller_id", "set the caller id in [outgoing]");
}

/// What only a call can tell: neither well nor wrong, with its line.
#[test]
fn what_can_not_be_judged_is_named() {
    let dial = "Dial(PJSIP/${EXTEN}@novofon,,i)";
    for (steps, expected) in [
        ("Dial(PJSIP/${EXTEN}@novofon,,i)\n same => n,Dial(PJSIP/${EXTEN}@second,,i)", "2 Dials"),
        ("Dial(PJSIP/${EXTEN}@novofon&PJSIP/${EXTEN}@second,,i)", "rings several at once"),
        ("Dial(Local/${EXTEN}@lcr,,i)", "another part of the dialplan"),
        ("AGI(route.agi)", "runs what stands elsewhere"),
        ("Gosub(sub-route,s,1)", "runs what stands elsewhere"),
        ("Macro(dialout,${EXTEN})", "runs what stands elsewhere"),
        ("Goto(lcr,${EXTEN},1)", "runs what stands elsewhere"),
        ("Dial(${WHERE},,i)", "a variable decides"),
    ] {
        let bench = with(|text| text.replace(dial, steps));
        let report = bench.doctor(&[]);
        report.fails(&[]).says("outgoing_dials", "can't be judged").says("outgoing_dials", expected);
        report.says("outgoing_dials", "extensions_outgoing.conf:1");
        assert_eq!(report.level("outgoing_dials"), "skipped", "{steps}: {:#}", report.json);
    }
    let bench = with(|_| "[outgoing]\nswitch => Realtime/@extensions\n".to_owned());
    let report = bench.doctor(&[]);
    report.fails(&[]).says("outgoing", "can't be judged: `switch => Realtime/@extensions`");
    assert_eq!(report.level("outgoing"), "skipped");
}
