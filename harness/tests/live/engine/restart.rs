//! The engine itself goes away while we wait. On an engine of its own: the shared one is never restarted.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::engine::Engine;
use tokio::time::Instant;

use super::stage::{ONE, PATIENCE, on_engine, patient, svc};

/// Longest time for a private engine to start or stop on a busy machine.
const ENGINE_LIMIT: Duration = Duration::from_secs(300);

/// How much of the engine's log a failed test shows.
const TOLD_LINES: usize = 40;

/// What turns a root file system into the world of one engine.
const ENTER: &str = include_str!("../../../../xtask/src/second/enter.sh");

/// An engine in a network namespace of its own: this machine's, or that of the root file system in `SIMMER_LIVE_ROOT`,
/// which has another version.
struct PrivateEngine {
    folder: tempfile::TempDir,
    name: String,
    daemon: Option<Child>,
}

/// Runs it to a good end and returns what it printed.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

impl PrivateEngine {
    /// Starts it, makes it a swarm of one with a `proxy` network, and gives it the test image.
    async fn up() -> (Self, Engine) {
        // Under /tmp: a socket's path may have 108 characters.
        let folder = tempfile::Builder::new().prefix("simmer-").tempdir_in("/tmp").unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        done(Command::new("ip").args(["netns", "add", &name]));
        done(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]));
        let mut private = Self { folder, name, daemon: None };
        private.start();
        let engine = private.connected().await;
        private.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
        private.docker(&["network", "create", "--driver", "overlay", "--attachable", "proxy"]);
        let image = private.folder.path().join("image.tar");
        done(Command::new("docker").arg("save").arg("-o").arg(&image).arg(ONE));
        private.docker(&["load", "-i", image.to_str().unwrap()]);
        drop(engine);
        let engine = private.connected().await;
        (private, engine)
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn host(&self) -> String {
        format!("unix://{}", self.path("host/docker.sock").display())
    }

    fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let group = format!("/{}", self.name);
        let [data, host] = ["data", "host"].map(|part| self.path(part));
        std::fs::create_dir_all(&data).unwrap();
        std::fs::create_dir_all(&host).unwrap();
        let mut daemon = Command::new("nsenter");
        daemon.arg(format!("--net=/run/netns/{}", self.name));
        match std::env::var_os("SIMMER_LIVE_ROOT") {
            Some(root) => daemon
                .args(["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh"])
                .args([root, data.into(), host.into(), group.into()]),
            None => daemon
                .args(["dockerd", "-H", &self.host(), "--cgroup-parent", &group])
                .arg("--data-root")
                .arg(data)
                .arg("--exec-root")
                .arg(self.path("run"))
                .arg("--pidfile")
                .arg(self.path("pid")),
        };
        daemon.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(daemon.spawn().unwrap());
    }

    /// Ends it as a service manager would, and waits until it is gone.
    fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        // What was started became the daemon: the process is the same.
        let pid = rustix::process::Pid::from_child(&daemon);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        daemon.wait().unwrap();
    }

    async fn connected(&self) -> Engine {
        let began = Instant::now();
        loop {
            match Engine::connect(Some(&self.host())).await {
                Ok(engine) => return engine,
                Err(error) if began.elapsed() > ENGINE_LIMIT => {
                    panic!("{error}: {}", std::fs::read_to_string(self.path("log")).unwrap())
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Prints what only this engine knows, and nobody can ask once it is gone.
    #[expect(clippy::print_stderr, reason = "what a failed test says")]
    fn tell(&self) {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("the private engine's last lines:");
        lines[lines.len().saturating_sub(TOLD_LINES)..].iter().for_each(|line| eprintln!("{line}"));
        eprintln!("its interfaces: {:?}", self.links());
    }

    /// The names of its node's interfaces.
    fn links(&self) -> Vec<String> {
        let output = Command::new("ip").args(["-n", &self.name, "-brief", "link"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter_map(|line| line.split([' ', '@']).next()).map(str::to_owned).collect()
    }

    /// Removes what an engine leaves that ends while it makes a network: an interface that keeps the network's tasks
    /// from starting for ever (JOURNAL F-013). That is another test's matter.
    fn unlink(&self) {
        for link in self.links().iter().filter(|name| name.starts_with("vx-")) {
            done(Command::new("ip").args(["-n", &self.name, "link", "delete", link]));
        }
    }

    fn docker(&self, args: &[&str]) -> String {
        done(Command::new("docker").args(["-H", &self.host()]).args(args))
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tell();
        }
        self.stop();
        // The engine leaves mounts of its network namespaces behind.
        drop(
            Command::new("sh")
                .arg("-c")
                .arg(format!(
            "for m in $(awk '{{print $2}}' /proc/mounts | grep '^{}' | sort -r); do umount -l $m; done
             for c in $(find /sys/fs/cgroup -depth -type d -path '*/{}*'); do rmdir $c; done
             ip netns del {}",
            self.folder.path().display(), self.name, self.name,
        ))
                .output(),
        );
    }
}

#[tokio::test]
async fn an_engine_that_restarts_while_we_settle_is_waited_for_and_looked_at_again() {
    let (mut private, engine) = PrivateEngine::up().await;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let restart = async {
        let () = stopped.await.unwrap();
        tokio::task::spawn_blocking(move || {
            private.stop();
            private.unlink();
            private.start();
            private
        })
        .await
        .unwrap()
    };
    let test = on_engine(engine, "restart", |stage| async move {
        // Slow enough that the engine is gone long before it is healthy.
        let app = svc("app").mode("slow-start").env("AFTER=8").patient();
        let applied = stage.apply([app, svc("db")]).await;
        let mut stop = Some(stop);
        let mut changes = 0;
        let settled = stage
            .engine
            .settle(&applied, &patient(), &mut |awaited| {
                changes += 1;
                let starting =
                    awaited.iter().any(|a| a.service == "app" && a.why.contains("health starting"));
                if let Some(stop) = stop.take_if(|_| starting) {
                    stop.send(()).unwrap();
                }
            })
            .await
            .unwrap();
        assert!(changes >= 2 && stop.is_none());
        // What runs now was started after the restart.
        let tasks = settled.seen.services.iter().find(|s| s.name == "app").unwrap().tasks.len();
        assert!(tasks >= 2, "the task of before and its successor: {tasks}");
    });
    let ((), private) = tokio::join!(test, restart);
    drop(private);
}

#[tokio::test]
async fn an_interface_that_an_engine_left_is_told_as_the_nodes_trouble() {
    let (private, engine) = PrivateEngine::up().await;
    let private = std::sync::Arc::new(private);
    let node = private.clone();
    on_engine(engine, "left", |stage| async move {
        stage.apply([]).await;
        let format = "{{index .Options \"com.docker.network.driver.overlay.vxlanid_list\"}}";
        let number = node.docker(&["network", "inspect", "--format", format, &stage.name("internal")]);
        let link = ["link", "add", "vx-left", "type", "vxlan", "id", number.trim(), "dstport", "4789"];
        done(Command::new("ip").args(["-n", &node.name]).args(link));

        let applied = stage.apply([svc("app")]).await;
        let trouble = stage.settle(&applied).await.unwrap_err();
        assert_eq!(trouble.cause.fault(), domain::Fault::Platform, "{trouble}");
        assert_eq!(trouble.cause.name(), "node");
        assert!(trouble.cause.to_string().contains("vxlan interface: file exists"), "{trouble}");
    })
    .await;
    drop(private);
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_said_within_the_limit_and_with_a_remedy() {
    let connect = Engine::connect(Some("unix:///nonexistent/docker.sock"));
    let error = tokio::time::timeout(PATIENCE, connect).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the engine at unix:///nonexistent/docker.sock cannot be reached while connecting"
    );
    assert_eq!(error.fault(), domain::Fault::Platform);
    assert!(error.hint().unwrap().contains("DOCKER_HOST"));
}
