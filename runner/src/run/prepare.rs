//! Before anything runs: which release, from which base, with which files. Everything is pinned here and
//! nothing is fetched after it (CC-004).

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::event::{Context, Subject};
use domain::names::Side;
use domain::plan::{Asked, Brought, RunPlan, plan};
use domain::release::{base_of, newest};
use domain::{Domain, RecipeName, Release, RunId, StackName, Tier, Version};
use harness::source::{Commit, Mirror, Releases};

use super::SYNC_LIMIT;
use super::tree::Tree;
use crate::cancel::Cancel;
use crate::cli::Trouble;
use crate::exam::own_tests;
use crate::exit::Exit;
use crate::instance::{Enrolment, Instance, Overlay};

/// What the caller asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub recipe: String,
    /// Tag, branch or commit; the newest release if none.
    pub reference: Option<String>,
    /// Releases to upgrade from; the overlay's or the newest older one if none.
    pub bases: Vec<String>,
    pub tiers: BTreeSet<Tier>,
    pub context: Context,
}

/// Everything that a run needs, read and pinned.
#[derive(Debug)]
pub struct Prepared {
    pub run: RunId,
    pub recipe: RecipeName,
    pub enrolment: Enrolment,
    pub overlay: Overlay,
    pub subject: Subject,
    pub releases: Releases,
    pub target: Tree,
    pub bases: Vec<Tree>,
    pub plan: RunPlan,
    /// Ports of the node that one of the releases publishes.
    pub ports: BTreeSet<u16>,
    /// The run's folder under the state folder.
    pub folder: PathBuf,
    pub context: Context,
    /// What a person should know, and what is no cause of anything.
    pub warnings: Vec<String>,
}

/// Reads and pins everything. Nothing exists in the swarm yet.
pub(crate) async fn prepare(
    instance: &Instance,
    wanted: &Wanted,
    run: RunId,
    cancel: &Cancel,
) -> Result<Prepared, Trouble> {
    let (name, enrolment) = instance.recipe(&wanted.recipe)?;
    let overlay = instance.overlay(name)?;
    let source = |error| Trouble::of_source(name, &error);
    let mirror = Mirror::sync(
        &enrolment.source,
        &instance.settings.state.join("mirrors").join(name.as_str()),
        SYNC_LIMIT,
        cancel.asked(),
    )
    .await
    .map_err(source)?;
    let releases = mirror.releases().await.map_err(source)?;
    let all = &releases.releases;
    let commit = match &wanted.reference {
        Some(reference) => mirror.resolve(reference).await.map_err(source)?,
        None => {
            let newest = newest(all).ok_or_else(|| {
                Trouble::new(Exit::Usage, format!("recipe `{name}` has no release"))
                    .hint("tag one as `<semver>+<upstream version>`, or name a branch or commit with `--ref`")
            })?;
            Commit::from(newest)
        }
    };
    let target_release = commit.tag.as_ref().and_then(|tag| all.iter().find(|r| r.tag == *tag)).cloned();
    let folder = instance.settings.state.join("runs").join(run.as_str());
    let target = Tree::check_out(&mirror, &folder, &commit, target_release.clone()).await.map_err(source)?;

    let named = if wanted.bases.is_empty() { &overlay.bases } else { &wanted.bases };
    let bases: Vec<Release> = if named.is_empty() {
        let base = match &target_release {
            Some(release) => base_of(all, &release.version).cloned(),
            // A branch or commit stands after everything that was released.
            None => newest(all).filter(|r| r.commit != commit.id).cloned(),
        };
        base.into_iter().collect()
    } else {
        let mut bases = Vec::new();
        for tag in named {
            let found = all.iter().find(|r| r.tag == *tag).ok_or_else(|| {
                let known: Vec<_> = all.iter().rev().take(5).map(|r| format!("`{}`", r.tag)).collect();
                let why = Version::parse(tag).err().map(|e| format!(" ({e})")).unwrap_or_default();
                Trouble::new(
                    Exit::Usage,
                    format!("recipe `{name}` has no release `{tag}` to upgrade from{why}"),
                )
                .hint(format!("the newest are {}", known.join(", ")))
            })?;
            bases.push(found.clone());
        }
        bases
    };
    let mut base_trees = Vec::new();
    if wanted.tiers.contains(&Tier::Upgrade) {
        for base in &bases {
            let tree = Tree::check_out(&mirror, &folder, &Commit::from(base), Some(base.clone()))
                .await
                .map_err(source)?;
            base_trees.push(tree);
        }
    }
    let domain = instance.settings.allotter.run(&run, Side::A, 0);
    let stack = StackName::of_domain(&domain);
    let ports: BTreeSet<u16> = std::iter::once(&target)
        .chain(&base_trees)
        .flat_map(|tree| tree.published_ports(&overlay, &domain, &stack))
        .collect();
    let published: Vec<u16> = ports.iter().copied().collect();
    let backup_label = asks_for_backup(&target, &overlay, &domain, &stack);
    let plan = plan(&Asked {
        tiers: &wanted.tiers,
        bases: &bases,
        expected_na: &overlay.expected_na,
        published_ports: &published,
        room_for_two: room_for_two(),
        backup_label,
        brought: &brought(&overlay, &target),
    });
    let mut warnings = Vec::new();
    let had_label = |base: &&Tree| asks_for_backup(base, &overlay, &domain, &stack);
    if let Some(base) = base_trees.iter().find(had_label).filter(|_| !backup_label) {
        let (base, target) = (&base.label, &target.label);
        warnings.push(format!(
            "release {base} asks for backups by the label `backupbot.backup`, and {target} does not any more"
        ));
    }
    let subject = Subject {
        recipe: name.clone(),
        at: commit.reference.clone(),
        commit: commit.id.clone(),
        released: target_release.is_some(),
    };
    Ok(Prepared {
        run,
        recipe: name.clone(),
        enrolment: enrolment.clone(),
        overlay,
        subject,
        releases,
        target,
        bases: base_trees,
        plan,
        ports,
        folder,
        context: wanted.context,
        warnings,
    })
}

/// Returns what overlay and recipe bring, as far as a plan has to know.
pub(crate) fn brought(overlay: &Overlay, target: &Tree) -> Brought {
    let own = Tier::COLD.into_iter().filter(|tier| !own_tests(&target.root, *tier).is_empty());
    Brought {
        readiness: !overlay.readiness.is_empty(),
        data: !overlay.data.is_empty() || !overlay.fingerprints.is_empty(),
        newer: overlay.data.iter().any(|spec| spec.after_backup.is_some()),
        tests: overlay.tests.iter().map(|spec| spec.tier).chain(own).collect(),
    }
}

/// Whether the labels ask for a backup. Files that do not read ask for one: the run will say what is wrong with them,
/// and not that there is no label.
fn asks_for_backup(tree: &Tree, overlay: &Overlay, domain: &Domain, stack: &StackName) -> bool {
    tree.read(overlay, domain, stack).map_or(true, |read| {
        let mut labels = read.loaded.model.services.values().map(|service| &service.deploy.labels);
        labels.any(|labels| labels.get("backupbot.backup").is_some_and(|value| value == "true"))
    })
}

/// Memory that a second stack may need at the least.
const ROOM_FOR_ONE_KIB: u64 = 1024 * 1024;

fn room_for_two() -> bool {
    // Where this cannot be read the engine is somewhere else, and is not ours to judge.
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else { return true };
    text.lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok())
        .is_none_or(|available| available >= 2 * ROOM_FOR_ONE_KIB)
}
