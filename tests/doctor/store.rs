//! The store's file.

use std::fs;

use novofon_bot::store::Store;
use tokio::sync::mpsc;

use crate::bench::Bench;

#[test]
fn no_folder() {
    let mut bench = Bench::new();
    let report = bench.set("store.url", "sqlite:///nonexistent/folder/bot.db").doctor(&[]);
    report.fails(&["store"]).says("store", "create /nonexistent/folder");
}

#[tokio::test]
async fn a_damaged_database() {
    let bench = Bench::new();
    let (notices, _kept) = mpsc::unbounded_channel();
    let (store, writer) = Store::open(bench.setting("store.url"), notices).await.expect("a store");
    // Closed in order, so that nothing is left in the write-ahead log.
    store.close().await;
    writer.ended().await;
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
