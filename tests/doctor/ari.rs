//! ARI: each way in which it may not let us in.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
};

use crate::bench::Bench;

#[test]
fn nobody_listens() {
    let mut bench = Bench::new();
    let report = bench.set("ari.url", "http://127.0.0.52:9").doctor(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", "start Asterisk");
}

/// Frozen, as under a debugger or on a dead disk. It takes as long as doctor is patient.
#[test]
fn asterisk_hangs() {
    struct Thawed<'a>(&'a str);
    impl Drop for Thawed<'_> {
        fn drop(&mut self) {
            signal("-CONT", self.0);
        }
    }
    fn signal(name: &str, pid: &str) {
        assert!(Command::new("kill").args([name, pid]).status().expect("kill can be run").success());
    }
    let bench = Bench::new();
    let pid = fs::read_to_string(bench.pbx.dir.join("pbx.pid")).expect("the PBX's process");
    let frozen = Thawed(pid.trim());
    signal("-STOP", frozen.0);
    let report = bench.doctor_with(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", "does not answer: it hangs");
}

#[test]
fn somebody_else_listens() {
    let mut bench = Bench::new();
    let url = server("nginx", "hello");
    let report = bench.set("ari.url", &url).doctor(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", "something else than Asterisk");
}

#[test]
fn a_wrong_password() {
    let mut bench = Bench::new();
    let report = bench.set("ari.password", "not-the-password").doctor(&[]);
    report.fails(&["ari_authorised"]).says("ari_authorised", "(401)");
    // The console still tells what ARI does not.
    report.says("endpoint_auth", "outbound_auth = novofon").says("modules", "all");
}

#[test]
fn a_user_who_may_only_read() {
    let bench = Bench::new();
    bench.pbx.edit("ari.conf", |text| text.replace("read_only = no", "read_only = yes"));
    bench.pbx.reload("res_ari.so");
    let report = bench.doctor(&[]);
    report.fails(&["ari_authorised"]).says("ari_authorised", "read_only = no");
}

#[test]
fn a_wrong_prefix() {
    let mut bench = Bench::new();
    let right = bench.setting("ari.url").to_owned();
    let report = bench.set("ari.url", &format!("{right}/asterisk")).doctor(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", &format!("set `ari.url` to \"{right}/\""));
}

#[test]
fn a_missing_prefix() {
    let bench = Bench::new();
    bench.pbx.edit("http.conf", |text| text.replace("enabled = yes", "enabled = yes\nprefix = pbx"));
    bench.pbx.reload("http");
    let report = bench.doctor(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", &format!("{}/pbx", bench.setting("ari.url")));
}

#[test]
fn ari_is_off() {
    let bench = Bench::new();
    bench.pbx.edit("ari.conf", |text| text.replacen("enabled = yes", "enabled = no", 1));
    bench.pbx.reload("res_ari.so");
    let report = bench.doctor(&[]);
    report.fails(&["ari_reachable"]).says("ari_reachable", "in ari.conf set enabled = yes");
}

#[test]
fn an_old_asterisk() {
    let mut bench = Bench::new();
    let url = server("Asterisk/13.38.3", r#"{"system":{"version":"13.38.3"}}"#);
    let report = bench.set("ari.url", &url).doctor_with(&[]);
    assert!(report.ids("fail").contains(&"asterisk_version"), "{:#}", report.json);
}

#[test]
fn a_module_is_missing() {
    let bench = Bench::new();
    bench.pbx.console("module unload app_dial.so");
    let report = bench.doctor(&[]);
    bench.pbx.console("module load app_dial.so");
    report.fails(&["modules"]).says("modules", "app_dial");
}

/// A server that answers everything the same.
fn server(name: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nServer: {name}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            // A client that has gone is no trouble.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_console_that_does_not_answer() {
    let bench = Bench::new();
    let report = bench.doctor_with(&["--cli", "/nonexistent/asterisk -C x"]);
    report.fails(&[]).says("console", "/nonexistent/asterisk");
}

/// Two places that can close ARI to an address, both since 20.19 and 22.9.
#[test]
fn an_address_that_is_not_allowed() {
    let bench = Bench::new();
    bench.pbx.edit("ari.conf", |text| text.replace("read_only = no", "read_only = no\ndeny = 0.0.0.0/0"));
    bench.pbx.reload("res_ari.so");
    let report = bench.doctor(&[]);
    report
        .fails(&["ari_authorised"])
        .says("ari_authorised", "(403")
        .says("ari_authorised", "ACL in ari.conf");
    // The console still tells what ARI does not.
    report.says("endpoint_auth", "outbound_auth = novofon");
}

#[test]
fn a_path_that_is_not_allowed() {
    let bench = Bench::new();
    bench.pbx.edit("http.conf", |text| format!("{text}\n[/ari]\ntype = restriction\ndeny = 0.0.0.0/0\n"));
    bench.pbx.reload("http");
    let report = bench.doctor(&[]);
    report.fails(&["ari_authorised"]).says("ari_authorised", "restrictions in http.conf");
}

#[test]
fn modules_that_only_some_calls_need() {
    let bench = Bench::new();
    bench.pbx.console("module unload app_userevent.so");
    let report = bench.doctor(&[]);
    bench.pbx.console("module load app_userevent.so");
    report
        .warns(&["modules"])
        .says("modules", "app_userevent is not running: the carrier's own words are lost");
}

#[test]
fn a_release_that_nobody_knows() {
    let mut bench = Bench::new();
    let url = server("Asterisk/GIT-master-cb21471", r#"{"system":{"version":"GIT-master-cb21471"}}"#);
    bench.set("ari.url", &url).doctor(&[]).says("asterisk_version", "no release that is known");
}
