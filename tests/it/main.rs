//! The program from outside, over real sockets and a real store; a folder a floor.

mod api;
mod support;
