//! What is looked at beside the answers: secrets in texts, latencies, memory.

use std::{collections::HashSet, fs, time::Duration};

/// Of a clientId eight characters may be told; of a password none, but by eight nobody is given away either.
const TOLD: usize = 8;

/// No text of more than eight characters of a secret is in there.
pub fn assert_tells_no_secret(what: &str, text: &str, secrets: &[String]) {
    let told = |secret: &String| {
        let characters: Vec<char> = secret.chars().collect();
        let parts: HashSet<String> = characters.windows(TOLD + 1).map(|part| part.iter().collect()).collect();
        parts.into_iter().find(|part| text.contains(part.as_str()))
    };
    for secret in secrets {
        if let Some(part) = told(secret) {
            let line = text.lines().find(|line| line.contains(&part)).unwrap_or_default();
            panic!("{what} tells `{part}` of a secret: {line}");
        }
    }
}

/// The value that 95 of 100 are not above.
pub fn p95(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * 95).div_ceil(100).saturating_sub(1)]
}

pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// Memory of a process, MiB: `VmRSS`, or its peak `VmHWM`.
pub fn memory(pid: u32, word: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(':'));
    line.expect("Linux tells it").trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}
