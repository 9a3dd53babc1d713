//! The office API on a laboratory of `scripts/offices`: calls by each way beside `sshpass ssh`, how many a second, what
//! they cost, and what many enterprises cost. This file owns the bot of an enterprise; the measures are beside it.

mod beside;
mod hosts;
mod memory;
mod rate;

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

use super::Place;
use crate::{
    bot::{Bot, free_address},
    http::Http,
    pin,
    report::Part,
    sim::{self, Behaviour, Sim},
};

/// How a bot speaks to the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Exec,
    Socket,
    Ami,
    Ari,
}

impl Way {
    const ALL: [Way; 4] = [Way::Exec, Way::Socket, Way::Ami, Way::Ari];

    fn name(self) -> &'static str {
        match self {
            Way::Exec => "ssh, by exec",
            Way::Socket => "ssh, by the console's socket",
            Way::Ami => "AMI",
            Way::Ari => "ARI",
        }
    }

    /// As the setting `office.way` and the metrics have it.
    fn word(self) -> &'static str {
        match self {
            Way::Exec | Way::Socket => "ssh",
            Way::Ami => "ami",
            Way::Ari => "ari",
        }
    }
}

/// The number that is called: nobody ever reaches it.
const PHONE: &str = "+375296254070";

/// The phones of the laboratory decline extensions that end with this, at once, so that no call lasts.
const DECLINES: &str = "0486";

/// One enterprise of the laboratory.
struct Office<'a> {
    place: &'a Place,
    /// Where ssh, AMI and ARI are: port.
    ports: [u16; 3],
    secret: String,
    /// An Asterisk that the bot is connected to besides, for its other API; it has nothing to do here.
    ari: SocketAddr,
}

pub async fn run(place: &Place) -> anyhow::Result<Part> {
    pin(None)?;
    let mut part = Part::new("Offices' calls by each way beside sshpass, on a real Asterisk and a real sshd");
    let ari = sim::spawn(&Sim::new(Behaviour::default()), "127.0.0.1:0".parse()?).await?;
    let port = |name: &str| anyhow::Ok(place.office(name)?.parse()?);
    let office = Office {
        place,
        ports: [port("JUNE_SSH_PORT")?, port("JUNE_AMI_PORT")?, port("JUNE_HTTP")?],
        secret: place.office("JUNE_SECRET")?.to_owned(),
        ari,
    };
    beside::run(&office, &mut part).await?;
    rate::run(&office, &mut part).await?;
    memory::run(&office, &mut part).await?;
    Ok(part)
}

/// A bot with an office API.
struct OfficeBot {
    bot: Bot,
    api: SocketAddr,
}

impl Office<'_> {
    async fn bot(&self, way: Way, folder: &Path) -> anyhow::Result<OfficeBot> {
        let office = |name: &str| self.place.office(name);
        let api = free_address()?;
        let socket = if way == Way::Socket { office("JUNE_CTL")? } else { "" };
        let [ssh_port, ami_port, ari_port] = self.ports;
        let text = format!(
            "[ari]\nurl = \"http://{ari}\"\nusername = \"bench\"\npassword = \"bench\"\napp = \"bench_bot\"\n\
             [office]\ndatabase = \"{database}\"\nlisten = \"{api}\"\nrate_limit = 0\nnumber_limit = 0\n\
             way = \"{way}\"\ntechnology = \"PJSIP\"\n\
             ssh_port = {ssh_port}\nssh_user = \"{ssh_user}\"\nssh_password = \"{ssh_password}\"\n\
             ssh_known_hosts = \"{known_hosts}\"\nssh_socket = \"{socket}\"\n\
             ami_port = {ami_port}\nami_user = \"{ami_user}\"\nami_password = \"{ami_password}\"\n\
             ari_port = {ari_port}\nari_user = \"{ari_user}\"\nari_password = \"{ari_password}\"\n",
            ari = self.ari,
            way = way.word(),
            database = office("PG_URL")?,
            ssh_user = office("JUNE_SSH_USER")?,
            ssh_password = office("JUNE_SSH_PASSWORD")?,
            known_hosts = folder.join("known_hosts").display(),
            ami_user = office("JUNE_AMI_USER")?,
            ami_password = office("JUNE_AMI_PASSWORD")?,
            ari_user = office("JUNE_ARI_USER")?,
            ari_password = office("JUNE_ARI_PASSWORD")?,
        );
        Ok(OfficeBot { bot: Bot::launch(&self.place.program, folder, None, &text).await?, api })
    }

    /// Makes the request for the nth call: each from another extension, as in an office.
    fn calls(&self) -> impl Fn(u64) -> String + 'static {
        let (phone, secret) = (&PHONE[1..], self.secret.clone());
        move |nth| format!("/api/makecallexternal?code={}&phone=%2B{phone}&clientId={secret}", extension(nth))
    }
}

/// At most ten digits.
fn extension(nth: u64) -> String {
    format!("{}{DECLINES}", 1 + nth % 900_000)
}

impl OfficeBot {
    async fn connect(&self) -> anyhow::Result<Http> {
        Http::connect(self.api).await
    }

    /// Until no call is live any more.
    async fn until_idle(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while self.bot.metrics().await?.value("novofon_bot_office_calls_live") > 0.0 {
            ensure!(begin.elapsed() < Duration::from_secs(60), "calls of the office do not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.bot.stop().await
    }
}

/// Asks, and must be answered 200; how long it took.
async fn ask(http: &mut Http, path: &str) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let answer = http.get(path).await?;
    let took = begin.elapsed();
    ensure!(answer.status == 200, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(took)
}

/// Lets the laboratory's superuser run SQL; what it prints.
fn sql(place: &Place, text: &str) -> anyhow::Result<String> {
    let output = std::process::Command::new(&place.offices_program)
        .arg("sql")
        .args([place.offices_folder.as_os_str(), text.as_ref()])
        .output()
        .context("scripts/offices can't be run")?;
    ensure!(output.status.success(), "scripts/offices sql: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
