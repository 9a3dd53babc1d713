//! The trunk: the endpoint, its login, its contact, its registration.

use crate::bench::Bench;

#[test]
fn no_endpoint() {
    let bench = Bench::new();
    bench.pbx.spoil("endpoint-missing");
    bench.doctor(&[]).fails(&["endpoint"]).says("endpoint", "no PJSIP endpoint `novofon`");
}

/// The failure of many a first pjsip.conf, told apart from a wrong password by each source.
#[test]
fn auth_in_the_place_of_outbound_auth() {
    let mut bench = Bench::with_daemon();
    bench.pbx.spoil("trunk-auth-instead-of-outbound-auth");
    let report = bench.doctor(&["--call", "+79005550211"]);
    report.fails(&["endpoint_auth", "test_call"]);
    report
        .says("endpoint_auth", "`auth = novofon` and no `outbound_auth`")
        .says("test_call", "trunk_auth_failed");
    report.says("test_call", "the password is not the matter").says("endpoint_contact", "answers");

    bench.doctor_with(&[]).says("endpoint_auth", "and no `outbound_auth`");
    bench.stop();
    let etc = bench.pbx.etc().display().to_string();
    bench
        .set("ari.password", "closed")
        .doctor_with(&["--etc", &etc])
        .says("endpoint_auth", "and no `outbound_auth`");
    bench.doctor(&[]).says("endpoint_auth", "and no `outbound_auth`");
}

#[test]
fn a_wrong_password() {
    let bench = Bench::with_daemon();
    bench.pbx.spoil("wrong-password");
    // The endpoint still looks sound, and so far the registration too: only a call tells.
    let report = bench.doctor(&["--call", "+79005550211"]);
    report
        .fails(&["test_call"])
        .says("endpoint_contact", "answers")
        .says("endpoint_auth", "outbound_auth = novofon");
    report.says("test_call", "SIP 401").says("test_call", "the login or the password is wrong");

    bench.pbx.reload("res_pjsip_outbound_registration.so");
    bench.pbx.console("pjsip send register novofon");
    bench.pbx.until("pjsip show registrations", "Rejected");
    let report = bench.doctor(&[]);
    report.fails(&["registration", "last_calls"]).says("registration", "the login or the password is wrong");
    report.says("last_calls", "trunk_auth_failed").says("last_calls", "the login or the password is wrong");
}

/// Asterisk refuses the whole section for one option that it does not know, and goes on with the old one until it is
/// restarted.
#[test]
fn a_section_that_asterisk_refuses_at_a_reload() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replacen("\naors = novofon", "\naor = novofon", 1));
    bench.pbx.reload("res_pjsip.so");
    let etc = bench.pbx.etc().display().to_string();
    let report = bench.doctor(&["--etc", &etc]);
    report
        .fails(&[])
        .says("endpoint", "aors is novofon, and there it is -")
        .says("endpoint", "at a restart the file counts");
    assert_eq!(report.level("endpoint"), "warn");
}

#[test]
fn no_such_auth() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| {
        text.replacen("outbound_auth = novofon", "outbound_auth = elsewhere", 1)
    });
    bench.pbx.reload("res_pjsip.so");
    bench.doctor(&[]).fails(&["endpoint_auth"]).says("endpoint_auth", "names no section with type = auth");
}

#[test]
fn the_examples_login() {
    let bench = Bench::new();
    let login = bench.pbx.setting("TRUNK_LOGIN").to_owned();
    bench.pbx.edit("pjsip_novofon.conf", |text| {
        text.replace(&format!("username = {login}"), "username = YOUR_SIP_LOGIN")
    });
    bench.pbx.reload("res_pjsip.so");
    bench.doctor(&[]).fails(&["endpoint_auth"]).says("endpoint_auth", "the example's login");
}

#[test]
fn the_carrier_is_gone() {
    let bench = Bench::new();
    bench.pbx.spoil("trunk-gone");
    bench.pbx.console("pjsip qualify novofon");
    bench.pbx.until("pjsip show contacts", "Unavail");
    bench.doctor(&[]).fails(&["endpoint_contact"]).says("endpoint_contact", "Unavail");
    // ARI has one word for "no answer" and "not asked yet": so soon after a reload it can be either.
    let by_ari = bench.doctor_with(&[]);
    assert_eq!(by_ari.level("endpoint_contact"), "skipped", "{:#}", by_ari.json);
    by_ari.says("endpoint_contact", "Asterisk shows it as offline");
}

#[test]
fn no_address_to_call() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replace("aors = novofon", ""));
    bench.pbx.reload("res_pjsip.so");
    bench.doctor(&[]).fails(&["endpoint_contact"]).says("endpoint_contact", "no `aors`");
}

#[test]
fn no_codec() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replace("allow = alaw,ulaw", ""));
    bench.pbx.reload("res_pjsip.so");
    bench.doctor(&[]).fails(&["endpoint_codecs"]);
}

#[test]
fn a_registration_that_gets_no_answer() {
    let bench = Bench::new();
    let carrier = bench.pbx.setting("CARRIER_IP").to_owned();
    bench.pbx.edit("pjsip_novofon.conf", |text| {
        text.replace(&format!("server_uri = sip:{carrier}:5060"), &format!("server_uri = sip:{carrier}:9"))
    });
    bench.pbx.reload("res_pjsip_outbound_registration.so");
    bench.pbx.until("pjsip show registrations", "Unregistered");
    bench.doctor(&[]).fails(&["registration"]).says("registration", "not registered");
}

#[test]
fn the_number_reaches_nobody() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replace("send_pai = yes", "send_pai = no"));
    bench.pbx.reload("res_pjsip.so");
    let report = bench.doctor(&[]);
    report.fails(&[]).says("caller_id", "is sent in no header → set send_pai = yes");
}

fn with(change: impl FnOnce(&str) -> String) -> Bench {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", change);
    bench.pbx.reload("res_pjsip.so");
    bench
}

#[test]
fn no_password_for_the_carrier() {
    let bench = with(|text| text.replacen("outbound_auth = novofon", "", 1));
    bench.doctor(&[]).warns(&["endpoint_auth"]).says("endpoint_auth", "has no `outbound_auth`");
}

#[test]
fn the_carrier_is_challenged_too() {
    let bench =
        with(|text| text.replacen("outbound_auth = novofon", "outbound_auth = novofon\nauth = novofon", 1));
    bench.doctor(&[]).warns(&["endpoint_auth"]).says("endpoint_auth", "remove `auth` from the endpoint");
}

#[test]
fn nobody_looks_after_the_carrier() {
    let bench = with(|text| text.replace("qualify_frequency = 60", "qualify_frequency = 0"));
    bench.pbx.until("pjsip show contacts", "NonQual");
    bench.doctor(&[]).warns(&["endpoint_contact"]).says("endpoint_contact", "set qualify_frequency = 60");
}

#[test]
fn a_codec_that_carriers_seldom_have() {
    let bench = with(|text| text.replace("allow = alaw,ulaw", "allow = g722"));
    bench.doctor(&[]).warns(&["endpoint_codecs"]).says("endpoint_codecs", "only g722");
}

/// A trunk that was installed before `pjsip_novofon.conf` forbade it. The fact is told by each source.
#[test]
fn a_callee_that_may_send_the_call_on() {
    let mut bench = with(|text| text.replace("allow_transfer = no", ""));
    let expected = "allow_transfer = no; then: asterisk -rx 'module reload res_pjsip.so'";
    bench.doctor(&[]).warns(&["endpoint_transfer"]).says("endpoint_transfer", expected);
    bench.doctor_with(&[]).warns(&["endpoint_transfer"]);
    bench.doctor(&["--lang", "ru"]).says("endpoint_transfer", "собеседник заставит этот Asterisk");

    bench.set("ari.password", "closed");
    let etc = bench.pbx.etc().display().to_string();
    for report in [bench.doctor(&[]), bench.doctor_with(&["--etc", &etc])] {
        assert_eq!(report.level("endpoint_transfer"), "warn", "{:#}", report.json);
    }
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replacen("aors =", "allow_transfer = no\naors =", 1));
    let by_file = bench.doctor_with(&["--etc", &etc]);
    assert_eq!(by_file.level("endpoint_transfer"), "ok", "{:#}", by_file.json);
    bench.pbx.reload("res_pjsip.so");
    let by_console = bench.doctor(&[]);
    assert_eq!(by_console.level("endpoint_transfer"), "ok", "{:#}", by_console.json);
}

#[test]
fn no_registration() {
    let bench = with(|text| text[..text.rfind("[novofon]").expect("the last section")].to_owned());
    bench.pbx.reload("res_pjsip_outbound_registration.so");
    bench.pbx.until("pjsip show registrations", "No objects found");
    bench.doctor(&[]).warns(&["registration"]).says("registration", "there is none for `novofon`");
}

/// ARI is closed to us: the console alone tells.
#[test]
fn the_carrier_is_gone_and_only_the_console_tells() {
    let mut bench = Bench::new();
    bench.pbx.spoil("trunk-gone");
    bench.pbx.console("pjsip qualify novofon");
    bench.pbx.until("pjsip show contacts", "Unavail");
    let report = bench.set("ari.password", "closed").doctor(&[]);
    report.fails(&["ari_authorised", "endpoint_contact"]).says("endpoint_contact", "Unavail");
}

/// The trunk of an older guide beside ours.
#[test]
fn a_section_that_stands_twice() {
    let bench = Bench::new();
    let old = "[novofon]\ntype = auth\nauth_type = userpass\nusername = x\npassword = old-secret-word\n";
    bench.pbx.edit("pjsip.conf", |text| format!("{text}\n{old}"));
    bench.pbx.reload("res_pjsip.so");
    let report = bench.doctor(&[]);
    report
        .fails(&["pjsip_duplicates"])
        .says("pjsip_duplicates", "[novofon] with type = auth stands there 2 times");
    report.says("pjsip_duplicates", "pjsip.conf:").says("pjsip_duplicates", "pjsip_novofon.conf:");
    assert!(!report.json.to_string().contains("old-secret-word"));
}

/// What is there already is named, so that nobody adds it a second time.
#[test]
fn what_to_add_is_only_what_is_missing() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| text.replacen("type = endpoint", "type = aor-of-nobody", 1));
    bench.pbx.spoil("pbx-restart");
    bench.pbx.until("core waitfullybooted", "fully booted");
    let report = bench.doctor(&[]);
    report
        .says("endpoint", "no PJSIP endpoint `novofon`")
        .says("endpoint", "Add only the one that is missing, type = endpoint");
    report.says("endpoint", "type = auth (");
}

#[test]
fn the_first_options_is_still_due() {
    let bench = Bench::new();
    bench.pbx.edit("pjsip_novofon.conf", |text| {
        text.replace("qualify_frequency = 60", "qualify_frequency = 3000")
    });
    bench.pbx.spoil("pbx-kill");
    bench.pbx.spoil("pbx-start");
    bench.pbx.until("pjsip show contacts", "NonQual");
    for (report, expected) in
        [(bench.doctor(&[]), "was not asked yet"), (bench.doctor_with(&[]), "may not have asked")]
    {
        assert_eq!(report.level("endpoint_contact"), "skipped", "{:#}", report.json);
        report.says("endpoint_contact", expected);
    }
}

/// Failed calls of before do not outweigh a newer one that worked.
#[test]
fn a_good_test_call_ends_yesterdays_fault() {
    let bench = Bench::with_daemon();
    bench.pbx.spoil("wrong-password");
    let number = ["--call", "+79005550200"];
    for _ in 0..3 {
        bench.doctor(&number);
    }
    bench.doctor(&[]).says("last_calls", "trunk_auth_failed");
    bench.pbx.spoil("right-password");
    let report = bench.doctor(&number);
    assert_eq!(report.level("test_call"), "ok", "{:#}", report.json);
    // A cause that was mended is no cause: nothing is advised any more.
    assert_eq!(report.level("last_calls"), "ok", "{:#}", report.json);
    report.says("last_calls", "that is over: a call of 20");
}
