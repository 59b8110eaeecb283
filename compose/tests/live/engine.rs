//! The engine's API as raw JSON over its socket: no client whose types could hide a field.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long swarm may take to let go of a network after its services are gone.
const CLEARING_LIMIT: Duration = Duration::from_secs(300);
const LABEL: &str = "com.docker.stack.namespace";
/// Pause between two looks at a condition, so that the engine is not kept busy by being asked.
pub(crate) const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// In the order of removal.
const KINDS: [&str; 4] = ["services", "networks", "secrets", "configs"];

/// A real engine, a manager of a swarm.
#[derive(Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
}

impl Engine {
    /// Finds the engine where the CLI finds it.
    pub(crate) fn connect() -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").into();
        let engine = Self { socket };
        let info = engine.get("/info");
        assert_eq!(info["Swarm"]["ControlAvailable"], true, "this node is no manager: `cargo xtask up`");
        engine
    }

    /// Returns the address, as the CLI wants it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Returns the version of the API.
    pub(crate) fn api(&self) -> String {
        self.get("/version")["ApiVersion"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Posts a body; the error is the engine's own text.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let (status, body) = self.call("POST", path, &body.to_string());
        match status {
            200..=299 => Ok(serde_json::from_str(&body).unwrap()),
            _ => Err(body),
        }
    }

    /// Returns all objects of a kind that carry the stack's label.
    pub(crate) fn of_stack(&self, kind: &str, stack: &str) -> Vec<Value> {
        let filters = format!("%7B%22label%22%3A%5B%22{LABEL}%3D{stack}%22%5D%7D");
        let list = self.get(&format!("/{kind}?filters={filters}"));
        list.as_array().unwrap().clone()
    }

    /// Removes all that carries the stack's label, and proves it by a listing.
    pub(crate) fn clear(&self, stack: &str) {
        let began = Instant::now();
        for kind in KINDS {
            // Swarm holds a network until the tasks that wait for a node are gone: asked again until it lets go.
            while let [first, ..] = self.of_stack(kind, stack).as_slice() {
                let id = first.get("ID").or_else(|| first.get("Id")).unwrap().as_str().unwrap();
                let (status, body) = self.call("DELETE", &format!("/{kind}/{id}"), "");
                if status >= 300 {
                    assert!(began.elapsed() < CLEARING_LIMIT, "{kind} {id} is still there: {body}");
                    std::thread::sleep(BETWEEN_LOOKS);
                }
            }
        }
        assert_eq!(self.left_of(stack), Vec::<String>::new());
    }

    /// Lists what is there of a stack.
    pub(crate) fn left_of(&self, stack: &str) -> Vec<String> {
        let all = KINDS.iter().flat_map(|kind| self.of_stack(kind, stack));
        all.map(|object| object.to_string()).collect()
    }

    fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(&self.socket).expect("an engine runs: `cargo xtask up`");
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}
