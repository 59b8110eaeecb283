//! `simmer lint`: files only, no swarm.

use std::path::Path;

use domain::RunId;
use domain::names::{Allotter, Side};
use domain::release::{base_of, newest};
use harness::source::{Commit, Mirror, Releases};

use super::args::LintArgs;
use super::{Place, Trouble, say};
use crate::exit::Exit;
use crate::instance::Overlay;
use crate::run::{LintSubject, SYNC_LIMIT, Tree, canonical_domain, lint_tree};

pub(super) async fn lint(place: &Place, args: &LintArgs) -> Result<Exit, Trouble> {
    if args.rules {
        let mut text = String::new();
        for rule in compose::lint::RULES {
            text +=
                &format!("{:<5} {:<8} {}\n", rule.id, compose::lint::severity_word(rule.severity), rule.says);
            text += &format!("      {}\n", rule.why);
        }
        say(&text);
        return Ok(Exit::Passed);
    }
    let name = args.recipe.as_deref().unwrap_or_default();
    let report = if name.contains('/') || name == "." {
        lint_folder(Path::new(name))?
    } else {
        lint_enrolled(place, name, args.reference.as_deref()).await?
    };
    if args.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&report.json()).expect("JSON is JSON")));
    } else {
        say(&report.text());
    }
    Ok(if report.errors().next().is_some() { Exit::RecipeFailed } else { Exit::Passed })
}

fn allotter() -> Allotter {
    Allotter::new("example.org").expect("example.org is a domain")
}

/// A folder under somebody's hands: no releases are known, so rules about them are not judged.
fn lint_folder(folder: &Path) -> Result<compose::lint::Report, Trouble> {
    let folder = std::fs::canonicalize(folder)
        .ok()
        .filter(|f| f.is_dir())
        .ok_or_else(|| Trouble::new(Exit::Usage, format!("there is no folder `{}`", folder.display())))?;
    let tree = Tree::read_folder(&folder, "work tree", &"0".repeat(40), None);
    if !tree.paths.iter().any(|p| p.starts_with("compose") && p.ends_with(".yml")) {
        return Err(Trouble::new(Exit::Usage, format!("there is no recipe in `{}`", folder.display()))
            .hint("a recipe has a `compose.yml` in its root"));
    }
    let run = RunId::from_random([0; 4]);
    Ok(lint_tree(&LintSubject {
        tree: &tree,
        previous: None,
        releases: &Releases::default(),
        overlay: &Overlay::empty(),
        network: "proxy",
        allow: &[],
        domain: &allotter().run(&run, Side::A, 0),
        canonical: None,
    }))
}

async fn lint_enrolled(
    place: &Place,
    name: &str,
    reference: Option<&str>,
) -> Result<compose::lint::Report, Trouble> {
    let instance = place.open()?;
    let (name, enrolment) = instance.recipe(name)?;
    let overlay = instance.overlay(name)?;
    let source = |error| Trouble::of_source(name, &error);
    let store = instance.settings.state.join("mirrors").join(name.as_str());
    let mirror =
        Mirror::sync(&enrolment.source, &store, SYNC_LIMIT, std::future::pending()).await.map_err(source)?;
    let releases = mirror.releases().await.map_err(source)?;
    let commit = match reference {
        Some(reference) => mirror.resolve(reference).await.map_err(source)?,
        None => match newest(&releases.releases) {
            Some(release) => Commit::from(release),
            None => mirror.resolve("HEAD").await.map_err(source)?,
        },
    };
    let release = releases.releases.iter().find(|r| Some(&r.tag) == commit.tag.as_ref()).cloned();
    let base = match &release {
        Some(release) => base_of(&releases.releases, &release.version),
        None => newest(&releases.releases),
    };
    let id = RunId::from_random(crate::run::random_bytes()?);
    let folder = instance.settings.state.join("runs").join(id.as_str());
    let read = async {
        let previous = match base {
            Some(base) => {
                Some(Tree::check_out(&mirror, &folder, &Commit::from(base), Some(base.clone())).await?)
            }
            None => None,
        };
        let tree = Tree::check_out(&mirror, &folder, &commit, release).await?;
        Ok((tree, previous))
    };
    let read = read.await;
    let report = read.map(|(tree, previous)| {
        lint_tree(&LintSubject {
            tree: &tree,
            previous: previous.as_ref(),
            releases: &releases,
            overlay: &overlay,
            network: &instance.settings.edge.network,
            allow: &enrolment.allow,
            domain: &instance.settings.allotter.run(&id, Side::A, 0),
            canonical: enrolment.canonical.then(|| canonical_domain(&instance, name)),
        })
    });
    crate::run::drop_folder(&folder);
    report.map_err(source)
}
