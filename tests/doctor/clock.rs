//! The clock. Doctor runs with one that is shifted; Asterisk's stays right.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::bench::{Bench, Report};

/// Shifts the time of day by `CLOCK_SHIFT` seconds, and no other clock.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(id, now);
  const char *shift = getenv("CLOCK_SHIFT");
  if (code == 0 && id == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
  return code;
}
"#;

/// Doctor's report when its clock is so many seconds ahead.
pub fn doctor_ahead(bench: &Bench, seconds: i64) -> Report {
    let (source, library) = (bench.path("clock.c"), bench.path("clock.so"));
    fs::write(&source, SHIFTED).expect("written");
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").status();
    assert!(status.expect("cc, which the build needs too").success());
    let preload = format!("LD_PRELOAD={}", library.display());
    bench.doctor_by(&["env", &preload, &format!("CLOCK_SHIFT={seconds}")], &[])
}

#[test]
fn an_impossible_year() {
    let bench = Bench::new();
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later");
    let report = doctor_ahead(&bench, -(since_1970.as_secs() as i64));
    report.fails(&["clock"]).says("clock", "it shows 1970-01-01").says("clock", "timedatectl set-ntp true");
}

#[test]
fn an_hour_from_asterisks() {
    let bench = Bench::new();
    for shift in [3600, -3600] {
        let report = doctor_ahead(&bench, shift);
        let text = report.warns(&["clock"]).text("clock");
        // Asterisk's second may be about to change.
        assert!(["3599 s away", "3600 s away", "3601 s away"].iter().any(|it| text.contains(it)), "{text}");
    }
    assert!(!bench.doctor(&[]).text("clock").contains("away"));
}

#[test]
fn no_time_server() {
    let bench = Bench::new();
    let tool = bench.path("timedatectl");
    let path =
        format!("PATH={}:{}", bench.folder.path().display(), std::env::var("PATH").expect("it is set"));
    for (says, expected) in [("no", "no time server keeps it right"), ("yes", "kept by a time server")] {
        fs::write(&tool, format!("#!/bin/sh\necho {says}\n")).expect("written");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("set");
        bench.doctor_by(&["env", &path], &[]).fails(&[]).says("clock", expected);
    }
}
