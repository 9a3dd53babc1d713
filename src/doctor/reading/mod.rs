//! Reading what Asterisk and the kernel say: text in, facts out. Pure.

pub mod pjsip;
pub mod sockets;

/// Whether an option of Asterisk's is on, in one of the words it takes for it.
pub fn is_true(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "y" | "t" | "1" | "on")
}
