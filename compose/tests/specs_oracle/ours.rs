//! The same case through our own loader and conversion.

use std::fs;
use std::path::PathBuf;

use compose::convert::{ApiVersion, ConvertInput, EngineFacts, convert};
use compose::specs::StackSpecs;
use compose::{Interpolation, LoadInput, Loaded, Problems, Source, load};
use domain::StackName;
use serde::Serialize;
use serde_json::Value;

use crate::cases::Case;

/// Loads the files of a case.
pub(crate) fn load_case(case: &Case, interpolation: Interpolation) -> Result<Loaded, String> {
    let source = |file: &PathBuf| Source::from_bytes(file.display().to_string(), &fs::read(file).unwrap());
    let sources: Result<Vec<_>, _> = case.files.iter().map(source).collect();
    let sources = sources.map_err(|problems| text(&problems))?;
    let mut env = case.env.clone();
    env.insert("PATH".into(), std::env::var("PATH").unwrap());
    load(&LoadInput {
        files: &sources,
        working_dir: case.files[0].parent().unwrap().to_str().unwrap(),
        env: &env,
        interpolation,
        read_file: &|path| fs::read_to_string(path).map_err(|error| error.to_string()),
    })
    .map_err(|problems| text(&problems))
}

fn text(problems: &Problems) -> String {
    let lines = problems.list().iter().map(|p| format!("{}: {}", p.key, p.says));
    lines.collect::<Vec<_>>().join("; ")
}

/// Returns what we would create, or what we say when we refuse.
pub(crate) fn specs(case: &Case, stack: &str, api: &str) -> Result<StackSpecs, String> {
    let loaded = load_case(case, Interpolation::Apply)?;
    let stack = StackName::parse(stack).unwrap();
    convert(&ConvertInput {
        model: &loaded.model,
        stack: &stack,
        engine: EngineFacts { api: ApiVersion::parse(api).unwrap() },
        read_file: &|path| fs::read(path).map_err(|error| error.to_string()),
        locate: &|key| loaded.locate(key),
    })
    .map_err(|problems| text(&problems))
}

/// Returns a body as it would go over the wire, and as a reader there would see it.
pub(crate) fn body(spec: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(spec).unwrap()).unwrap()
}
