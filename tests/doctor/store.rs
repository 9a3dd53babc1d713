//! The store's file.

use std::fs;

use crate::bench::Bench;

#[test]
fn no_folder() {
    let mut bench = Bench::new();
    let report = bench.set("store.url", "sqlite:///nonexistent/folder/bot.db").doctor(&[]);
    report.fails(&["store"]).says("store", "create /nonexistent/folder");
}

#[test]
fn a_damaged_database() {
    let mut bench = Bench::with_daemon();
    bench.stop();
    let file = bench.path("bot.db");
    let mut bytes = fs::read(&file).expect("the store");
    // The header stays, so that it still looks like a database.
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0x5a;
    }
    fs::write(&file, bytes).expect("the store");
    let report = bench.doctor(&[]);
    assert!(report.ids("fail").contains(&"store_integrity"), "{:#}", report.json);
    report.says("store_integrity", "restore");
}

#[test]
fn no_database_at_all() {
    let bench = Bench::new();
    fs::write(
        bench.path("bot.db"),
        "not a database, but long enough to be taken for one at first sight".repeat(99),
    )
    .expect("written");
    let report = bench.doctor(&[]);
    report.fails(&["store_integrity"]);
}
