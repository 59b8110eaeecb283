//! `simmer overlay`: check, explain, new. No swarm.

use std::io::Write as _;

use domain::RecipeName;

use super::{Place, Trouble, say, tell};
use crate::exit::Exit;
use crate::instance::{ConfigProblem, ConfigProblems, Enrolment, Instance};
use crate::overlay::{Finding, Releases, Severity, check, explain, starter};

#[derive(Clone, Debug, clap::Args)]
pub struct OverlayArgs {
    #[command(subcommand)]
    pub command: OverlayCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum OverlayCommand {
    /// Say everything that is wrong with overlays, and exit with 2 if anything is
    Check {
        /// Names of enrolled recipes [default: all]
        #[arg(value_name = "RECIPE")]
        recipes: Vec<String>,
        /// Print what was found as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Print every setting that holds for a recipe, and where it came from
    Explain {
        /// Name of an enrolled recipe
        #[arg(value_name = "RECIPE")]
        recipe: String,
        /// Print the settings as JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Write a starter, drawn from the recipe itself
    New {
        /// Name of an enrolled recipe
        #[arg(value_name = "RECIPE")]
        recipe: String,
    },
}

pub(super) async fn overlay(place: &Place, args: OverlayArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    match args.command {
        OverlayCommand::Check { recipes, json } => check_all(&instance, &recipes, json).await,
        OverlayCommand::Explain { recipe, json } => explain_one(&instance, &recipe, json).await,
        OverlayCommand::New { recipe } => new(&instance, &recipe).await,
    }
}

async fn releases(
    instance: &Instance,
    name: &RecipeName,
    enrolment: &Enrolment,
) -> Result<Releases, Trouble> {
    let random = crate::run::random_bytes()?;
    Releases::read(instance, name, enrolment, random).await.map_err(|error| Trouble::of_source(name, &error))
}

async fn check_all(instance: &Instance, named: &[String], json: bool) -> Result<Exit, Trouble> {
    let mut recipes = Vec::new();
    for name in named {
        recipes.push(instance.recipe(name)?);
    }
    let mut findings = Vec::new();
    if named.is_empty() {
        recipes = instance.recipes.iter().collect();
        findings.extend(unenrolled(instance));
    }
    let mut exit = Exit::Passed;
    for (name, enrolment) in &recipes {
        let file = instance.overlay_folder(name).join("overlay.toml");
        let (overlay, settings) = match instance.overlay_settings(name) {
            Ok(read) => read,
            Err(problems) => {
                findings.extend(errors(&problems));
                continue;
            }
        };
        if !file.exists() {
            continue;
        }
        match releases(instance, name, enrolment).await {
            Ok(releases) => findings.extend(check(&overlay, &settings, &releases, instance, &file)),
            // Not judged is not good.
            Err(trouble) => {
                tell(&format!("{trouble}\n"));
                exit = exit.and(trouble.exit);
            }
        }
    }
    if findings.iter().any(|f| f.severity == Severity::Error) {
        exit = Exit::Usage;
    }
    if json {
        let all: Vec<_> = findings
            .iter()
            .map(|Finding { severity, problem }| {
                let ConfigProblem { file, line, key, says, remedy } = problem;
                serde_json::json!({
                    "severity": severity, "file": file, "line": line, "key": key, "says": says, "remedy": remedy,
                })
            })
            .collect();
        print(&serde_json::json!({ "version": 1, "checked": recipes.len(), "findings": all }));
    } else {
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        for finding in &findings {
            say(&format!("{finding}\n"));
        }
        let plural = |n: usize, word: &str| if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") };
        say(&format!(
            "{}: {}, {}\n",
            plural(recipes.len(), "overlay"),
            plural(count(Severity::Error), "error"),
            plural(count(Severity::Warning), "warning"),
        ));
    }
    Ok(exit)
}

fn errors(problems: &ConfigProblems) -> impl Iterator<Item = Finding> {
    problems.list().iter().cloned().map(|problem| Finding { severity: Severity::Error, problem })
}

/// Folders of overlays that belong to no recipe.
fn unenrolled(instance: &Instance) -> Vec<Finding> {
    let folder = instance.folder.join("overlays");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !instance.recipes.keys().any(|recipe| recipe.as_str() == name))
        .collect();
    names.sort();
    let told = names.into_iter().map(|name| Finding {
        severity: Severity::Warning,
        problem: ConfigProblem::at_file(
            &folder.join(&name),
            format!("no recipe `{name}` is enrolled, so nothing reads this"),
            "rename the folder as the recipe is named, or enrol it",
        ),
    });
    told.collect()
}

async fn explain_one(instance: &Instance, recipe: &str, json: bool) -> Result<Exit, Trouble> {
    let (name, enrolment) = instance.recipe(recipe)?;
    let (overlay, settings) = instance.overlay_settings(name)?;
    // The recipe's labels are a part of the whole; without its repository the rest still holds.
    let releases = match releases(instance, name, enrolment).await {
        Ok(releases) => Some(releases),
        Err(trouble) => {
            tell(&format!("{trouble}\nthe recipe's own labels are left out\n"));
            None
        }
    };
    let rows = explain(instance, name, &overlay, &settings, releases.as_ref());
    if json {
        print(&serde_json::json!({ "version": 1, "recipe": name.as_str(), "settings": rows }));
        return Ok(Exit::Passed);
    }
    let width =
        |row: &crate::overlay::Row| row.key.chars().count() + row.value.to_string().chars().count() + 3;
    // One long query does not push everything else off the screen.
    let column = rows.iter().map(width).filter(|w| *w <= 60).max().unwrap_or(0);
    for row in &rows {
        let setting = format!("{} = {}", row.key, row.value.to_string().replace('\n', "\\n"));
        say(&format!("{setting:<column$}  # {}\n", row.from));
    }
    Ok(Exit::Passed)
}

async fn new(instance: &Instance, recipe: &str) -> Result<Exit, Trouble> {
    let (name, enrolment) = instance.recipe(recipe)?;
    let folder = instance.overlay_folder(name);
    let file = folder.join("overlay.toml");
    let taken = || {
        Trouble::new(Exit::Usage, format!("`{}` is there already", file.display()))
            .hint("it is somebody's work: edit it, or move it away first")
    };
    if std::fs::symlink_metadata(&file).is_ok() {
        return Err(taken());
    }
    let releases = releases(instance, name, enrolment).await?;
    let Some(newest) = releases.trees.first() else {
        return Err(Trouble::new(Exit::Usage, format!("recipe `{name}` has nothing to draw from")));
    };
    let text = starter(newest, &releases.domain, &releases.stack);
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        std::fs::File::create_new(&file)?.write_all(text.as_bytes())
    };
    write().map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return taken();
        }
        Trouble::from_error(Exit::Usage, format!("could not write `{}`", file.display()), &error)
    })?;
    say(&format!("{}\n", file.display()));
    Ok(Exit::Passed)
}

fn print(value: &serde_json::Value) {
    say(&format!("{}\n", serde_json::to_string_pretty(value).expect("JSON is JSON")));
}
