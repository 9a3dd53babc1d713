//! What strangers can reach, and guess.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use crate::bench::Bench;

#[test]
fn ari_for_everybody() {
    let mut bench = Bench::new();
    let (ip, port) = (bench.pbx.setting("PBX_IP").to_owned(), bench.pbx.setting("PBX_HTTP").to_owned());
    // A port of its own: other labs on this machine have 8088 on their addresses.
    bench.pbx.edit("http.conf", |text| {
        text.replace(&format!("bindaddr = {ip}"), "bindaddr = 0.0.0.0")
            .replace(&format!("bindport = {port}"), "bindport = 18052")
    });
    bench.pbx.reload("http");
    bench.pbx.until("http show status", "0.0.0.0:18052");
    let report = bench.set("ari.url", "http://127.0.0.1:18052").doctor(&[]);
    report.fails(&["exposure_ari"]).says("exposure_ari", "listens on 0.0.0.0:18052");
}

#[test]
fn ami_for_everybody() {
    let bench = Bench::new();
    bench.pbx.edit("manager.conf", |text| {
        format!("{text}\n[general]\nenabled = yes\nbindaddr = 0.0.0.0\nport = 15052\n")
    });
    bench.pbx.reload("manager");
    bench.pbx.until("manager show settings", "0.0.0.0:15052");
    bench.doctor(&[]).fails(&["exposure_ami"]).says("exposure_ami", "AMI listens on 0.0.0.0:15052");
    let etc = bench.pbx.etc().display().to_string();
    bench.doctor_with(&["--etc", &etc]).fails(&["exposure_ami"]);
}

#[test]
fn passwords_that_everybody_knows() {
    let mut bench = Bench::new();
    bench.pbx.edit("ari.conf", |text| format!("{text}\n[asterisk]\ntype = user\npassword = asterisk\n"));
    bench.pbx.edit("manager.conf", |text| {
        format!("{text}\n[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = 15038\n[bot]\nsecret = MySecretAMIPassword123\n")
    });
    bench.pbx.reload("res_ari.so");
    bench.pbx.until("ari show users", "asterisk");
    let report = bench.set("ari.username", "asterisk").set("ari.password", "asterisk").doctor(&[]);
    assert!(report.ids("fail").contains(&"passwords"), "{:#}", report.json);
    report.says("passwords", "ari.password ([asterisk]), ari.conf [asterisk], manager.conf [bot]");
}

#[test]
fn files_that_everybody_may_read() {
    let bench = Bench::new();
    // The folder of the tests is closed; a copy stands where all may pass.
    let open =
        tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().expect("a folder");
    let file = open.path().join("ari.conf");
    fs::copy(bench.pbx.etc().join("ari.conf"), &file).expect("a copy");
    let folder = open.path().display().to_string();
    for (mode, expected) in [(0o644, "may read the passwords"), (0o640, "are not readable for everybody")] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
        bench.doctor(&["--etc", &folder]).fails(&[]).says("asterisk_rights", expected);
    }
}

#[test]
fn ari_on_another_machine() {
    let mut bench = Bench::new();
    // An address of the documentation's, which nobody has.
    let report = bench.set("ari.url", "http://192.0.2.1:8088").doctor_with(&[]);
    report.fails(&["ari_reachable"]).says("exposure_ari", "crosses the network in clear text");
}

#[test]
fn the_api_on_a_public_address() {
    let mut bench = Bench::new();
    let report = bench.set("http.listen", "0.0.0.0:18080").doctor(&[]);
    report.warns(&["exposure_api"]).says("exposure_api", "keys and numbers cross the network in clear text");
    bench.set("http.listen", "127.0.0.1:18080").set("http.api_keys", "");
    bench
        .doctor(&[])
        .warns(&["exposure_api"])
        .says("exposure_api", "needs no key")
        .says("exposure_api", "a proxy");
}
