//! The checks: one file a subject. Each looks at a patient and yields findings.

pub mod app;
pub mod ari;
pub mod calls;
pub mod clock;
pub mod config;
pub mod duplicates;
pub mod endpoint;
pub mod exposure;
pub mod modules;
pub mod offices;
pub mod outgoing;
pub mod passwords;
pub mod private;
pub mod proxies;
pub mod registration;
pub mod rights;
pub mod shared_store;
pub mod store;
pub mod test_call;
pub mod transfer;
mod unread;
