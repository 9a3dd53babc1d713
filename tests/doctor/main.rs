//! `novofon-bot doctor` on a real Asterisk (scripts/lab): each ✗ is staged, and a sound system has none.
//!
//! All tests share one PBX, which they spoil: a lock makes them go one after the other, whoever runs them.
//!
//! | finding | staged in |
//! |---|---|
//! | `config`, `config_rights` | `config`: a wrong value, an open API, a file for everybody; `!` a value not meant |
//! | `store` | `store`: no folder, a file system for reading only, a daemon that can't write; `!` another user's file |
//! | `store_space`, `store_integrity` | `store`: 64 MiB, no inode, `!` 512 MiB; a damaged file, no database at all |
//! | `clock` | `clock`: the year 1970; `!` an hour away, no time server |
//! | `console` | `ari`: `!` it does not answer |
//! | `ari_reachable` | `ari`: nobody, a frozen Asterisk, somebody else, two wrong prefixes, ARI off |
//! | `ari_authorised` | `ari`: 401, 403 by each of two ACLs, a user who may only read |
//! | `asterisk_version` | `ari`: 13 and `!` an unknown one, by a made-up server: neither is to be had |
//! | `modules` | `ari`: one that all calls need, `!` one that some need |
//! | `daemon` | `daemon`, `store`: not ready, for Asterisk or for the store; frozen; `!` not running |
//! | `ari_app` | `daemon`: taken by another program before and after the start, another configuration; `!` not subscribed |
//! | `endpoint`, `endpoint_auth` | `trunk`: none; `auth` instead, no such section, the example's; `!` none, both |
//! | `endpoint_contact`, `endpoint_codecs` | `trunk`: gone, by ARI and by console, no `aors`; no codec; `!` not looked after, a rare codec |
//! | `endpoint_transfer` | `trunk`: `!` by console, by ARI and by the file |
//! | `registration` | `trunk`: rejected, unanswered; `!` none |
//! | `outgoing`, `outgoing_dials` | `dialplan`: no context, no `+`; nothing, another endpoint; `!` a variable |
//! | `outgoing_redirects`, `outgoing_reports`, `caller_id` | `dialplan`, `trunk`: `!` each |
//! | `exposure_ari`, `exposure_ami`, `exposure_api` | `exposure`: on all addresses; `!` on another machine, API without key or TLS |
//! | `passwords`, `asterisk_rights` | `exposure`: in three places; `!` readable for everybody |
//! | `last_calls`, `live_calls` | `calls`, `trunk`: one reason for most, `!` over now; a call that nobody ended |
//! | `test_call` | `daemon`, `trunk`: no daemon, no key, not allowed, two kinds of 401; `!` a wrong number |
//!
//! On the oldest Asterisk: `tests/e2e/doctor.rs`.

mod ari;
mod asterisk;
mod bench;
mod calls;
mod clock;
mod config;
mod daemon;
mod dialplan;
mod exposure;
mod sound;
mod store;
mod trunk;
