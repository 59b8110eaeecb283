//! `simmer compose config` and `simmer compose specs`: no engine, no instance.

use std::collections::BTreeMap;
use std::path::Path;

use compose::convert::{ConvertInput, EngineFacts, convert};
use compose::{Interpolation, LoadInput, Loaded, Source, load};
use domain::StackName;

use super::args::{ComposeArgs, ComposeCommand, ComposeFiles};
use super::{Trouble, say};
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
    let mut files = Vec::new();
    for path in &args.files {
        let bytes = std::fs::read(path).map_err(|error| {
            Trouble::from_error(Exit::Usage, format!("could not read `{}`", path.display()), &error)
        })?;
        let source = Source::from_bytes(path.display().to_string(), &bytes);
        files.push(source.map_err(|problems| refused(&problems))?);
    }
    let first = args.files.first().map_or(Path::new("."), |f| f.as_path());
    let first = std::path::absolute(first).unwrap_or_else(|_| first.to_owned());
    let folder = first.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for path in &args.env_file {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Trouble::from_error(Exit::Usage, format!("could not read `{}`", path.display()), &error)
        })?;
        let parsed = compose::recipe::env_sample::parse(&path.display().to_string(), &text);
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
