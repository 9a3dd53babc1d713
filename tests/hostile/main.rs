//! Peers that mean no good: clients of the API, and an Asterisk that is none. The real program runs; after each
//! of them its memory is in bounds and comes back, and calls go on.

mod asterisk;
mod bot;
mod clients;
mod readers;
mod requests;
mod sockets;
