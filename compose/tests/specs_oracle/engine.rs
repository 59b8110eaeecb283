//! An engine that is none: it answers `docker stack deploy` just enough, and remembers what was posted.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// What the CLI posted, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    pub(crate) networks: Vec<Value>,
    pub(crate) secrets: Vec<Value>,
    pub(crate) configs: Vec<Value>,
    pub(crate) services: Vec<Value>,
}

/// A server on a socket of its own. Every network, secret and config that the CLI asks for by name in a
/// *list* or as external is there; none is there when it asks whether to create it.
#[derive(Debug)]
pub(crate) struct FakeEngine {
    socket: PathBuf,
    posted: Arc<Mutex<Posted>>,
}

/// The id of anything, made from its name.
pub(crate) fn id_of(name: &str) -> String {
    format!("id-of-{name}")
}

impl FakeEngine {
    /// Starts to listen at a path that nobody uses. The threads end with the process.
    pub(crate) fn start(socket: &Path, api: &str) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let posted = Arc::new(Mutex::new(Posted::default()));
        let (shared, api) = (Arc::clone(&posted), api.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, api) = (Arc::clone(&shared), api.clone());
                thread::spawn(move || serve(stream.unwrap(), &api, &shared));
            }
        });
        Self { socket: socket.to_owned(), posted }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(crate) fn posted(&self) -> Posted {
        lock(&self.posted).clone()
    }
}

fn lock(posted: &Mutex<Posted>) -> MutexGuard<'_, Posted> {
    posted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one connection until the client hangs up.
fn serve(stream: UnixStream, api: &str, posted: &Mutex<Posted>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = Request::read(&mut reader) {
        let (status, body) = answer(&request, posted);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nApi-Version: {api}\r\nOstype: linux\r\nSwarm: active/manager\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let body = if request.method == "HEAD" { "" } else { body.as_str() };
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(request: &Request, posted: &Mutex<Posted>) -> (&'static str, Value) {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if parts[0].starts_with("v1.") {
        parts.remove(0);
    }
    match (request.method.as_str(), parts.as_slice()) {
        (_, ["_ping"]) => ("200 OK", json!("OK")),
        ("GET", ["info"]) => {
            ("200 OK", json!({"Swarm": {"LocalNodeState": "active", "ControlAvailable": true}}))
        }
        ("GET", ["networks", name]) => {
            ("200 OK", json!({"Name": name, "Id": id_of(name), "Scope": "swarm", "Driver": "overlay"}))
        }
        ("GET", ["secrets" | "configs"]) => {
            let named = names_in(query).into_iter();
            let listed: Vec<_> =
                named.map(|name| json!({"ID": id_of(&name), "Spec": {"Name": name}})).collect();
            ("200 OK", json!(listed))
        }
        ("GET", ["networks" | "services"]) => ("200 OK", json!([])),
        ("GET", ["secrets" | "configs", _]) => ("404 Not Found", json!({"message": "not there"})),
        ("POST", [kind, "create"]) => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let id = id_of(body["Name"].as_str().unwrap());
            let mut posted = lock(posted);
            match *kind {
                "networks" => posted.networks.push(body),
                "secrets" => posted.secrets.push(body),
                "configs" => posted.configs.push(body),
                "services" => posted.services.push(body),
                other => panic!("the CLI created {other}"),
            }
            ("201 Created", json!({"ID": id, "Id": id}))
        }
        (method, _) => panic!("the CLI asked for {method} {}", request.target),
    }
}

/// Reads the names of `filters={"name":{"a":true}}`.
fn names_in(query: &str) -> Vec<String> {
    let Some(filters) = query.strip_prefix("filters=") else { return Vec::new() };
    let filters: BTreeMap<String, BTreeMap<String, bool>> =
        serde_json::from_slice(&percent_decoded(filters)).unwrap();
    filters.get("name").map(|names| names.keys().cloned().collect()).unwrap_or_default()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    bytes
}

struct Request {
    method: String,
    target: String,
    body: Vec<u8>,
}

impl Request {
    /// Reads one request; `None` at the end of the connection.
    fn read(reader: &mut BufReader<UnixStream>) -> Option<Self> {
        let first = line(reader)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = line(reader)?;
            let Some((name, value)) = header.split_once(':') else { break };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "transfer-encoding" => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(line(reader)?.trim(), 16).unwrap();
                let mut chunk = vec![0; size];
                reader.read_exact(&mut chunk).ok()?;
                body.extend(chunk);
                line(reader)?;
                if size == 0 {
                    break;
                }
            }
        } else {
            body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
        }
        Some(Self { method, target, body })
    }
}

fn line(reader: &mut BufReader<UnixStream>) -> Option<String> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}
