//! The daemon as a service manager and an operator have it: the real program, its signals, its log,
//! and what it tells systemd. No Asterisk is needed: the bot waits for it.

mod api_key;
mod daemon;
mod nginx;
#[path = "../support/nginx_process.rs"]
mod nginx_process;
mod notify;
mod offices_alone;
mod reload;
mod start;
mod token;
