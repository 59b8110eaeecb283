//! `simmer compose config` and `simmer compose specs`: no engine, no instance.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use compose::convert::{ConvertInput, EngineFacts, convert};
use compose::{Interpolation, LoadInput, Loaded, Source, load};
use domain::StackName;

use super::args::{ComposeArgs, ComposeCommand, ComposeFiles};
use super::{Trouble, say, tell};
use crate::exit::Exit;

pub(super) fn compose(args: &ComposeArgs) -> Result<Exit, Trouble> {
    match &args.command {
        ComposeCommand::Config(files) => {
            let loaded = read(files)?;
            say(&loaded.model.to_yaml());
        }
        ComposeCommand::Specs { files, stack } => {
            let loaded = read(files)?;
            let stack = StackName::parse(stack)
                .map_err(|error| Trouble::from_error(Exit::Usage, "`--stack` cannot be used", &error))?;
            let specs = convert(&ConvertInput {
                model: &loaded.model,
                stack: &stack,
                engine: EngineFacts::default(),
                read_file: &|path| std::fs::read(path).map_err(|error| error.to_string()),
                locate: &|key| loaded.locate(key),
            })
            .map_err(|problems| refused(&problems))?;
            let text = serde_json::to_string_pretty(&specs.masked_json()).expect("JSON is JSON");
            say(&format!("{text}\n"));
        }
    }
    Ok(Exit::Passed)
}

fn refused(problems: &compose::Problems) -> Trouble {
    Trouble::told(Exit::RecipeFailed, problems.to_string())
}

fn read(args: &ComposeFiles) -> Result<Loaded, Trouble> {
    let names = names(&args.files)?;
    let mut files = Vec::new();
    for path in &names {
        let bytes = bytes_of(path).map_err(|error| {
            Trouble::from_error(Exit::Usage, format!("could not read `{}`", path.display()), &error)
        })?;
        let source = Source::from_bytes(path.display().to_string(), &bytes);
        files.push(source.map_err(|problems| refused(&problems))?);
    }
    let first = names.first().map(|first| working_folder().join(first)).unwrap_or_default();
    let folder = first.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for path in &args.env_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Trouble::from_error(Exit::Usage, format!("could not read `{}`", path.display()), &error)
        })?;
        let parsed = compose::recipe::env_sample::parse(&path.display().to_string(), &text);
        // The model is what Docker would make of the values that could be read; the others are named, not swallowed.
        parsed.problems.iter().for_each(|problem| tell(&format!("warning: {problem}\n")));
        env.extend(parsed.values());
    }
    // What is set for this process wins, as it does for Docker.
    env.extend(std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))));
    load(&LoadInput {
        files: &files,
        working_dir: &folder,
        env: &env,
        interpolation: if args.skip_interpolation { Interpolation::Skip } else { Interpolation::Apply },
        read_file: &|path| std::fs::read_to_string(path).map_err(|error| error.to_string()),
    })
    .map_err(|problems| refused(&problems))
}

/// One `-c` may name several files, with commas between them. A name with a comma of its own goes in quotes.
fn names(written: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut names = Vec::new();
    for written in written {
        match written.to_str() {
            Some(text) => names.extend(split(text)?),
            None => names.push(written.clone()),
        }
    }
    Ok(names)
}

fn split(text: &str) -> Result<Vec<PathBuf>, Trouble> {
    let wrong = || {
        Trouble::new(Exit::Usage, format!("`{text}` is no list of files"))
            .hint("a name with a comma or a quote goes in quotes, each quote in it twice")
    };
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside).ok_or_else(wrong)?,
            None => {
                let (name, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (name.to_owned(), after)
            }
        };
        if name.contains('"') && !rest.starts_with('"') {
            return Err(wrong());
        }
        names.push(PathBuf::from(name));
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(names),
        }
    }
}

/// Reads up to the closing quote; two of them are one that belongs to the name.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return (after.is_empty() || after.starts_with(',')).then_some((name, after)),
        }
    }
}

/// Reads a file; `-` is the standard input.
fn bytes_of(path: &Path) -> std::io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The folder that we are in by the name that the caller knows it by, which symbolic links may be part of: what
/// Docker prints paths with.
fn working_folder() -> PathBuf {
    let same = |one: &Path| {
        let (one, other) = (std::fs::metadata(one).ok()?, std::fs::metadata(".").ok()?);
        Some(one.dev() == other.dev() && one.ino() == other.ino())
    };
    std::env::var_os("PWD")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute() && same(folder).unwrap_or_default())
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default()
}
