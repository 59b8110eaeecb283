//! Prints the model of compose files like `docker stack config`, to compare the two by hand:
//! `cargo run -p simmer-compose --example config -- [--skip-interpolation] -c compose.yml [-c more.yml]`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use compose::{Interpolation, LoadInput, Source, load};

fn main() -> ExitCode {
    let mut files = Vec::new();
    let mut interpolation = Interpolation::Apply;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--skip-interpolation" => interpolation = Interpolation::Skip,
            "-c" => files.extend(arguments.next()),
            other => {
                eprintln!("unknown argument `{other}`");
                return ExitCode::from(2);
            }
        }
    }
    match config(&files, interpolation) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn config(files: &[String], interpolation: Interpolation) -> Result<String, Box<dyn std::error::Error>> {
    let first = std::path::absolute(files.first().ok_or("name a file with `-c`")?)?;
    let sources = files
        .iter()
        .map(|name| Ok(Source::from_bytes(name, &std::fs::read(name)?)?))
        .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let loaded = load(&LoadInput {
        files: &sources,
        working_dir: &first.parent().unwrap_or(Path::new("/")).to_string_lossy(),
        env: &env,
        interpolation,
        read_file: &|path| std::fs::read_to_string(path).map_err(|error| error.to_string()),
    })?;
    Ok(loaded.model.to_yaml())
}
