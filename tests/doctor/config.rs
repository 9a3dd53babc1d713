//! The bot's own configuration.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use crate::bench::Bench;

#[test]
fn a_wrong_value() {
    let mut bench = Bench::new();
    let report = bench.set("dial.ring_timeout", "soon").doctor(&[]);
    report.fails(&["config"]).says("config", "dial.ring_timeout");
}

#[test]
fn an_open_api_on_a_public_address() {
    let mut bench = Bench::new();
    let report = bench.set("http.api_keys", "").set("http.listen", "0.0.0.0:18080").doctor(&[]);
    report.fails(&["config"]).says("config", "http.api_keys");
}

#[test]
fn a_secret_that_everybody_may_read() {
    let mut bench = Bench::new();
    let file = bench.path("password");
    fs::write(&file, bench.pbx.setting("PBX_ARI_PASSWORD")).expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("set");
    let path = file.display().to_string();
    bench.set("ari.password", "").set("ari.password_file", &path);
    bench.doctor(&[]).fails(&["config_rights"]).says("config_rights", &format!("chmod o-rwx {path}"));
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    bench.doctor(&[]).fails(&[]);
}

#[test]
fn a_value_that_may_not_be_meant() {
    let mut bench = Bench::new();
    let report = bench.set("dial.allow", "+").doctor(&[]);
    report.warns(&["config"]).says("config", "allows every number of the world");
}
