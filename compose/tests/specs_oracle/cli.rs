//! `docker stack deploy`, with nothing of the caller's own surroundings.

use std::path::Path;
use std::process::Command;

use crate::cases::Case;

/// Deploys a case to the engine at `host`; the error is what the CLI said when it refused. `scratch` stands
/// in for the configuration of the CLI.
pub(crate) fn deploy(case: &Case, stack: &str, host: &str, scratch: &Path) -> Result<(), String> {
    let mut command = Command::new("docker");
    command
        .env_clear()
        .envs(&case.env)
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("DOCKER_HOST", host)
        .env("DOCKER_CONFIG", scratch)
        .args(["stack", "deploy", "--resolve-image", "never", "--detach=true"]);
    for file in &case.files {
        command.arg("-c").arg(file);
    }
    let output = command.arg(stack).output().expect("the Docker CLI is installed");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
