//! Loads and prints 500 compose files in this process, and with one `docker stack config` process each:
//! `cargo run --release -p simmer-compose --example speed`. Prints both times and the ratio.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use compose::{Interpolation, LoadInput, Source, load};

const FILES: usize = 500;

/// In-process rounds, of which the median counts.
const ROUNDS: usize = 9;

fn main() -> ExitCode {
    match measure() {
        Ok((ours, docker)) => {
            let ratio = docker.as_secs_f64() / ours.as_secs_f64();
            println!("{FILES} compose files, each loaded, checked and printed");
            println!("  in this process                    {:>9.1} ms", ours.as_secs_f64() * 1e3);
            println!("  one `docker stack config` each     {:>9.1} ms", docker.as_secs_f64() * 1e3);
            println!("  ratio                              {ratio:>9.0} x");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let texts = accepted(&corpus)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut bytes = 0;
        for (path, text) in texts.iter().cycle().take(FILES) {
            bytes += printed(path, text, &corpus).ok_or("a file is refused that was accepted before")?.len();
        }
        rounds.push((start.elapsed(), bytes));
    }
    rounds.sort();
    let start = Instant::now();
    for (path, _) in texts.iter().cycle().take(FILES) {
        let status = Command::new("docker")
            .args(["stack", "config", "-c"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("docker refuses {}: is it CLI 28?", path.display()).into());
        }
    }
    Ok((rounds[ROUNDS / 2].0, start.elapsed()))
}

/// The files of the corpus that stand alone and are not refused.
fn accepted(corpus: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(corpus)? {
        let path = entry?.path();
        if path.is_file() {
            let Ok(source) = Source::from_bytes(path.display().to_string(), &std::fs::read(&path)?) else {
                continue;
            };
            if printed(&path, &source.text, corpus).is_some() {
                texts.push((path, source.text));
            }
        }
    }
    texts.sort();
    Ok(texts)
}

fn printed(path: &Path, text: &str, folder: &Path) -> Option<String> {
    let env: BTreeMap<String, String> = BTreeMap::new();
    let loaded = load(&LoadInput {
        files: &[Source { name: path.display().to_string(), text: text.to_owned() }],
        working_dir: &folder.to_string_lossy(),
        env: &env,
        interpolation: Interpolation::Apply,
        read_file: &|path| std::fs::read_to_string(path).map_err(|error| error.to_string()),
    });
    loaded.ok().map(|loaded| loaded.model.to_yaml())
}
