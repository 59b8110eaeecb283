//! `simmer diff labels A B`: what two releases say differently (CC-076).

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Subcommand;
use domain::names::{Allotter, Side};
use domain::release::newest;
use domain::{Domain, RecipeName, RunId, StackName};
use harness::source::{Commit, Mirror};

use super::{Place, Trouble, say};
use crate::diff::{LabelDiff, Labels, OF_CONTAINER, labels};
use crate::exit::Exit;
use crate::instance::{Instance, Overlay};
use crate::run::{SYNC_LIMIT, Tree, drop_folder, random_bytes};

#[derive(Clone, Debug, clap::Args)]
pub struct DiffArgs {
    #[command(subcommand)]
    pub command: DiffCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DiffCommand {
    /// Compare the labels of two releases, service by service
    Labels(LabelArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct LabelArgs {
    /// A recipe, at its newest release or as `recipe@tag`
    #[arg(value_name = "RECIPE[@TAG]")]
    pub before: String,
    /// Another, or the same at another tag
    #[arg(value_name = "RECIPE[@TAG]")]
    pub after: String,
    /// Only labels that begin so, such as `backupbot`; may be given several times
    #[arg(long, value_name = "PREFIX")]
    pub only: Vec<String>,
    /// Print the differences as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn diff(place: &Place, args: &DiffArgs) -> Result<Exit, Trouble> {
    let DiffCommand::Labels(args) = &args.command;
    let instance = place.open()?;
    let (first, second) = (ask(&instance, &args.before).await?, ask(&instance, &args.after).await?);
    let chosen = |key: &str| {
        let key = key.strip_prefix(OF_CONTAINER).unwrap_or(key);
        args.only.is_empty() || args.only.iter().any(|prefix| key.starts_with(prefix.as_str()))
    };
    let diff = labels(&first.labels, &second.labels, &chosen);
    if args.json {
        let json = serde_json::json!({ "before": first.name, "after": second.name, "diff": diff });
        say(&format!("{}\n", serde_json::to_string_pretty(&json).expect("JSON is JSON")));
    } else {
        say(&text(&first.name, &second.name, &diff));
    }
    Ok(Exit::Passed)
}

struct Asked {
    name: String,
    labels: Labels,
}

async fn ask(instance: &Instance, asked: &str) -> Result<Asked, Trouble> {
    let (recipe, tag) = match asked.split_once('@') {
        Some((recipe, tag)) => (recipe, Some(tag)),
        None => (asked, None),
    };
    let mut shelf = Shelf::open(instance, recipe).await?;
    let commit = match tag {
        Some(tag) => shelf.resolve(tag).await?,
        None => shelf.newest().await?,
    };
    let name = format!("{recipe}@{}", commit.reference);
    Ok(Asked { labels: labels_of(&shelf.tree(&commit).await?)?, name })
}

fn text(before: &str, after: &str, diff: &LabelDiff) -> String {
    let mut out = format!("labels of {before} (-) and {after} (+)\n");
    let mut service = None;
    for change in &diff.changes {
        if service != Some(&change.service) {
            let only = if diff.only_before.contains(&change.service) {
                format!(" (only in {before})")
            } else if diff.only_after.contains(&change.service) {
                format!(" (only in {after})")
            } else {
                String::new()
            };
            out.push_str(&format!("\n{}{only}\n", change.service));
            service = Some(&change.service);
        }
        out.push_str(&format!("  {}\n", change.label));
        for (sign, value) in [("-", &change.before), ("+", &change.after)] {
            let value = value.as_deref().map_or_else(|| "not there".to_owned(), reports::plain);
            out.push_str(&format!("    {sign} {value}\n"));
        }
    }
    out.push_str(&format!("\n{} differ, {} are the same\n", diff.changes.len(), diff.same));
    out
}

/// A recipe's repository, and a folder for trees that goes when it is dropped.
pub(super) struct Shelf {
    recipe: RecipeName,
    mirror: Mirror,
    folder: PathBuf,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        drop_folder(&self.folder);
    }
}

impl Shelf {
    /// Opens the mirror of an enrolled recipe as it is; one that was never fetched is fetched now.
    pub(super) async fn open(instance: &Instance, recipe: &str) -> Result<Self, Trouble> {
        let (name, enrolment) = instance.recipe(recipe)?;
        let store = instance.settings.state.join("mirrors").join(name.as_str());
        let mirror = match Mirror::open(&enrolment.source, &store) {
            Ok(mirror) => mirror,
            Err(_) => Mirror::sync(&enrolment.source, &store, SYNC_LIMIT, std::future::pending())
                .await
                .map_err(|error| Trouble::of_source(name, &error))?,
        };
        let word = RunId::from_random(random_bytes()?);
        let folder = instance.settings.state.join("reading").join(word.as_str());
        Ok(Self { recipe: name.clone(), mirror, folder })
    }

    pub(super) async fn resolve(&mut self, reference: &str) -> Result<Commit, Trouble> {
        self.mirror.resolve(reference).await.map_err(|error| Trouble::of_source(&self.recipe, &error))
    }

    /// Every release, newest first, then the default branch.
    pub(super) async fn everything(&self) -> Result<Vec<Commit>, Trouble> {
        let releases =
            self.mirror.releases().await.map_err(|error| Trouble::of_source(&self.recipe, &error))?;
        let mut all: Vec<Commit> = releases.releases.iter().rev().map(Commit::from).collect();
        all.extend(self.mirror.resolve("HEAD").await);
        Ok(all)
    }

    async fn newest(&mut self) -> Result<Commit, Trouble> {
        let releases =
            self.mirror.releases().await.map_err(|error| Trouble::of_source(&self.recipe, &error))?;
        match newest(&releases.releases) {
            Some(release) => Ok(Commit::from(release)),
            None => self.resolve("HEAD").await,
        }
    }

    pub(super) async fn tree(&self, commit: &Commit) -> Result<Tree, Trouble> {
        Tree::check_out(&self.mirror, &self.folder, commit, None)
            .await
            .map_err(|error| Trouble::of_source(&self.recipe, &error))
    }
}

/// Reads a release's labels, with the stack's own name and domain taken out: only what the recipes say differs.
pub(super) fn labels_of(tree: &Tree) -> Result<Labels, Trouble> {
    let (domain, stack) = nobodys();
    let plain =
        |text: &str| text.replace(stack.as_str(), "${STACK_NAME}").replace(domain.as_str(), "${DOMAIN}");
    let mut services = BTreeMap::new();
    for (name, service) in read(tree)?.loaded.model.services {
        let own = service.deploy.labels.iter().map(|(key, value)| (plain(key), plain(value)));
        let containers = service.labels.iter();
        let containers =
            containers.map(|(key, value)| (format!("{OF_CONTAINER}{}", plain(key)), plain(value)));
        services.insert(name, own.chain(containers).collect());
    }
    Ok(Labels { services })
}

/// Reads a release's compose files for a stack that nobody deploys.
pub(super) fn read(tree: &Tree) -> Result<crate::run::Read, Trouble> {
    let (domain, stack) = nobodys();
    tree.read(&Overlay::empty(), &domain, &stack).map_err(|problems| {
        let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let says = format!("the compose files of `{}` do not read: {}", tree.label, all.join("; "));
        Trouble::new(Exit::RecipeFailed, says).hint("`simmer lint` shows every problem at its line")
    })
}

/// The name of a stack that is only read.
fn nobodys() -> (Domain, StackName) {
    let allotter = Allotter::new("example.org").expect("example.org is a domain");
    let domain = allotter.run(&RunId::from_random([0; 4]), Side::A, 0);
    let stack = StackName::of_domain(&domain);
    (domain, stack)
}
