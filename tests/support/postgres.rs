//! A PostgreSQL server of a test's own: made, started, stopped, frozen and killed by it, gone with it.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

/// Of the user `bot`.
pub const PASSWORD: &str = "db-hunter2";

const ADDRESS: &str = "127.0.0.210";

/// The server refuses to run as root.
const NOBODY: u32 = 65534;

pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// A new server with an empty database `office`, its owner `owner` and the user `bot`, who may log in.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir_in("/tmp").expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        fs::write(folder.path().join("password"), PASSWORD).expect("a file");
        for name in ["data", "log"] {
            let path = folder.path().join(name);
            if name == "data" { fs::create_dir(&path) } else { fs::write(&path, "") }.expect("made");
            if is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may");
            }
        }
        let free = TcpListener::bind((ADDRESS, 0)).expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let mut cluster = Cluster { programs: programs(), folder, port, server: None };
        let made = cluster
            .command("initdb")
            .args(["--no-sync", "--username=owner", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .arg(format!("--pwfile={}", cluster.folder.path().join("password").display()))
            .args(["-D", "data"])
            .output()
            .expect("initdb can be run");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster.start_server();
        let mut owner = cluster.connect("owner", "postgres").await;
        let set_up = format!("CREATE ROLE bot LOGIN PASSWORD '{PASSWORD}'");
        for sql in ["CREATE DATABASE office", &set_up] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.expect(sql);
        }
        cluster
    }

    /// The URL of the database, without a password.
    pub fn url(&self, user: &str) -> String {
        format!("postgres://{user}@{ADDRESS}:{}/office", self.port)
    }

    /// The same with the password in it.
    pub fn url_with_password(&self, user: &str) -> String {
        format!("postgres://{user}:{PASSWORD}@{ADDRESS}:{}/office", self.port)
    }

    /// A server with this done by its owner.
    pub async fn with(sql: &str) -> Self {
        let cluster = Self::start().await;
        cluster.run(sql).await;
        cluster
    }

    /// Statements of the owner.
    pub async fn run(&self, sql: &str) {
        let mut owner = self.owner().await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.expect(sql);
        owner.close().await.expect("a goodbye");
    }

    pub async fn owner(&self) -> PgConnection {
        self.connect("owner", "office").await
    }

    /// One value, as text.
    pub async fn value(&self, sql: &str) -> String {
        let mut owner = self.owner().await;
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut owner).await.expect(sql)
    }

    async fn connect(&self, user: &str, database: &str) -> PgConnection {
        let url = format!("postgres://{user}:{PASSWORD}@{ADDRESS}:{}/{database}", self.port);
        let begun = Instant::now();
        loop {
            match PgConnection::connect(&url).await {
                Ok(connection) => return connection,
                Err(error) if begun.elapsed() > Duration::from_secs(20) => {
                    panic!("the server does not come up: {error}\n{}", self.log())
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// What the server has logged: all statements.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("the log")
    }

    /// How often enterprises were looked up, by the server's own log; nobody's secret of the heartbeat left out.
    pub fn look_ups(&self) -> usize {
        let log = self.log();
        let asked = log.lines().collect::<Vec<_>>();
        let is_find = |line: &str| line.contains("execute") && line.contains("WHERE secret = $1");
        // The line after a statement has its values.
        asked.windows(2).filter(|two| is_find(two[0]) && !two[1].contains("$1 = ''")).count()
    }

    pub fn start_server(&mut self) {
        let log = fs::OpenOptions::new().append(true).open(self.folder.path().join("log")).expect("the log");
        let socket = format!("unix_socket_directories={}", self.folder.path().join("data").display());
        let settings = [
            format!("listen_addresses={ADDRESS}"),
            format!("port={}", self.port),
            socket,
            "fsync=off".into(),
            "log_statement=all".into(),
            "max_connections=20".into(),
            "shared_buffers=16MB".into(),
            "max_worker_processes=1".into(),
            "autovacuum=off".into(),
        ];
        let mut command = self.command("postgres");
        command.args(["-D", "data"]);
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        self.server = Some(command.stderr(log).stdout(Stdio::null()).spawn().expect("the server can be run"));
    }

    /// Ends the server as a machine without power does.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let everyone = self.everyone(&server);
        signal("KILL", &everyone);
        server.wait().expect("it has ended");
        // Until the port is free again.
        while everyone.iter().any(|pid| Path::new(&format!("/proc/{pid}/stat")).exists()) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// An orderly stop: every session is told.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        signal("INT", &[server.id()]);
        server.wait().expect("it has ended");
    }

    /// From now on it accepts connections, for the kernel does that, and answers nothing.
    pub fn freeze(&self) {
        signal("STOP", &self.everyone(self.server.as_ref().expect("it runs")));
    }

    pub fn thaw(&self) {
        signal("CONT", &self.everyone(self.server.as_ref().expect("it runs")));
    }

    /// The server and its sessions, which are sessions for the kernel too.
    fn everyone(&self, server: &Child) -> Vec<u32> {
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.id())).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(server.id()).chain(children).collect()
    }

    /// A program of PostgreSQL, under a user that it accepts; it ends with us.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if is_root() {
            let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
            command.args(user).arg("--clear-groups");
        }
        command.arg(self.programs.join(program)).current_dir(self.folder.path()).env_clear();
        // A server that was unpacked and not installed has its libraries beside it.
        if let Some(unpacked) = self.programs.ancestors().find(|folder| folder.ends_with(".lab/tools")) {
            command.env("LD_LIBRARY_PATH", unpacked.join("usr/lib/x86_64-linux-gnu"));
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("proc").uid() == 0
}

fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    // One that has ended meanwhile is no trouble.
    let _ = Command::new("kill").arg(format!("-{name}")).args(&pids).stderr(Stdio::null()).status();
}

/// The folder of `initdb` and `postgres`.
fn programs() -> PathBuf {
    let of_path =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let mut folders: Vec<PathBuf> = of_path;
    // Of this crate or one of `crates/`.
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|root| root.join(".lab/tools/usr/lib/postgresql"));
    for place in std::iter::once(PathBuf::from("/usr/lib/postgresql")).chain(unpacked) {
        let versions = fs::read_dir(place).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    let is_whole = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file());
    let found = folders.into_iter().find(is_whole);
    found.expect(
        "there is no PostgreSQL in PATH, /usr/lib/postgresql or .lab/tools: run `scripts/offices setup`",
    )
}
