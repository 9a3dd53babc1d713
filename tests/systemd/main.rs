//! The service under a real systemd: installed by `scripts/install` on a machine of its own
//! (`scripts/lib/machine.sh`), placing calls over the lab's Asterisk.
//!
//! They need root, a systemd, and leave to mount, which not every machine gives; `scripts/test` leaves them out there,
//! and says so.

mod faults;
mod machine;
mod service;
#[path = "../e2e/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "some of it only tests/e2e needs")]
mod support;

const LABS: support::lab::Labs = support::lab::Labs {
    asterisk: None,
    tells_sip_status: true,
    shared: ("e2e", ["127.0.0.32", "127.0.0.33"]),
    spoiled: ("e2e-faults", ["127.0.0.34", "127.0.0.35"]),
};
