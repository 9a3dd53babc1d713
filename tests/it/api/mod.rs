//! The HTTP API, with a stand-in for the engine.

mod auth;
mod calls;
mod errors;
mod events;
mod health;
mod idempotency;
mod initiate;
mod list;
mod openapi;
mod rights;
mod server;
