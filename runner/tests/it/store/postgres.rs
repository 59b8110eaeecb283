//! A private PostgreSQL: Debian's own programs, a temporary folder, a Unix socket, no port.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use runner::store::{Store, StoreError};

use super::{Place, suite};

/// A running server. Dropping it stops it, also in a panic; the kernel stops it where this process is killed.
pub(crate) struct Cluster {
    server: Child,
    folder: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        // Not in TMPDIR: the path of a socket has to be short, and the server's user has to reach it.
        let folder = tempfile::Builder::new().prefix("simmer-pg-").tempdir_in("/tmp").unwrap();
        let bin = programs();
        let user = Owner::find();
        user.give(folder.path());
        let data = folder.path().join("data");
        let made = user
            .command(&bin.join("initdb"))
            .args(["--auth=trust", "--username=simmer", "--encoding=UTF8", "--no-locale", "--no-sync"])
            .arg("--pgdata")
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = user
            .command(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            // What is tested are statements, not the disk; SQLite is tested with the disk.
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "shared_buffers=16MB", "-c", "max_connections=200"])
            .current_dir(folder.path())
            .env("LC_ALL", "C")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let cluster = Self { server, folder };
        let mut told = Vec::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("no server: {told:#?}")).unwrap();
            let is_ready = line.contains("ready to accept connections");
            told.push(line);
            if is_ready {
                break;
            }
        }
        // Read on, or the server waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        cluster
    }

    /// Where its socket is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=simmer", self.folder.path().display())
    }

    /// Makes an empty database.
    async fn place(&self, name: &str) -> Place {
        let place = Place::postgres(self.url(name));
        Place::postgres(self.url("postgres")).by_hand(&format!("CREATE DATABASE {name}")).await;
        place
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All there is goes with the folder, so that there is nothing to shut down in order: SIGQUIT, which ends the
        // server's own children too.
        let pid = rustix::process::Pid::from_child(&self.server);
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _status = self.server.wait();
    }
}

/// Where the server's programs are: Debian keeps them off the path.
fn programs() -> PathBuf {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found = folders
        .into_iter()
        .rfind(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    found.expect("the tests need PostgreSQL's server: `cargo xtask up`, or `apt-get install postgresql`")
}

/// Who runs the server: not root, it refuses.
enum Owner {
    Ourselves,
    Other { uid: u32, gid: u32 },
}

impl Owner {
    fn find() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self::Ourselves;
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let mut users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = users.find(|fields| fields[0] == "postgres").expect("Debian's server brings its user");
        Self::Other { uid: user[2].parse().unwrap(), gid: user[3].parse().unwrap() }
    }

    fn give(&self, folder: &Path) {
        match self {
            Self::Ourselves => {}
            Self::Other { uid, gid } => chown(folder, Some(*uid), Some(*gid)).unwrap(),
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        match self {
            Self::Ourselves => {}
            Self::Other { uid, gid } => {
                command.args(["--clear-groups", "--reuid", &uid.to_string(), "--regid", &gid.to_string()]);
            }
        }
        command.arg(program);
        command
    }
}

/// One server for all cases, so that the suite stays quick: each has a database of its own, all at the same time.
#[tokio::test]
async fn all_cases_hold_on_postgresql_too() {
    let cluster = Cluster::start();
    let mut cases = Vec::new();
    for (nth, (name, case)) in suite().into_iter().enumerate() {
        let place = cluster.place(&format!("case_{nth}")).await;
        cases.push((name, tokio::spawn(case(place))));
    }
    let mut broken = Vec::new();
    for (name, case) in cases {
        if let Err(error) = case.await {
            broken.push(format!("{name}: {error}"));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    troubles(&cluster).await;
}

/// What goes wrong with a server is told apart.
async fn troubles(cluster: &Cluster) {
    let refused = async |url: &str| {
        let place = Place::postgres(url.to_owned());
        Store::open(&place.database).await.unwrap_err()
    };
    let missing = refused(&cluster.url("nowhere")).await;
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");

    let stranger = cluster.url("postgres").replace("user=simmer", "user=stranger&password=hunter2hunter2");
    let denied = refused(&stranger).await;
    assert!(matches!(denied, StoreError::Denied { .. }), "{denied:?}");
    assert!(!format!("{denied} {denied:?}").contains("hunter2"), "{denied:?}");

    let place = cluster.place("read_only").await;
    place.open().await.close().await;
    place.by_hand("ALTER DATABASE read_only SET default_transaction_read_only = on").await;
    let read_only = Store::open(&place.database).await.unwrap_err();
    assert!(matches!(read_only, StoreError::ReadOnly { .. }), "{read_only:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://me:hunter2hunter2@/simmer?host={}", folder.path().display());
    let url = url.replace("@/", "@localhost/");
    let place = Place::postgres(url);

    let error = Store::open(&place.database).await.unwrap_err();

    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let says = format!("{error} {error:?}");
    assert!(says.contains("postgres://me:********@") && !says.contains("hunter2"), "{says}");
}
