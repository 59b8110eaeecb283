//! `simmer why RUN [TIER]`: the cause, the evidence, what was ruled out, what to try.

use std::collections::BTreeMap;

use domain::test::TestOutcome;
use domain::{Cause, Tier};
use reports::RunView;

use super::diff::{Shelf, labels_of, read};
use super::{Place, Trouble, say};
use crate::diff::{LabelDiff, labels};
use crate::exit::Exit;
use crate::instance::Instance;
use crate::instance::ask::{Expect, How, TestSpec};
use crate::report::{self, Kept};
use crate::why::{Dossier, NoRun, explain, pick, text};

/// Longest kept text that is looked through, in bytes; what is kept is bounded already.
const TEXT: u64 = 16 << 20;
/// Releases that are searched for what a test demands, newest first.
const SEARCHED: usize = 60;

#[derive(Clone, Debug, clap::Args)]
pub struct WhyArgs {
    /// Id of a run or its beginning, `last`, or a recipe (its newest run)
    #[arg(value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Only this tier
    #[arg(value_name = "TIER")]
    pub tier: Option<Tier>,
    /// Print the answer as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

pub(super) async fn why(place: &Place, args: &WhyArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let runs = report::runs(&instance).map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not read the runs of this instance", &error)
    })?;
    let kept = pick(&runs, &args.run).map_err(|error| {
        let hint = match error {
            NoRun::Empty => "`simmer run RECIPE` makes one",
            NoRun::Unknown { .. } => "`simmer runs` lists them",
            NoRun::Several { .. } => "give more of the id",
        };
        Trouble::new(Exit::Usage, error.to_string()).hint(hint)
    })?;
    let view = &kept.view;
    if view.run.is_none() {
        let log = kept.folder.join("events.jsonl");
        let says = format!("the log of this run cannot be read: {}", view.trouble.sentences().join("; "));
        return Err(Trouble::new(Exit::NotJudged, says).hint(format!(
            "look at `{}`; a run that is only beginning has nothing to say yet",
            log.display()
        )));
    }
    if let Some(tier) = args.tier
        && view.tier(tier).is_none()
    {
        let known: Vec<_> = view.tiers.iter().map(|t| format!("`{}`", t.tier)).collect();
        return Err(Trouble::new(Exit::Usage, format!("this run says nothing of tier {tier}")).hint(
            format!("it has {}", if known.is_empty() { "no tier yet".into() } else { known.join(", ") }),
        ));
    }
    let others: Vec<&RunView> =
        runs.iter().filter(|other| !std::ptr::eq(*other, kept)).map(|other| &other.view).collect();
    let dossier = Dossier {
        view,
        folder: &kept.folder,
        kept: &texts(kept),
        others: &others,
        labels: &changed_labels(&instance, view, args.tier).await,
        searched: &searched(&instance, view, args.tier).await,
    };
    let answer = explain(&dossier, args.tier);
    if args.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&answer).expect("JSON is JSON")));
    } else {
        say(&text(&answer));
    }
    Ok(Exit::Passed)
}

/// Reads what was kept of the run. A file that is gone is no evidence any more, and no reason to say nothing.
fn texts(kept: &Kept) -> reports::Logs {
    let mut texts = reports::Logs::new();
    for file in kept.view.kept_files() {
        let path = kept.folder.join(file.file);
        // Whoever wrote the log could have put a link there.
        let plain = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= TEXT);
        if plain && let Ok(bytes) = std::fs::read(&path) {
            texts.insert(file.file.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    texts
}

/// The causes of a run's tiers, without what a line named them.
fn causes(view: &RunView, only: Option<Tier>) -> impl Iterator<Item = (Tier, &Cause)> {
    view.tiers.iter().filter(move |t| only.is_none_or(|only| only == t.tier)).flat_map(|tier| {
        let own = tier.verdict.iter().filter(|_| tier.each.is_empty());
        let verdicts = tier.each.iter().map(|each| &each.verdict).chain(own);
        verdicts.filter_map(|verdict| verdict.cause()).map(move |cause| (tier.tier, cause.seen()))
    })
}

/// What changed in the labels on the way to the target, where that is the question. The repository is a help, not a
/// need: without it the answer is shorter.
async fn changed_labels(
    instance: &Instance,
    view: &RunView,
    only: Option<Tier>,
) -> BTreeMap<String, LabelDiff> {
    let mut diffs = BTreeMap::new();
    let asked = causes(view, only)
        .any(|(_, cause)| matches!(cause, Cause::WrongVersion { .. } | Cause::UpgradeChangesNothing { .. }));
    let Some(start) = view.start.as_ref().filter(|_| asked) else { return diffs };
    let compared = async {
        let mut shelf = Shelf::open(instance, start.subject.recipe.as_str()).await?;
        let target = shelf.resolve(&start.subject.commit).await?;
        let after = labels_of(&shelf.tree(&target).await?)?;
        for base in &start.bases {
            let commit = shelf.resolve(base).await?;
            let before = labels_of(&shelf.tree(&commit).await?)?;
            diffs.insert(base.clone(), labels(&before, &after, &|_| true));
        }
        Ok::<(), Trouble>(())
    };
    if let Err(trouble) = compared.await {
        tracing::info!(%trouble, "labels not compared");
    }
    diffs
}

/// For each broken test that demands an image or a service: which releases have what it demands (CC-037).
async fn searched(instance: &Instance, view: &RunView, only: Option<Tier>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let Some(start) = &view.start else { return found };
    let recipe = &start.subject.recipe;
    let tests: Vec<&str> = causes(view, only)
        .filter_map(
            |(_, cause)| {
                if let Cause::Test { test, .. } = cause { Some(test.as_str()) } else { None }
            },
        )
        .chain(view.sides.iter().flat_map(|side| &side.tests).filter_map(|t| {
            let broken = matches!(t.tested.outcome, TestOutcome::Failed { .. });
            (broken && only.is_none_or(|only| only == t.tested.tier)).then_some(t.tested.name.as_str())
        }))
        .collect();
    if tests.is_empty() {
        return found;
    }
    let Ok(overlay) = instance.overlay(recipe) else { return found };
    for spec in overlay.tests.iter().filter(|spec| tests.contains(&spec.name.as_str())) {
        if !matches!(spec.ask.how, How::Image { .. } | How::Service { .. }) {
            continue;
        }
        match search(instance, recipe.as_str(), spec).await {
            Ok(says) => {
                found.insert(spec.name.clone(), says);
            }
            Err(trouble) => tracing::info!(%trouble, "releases not searched"),
        }
    }
    found
}

async fn search(instance: &Instance, recipe: &str, spec: &TestSpec) -> Result<Vec<String>, Trouble> {
    let shelf = Shelf::open(instance, recipe).await?;
    let all = shelf.everything().await?;
    let (mut have, mut lack) = (Vec::new(), 0);
    let mut head = None;
    for commit in all.iter().rev().take(1).chain(all.iter().take(all.len().saturating_sub(1)).take(SEARCHED))
    {
        // A release whose files do not read has nothing that a test could find.
        let holds = match shelf.tree(commit).await.and_then(|tree| read(&tree)) {
            Ok(read) => holds(&read.loaded.model.services, &spec.ask.how, &spec.ask.expect),
            Err(_) => false,
        };
        match (commit.tag.is_some(), holds) {
            (false, holds) => head = Some(holds),
            (true, true) => have.push(format!("`{}`", commit.reference)),
            (true, false) => lack += 1,
        }
    }
    let demand = demand(&spec.ask.how, &spec.ask.expect);
    let mut says = vec![match have.as_slice() {
        [] => format!("none of {lack} releases has {demand}"),
        some => {
            format!("{demand}: {} of {} releases have it: {}", some.len(), some.len() + lack, some.join(", "))
        }
    }];
    says.extend(head.map(|holds| match holds {
        true => "the default branch has it".to_owned(),
        false => "the default branch does not have it either".to_owned(),
    }));
    if have.is_empty() {
        says.push(match head {
            Some(true) => {
                "the test is about what is not released yet: give it `applies_to = \"head\"`".to_owned()
            }
            _ => "the test is about what nobody has released or merged; perhaps a proposed change".to_owned(),
        });
    }
    Ok(says)
}

/// Whether a release's files have what a test demands of what runs.
fn holds(services: &BTreeMap<String, compose::model::Service>, how: &How, expect: &Expect) -> bool {
    match how {
        How::Image { service } => services.get(service).is_some_and(|service| {
            let image = service.image.as_str();
            expect.contains.iter().all(|part| image.contains(part.as_str()))
                && !expect.lacks.iter().any(|part| image.contains(part.as_str()))
                && expect.equals.as_ref().is_none_or(|whole| whole == image)
        }),
        How::Service { name, present } => services.contains_key(name) == *present,
        How::Program { .. }
        | How::Exec { .. }
        | How::Sql { .. }
        | How::Http(_)
        | How::Tls { .. }
        | How::File { .. } => false,
    }
}

/// What a test demands, in words.
fn demand(how: &How, expect: &Expect) -> String {
    match how {
        How::Image { service } => {
            let mut of: Vec<String> = expect.contains.iter().map(|part| format!("with `{part}`")).collect();
            of.extend(expect.lacks.iter().map(|part| format!("without `{part}`")));
            of.extend(expect.equals.iter().map(|whole| format!("that is `{whole}`")));
            format!("an image of `{service}` {}", of.join(" and ")).trim_end().to_owned()
        }
        How::Service { name, present: true } => format!("a service `{name}`"),
        How::Service { name, present: false } => format!("a stack without service `{name}`"),
        How::Program { .. }
        | How::Exec { .. }
        | How::Sql { .. }
        | How::Http(_)
        | How::Tls { .. }
        | How::File { .. } => "what the test asks for".to_owned(),
    }
}
