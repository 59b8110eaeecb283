//! `docker stack deploy` against the fake engine.

use std::process::Command;

use crate::cases::Case;
use crate::engine::{FakeEngine, Posted};

/// The stack's name, the same on both sides.
pub(crate) const STACK: &str = "oracle";

/// Deploys a case and returns what was posted, or what the CLI said when it refused.
pub(crate) fn deploy(case: &Case, api: &str) -> Result<Posted, String> {
    let scratch = tempfile::tempdir().unwrap();
    let engine = FakeEngine::start(&scratch.path().join("engine.sock"), api);
    let mut command = Command::new("docker");
    command
        .env_clear()
        .envs(&case.env)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("DOCKER_HOST", engine.host())
        .env("DOCKER_CONFIG", scratch.path())
        .args(["stack", "deploy", "--resolve-image", "never", "--detach=true"]);
    for file in &case.files {
        command.arg("-c").arg(file);
    }
    let output = command.arg(STACK).output().expect("the Docker CLI is installed: `cargo xtask up` does it");
    match output.status.success() {
        true => Ok(engine.posted()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
