//! A stack in memory, a real edge before a small app, and the scene of both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::names::{Allotter, Side};
use domain::release::Version;
use domain::route::Table;
use domain::test::TestOutcome;
use domain::{RecipeName, RunId, StackName, Tier};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use harness::edge::{Edge, Options, Route};
use harness::engine::{ExecOutput, ExecRequest};
use harness::probe::{Connector, Trust};
use runner::cancel;
use runner::exam::{Door, DoorError, Examined, Marker, Scene, ServiceSeen, Subject, TaskSeen};
use runner::instance::ask::{Ask, Expect, How, Judged, Speaks, TestSpec};
use runner::mask::Masker;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A stack in memory: the services `app` and `db`, one file system for both, and a shell of a few words.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) files: Mutex<BTreeMap<String, String>>,
    /// What was run, with its environment.
    pub(super) ran: Mutex<Vec<(Vec<String>, Vec<String>)>>,
    pub(super) log: Mutex<Vec<String>>,
    env: BTreeMap<String, String>,
    app: SocketAddr,
    /// Whether the engine is away.
    pub(super) is_lost: Mutex<bool>,
}

impl Memory {
    fn known(&self, service: &str) -> Result<(), DoorError> {
        if *self.is_lost.lock().unwrap() {
            let cause = domain::Cause::Engine { says: "the engine is away".into() };
            return Err(DoorError::Engine(Box::new(cause)));
        }
        if ["app", "db"].contains(&service) {
            return Ok(());
        }
        Err(DoorError::NoService { service: service.into(), known: vec!["`app`".into(), "`db`".into()] })
    }

    fn shell(&self, cmd: &[String]) -> (i64, String, String) {
        let mut files = self.files.lock().unwrap();
        let words: Vec<_> = cmd.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["put", path, text] => {
                files.insert((*path).into(), (*text).into());
                (0, String::new(), String::new())
            }
            ["cat", path] => match files.get(*path) {
                Some(text) => (0, text.clone(), String::new()),
                None => (1, String::new(), format!("cat: {path}: no such file\n")),
            },
            ["rm", path] => (i64::from(files.remove(*path).is_none()), String::new(), String::new()),
            ["true", ..] => (0, String::new(), String::new()),
            ["count"] => (0, format!("{}\n", files.len()), String::new()),
            ["mysql", ..] => (127, "no mysql here".into(), String::new()),
            ["psql" | "mariadb" | "sqlite3", ..] => (0, "1\n".into(), String::new()),
            _ => (127, String::new(), "not found".into()),
        }
    }
}

impl Door for Memory {
    fn services(&self) -> BoxFuture<'_, Result<Vec<ServiceSeen>, DoorError>> {
        async {
            self.known("app")?;
            let service = |name: &str, image: &str| ServiceSeen {
                name: name.into(),
                image: image.into(),
                digest: None,
                tasks: vec![TaskSeen {
                    task: format!("task-of-{name}"),
                    container: Some(format!("container-of-{name}")),
                    node: "node".into(),
                    is_running: true,
                    addresses: BTreeMap::new(),
                }],
                env: self.env.clone(),
            };
            Ok(vec![service("app", "registry.test/app:1.2@sha256:abc"), service("db", "postgres:15")])
        }
        .boxed()
    }

    fn exec<'a>(
        &'a self,
        service: &'a str,
        request: ExecRequest,
        limit: Duration,
    ) -> BoxFuture<'a, Result<ExecOutput, DoorError>> {
        async move {
            self.known(service)?;
            let ExecRequest { cmd, env, .. } = request;
            if cmd.first().is_some_and(|c| c == "hang") {
                // As the engine does: the caller's limit ends it.
                tokio::time::sleep(limit * 2).await;
            }
            let (code, out, err) = self.shell(&cmd);
            self.ran.lock().unwrap().push((cmd, env));
            Ok(ExecOutput { code, stdout: out.into_bytes(), stderr: err.into_bytes(), cut: false })
        }
        .boxed()
    }

    fn file<'a>(
        &'a self,
        service: &'a str,
        path: &'a str,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, DoorError>> {
        async move {
            self.known(service)?;
            Ok(self.files.lock().unwrap().get(path).map(|text| text.clone().into_bytes()))
        }
        .boxed()
    }

    fn log<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<Vec<String>, DoorError>> {
        async move {
            self.known(service)?;
            let mut log = self.log.lock().unwrap();
            // Each look finds one more line.
            let next = format!("line {}", log.len());
            log.push(next);
            Ok(log.clone())
        }
        .boxed()
    }

    fn connector(&self, service: &str, _port: u16) -> Connector {
        match self.known(service) {
            Ok(()) => Connector::address(self.app),
            Err(error) => {
                let says = error.to_string();
                Connector::new("nowhere", move || {
                    let says = says.clone();
                    async move { Err(std::io::Error::other(says)) }
                })
            }
        }
    }
}

/// Everything that a test stands on; gone with the value.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) stack: Arc<Memory>,
    pub(super) cancel: tokio::sync::watch::Sender<bool>,
    pub(super) folder: TempDir,
    _edge: Edge,
    _app: tokio::task::JoinHandle<()>,
}

pub(super) const SECRET: &str = "s3cret-of-the-database";

impl Stage {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (app, serving) = app().await;
        let edge = Edge::start(Options::loopback(folder.path().join("ca"))).await.unwrap();
        let name = StackName::parse("run-0000aaaaa").unwrap();
        let run = RunId::parse("0000aaaa").unwrap();
        let domain = Allotter::new("ci.test").unwrap().run(&run, Side::A, 0);
        let labels = [
            ("traefik.enable", "true"),
            ("traefik.http.routers.app.rule", "Host(`run-0000aaaaa.ci.test`)"),
            ("traefik.http.routers.app.entrypoints", "web-secure"),
            ("traefik.http.routers.app.tls", "true"),
            ("traefik.http.services.app.loadbalancer.server.port", "80"),
        ];
        let table = Table::read([("app", labels)]);
        let routes = Route::of(&table, |_, _| Connector::address(app));
        assert!(edge.set_routes(&name, routes, &table.unknown).is_empty());
        let env = [("POSTGRES_PASSWORD".to_owned(), SECRET.to_owned())].into();
        let stack = Arc::new(Memory {
            files: Mutex::default(),
            ran: Mutex::default(),
            log: Mutex::default(),
            env,
            app,
            is_lost: Mutex::new(false),
        });
        let masker = Masker::default();
        masker.add(SECRET);
        let (cancel, asked) = cancel::by_hand();
        std::fs::create_dir(folder.path().join("overlay")).unwrap();
        let scene = Scene {
            door: stack.clone(),
            stack: name,
            domain,
            edge: edge.https_addr,
            published: std::collections::BTreeMap::new(),
            trust: Trust::Ca(edge.ca_pem.clone().into_bytes()),
            run,
            recipe: RecipeName::parse("radicale").unwrap(),
            subject: Subject {
                name: "2.0.0+3.1".into(),
                commit: "0".repeat(40),
                judged: Judged::Release(Version::parse("2.0.0+3.1").unwrap()),
            },
            base: Some("1.0.0+3.0".into()),
            tier: Tier::Custom,
            primary_service: "app".into(),
            overlay: folder.path().join("overlay"),
            scratch: folder.path().join("scratch"),
            evidence: folder.path().join("run"),
            docker_host: "unix:///nowhere/docker.sock".into(),
            secrets: [("db_password".to_owned(), SECRET.to_owned())].into(),
            masker,
            cancel: asked,
            warden: PathBuf::from(env!("CARGO_BIN_EXE_simmer")),
            path: std::env::var("PATH").unwrap(),
        };
        Self { scene, stack, cancel, folder, _edge: edge, _app: serving }
    }

    /// Writes a file of the overlay.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.scene.overlay.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a shell script of the overlay as a test.
    pub(super) async fn sh(&self, speaks: Speaks, script: &str) -> Examined {
        self.write("t.sh", script);
        self.test(program(&["t.sh"], speaks)).await
    }

    pub(super) async fn test(&self, ask: Ask) -> Examined {
        let spec = TestSpec { name: "t".into(), tier: Tier::Custom, ask, applies_to: None };
        runner::exam::test(&self.scene, &spec, &marker()).await
    }

    /// Returns what was kept of a test's output.
    pub(super) fn kept(&self, examined: &Examined) -> String {
        let file = examined.tested.file.as_ref().unwrap();
        std::fs::read_to_string(self.scene.evidence.join(file)).unwrap()
    }

    /// Returns every file under the stage's folder that holds a text.
    pub(super) fn holding(&self, text: &str) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if contains(&std::fs::read(&path).unwrap(), text.as_bytes()) {
                    found.insert(path);
                }
            }
        }
        found
    }

    pub(super) fn scratch_is_empty(&self) -> bool {
        let entries = |path: &Path| std::fs::read_dir(path).map_or(0, Iterator::count);
        entries(&self.scene.scratch) == 0
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|w| w == text)
}

pub(super) fn marker() -> Marker {
    Marker::new(&RunId::parse("0000aaaa").unwrap(), "upgrade")
}

pub(super) fn program(command: &[&str], speaks: Speaks) -> Ask {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let how = How::Program { command, speaks, env: BTreeMap::new() };
    Ask { how, expect: Expect::default(), deadline: Duration::from_secs(60) }
}

pub(super) fn exec(command: &[&str]) -> Ask {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let how = How::Exec { service: "app".into(), command };
    Ask { how, expect: Expect::default(), deadline: Duration::from_secs(60) }
}

/// Returns the outcome for people.
pub(super) fn told(examined: &Examined) -> String {
    match &examined.tested.outcome {
        TestOutcome::Passed => "passed".into(),
        TestOutcome::Failed { says } => format!("failed: {says}"),
        TestOutcome::Skipped { why } => format!("skipped: {why}"),
        TestOutcome::Broken { says } => format!("broken: {says}"),
    }
}

/// An app that answers every request with what it was asked, as JSON; `/no` with 404.
async fn app() -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move { serve(stream).await.ok() });
        }
    });
    (address, serving)
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first).await? == 0 {
            return Ok(());
        }
        let (mut length, mut user) = (0_usize, String::new());
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            match line.trim_end().split_once(": ") {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => user = value.into(),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let status = if path == "/no" { "404 Not Found" } else { "200 OK" };
        let answer = serde_json::json!({
            "method": method, "path": path, "user": user, "body": String::from_utf8_lossy(&body),
        })
        .to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).await?;
    }
}
