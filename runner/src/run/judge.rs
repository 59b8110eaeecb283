//! A whole run: preflight, sides, verdicts, reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use domain::event::{Context, Event, Severity, worst};
use domain::level::level;
use domain::names::Side;
use domain::plan::Room;
use domain::release::newest;
use domain::{Cause, RunId, Tier, Verdict, What};
use harness::backup::{Repository, Retention, tidy};
use harness::engine::{Engine, EngineFacts};

use super::edge::Front;
use super::images;
use super::lint::{LintSubject, canonical_domain, lint_tree};
use super::prepare::{Prepared, Wanted, prepare};
use super::remember::Journal;
use super::shared::{FollowLogs, KeepStack, Shared};
use super::side::SideEnd;
use super::sides::{Grounds, take_sides};
use crate::beside::Beside;
use crate::cancel::Cancel;
use crate::cli::Trouble;
use crate::exam;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::instance::ask::Judged;
use crate::journal;
use crate::lease::{Lease, Leases, Owner};
use crate::log::Log;
use crate::mask::Masker;
use crate::store::Store;
use crate::view::Terminal;

/// How a run is carried out, beside what it is about.
#[derive(Clone, Debug)]
pub struct Manner {
    pub keep: KeepStack,
    pub follow_logs: FollowLogs,
    pub view: Terminal,
    pub cancel: Cancel,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    pub run: RunId,
    pub verdicts: BTreeMap<Tier, Verdict>,
    pub level: u8,
    pub left: Vec<String>,
    pub events: Vec<Event>,
    pub folder: PathBuf,
    /// The run is alive until the registry was told of it.
    _alive: Lease,
}

impl Outcome {
    /// Returns the exit code that the outcome asks for.
    pub fn exit(&self) -> Exit {
        let left = if self.left.is_empty() { Exit::Passed } else { Exit::LeftBehind };
        self.verdicts.values().map(Exit::of).fold(left, Exit::and)
    }
}

/// Takes one recipe through its tiers. How it ended is for the caller to tell the registry, which [`super::remember`] does.
pub async fn run(
    instance: &Instance,
    engine: &Engine,
    store: &Store,
    wanted: &Wanted,
    manner: &Manner,
) -> Result<Outcome, Trouble> {
    let facts = preflight(instance, engine).await?;
    let id = RunId::from_random(random_bytes()?);
    let leases = Leases::of(&instance.settings.state);
    let owner = Owner::here(id.to_string(), wanted.recipe.clone());
    let held = |error: crate::lease::LeaseError| {
        Trouble::from_error(Exit::NotJudged, format!("could not run `{}`", wanted.recipe), &error)
            .hint("wait until that run has ended, or stop it")
    };
    let alive = leases.take(&format!("run-{id}"), &owner).map_err(held)?;
    let folder = instance.settings.state.join("runs").join(id.as_str());
    let (recipe, _) = instance.recipe(&wanted.recipe)?;
    let journal = Journal { store, recipe, run: id.clone() };
    journal.takes(journal::PREPARE).await;
    let prepared = match prepare(instance, wanted, id, &manner.cancel).await {
        Ok(prepared) => prepared,
        Err(trouble) => {
            // Nothing ran, so there is no run: leave no folder of one.
            drop_folder(&folder);
            journal.done().await;
            return Err(trouble);
        }
    };
    let outcome = match port_leases(&leases, &prepared, &owner) {
        Ok(_ports) => {
            journal.takes(journal::JUDGE).await;
            judged(instance, engine, &facts, &prepared, manner, alive).await
        }
        Err(error) => Err(held(error)),
    };
    drop_folder(&folder.join("trees"));
    drop_folder(&folder.join("work"));
    if outcome.is_err() {
        drop_folder(&folder);
        journal.done().await;
    }
    outcome
}

pub(crate) fn drop_folder(folder: &std::path::Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "folder stays");
    }
}

/// Two stacks cannot publish one port of the node: the second run is told who has it.
pub(crate) fn port_leases(
    leases: &Leases,
    prepared: &Prepared,
    owner: &Owner,
) -> Result<Vec<Lease>, crate::lease::LeaseError> {
    prepared.ports.iter().map(|port| leases.take(&format!("port-{port}"), owner)).collect()
}

async fn judged(
    instance: &Instance,
    engine: &Engine,
    facts: &EngineFacts,
    prepared: &Prepared,
    manner: &Manner,
    alive: Lease,
) -> Result<Outcome, Trouble> {
    let began = Instant::now();
    let masker = Masker::default();
    let common = Common { instance, engine, facts, prepared, manner };
    let log = open_log(common, &masker)?;
    let mut verdicts: BTreeMap<Tier, Verdict> = BTreeMap::new();
    for (tier, why) in &prepared.plan.skipped {
        verdicts.insert(*tier, Verdict::Skipped { why: why.clone() });
    }
    if prepared.plan.lint {
        verdicts.insert(Tier::Lint, lint(prepared, instance, &log));
    }
    if let Room::OneByOne(why) = &prepared.plan.room
        && prepared.plan.sides.len() > 1
    {
        log.tell(What::Warned { says: format!("one stack at a time: {why}") });
    }
    let shared = share(common, &log, &masker).await?;
    let stop_ticking = tick(&manner.view);
    let grounds = Grounds { instance, shared: &shared, prepared, facts, manner };
    let ends = match images::build(&shared).await {
        Ok(()) => take_sides(grounds).await,
        Err(cause) => images::unbuilt(&prepared.plan, &cause),
    };
    stop_ticking.store(true, Ordering::Relaxed);

    let mut left = Vec::new();
    let mut by_tier: BTreeMap<Tier, Vec<Verdict>> = BTreeMap::new();
    for (plan, end) in ends {
        let SideEnd { verdicts, data, broke: _, left: more, brought: _, is_kept: _ } = end;
        left.extend(more);
        for (tier, verdict) in verdicts {
            log.tell(What::TierJudged {
                tier,
                base: plan.base.as_ref().filter(|_| tier == Tier::Upgrade).map(|b| b.tag.clone()),
                data: data.filter(|_| tier == Tier::Upgrade && verdict.cause().is_some()),
                judged: verdict.clone(),
            });
            by_tier.entry(tier).or_default().push(verdict);
        }
    }
    for (tier, judged) in by_tier {
        if let Some(verdict) = worst(judged) {
            verdicts.insert(tier, verdict);
        }
    }
    let level = level(&verdicts);
    log.tell(What::RunEnded {
        level,
        verdicts: verdicts.clone(),
        millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        left: left.clone(),
    });
    if log.events().iter().any(|event| matches!(event.what, What::SnapshotMade { .. })) {
        make_room(instance, &shared).await;
    }
    Ok(Outcome {
        run: prepared.run.clone(),
        verdicts,
        level,
        left,
        events: log.events(),
        folder: prepared.folder.clone(),
        _alive: alive,
    })
}

/// What every kind of run has in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) engine: &'a Engine,
    pub(crate) facts: &'a EngineFacts,
    pub(crate) prepared: &'a Prepared,
    pub(crate) manner: &'a Manner,
}

/// Opens a run's event log, and writes down what is known before anything is done.
pub(crate) fn open_log(common: Common<'_>, masker: &Masker) -> Result<Log, Trouble> {
    let Common { instance, engine: _, facts, prepared, manner } = common;
    let log = Log::create(
        prepared.run.clone(),
        &prepared.folder,
        vec![Box::new(manner.view.clone())],
        masker.clone(),
    )
    .map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not write the run's folder", &error)
            .hint(format!("is `{}` writable, and is there room?", instance.settings.state.display()))
    })?;
    log.tell(What::RunStarted {
        subject: prepared.subject.clone(),
        bases: prepared.bases.iter().map(|b| b.label.clone()).collect(),
        context: prepared.context,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        engine: format!("Docker {}", facts.version),
    });
    // What was given is masked from the start, and not only where a stack asks for it.
    for value in prepared.overlay.secrets.values() {
        masker.add(value);
    }
    for says in &prepared.warnings {
        log.tell(What::Warned { says: says.clone() });
    }
    for bad in &prepared.releases.bad {
        log.tell(What::Warned { says: bad.to_string() });
    }
    if let Err(error) = log.keep(reports::MANIFEST, &manifest(instance, prepared)) {
        log.tell(What::Warned { says: format!("the manifest could not be kept: {error}") });
    }
    Ok(log)
}

/// Opens the edge and puts together what all stacks of a run share.
pub(crate) async fn share(common: Common<'_>, log: &Log, masker: &Masker) -> Result<Shared, Trouble> {
    let Common { instance, engine, facts, prepared, manner } = common;
    let front = Front::start(&instance.settings).await.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not open the edge", &error)
            .hint("set `[edge] listen` to an address and port that are free")
    })?;
    Ok(Shared {
        engine: engine.clone(),
        log: log.clone(),
        view: manner.view.clone(),
        overlay: prepared.overlay.clone(),
        front,
        cancel: manner.cancel.clone(),
        keep: manner.keep,
        follow_logs: manner.follow_logs,
        masker: masker.clone(),
        instance: instance.id().map_err(|error| {
            Trouble::from_error(Exit::NotJudged, "could not read the instance's id", &error)
        })?,
        backups: crate::backups::place(&instance.settings),
        recipe: prepared.recipe.clone(),
        subject: subject(prepared),
        author: match prepared.context {
            Context::Hand | Context::Sweep | Context::Isolation => exam::Author::Trusted,
            Context::PullRequest => exam::Author::Stranger,
        },
        tree: prepared.target.root.clone(),
        program: std::env::current_exe().map_err(|error| {
            Trouble::from_error(Exit::NotJudged, "could not find this program's own file", &error)
        })?,
        path: std::env::var("PATH").unwrap_or_default(),
        ends: tokio::time::Instant::now() + instance.settings.run_limit,
        run_limit: instance.settings.run_limit,
        tier_limit: instance.settings.tier_limit,
        beside: Beside::of(Leases::of(&instance.settings.state), log.run(), engine.host()),
        nodes: facts.nodes,
    })
}

/// Longest time for removing old snapshots: what does not fit into it is done after the next run.
const TIDY_LIMIT: Duration = Duration::from_secs(120);

/// Removes the snapshots that the instance does not keep. The run is over: trouble is for the diary.
async fn make_room(instance: &Instance, shared: &Shared) {
    let retention =
        Retention { instance: shared.instance.clone(), keep_last: instance.settings.backups.keep };
    let tidied = async {
        match Repository::open(&shared.backups).await {
            Ok(repository) => tidy(&repository, &retention).await.map(|cause| cause.to_string()),
            Err(error) => Some(error.to_string()),
        }
    };
    tokio::select! {
        biased;
        () = shared.cancel.asked() => {}
        () = tokio::time::sleep(TIDY_LIMIT) => tracing::warn!("old snapshots stay: it took too long"),
        trouble = tidied => {
            if let Some(trouble) = trouble {
                tracing::warn!(%trouble, "old snapshots stay");
            }
        }
    }
}

/// Returns every setting that the run was made with, and where it came from.
fn manifest(instance: &Instance, prepared: &Prepared) -> String {
    let name = &prepared.recipe;
    let Ok((overlay, settings)) = instance.overlay_settings(name) else { return "{}\n".into() };
    let rows = crate::overlay::explain(instance, name, &overlay, &settings, None);
    let rows: serde_json::Map<String, serde_json::Value> = rows
        .into_iter()
        .map(|row| {
            let from = row.from.to_string();
            (row.key, serde_json::json!({ "value": row.value, "from": from }))
        })
        .collect();
    serde_json::to_string_pretty(&rows).expect("settings are plain data") + "\n"
}

/// Returns what is judged, in the words of tests.
fn subject(prepared: &Prepared) -> exam::Subject {
    let judged = match &prepared.target.release {
        Some(release) => Judged::Release(release.version.clone()),
        None => Judged::Head {
            newest: newest(&prepared.releases.releases).map(|release| release.version.clone()),
        },
    };
    exam::Subject { name: prepared.subject.at.clone(), commit: prepared.subject.commit.clone(), judged }
}

fn lint(prepared: &Prepared, instance: &Instance, log: &Log) -> Verdict {
    let domain = instance.settings.allotter.run(&prepared.run, Side::A, 0);
    let report = lint_tree(&LintSubject {
        tree: &prepared.target,
        previous: prepared.bases.first(),
        releases: &prepared.releases,
        overlay: &prepared.overlay,
        network: &instance.settings.edge.network,
        allow: &prepared.enrolment.allow,
        domain: &domain,
        canonical: prepared.enrolment.canonical.then(|| canonical_domain(instance, &prepared.recipe)),
    });
    for unjudged in &report.unjudged {
        log.tell(What::Warned { says: format!("lint rule {} not judged: {}", unjudged.rule, unjudged.why) });
    }
    let findings = report.with_waived();
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    let verdict = match errors.first() {
        None => Verdict::Passed { depth: domain::verdict::Depth::Asserted },
        Some(first) => Verdict::of(Cause::Lint {
            rule: first.rule.clone(),
            at: format!("{}:{}", first.file, first.line),
            says: first.says.clone(),
            more: errors.len() - 1,
        }),
    };
    log.tell(What::LintFound { findings: findings.clone() });
    log.tell(What::TierJudged { tier: Tier::Lint, base: None, judged: verdict.clone(), data: None });
    verdict
}

/// Checks, before anything is made, what every run needs (CC-012).
pub(crate) async fn preflight(instance: &Instance, engine: &Engine) -> Result<EngineFacts, Trouble> {
    let facts = engine.facts().await.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "the engine cannot be used", &error).hint_if(error.hint())
    })?;
    if let Some(problem) = crate::doctor::first_blocker(&facts, instance, engine).await {
        return Err(Trouble::new(Exit::NotJudged, problem.says).hint(problem.remedy));
    }
    Ok(facts)
}

/// Keeps the elapsed times on a terminal moving.
pub(crate) fn tick(view: &Terminal) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (view, stopped) = (view.clone(), Arc::clone(&stop));
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(200));
        while !stopped.load(Ordering::Relaxed) {
            beat.tick().await;
            view.tick(Utc::now());
        }
    });
    stop
}

pub(crate) fn random_bytes() -> Result<[u8; 4], Trouble> {
    let mut bytes = [0; 4];
    super::build::fill_random(&mut bytes)
        .map_err(|error| Trouble::from_error(Exit::Bug, "the system gave no random bytes", &error))?;
    Ok(bytes)
}
