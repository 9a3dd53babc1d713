//! A real nginx of a test's own, in a folder that goes with it: started, waited for, its logs, and the files that are
//! shipped with the test's addresses in them. It must not know what stands behind it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Long enough on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder, until it is started.
pub struct Files(TempDir);

pub struct Nginx {
    folder: TempDir,
    process: Child,
}

impl Files {
    pub fn new() -> Self {
        Files(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// A file of `asterisk-config/`, in which each of these stands and becomes something else.
    pub fn ship<'a>(&self, name: &str, changes: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("asterisk-config").join(name);
        let mut text = fs::read_to_string(shipped).expect("the file");
        for (there, here) in changes {
            assert!(text.contains(there), "{name} has no {there}");
            text = text.replace(there, here);
        }
        fs::write(self.at(name), text).expect("written");
    }

    /// nginx with this inside of `http`, once it listens.
    pub async fn start(self, http: &str, listens: SocketAddr) -> Nginx {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {};", self.at(name))).join(" ");
        let config = format!(
            "daemon off; master_process off; pid {}; error_log {};\nevents {{}}\nhttp {{ {temporary}\n{http}\n}}\n",
            self.at("pid"),
            self.at("error.log"),
        );
        fs::write(self.at("nginx.conf"), config).expect("written");
        let mut command = program();
        command.arg("-p").arg(self.path()).args(["-e", &self.at("error.log"), "-c", &self.at("nginx.conf")]);
        let process = command.stdin(Stdio::null()).spawn().expect("nginx can be run");
        let nginx = Nginx { folder: self.0, process };
        let begun = Instant::now();
        while let Err(error) = tokio::net::TcpStream::connect(listens).await {
            assert!(
                begun.elapsed() < PATIENCE,
                "nginx does not listen: {error}: {}",
                nginx.logs(&["error.log"])
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        nginx
    }
}

impl Nginx {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written into these.
    pub fn logs(&self, names: &[&str]) -> String {
        names.iter().map(|name| fs::read_to_string(self.path().join(name)).unwrap_or_default()).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// nginx of the machine, or the one that `scripts/offices setup` unpacks, with its libraries.
fn program() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = std::env::var_os("LAB_HOME").map_or_else(|| root.join(".lab"), PathBuf::from).join("tools");
    let unpacked = tools.join("usr/sbin/nginx");
    let of_machine = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].map(Path::new);
    if let Some(path) = of_machine.into_iter().find(|path| path.is_file()) {
        return Command::new(path);
    }
    if !unpacked.is_file() {
        let set_up = Command::new(root.join("scripts/offices")).arg("setup").status().expect("it can be run");
        assert!(set_up.success(), "scripts/offices setup");
    }
    let mut command = Command::new(unpacked);
    let folders =
        ["lib", "usr/lib"].map(|lib| tools.join(lib).join("x86_64-linux-gnu").display().to_string());
    command.env("LD_LIBRARY_PATH", folders.join(":"));
    command
}
