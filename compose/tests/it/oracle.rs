//! The Docker CLI, and the same question asked of our own loader.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use compose::{Interpolation, LoadInput, Loaded, Problems, Source, load};
use serde_json::Value;

/// Compose files in one folder and the environment that they are read with.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) files: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Case {
    /// A case of one file, in a folder of its own that lives as long as the case.
    pub(crate) fn of_text(folder: &Path, text: &str) -> Self {
        std::fs::write(folder.join("compose.yml"), text).unwrap();
        Self {
            name: "compose.yml".to_owned(),
            folder: folder.to_owned(),
            files: vec!["compose.yml".to_owned()],
            env: BTreeMap::from([("HOME".to_owned(), "/home/me".to_owned())]),
        }
    }

    /// Asks the CLI. The error is what it said.
    pub(crate) fn docker(&self, interpolation: Interpolation) -> Result<Value, String> {
        let mut command = Command::new(cli());
        command.args(["stack", "config"]).current_dir(&self.folder).env_clear().envs(&self.env);
        if interpolation == Interpolation::Skip {
            command.arg("--skip-interpolation");
        }
        for file in &self.files {
            command.args(["-c", file]);
        }
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(parsed(&String::from_utf8(output.stdout).unwrap()))
    }

    /// Asks our loader.
    pub(crate) fn ours(&self, interpolation: Interpolation) -> Result<Loaded, Problems> {
        let source =
            |file: &String| Source::from_bytes(file, &std::fs::read(self.folder.join(file)).unwrap());
        let files = self.files.iter().map(source).collect::<Result<Vec<Source>, Problems>>()?;
        load(&LoadInput {
            files: &files,
            working_dir: self.folder.to_str().unwrap(),
            env: &self.env,
            interpolation,
            read_file: &|path| std::fs::read_to_string(path).map_err(|error| error.to_string()),
        })
    }

    /// Says how the two answers differ, if they do.
    pub(crate) fn difference(&self, interpolation: Interpolation) -> Option<String> {
        match (self.docker(interpolation), self.ours(interpolation)) {
            (Err(_), Err(_)) => None,
            (Err(docker), Ok(_)) => Some(format!("only docker refuses: {docker}")),
            (Ok(_), Err(ours)) => Some(format!("only we refuse: {ours}")),
            (Ok(docker), Ok(ours)) => {
                let printed = parsed(&ours.model.to_yaml());
                let json = ours.model.to_json();
                first_difference(&docker, &printed, String::new())
                    .or_else(|| first_difference(&printed, &json, " as JSON".to_owned()))
            }
        }
    }
}

/// Reads what either of the two printed, with a reader that is neither's own.
fn parsed(text: &str) -> Value {
    // The one number that may be infinite; a JSON value cannot be.
    let text = &text.replace("max_failure_ratio: .inf\n", "max_failure_ratio: '.inf'\n");
    let text = &text.replace("max_failure_ratio: -.inf\n", "max_failure_ratio: '-.inf'\n");
    let options = serde_saphyr::options! { legacy_octal_numbers: true, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn first_difference(docker: &Value, ours: &Value, path: String) -> Option<String> {
    match (docker, ours) {
        (Value::Object(left), Value::Object(right)) => {
            left.keys().chain(right.keys()).find_map(|key| match (left.get(key), right.get(key)) {
                (Some(left), Some(right)) => first_difference(left, right, format!("{path}.{key}")),
                (left, right) => Some(format!("{path}.{key}: docker {left:?}, ours {right:?}")),
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(index, (left, right))| first_difference(left, right, format!("{path}[{index}]"))),
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => None,
        _ if docker == ours => None,
        _ => Some(format!("{path}: docker {docker}, ours {ours}")),
    }
}

/// Finds a Docker CLI that has `stack config`; older ones lack it.
fn cli() -> &'static Path {
    static CLI: OnceLock<PathBuf> = OnceLock::new();
    CLI.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let knows_config = |docker: &PathBuf| {
            let help = Command::new(docker).args(["stack", "config", "--help"]).output();
            help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--skip-interpolation"))
        };
        std::env::split_paths(&path).map(|folder| folder.join("docker")).find(knows_config).expect(
            "no `docker` on the PATH knows `stack config`: install the Docker CLI 28 (no daemon is needed)",
        )
    })
}
