//! Engines that cannot be used, on a real socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;

/// Answers as an engine that is in this state, for as long as the test lasts; returns its address.
fn engine(swarm: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                loop {
                    let mut request = String::new();
                    if reader.read_line(&mut request).unwrap_or(0) == 0 {
                        return;
                    }
                    let mut header = String::new();
                    while reader.read_line(&mut header).unwrap_or(0) > 2 {
                        header.clear();
                    }
                    let body = if request.contains("/info") {
                        format!(
                            "{{\"ServerVersion\":\"26.1.5\",\"Driver\":\"overlay2\",\"DockerRootDir\":\"/x\",\
                             \"NCPU\":2,\"MemTotal\":25000000000,\"Swarm\":{swarm}}}"
                        )
                    } else {
                        "{\"Version\":\"26.1.5\",\"ApiVersion\":\"1.45\",\"MinAPIVersion\":\"1.24\"}"
                            .to_owned()
                    };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nApi-Version: 1.45\r\n\
                         Content-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn run_on(engine: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("simmer.toml"), "base_domain = \"ci.test\"\nstate = \"state\"\n")
        .unwrap();
    std::fs::create_dir(folder.path().join("recipes")).unwrap();
    std::fs::write(folder.path().join("recipes/gitea.toml"), "source = \"nowhere\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_simmer"))
        .arg("-C")
        .arg(folder.path())
        .args(["--engine", engine, "run", "gitea"])
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn no_engine_is_told_with_what_to_look_at() {
    let (exit, err) = run_on("unix:///nowhere/docker.sock");
    assert_eq!(exit, 3);
    assert!(err.contains("there is no engine to work with"), "{err}");
    assert!(err.contains("is the engine running, and is `DOCKER_HOST` right?"), "{err}");
}

#[test]
fn an_address_that_is_none_is_told_with_the_forms_that_are() {
    let (exit, err) = run_on("carrier-pigeon");
    assert_eq!(exit, 3);
    assert!(err.contains("`carrier-pigeon` cannot be used"), "{err}");
    assert!(err.contains("unix:///path/to/socket"), "{err}");
}

#[test]
fn an_engine_in_no_swarm_is_told_how_to_make_one() {
    let (exit, err) = run_on(&engine("{\"LocalNodeState\":\"inactive\",\"ControlAvailable\":false}"));
    assert_eq!(exit, 3);
    assert!(err.contains("the engine is in no swarm"), "{err}");
    assert!(err.contains("docker swarm init"), "{err}");
}

#[test]
fn a_worker_is_told_to_point_at_a_manager() {
    let (exit, err) =
        run_on(&engine("{\"LocalNodeState\":\"active\",\"ControlAvailable\":false,\"NodeID\":\"n\"}"));
    assert_eq!(exit, 3);
    assert!(err.contains("the engine is a worker"), "{err}");
    assert!(err.contains("at a manager"), "{err}");
}
