//! The enterprises of a test and the bot that serves them. Each has its own row in a table, in a SQLite file of the
//! bot's or in the laboratory's PostgreSQL, and reaches one office's host by one way.

use std::{ops::Deref, path::Path, time::Duration};

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::{Answer, Bot, Call, Client, Lab, Phone, SOON, Way, until, watch};

/// How the seed's clients are told of an order that failed, before why.
pub const FAILED: &str = "Call initiation failed: ";

/// The table as the program makes it.
const TABLE: &str = include_str!("../../../src/enterprises/table.sql");

/// An enterprise: whoever has its secret calls at this office, by this way.
#[derive(Debug, Clone)]
pub struct Firm {
    pub number: String,
    pub secret: String,
    pub office: &'static str,
    pub way: &'static str,
    /// Another host than that of the office, and its port for every way.
    pub address: Option<(String, u16)>,
    /// Columns of its row that differ, as SQL.
    pub columns: Vec<(&'static str, String)>,
}

impl Firm {
    /// `way`: a value of the column, such as `ssh`.
    pub fn of(office: &'static str, way: &'static str) -> Self {
        let random = uuid::Uuid::new_v4().simple().to_string();
        Firm {
            number: format!("{}-{way}", &random[..6]),
            secret: random,
            office,
            way,
            address: None,
            columns: Vec::new(),
        }
    }

    /// With another value in this column.
    pub fn with(mut self, column: &'static str, value: &str) -> Self {
        self.columns.push((column, value.to_owned()));
        self
    }

    /// One whose host is elsewhere.
    pub fn at(address: &str, port: u16) -> Self {
        Firm { address: Some((address.to_owned(), port)), ..Firm::of("june", "ssh") }
    }

    fn row(&self, lab: &Lab) -> String {
        let of = |name| lab.office(self.office, name).to_owned();
        let ports = ["SSH_PORT", "AMI_PORT", "HTTP"];
        let (ip, [ssh, ami, ari]) = match &self.address {
            Some((ip, port)) => (ip.clone(), ports.map(|_| port.to_string())),
            None => (of("IP"), ports.map(of)),
        };
        let row = format!(
            "INSERT INTO enterprises (number, name, ip, secret, active, way, technology, ssh_port, ssh_password, \
             ami_port, ami_user, ami_password, ari_port, ari_user, ari_password, rate_limit) VALUES \
             ('{}', '{}', '{ip}', '{}', true, '{}', 'PJSIP', {ssh}, '{}', {ami}, '{}', '{}', {ari}, '{}', '{}', 0);",
            self.number,
            self.office,
            self.secret,
            self.way,
            of("SSH_PASSWORD"),
            of("AMI_USER"),
            of("AMI_PASSWORD"),
            of("ARI_USER"),
            of("ARI_PASSWORD"),
        );
        let change = |(column, value): &(&str, String)| {
            format!("UPDATE enterprises SET {column} = '{value}' WHERE number = '{}';", self.number)
        };
        row + &self.columns.iter().map(change).collect::<String>()
    }
}

/// A bot with its enterprises. At its end its log, and all that it told, are searched for secrets.
pub struct Site {
    pub bot: Bot,
    pub lab: Lab,
    firms: Vec<Firm>,
    /// Made once: each takes a tenth of a second.
    http: reqwest::Client,
    clients: Vec<Client>,
}

impl Deref for Site {
    type Target = Bot;

    fn deref(&self) -> &Bot {
        &self.bot
    }
}

impl Site {
    /// The table in a file of the bot's own. `settings`: keys such as `office.ssh_socket`.
    pub async fn start(lab: &Lab, firms: &[&Firm], settings: &[(&str, &str)]) -> Self {
        let mut site = Site::stopped(lab, firms, settings).await;
        site.launch().await;
        site
    }

    pub async fn stopped(lab: &Lab, firms: &[&Firm], settings: &[(&str, &str)]) -> Self {
        let mut bot = Bot::stopped(lab, "june", Way::Auto, settings);
        let file = bot.file("enterprises.db");
        let rows: String = firms.iter().map(|firm| firm.row(lab)).collect();
        in_sqlite(&file, &format!("{TABLE};{rows}")).await;
        bot.set("office.database", &format!("sqlite://{}", file.display()));
        Site::of(bot, lab, firms)
    }

    fn of(bot: Bot, lab: &Lab, firms: &[&Firm]) -> Self {
        let clients = firms.iter().map(|firm| bot.client_with(&firm.secret)).collect();
        let firms = firms.iter().map(|&firm| firm.clone()).collect();
        Site { bot, lab: lab.clone(), firms, http: reqwest::Client::new(), clients }
    }

    /// The table in the laboratory's PostgreSQL, which this test holds; made anew, and not the bot's own.
    pub async fn on_postgres(lab: &Lab, firms: &[&Firm], settings: &[(&str, &str)]) -> Self {
        let rows: String = firms.iter().map(|firm| firm.row(lab)).collect();
        let user = lab.setting("PG_USER");
        let sql = format!(
            "DROP TABLE IF EXISTS enterprises; SET ROLE {user}; {}; {rows}",
            TABLE.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
        );
        lab.sql(&sql).await;
        let bot = Bot::stopped(lab, "june", Way::Auto, settings);
        let mut site = Site::of(bot, lab, firms);
        site.launch().await;
        site
    }

    pub async fn launch(&mut self) {
        self.bot.launch();
        self.bot.until_live().await;
    }

    pub fn client(&self, firm: &Firm) -> Client {
        let known = self.clients.iter().find(|client| client.secret == firm.secret);
        known.cloned().unwrap_or_else(|| self.bot.client_with(&firm.secret))
    }

    /// One request as it is answered, whatever that is.
    pub async fn ask(&self, secret: &str, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.bot.url)).bearer_auth(secret);
        let response = request.send().await.expect("the bot answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("a body") }
    }

    /// Orders a call from an extension of the enterprise to a number, as the documents have it.
    pub async fn call(&self, firm: &Firm, code: &str, phone: &Phone) -> Answer {
        self.client(firm).make_call(code, phone, &[]).await
    }

    /// A call that works: both sides are connected, exactly once, until it is hung up.
    pub async fn works(&self, firm: &Firm) -> Call {
        let phone = self.lab.number(firm.office, "0201");
        let answer = self.call(firm, "150", &phone).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.goes_its_way(&answer.call_id(), &phone).await
    }

    /// A call that was taken is answered, and ends when it is asked to.
    async fn goes_its_way(&self, id: &str, phone: &Phone) -> Call {
        self.bot.main.until_status(id, "answered").await;
        assert_eq!(self.bot.main.hang_up(id).await.status, 200);
        let call = self.bot.main.until_ended(id, Duration::from_secs(30)).await;
        assert_eq!(call.status(), "completed", "{call:?}");
        assert_eq!(self.lab.arrivals(&[phone]).await, [1]);
        call
    }

    /// A call in which both sides talk until somebody ends it: its id.
    pub async fn talks(&self, firm: &Firm, code: &str) -> String {
        let phone = self.lab.number(firm.office, "0201");
        let answer = self.call(firm, code, &phone).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let id = answer.call_id();
        self.bot.main.until_status(&id, "answered").await;
        id
    }

    /// An order that must fail: its answer, which is a 500 that says why.
    pub async fn fails(&self, firm: &Firm, code: &str, phone: &Phone) -> Answer {
        let answer = self.call(firm, code, phone).await;
        assert_eq!(answer.status, 500, "{}", answer.text);
        assert!(answer.detail().starts_with(FAILED), "{}", answer.text);
        answer
    }

    /// What the record of a failed order has to say: `status reason reached`.
    pub async fn record_of(&self, answer: &Answer) -> [String; 3] {
        let id = answer.header("x-call-id").expect("there is a record");
        let call = self.bot.main.until_ended(id, Duration::from_secs(90)).await;
        ["status", "reason", "reached"].map(|name| call.text(name))
    }

    /// Until a call works again, by itself; how often it did not. A host that has just started may not know its
    /// phones yet.
    pub async fn until_works(&self, firm: &Firm, time: Duration) -> usize {
        let mut failures = 0;
        let (id, phone) = until("calls work again", time, async || {
            let phone = self.lab.number(firm.office, "0201");
            let answer = self.call(firm, "150", &phone).await;
            if answer.status == 200 {
                let id = answer.call_id();
                let call = until("the call is answered or ends", SOON, async || {
                    let call = self.bot.main.call(&id).await;
                    if call.status() == "answered" || call.has_ended() {
                        Ok(call)
                    } else {
                        Err(call.status())
                    }
                });
                if call.await.status() == "answered" {
                    return Ok((id, phone));
                }
            }
            failures += 1;
            Err(answer.text)
        })
        .await;
        self.goes_its_way(&id, &phone).await;
        failures
    }

    /// All secrets that this bot has got to know.
    pub fn secrets(&self) -> Vec<String> {
        self.lab.passwords().into_iter().chain(self.firms.iter().map(|firm| firm.secret.clone())).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = self.bot.log_text();
        assert!(!log.contains("panicked"), "{log}");
        watch::assert_tells_no_secret("the log", &log, &self.secrets());
    }
}

pub async fn in_sqlite(file: &Path, sql: &str) {
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a database");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("it is SQL");
    connection.close().await.expect("it is written");
}
