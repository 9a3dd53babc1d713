//! What a thousand enterprises on a hundred hosts cost in memory, while all hosts are connected.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Office, OfficeBot, Way, ask, hosts, hosts::Hosts, sql};
use crate::report::Part;

const HOSTS: u8 = 100;
const ENTERPRISES: usize = 1000;

/// Connected at once: sshd turns away some of more than ten that have not logged in (MaxStartups).
const AT_ONCE: usize = 5;

const SETTLES: Duration = Duration::from_secs(2);

pub async fn run(office: &Office<'_>, part: &mut Part) -> anyhow::Result<()> {
    let (hosts, enterprises) = if office.place.short { (10, 100) } else { (HOSTS, ENTERPRISES) };
    add_enterprises(office, hosts, enterprises)?;
    for way in [Way::Socket, Way::Ami] {
        measure(office, part, way, hosts, enterprises).await?;
    }
    sql(office.place, "DELETE FROM enterprises WHERE number LIKE 'B%'")?;
    Ok(())
}

async fn measure(
    office: &Office<'_>,
    part: &mut Part,
    way: Way,
    hosts: u8,
    enterprises: usize,
) -> anyhow::Result<()> {
    let ip: std::net::IpAddr = office.place.office("JUNE_IP")?.parse()?;
    let [ssh, ami, ari] = office.ports;
    let carried = Hosts::new(hosts, (ip, if way == Way::Ami { ami } else { ssh }).into()).await?;
    let ports = if way == Way::Ami { [ssh, carried.port, ari] } else { [carried.port, ami, ari] };
    let many = Office { place: office.place, ports, secret: office.secret.clone(), ari: office.ari };
    let folder = office.place.fresh("office")?;
    let bot = many.bot(way, &folder).await?;
    tokio::time::sleep(SETTLES).await;
    let empty = bot.bot.memory()?;
    // A list, which meets no host.
    each(&bot, enterprises, |n| format!("/api/calls?limit=1&clientId={}", secret(n))).await?;
    tokio::time::sleep(SETTLES).await;
    let known = bot.bot.memory()?;
    let begin = Instant::now();
    each(&bot, hosts.into(), |n| format!("/api/extensions/150/calls?clientId={}", secret(n))).await?;
    let connected_in = begin.elapsed();
    // Every enterprise asks its host once more: each host serves several.
    each(&bot, enterprises, |n| format!("/api/extensions/150/calls?clientId={}", secret(n))).await?;
    tokio::time::sleep(SETTLES).await;
    let connected = bot.bot.memory()?;
    let cpu = bot.bot.cpu()?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = (bot.bot.cpu()? - cpu).as_secs_f64() / 5.0;
    bot.stop().await?;

    let name = if way == Way::Ami { "AMI" } else { "ssh" };
    let mb = |bytes: u64| bytes as f64 / 1e6;
    if way == Way::Socket {
        part.figure("memory of the bot, just started", mb(empty), "MB");
        part.figure(format!("memory of the bot, {enterprises} enterprises known"), mb(known), "MB");
    }
    part.figure(format!("memory of the bot, {hosts} hosts connected by {name} besides"), mb(connected), "MB");
    let each = (connected.saturating_sub(known)) as f64 / f64::from(hosts) / 1000.0;
    part.figure(format!("memory for each host connected by {name}"), each, "KB");
    part.figure(
        format!("CPU with {hosts} hosts connected by {name}, and nothing to do"),
        100.0 * idle,
        "% of a core",
    );
    part.figure(
        format!("{hosts} hosts connected by {name}, {AT_ONCE} at a time, within"),
        connected_in.as_secs_f64(),
        "s",
    );
    Ok(())
}

/// Several connections share the requests.
async fn each(bot: &OfficeBot, count: usize, path: impl Fn(usize) -> String) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    for first in 0..AT_ONCE {
        let mut http = bot.connect().await?;
        let paths: Vec<String> = (first..count).step_by(AT_ONCE).map(&path).collect();
        tasks.push(tokio::task::spawn_local(async move {
            for path in paths {
                ask(&mut http, &path).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// As long as the real ones are.
fn secret(nth: usize) -> String {
    format!("bench{nth:027}")
}

fn add_enterprises(office: &Office<'_>, hosts: u8, enterprises: usize) -> anyhow::Result<()> {
    let rows: Vec<String> = (0..enterprises)
        .map(|n| {
            let host = hosts::address(u8::try_from(n % usize::from(hosts)).unwrap_or_default());
            format!("('B{n:04}', 'enterprise {n}', '{host}', '{}', true)", secret(n))
        })
        .collect();
    let columns = "(number, name, ip, secret, active)";
    let text = format!(
        "DELETE FROM enterprises WHERE number LIKE 'B%'; INSERT INTO enterprises {columns} VALUES {}",
        rows.join(", ")
    );
    sql(office.place, &text)?;
    let there = sql(office.place, "SELECT count(*) FROM enterprises WHERE number LIKE 'B%'")?;
    ensure!(there == enterprises.to_string(), "{there} of {enterprises} enterprises are in the table");
    Ok(())
}
