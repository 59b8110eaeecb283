//! What a change does to what is known: the rules of the registry. Pure; the tables are written after it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};
use domain::canonical::Standing;
use domain::{Canonical, Generation, RecipeName, RunId};

use super::records::{GenerationRecord, Hold, HoldKind, JournalEntry, RunRecord, SweepRecord};

/// One change of the registry, as it stands in the body of an event. Names are a promise: old events are read for ever.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    RunEnded {
        run: RunRecord,
    },
    Promised {
        recipe: RecipeName,
        generation: Generation,
        run: RunId,
        release: String,
        at: DateTime<Utc>,
        volumes: BTreeMap<String, String>,
    },
    Committed {
        record: Canonical,
    },
    Dropped {
        recipe: RecipeName,
        generation: Generation,
    },
    /// A generation that was committed is kept no longer: its volumes go.
    GivenUp {
        recipe: RecipeName,
        generation: Generation,
    },
    Retired {
        recipe: RecipeName,
        generation: Generation,
    },
    RolledBack {
        recipe: RecipeName,
        to: Generation,
        at: DateTime<Utc>,
        by: RunId,
    },
    CanonicalDropped {
        recipe: RecipeName,
    },
    Journaled {
        entry: JournalEntry,
    },
    JournalDone {
        run: RunId,
    },
    Held {
        hold: Hold,
    },
    HoldReleased {
        kind: HoldKind,
        recipe: RecipeName,
        owner: String,
    },
    SweepEnded {
        sweep: SweepRecord,
    },
}

impl Change {
    /// Returns the event's kind, as its column says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunEnded { .. } => "run_ended",
            Self::Promised { .. } => "promised",
            Self::Committed { .. } => "committed",
            Self::Dropped { .. } => "dropped",
            Self::GivenUp { .. } => "given_up",
            Self::Retired { .. } => "retired",
            Self::RolledBack { .. } => "rolled_back",
            Self::CanonicalDropped { .. } => "canonical_dropped",
            Self::Journaled { .. } => "journaled",
            Self::JournalDone { .. } => "journal_done",
            Self::Held { .. } => "held",
            Self::HoldReleased { .. } => "hold_released",
            Self::SweepEnded { .. } => "sweep_ended",
        }
    }

    /// Returns the recipe that it is about, where it is about one.
    pub fn recipe(&self) -> Option<&RecipeName> {
        match self {
            Self::RunEnded { run } => Some(&run.recipe),
            Self::Committed { record } => Some(&record.recipe),
            Self::Promised { recipe, .. }
            | Self::Dropped { recipe, .. }
            | Self::GivenUp { recipe, .. }
            | Self::Retired { recipe, .. }
            | Self::RolledBack { recipe, .. }
            | Self::CanonicalDropped { recipe }
            | Self::HoldReleased { recipe, .. } => Some(recipe),
            Self::Journaled { entry } => entry.recipe.as_ref(),
            Self::Held { hold } => Some(&hold.recipe),
            Self::JournalDone { .. } | Self::SweepEnded { .. } => None,
        }
    }

    /// Returns the run that made it, where one did.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::RunEnded { run } => Some(&run.id),
            Self::Committed { record } => Some(&record.run),
            Self::Promised { run, .. } | Self::RolledBack { by: run, .. } | Self::JournalDone { run } => {
                Some(run)
            }
            Self::Journaled { entry } => Some(&entry.run),
            Self::SweepEnded { sweep } => Some(&sweep.id),
            Self::Dropped { .. }
            | Self::GivenUp { .. }
            | Self::Retired { .. }
            | Self::CanonicalDropped { .. }
            | Self::Held { .. }
            | Self::HoldReleased { .. } => None,
        }
    }
}

/// A change that the registry does not take. A bug of ours, or two that did not know of each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{generation} of `{recipe}` was promised before: the highest number so far is {highest}")]
    UsedNumber { recipe: RecipeName, generation: Generation, highest: Generation },
    #[error("there is no {generation} of `{recipe}`")]
    NoGeneration { recipe: RecipeName, generation: Generation },
    #[error("{generation} of `{recipe}` is {}, not a candidate", word(*standing))]
    NoCandidate { recipe: RecipeName, generation: Generation, standing: Standing },
    #[error("{generation} of `{recipe}` is the candidate of run {of}, not of {run}")]
    ForeignCandidate { recipe: RecipeName, generation: Generation, of: RunId, run: RunId },
    #[error("{generation} of `{recipe}` was promised for {promised}, not for {release}")]
    OtherRelease { recipe: RecipeName, generation: Generation, promised: String, release: String },
    #[error("the volume `{volume}` was not promised for {generation} of `{recipe}`")]
    UnpromisedVolume { recipe: RecipeName, generation: Generation, volume: String },
    #[error("{generation} of `{recipe}` is {}, not a committed generation", word(*standing))]
    NotCommitted { recipe: RecipeName, generation: Generation, standing: Standing },
    #[error("{generation} of `{recipe}` is {}: only what is dropped, or was committed and is not named by the record, is retired", word(*standing))]
    StillWanted { recipe: RecipeName, generation: Generation, standing: Standing },
    #[error("`{recipe}` has no canonical")]
    NoCanonical { recipe: RecipeName },
    #[error("run {run} has ended before, and otherwise: the first result stands")]
    OtherResult { run: RunId },
    #[error("sweep {id} has ended before, and otherwise: the first result stands")]
    OtherSweep { id: RunId },
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Candidate => "a candidate",
        Standing::Committed => "committed",
        Standing::Dropped => "dropped",
    }
}

/// Whether a change changed anything. One that was made before is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    Changed,
    /// It stood there already: no event is written.
    Same,
}

/// All that the events tell, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub canonicals: BTreeMap<RecipeName, Canonical>,
    pub generations: BTreeMap<(RecipeName, Generation), GenerationRecord>,
    /// The highest number ever promised: also of generations that are gone.
    pub numbers: BTreeMap<RecipeName, Generation>,
    pub runs: BTreeMap<RunId, RunRecord>,
    pub journal: BTreeMap<RunId, JournalEntry>,
    pub holds: BTreeMap<(HoldKind, RecipeName, String), Hold>,
    pub sweeps: BTreeMap<RunId, SweepRecord>,
}

impl State {
    /// Folds one change in. Where it is refused, nothing has changed.
    pub fn take(&mut self, change: &Change) -> Result<Took, Refused> {
        match change {
            Change::RunEnded { run } => match self.runs.entry(run.id.clone()) {
                Entry::Occupied(there) if there.get() == run => Ok(Took::Same),
                Entry::Occupied(_) => Err(Refused::OtherResult { run: run.id.clone() }),
                Entry::Vacant(free) => {
                    free.insert(run.clone());
                    Ok(Took::Changed)
                }
            },
            Change::Promised { recipe, generation, run, release, at, volumes } => {
                let candidate = GenerationRecord {
                    recipe: recipe.clone(),
                    number: *generation,
                    standing: Standing::Candidate,
                    run: run.clone(),
                    release: release.clone(),
                    made_at: *at,
                    volumes: volumes.clone(),
                    record: None,
                };
                self.promised(candidate)
            }
            Change::Committed { record } => self.committed(record),
            Change::Dropped { recipe, generation } => self.dropped(recipe, *generation),
            Change::GivenUp { recipe, generation } => self.given_up(recipe, *generation),
            Change::Retired { recipe, generation } => self.retired(recipe, *generation),
            Change::RolledBack { recipe, to, at: _, by: _ } => self.rolled_back(recipe, *to),
            Change::CanonicalDropped { recipe } => {
                if self.canonicals.remove(recipe).is_none() {
                    return Ok(Took::Same);
                }
                for (_, generation) in self.generations.iter_mut().filter(|((of, _), _)| of == recipe) {
                    generation.standing = Standing::Dropped;
                }
                Ok(Took::Changed)
            }
            Change::Journaled { entry } => Ok(put(&mut self.journal, entry.run.clone(), entry.clone())),
            Change::JournalDone { run } => Ok(gone(self.journal.remove(run).is_some())),
            Change::Held { hold } => {
                let key = (hold.kind, hold.recipe.clone(), hold.owner.clone());
                Ok(put(&mut self.holds, key, hold.clone()))
            }
            Change::HoldReleased { kind, recipe, owner } => {
                Ok(gone(self.holds.remove(&(*kind, recipe.clone(), owner.clone())).is_some()))
            }
            Change::SweepEnded { sweep } => match self.sweeps.entry(sweep.id.clone()) {
                Entry::Occupied(there) if there.get() == sweep => Ok(Took::Same),
                Entry::Occupied(_) => Err(Refused::OtherSweep { id: sweep.id.clone() }),
                Entry::Vacant(free) => {
                    free.insert(sweep.clone());
                    Ok(Took::Changed)
                }
            },
        }
    }

    /// Returns one above every number ever promised to the recipe.
    pub fn next_generation(&self, recipe: &RecipeName) -> Generation {
        Generation(self.numbers.get(recipe).map_or(1, |highest| highest.0 + 1))
    }

    fn promised(&mut self, candidate: GenerationRecord) -> Result<Took, Refused> {
        let key = (candidate.recipe.clone(), candidate.number);
        let (recipe, generation) = key.clone();
        let highest = self.numbers.get(&recipe).copied().unwrap_or(Generation(0));
        if generation <= highest {
            return Err(Refused::UsedNumber { recipe, generation, highest });
        }
        self.numbers.insert(recipe, generation);
        self.generations.insert(key, candidate);
        Ok(Took::Changed)
    }

    fn committed(&mut self, record: &Canonical) -> Result<Took, Refused> {
        let (recipe, generation) = (record.recipe.clone(), record.generation);
        if self.canonicals.get(&recipe) == Some(record) {
            return Ok(Took::Same);
        }
        let there = self.generation(&recipe, generation)?;
        if there.standing != Standing::Candidate {
            return Err(Refused::NoCandidate { recipe, generation, standing: there.standing });
        }
        if there.run != record.run {
            let (of, run) = (there.run.clone(), record.run.clone());
            return Err(Refused::ForeignCandidate { recipe, generation, of, run });
        }
        if there.release != record.release {
            let (promised, release) = (there.release.clone(), record.release.clone());
            return Err(Refused::OtherRelease { recipe, generation, promised, release });
        }
        if let Some((_, volume)) =
            record.volumes.iter().find(|(name, volume)| there.volumes.get(*name) != Some(volume))
        {
            return Err(Refused::UnpromisedVolume { recipe, generation, volume: volume.clone() });
        }
        there.standing = Standing::Committed;
        there.record = Some(record.clone());
        self.canonicals.insert(recipe, record.clone());
        Ok(Took::Changed)
    }

    fn dropped(&mut self, recipe: &RecipeName, generation: Generation) -> Result<Took, Refused> {
        let there = self.generation(recipe, generation)?;
        match there.standing {
            Standing::Candidate => {
                there.standing = Standing::Dropped;
                Ok(Took::Changed)
            }
            Standing::Dropped => Ok(Took::Same),
            Standing::Committed => {
                Err(Refused::NoCandidate { recipe: recipe.clone(), generation, standing: there.standing })
            }
        }
    }

    fn given_up(&mut self, recipe: &RecipeName, generation: Generation) -> Result<Took, Refused> {
        let named = self.canonicals.get(recipe).is_some_and(|record| record.generation == generation);
        let there = self.generation(recipe, generation)?;
        match there.standing {
            Standing::Committed if !named => {
                there.standing = Standing::Dropped;
                Ok(Took::Changed)
            }
            Standing::Dropped => Ok(Took::Same),
            standing @ (Standing::Candidate | Standing::Committed) => {
                Err(Refused::StillWanted { recipe: recipe.clone(), generation, standing })
            }
        }
    }

    fn retired(&mut self, recipe: &RecipeName, generation: Generation) -> Result<Took, Refused> {
        let named = self.canonicals.get(recipe).is_some_and(|record| record.generation == generation);
        let key = (recipe.clone(), generation);
        let Some(there) = self.generations.get(&key) else {
            // One that was there once and is gone is what the caller wants.
            return match self.numbers.get(recipe) {
                Some(highest) if generation <= *highest => Ok(Took::Same),
                Some(_) | None => Err(Refused::NoGeneration { recipe: recipe.clone(), generation }),
            };
        };
        match there.standing {
            Standing::Dropped => {}
            Standing::Committed if !named => {}
            standing @ (Standing::Candidate | Standing::Committed) => {
                return Err(Refused::StillWanted { recipe: recipe.clone(), generation, standing });
            }
        }
        self.generations.remove(&key);
        Ok(Took::Changed)
    }

    fn rolled_back(&mut self, recipe: &RecipeName, to: Generation) -> Result<Took, Refused> {
        if !self.canonicals.contains_key(recipe) {
            return Err(Refused::NoCanonical { recipe: recipe.clone() });
        }
        let there = self.generation(recipe, to)?;
        let record = match (there.standing, &there.record) {
            (Standing::Committed, Some(record)) => record.clone(),
            (standing, _) => {
                return Err(Refused::NotCommitted { recipe: recipe.clone(), generation: to, standing });
            }
        };
        Ok(put(&mut self.canonicals, recipe.clone(), record))
    }

    fn generation(
        &mut self,
        recipe: &RecipeName,
        generation: Generation,
    ) -> Result<&mut GenerationRecord, Refused> {
        self.generations
            .get_mut(&(recipe.clone(), generation))
            .ok_or_else(|| Refused::NoGeneration { recipe: recipe.clone(), generation })
    }
}

fn put<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Took {
    if map.get(&key) == Some(&value) {
        return Took::Same;
    }
    map.insert(key, value);
    Took::Changed
}

fn gone(was_there: bool) -> Took {
    if was_there { Took::Changed } else { Took::Same }
}
