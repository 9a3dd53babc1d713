//! What the figures hold for: the machine, and how fast its disk makes a write durable.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    time::Instant,
};

use crate::{load::histogram, report::Machine};

/// Looks at this machine, and at the disk that `folder` lies on.
pub fn look(folder: &Path) -> anyhow::Result<Machine> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kilobytes: f64 =
        memory.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or_default();
    Ok(Machine {
        cpu: model.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: cpu.lines().filter(|line| line.starts_with("processor")).count(),
        memory: format!("{:.0} GB", kilobytes / 1e6),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        file_system: file_system(folder),
        fsync_us: fsync(folder)?,
    })
}

fn file_system(folder: &Path) -> String {
    let output = Command::new("df").arg("--output=fstype").arg(folder).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // The first line is the heading.
    text.lines().nth(1).unwrap_or("an unknown file system").trim().to_owned()
}

/// Appends 4 KiB and makes it durable, over and over: p50 and p99 in microseconds.
fn fsync(folder: &Path) -> anyhow::Result<(u64, u64)> {
    let path = folder.join("fsync.probe");
    let mut file = File::create(&path)?;
    let mut took = histogram();
    for _ in 0..300 {
        let begin = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_all()?;
        took.saturating_record((begin.elapsed().as_micros() as u64).max(1));
    }
    fs::remove_file(&path)?;
    Ok((took.value_at_quantile(0.5), took.value_at_quantile(0.99)))
}
