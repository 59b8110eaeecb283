//! From rows and labels to what the decision is made of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use domain::canonical::Standing;
use domain::reconcile::{
    Attended, Enrolled, Facts, Flight, GenerationRow, Health, Hold as DomainHold, HoldOf, Journal, Mark,
    Object, Owner, RecipeFacts, Record, Running, Thing,
};
use domain::retention::Kept;
use domain::{Canonical, Generation, RecipeName, RunId, StackName};
use harness::engine::{self, Engine, EngineError, Kind, STACK_LABEL};

use crate::instance::Instance;
use crate::run::labels;
use crate::store::{GenerationRecord, Hold, HoldKind, JournalEntry, Store, StoreError, Work};

/// Who a hold is by that reconciling makes.
pub(super) const OWNER: &str = "reconcile";
/// Ended tasks of a deployed service from which on it counts as a crash loop: the swarm keeps five.
const LOOP: usize = 3;

/// All that the registry says of canonicals.
#[derive(Clone, Debug, Default)]
pub struct RegistryFacts {
    pub canonicals: Vec<Canonical>,
    pub generations: Vec<GenerationRecord>,
    pub journals: Vec<JournalEntry>,
    pub holds: Vec<Hold>,
}

impl RegistryFacts {
    /// Reads them, each table once.
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let (canonicals, generations, journals, holds) =
            tokio::try_join!(store.canonicals(), store.all_generations(), store.journals(), store.holds())?;
        Ok(Self { canonicals, generations, journals, holds })
    }
}

/// Who is alive.
pub struct Asked<'a> {
    /// Whether a run other than the caller is.
    pub is_alive: &'a dyn Fn(&RunId) -> bool,
    /// Whether somebody other than the caller works on a recipe's canonical.
    pub is_attended: &'a dyn Fn(&RecipeName) -> bool,
    /// The caller's run, whose journal is no difference.
    pub me: Option<&'a RunId>,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("me", &self.me).finish_non_exhaustive()
    }
}

/// Puts both sides into the words of the decision.
pub fn gather(
    registry: &RegistryFacts,
    objects: &[engine::Object],
    instance: &Instance,
    id: &str,
    asked: &Asked<'_>,
) -> Facts {
    let RegistryFacts { canonicals, generations, journals, holds } = registry;
    let mut recipes: BTreeMap<RecipeName, RecipeFacts> = BTreeMap::new();
    let known = instance
        .recipes
        .keys()
        .chain(canonicals.iter().map(|canonical| &canonical.recipe))
        .chain(generations.iter().map(|generation| &generation.recipe))
        .chain(journals.iter().filter_map(|entry| entry.recipe.as_ref()))
        .chain(holds.iter().map(|hold| &hold.recipe));
    for recipe in known {
        if !recipes.contains_key(recipe) {
            recipes.insert(recipe.clone(), of_recipe(recipe, instance, asked));
        }
    }
    let owner = |run: &RunId| if (asked.is_alive)(run) { Owner::Alive } else { Owner::Dead };
    for canonical in canonicals {
        if let Some(facts) = recipes.get_mut(&canonical.recipe) {
            facts.record = Some(record(canonical));
        }
    }
    for row in generations {
        if let Some(facts) = recipes.get_mut(&row.recipe)
            && (asked.me != Some(&row.run) || row.standing == Standing::Committed)
        {
            facts.generations.push(GenerationRow {
                generation: row.number,
                standing: row.standing,
                volumes: row.volumes.values().cloned().collect(),
                run: row.run.clone(),
                owner: owner(&row.run),
                since: row.made_at,
                kept: row.record.as_ref().map(Kept::of),
            });
        }
    }
    for entry in journals.iter().filter(|entry| is_about_canonicals(entry.kind)) {
        if let Some(facts) = entry.recipe.as_ref().and_then(|recipe| recipes.get_mut(recipe))
            && asked.me != Some(&entry.run)
        {
            facts.flights.push(Flight {
                run: entry.run.clone(),
                step: entry.step.clone(),
                owner: owner(&entry.run),
                since: entry.since,
            });
        }
    }
    for hold in holds {
        if let Some(facts) = recipes.get_mut(&hold.recipe) {
            facts.holds.push(self::hold(hold));
            if let Some(record) = facts.record.as_mut().filter(|_| is_ours(hold)) {
                record.broken = Some(hold.reason.clone());
            }
        }
    }
    Facts {
        now: Utc::now(),
        recipes: recipes.into_values().collect(),
        objects: objects.iter().filter_map(|found| object(found, id)).collect(),
    }
}

fn of_recipe(recipe: &RecipeName, instance: &Instance, asked: &Asked<'_>) -> RecipeFacts {
    RecipeFacts {
        recipe: recipe.clone(),
        stack: StackName::of_domain(&instance.settings.allotter.canonical(recipe)),
        enrolled: if instance.recipes.contains_key(recipe) { Enrolled::Yes } else { Enrolled::No },
        attended: if (asked.is_attended)(recipe) { Attended::Yes } else { Attended::No },
        record: None,
        generations: Vec::new(),
        flights: Vec::new(),
        holds: Vec::new(),
    }
}

fn record(canonical: &Canonical) -> Record {
    Record {
        release: canonical.release.clone(),
        generation: canonical.generation,
        volumes: canonical.volumes.values().cloned().collect(),
        // Their values are kept beside the generations, and a deploy puts back what is missing in the swarm.
        secrets: None,
        run: canonical.run.clone(),
        at: canonical.at,
        broken: None,
    }
}

/// Reads the journals of work that is about no canonical. `has_died` says of a run that it was of this instance and is
/// not any more: another runner's is not ours to close.
pub(super) fn other_journals(
    registry: &RegistryFacts,
    me: Option<&RunId>,
    has_died: &dyn Fn(&RunId) -> bool,
) -> Vec<Journal> {
    let others = registry.journals.iter().filter(|entry| !is_about_canonicals(entry.kind));
    let read = others.filter(|entry| me != Some(&entry.run)).filter_map(|entry| {
        let JournalEntry { recipe, run, kind, step, since } = entry;
        let owner = if has_died(run) { Owner::Dead } else { Owner::Alive };
        let flight = Flight { run: run.clone(), step: step.clone(), owner, since: *since };
        Some(Journal { recipe: recipe.clone()?, work: kind.name(), flight })
    });
    read.collect()
}

fn is_about_canonicals(work: Work) -> bool {
    match work {
        Work::Promotion | Work::Rollback | Work::Open | Work::Close | Work::Drop | Work::Reconcile => true,
        Work::Run | Work::Gc | Work::Sweep => false,
    }
}

fn hold(hold: &Hold) -> DomainHold {
    let Hold { kind, recipe: _, owner, reason, until } = hold;
    DomainHold {
        id: hold_id(*kind, owner),
        of: match kind {
            HoldKind::Open | HoldKind::Diagnosis => HoldOf::Deployed,
            HoldKind::Quarantine if is_ours(hold) => HoldOf::Broken,
            HoldKind::Freeze | HoldKind::Pin | HoldKind::Defer | HoldKind::Quarantine | HoldKind::Lease => {
                HoldOf::Other
            }
        },
        says: format!("{kind} by {owner}: {reason}"),
        until: *until,
    }
}

fn is_ours(hold: &Hold) -> bool {
    hold.kind == HoldKind::Quarantine && hold.owner == OWNER
}

fn hold_id(kind: HoldKind, owner: &str) -> String {
    format!("{kind} {owner}")
}

/// Reads back what [`hold_id`] wrote.
pub(super) fn read_hold_id(id: &str) -> Option<(HoldKind, &str)> {
    let (kind, owner) = id.split_once(' ')?;
    Some((HoldKind::parse(kind)?, owner))
}

/// Reads an object's labels. Containers are their services' business.
fn object(found: &engine::Object, id: &str) -> Option<Object> {
    let engine::Object { kind, id: _, name, labels, created } = found;
    let thing = match kind {
        Kind::Service => Thing::Service,
        Kind::Network => Thing::Network,
        Kind::Config => Thing::Config,
        Kind::Secret => Thing::Secret,
        Kind::Volume => Thing::Volume,
        Kind::Container => return None,
    };
    let stack = labels.get(STACK_LABEL).cloned();
    let ours = labels.get(labels::INSTANCE).is_some_and(|instance| instance == id);
    let recipe = labels.get(labels::CANONICAL).and_then(|name| RecipeName::parse(name).ok());
    let mark = match recipe {
        Some(recipe) if ours => Mark::Ours {
            recipe,
            generation: labels.get(labels::GENERATION).and_then(|n| n.parse().ok()).map(Generation),
        },
        Some(_) | None => Mark::Stranger,
    };
    let running = (thing == Thing::Service).then(|| Running {
        release: stack.as_ref().and_then(|stack| labels.get(&format!("coop-cloud.{stack}.version"))).cloned(),
        health: Health::Unclear,
    });
    Some(Object { thing, name: name.clone(), stack, mark, created: *created, running })
}

/// Looks how the services of canonicals do that should not be there at all: seldom any.
pub(super) async fn look_at_services(engine: &Engine, facts: &mut Facts) -> Result<(), EngineError> {
    let is_ours = |object: &&Object| object.running.is_some() && matches!(object.mark, Mark::Ours { .. });
    let stacks: BTreeSet<String> =
        facts.objects.iter().filter(is_ours).filter_map(|object| object.stack.clone()).collect();
    for stack in stacks {
        let Ok(name) = StackName::parse(&stack) else { continue };
        let tasks = engine.tasks(&name).await?;
        for object in facts.objects.iter_mut().filter(|o| o.stack.as_deref() == Some(stack.as_str())) {
            let of = || tasks.iter().filter(|task| task.service == object.name);
            let ended = of().filter(|task| matches!(task.state.as_str(), "failed" | "rejected")).count();
            let health = match (ended, of().any(|task| task.is_running)) {
                (ended, _) if ended >= LOOP => Health::Looping,
                (_, true) => Health::Up,
                (_, false) => Health::Unclear,
            };
            if let Some(running) = &mut object.running {
                running.health = health;
            }
        }
    }
    Ok(())
}
