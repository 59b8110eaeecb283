//! The registry against Docker: every difference, each with one safe repair (law 2, CC-111, DESIGN 7).
//!
//! At rest a canonical is idle: its committed volumes and its secrets are there, and nothing else of it. What a living
//! owner works on is no difference. What was committed is never taken away here, whatever else is said about it; only
//! [`beyond_keeping`], asked for itself, names generations that the retention does not keep.

mod difference;
mod facts;
mod journals;
mod keeping;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

pub use difference::{Difference, Kind, Repair, Severity};
pub use facts::{
    Attended, Enrolled, Facts, Flight, GenerationRow, Health, Hold, HoldOf, Mark, Object, Owner, RecipeFacts,
    Record, Running, Thing,
};
pub use journals::{Journal, left_open};
pub use keeping::beyond_keeping;

use crate::canonical::Standing;
use crate::{RecipeName, RunId};

/// Compares both sides. Differences come in the order in which their repairs are to be carried out.
pub fn reconcile(facts: &Facts) -> Vec<Difference> {
    let Facts { now, recipes, objects } = facts;
    let guarded = guarded(facts);
    let mut ours: BTreeMap<&RecipeName, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        match &object.mark {
            Mark::Ours { recipe, generation: _ } => ours.entry(recipe).or_default().push(object),
            Mark::Stranger => {}
        }
    }
    let mut found = foreign(facts);
    for recipe in recipes {
        let there = ours.remove(&recipe.recipe).unwrap_or_default();
        if !is_busy(recipe) {
            One {
                now: *now,
                facts: Some(recipe),
                recipe: &recipe.recipe,
                there,
                guarded: &guarded,
                found: &mut found,
            }
            .compare();
        }
    }
    // What is labelled with a recipe of which nobody knows anything.
    for (recipe, there) in ours {
        One { now: *now, facts: None, recipe, there, guarded: &guarded, found: &mut found }.compare();
    }
    sort(&mut found);
    found
}

/// Puts differences into the order in which their repairs are to be carried out.
pub fn sort(found: &mut [Difference]) {
    found.sort_by(|a, b| {
        let key = |d: &Difference| (d.repair.order(), d.kind);
        key(a).cmp(&key(b)).then_with(|| a.recipe.cmp(&b.recipe)).then_with(|| a.objects.cmp(&b.objects))
    });
}

/// Returns whether somebody alive works on the recipe's canonical.
fn is_busy(facts: &RecipeFacts) -> bool {
    facts.attended == Attended::Yes
        || facts.flights.iter().any(|flight| flight.owner == Owner::Alive)
        || facts.generations.iter().any(is_worked_on)
}

fn is_worked_on(row: &GenerationRow) -> bool {
    match row.standing {
        Standing::Candidate | Standing::Dropped => row.owner == Owner::Alive,
        // Its owner is done with it.
        Standing::Committed => false,
    }
}

/// Names of volumes that no repair may ever name: all that was committed, and all that a living owner promised.
fn guarded(facts: &Facts) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for recipe in &facts.recipes {
        names.extend(recipe.record.iter().flat_map(|record| &record.volumes).map(String::as_str));
        let busy = is_busy(recipe);
        let stays = |row: &&GenerationRow| busy || row.standing == Standing::Committed;
        let rows = recipe.generations.iter().filter(stays);
        names.extend(rows.flat_map(|row| &row.volumes).map(String::as_str));
    }
    names
}

/// Finds what has a name of a canonical's stack and does not carry our label. It is told, and never touched.
fn foreign(facts: &Facts) -> Vec<Difference> {
    let stacks: BTreeMap<&str, &RecipeFacts> = facts.recipes.iter().map(|r| (r.stack.as_str(), r)).collect();
    let mut found: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for object in facts.objects.iter().filter(|object| object.mark == Mark::Stranger) {
        let name = object.name.as_str();
        // Of a stack's own name, of each beginning that ends before an underscore, and of the label.
        let beginnings = name.match_indices('_').filter_map(|(at, _)| name.get(..at));
        let names = beginnings.chain([name]).chain(object.stack.as_deref());
        if let Some((stack, _)) = names.filter_map(|name| stacks.get_key_value(name)).next() {
            found.entry(stack).or_default().push(object);
        }
    }
    let told = found.into_iter().filter_map(|(stack, objects)| {
        let recipe = stacks.get(stack)?;
        let (n, what) = (objects.len(), if objects.len() == 1 { "object has" } else { "objects have" });
        Some(Difference {
            kind: Kind::Foreign,
            severity: Kind::Foreign.severity(),
            recipe: recipe.recipe.clone(),
            objects: objects.iter().map(ToString::to_string).collect(),
            origin: "not made by this instance".to_owned(),
            since: oldest(&objects),
            says: format!("{n} {what} a name of the canonical's stack `{stack}` and not our label"),
            repair: Repair::Tell {
                hint: "see whose they are; if nobody's, remove them by hand, they are never touched here"
                    .into(),
            },
        })
    });
    told.collect()
}

fn oldest(objects: &[&Object]) -> Option<DateTime<Utc>> {
    objects.iter().filter_map(|object| object.created).min()
}

/// One recipe's comparison.
struct One<'a> {
    now: DateTime<Utc>,
    recipe: &'a RecipeName,
    /// `None` where neither an enrolment nor the registry knows the recipe.
    facts: Option<&'a RecipeFacts>,
    /// Objects that carry the recipe's label.
    there: Vec<&'a Object>,
    guarded: &'a BTreeSet<&'a str>,
    found: &'a mut Vec<Difference>,
}

impl<'a> One<'a> {
    fn compare(mut self) {
        // A stack that is kept for a person, and the generation that it is on, stay until the hold's end.
        let holds = self.facts.map(|facts| facts.holds.as_slice()).unwrap_or_default();
        let open = holds.iter().find(|hold| hold.of == HoldOf::Deployed && !hold.is_over(self.now));
        let held = open.is_some();
        match open {
            Some(hold) => self.open(hold),
            None => self.stacks(),
        }
        if let Some(facts) = self.facts {
            if let Some(record) = &facts.record {
                self.record(record, facts.enrolled);
            }
            for row in &facts.generations {
                self.generation(row, facts.record.as_ref(), held);
            }
            self.flights(&facts.flights);
            self.holds(facts);
        }
        self.unknown_volumes();
        if !held {
            self.secrets_of_nothing();
        }
    }

    fn push(&mut self, kind: Kind, objects: &[&Object], origin: String, says: String, repair: Repair) {
        self.push_since(kind, objects, origin, oldest(objects), says, repair);
    }

    fn push_since(
        &mut self,
        kind: Kind,
        objects: &[&Object],
        origin: String,
        since: Option<DateTime<Utc>>,
        says: String,
        repair: Repair,
    ) {
        self.found.push(Difference {
            kind,
            severity: kind.severity(),
            recipe: self.recipe.clone(),
            objects: objects.iter().map(ToString::to_string).collect(),
            origin,
            since,
            says,
            repair,
        });
    }

    fn things(&self, thing: Thing) -> impl Iterator<Item = &'a Object> + '_ {
        self.there.iter().copied().filter(move |object| object.thing == thing)
    }

    fn has(&self, thing: Thing, name: &str) -> bool {
        self.things(thing).any(|object| object.name == name)
    }

    /// The dead promotion that something is most likely from.
    fn dead(&self) -> Option<(&'a RunId, String)> {
        let facts = self.facts?;
        let flight = facts.flights.iter().filter(|f| f.owner == Owner::Dead).max_by_key(|f| f.since);
        let flight = flight.map(|f| (&f.run, format!("run {}, killed at `{}`", f.run, f.step)));
        let row = facts
            .generations
            .iter()
            .filter(|row| row.standing == Standing::Candidate)
            .max_by_key(|r| r.since);
        flight.or_else(|| row.map(|row| (&row.run, format!("run {}, which is dead", row.run))))
    }

    /// What is open on paper runs in fact. Where it does not, and the copy is there, a person says what becomes of it:
    /// it may hold what they did to it.
    fn open(&mut self, hold: &'a Hold) {
        if self.things(Thing::Service).next().is_some() {
            return;
        }
        let rows = self.facts.map(|facts| facts.generations.as_slice()).unwrap_or_default();
        let candidates = rows.iter().filter(|row| row.standing == Standing::Candidate);
        let copy: Vec<&Object> = candidates
            .flat_map(|row| self.things(Thing::Volume).filter(|volume| row.volumes.contains(&volume.name)))
            .collect();
        let says = format!("{}; and nothing of it runs", hold.says);
        let repair = match copy.is_empty() {
            true => Repair::EndHold { id: hold.id.clone() },
            false => {
                Repair::Tell { hint: format!("`simmer canonical close {}`, and open it again", self.recipe) }
            }
        };
        self.push_since(Kind::OpenOnPaper, &copy, hold.says.clone(), None, says, repair);
    }

    /// The hold that let the stack be there, and whose end has come.
    fn overstayed(&self) -> Option<(&'a Hold, DateTime<Utc>)> {
        let holds = self.facts?.holds.iter().filter(|hold| hold.of == HoldOf::Deployed);
        holds.filter_map(|hold| Some((hold, hold.until?))).max_by_key(|(_, until)| *until)
    }

    fn stacks(&mut self) {
        let mut stacks: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
        for object in self.there.iter().copied() {
            let own = || self.facts.map(|facts| facts.stack.to_string()).unwrap_or_default();
            match object.thing {
                Thing::Service | Thing::Network | Thing::Config => {
                    stacks.entry(object.stack.clone().unwrap_or_else(own)).or_default().push(object);
                }
                Thing::Secret | Thing::Volume => {}
            }
        }
        for (stack, objects) in stacks {
            self.stack(stack, &objects);
        }
    }

    fn stack(&mut self, stack: String, objects: &[&Object]) {
        let services: Vec<&Object> = objects.iter().copied().filter(|o| o.thing == Thing::Service).collect();
        let running = || services.iter().filter_map(|service| service.running.as_ref());
        let loops = running().any(|running| running.health == Health::Looping);
        let release =
            running().find_map(|running| running.release.as_deref()).unwrap_or("an unknown release");
        let record = self.facts.and_then(|facts| facts.record.as_ref());
        let names = objects.iter().map(|object| object.name.clone()).collect();
        if let (Some((hold, until)), false) = (self.overstayed(), services.is_empty()) {
            let (n, until) = (services.len(), until.format("%Y-%m-%d %H:%M"));
            let says = format!("{n} services at {release} were to stay until {until} UTC, and it is later");
            let origin = hold.says.clone();
            self.push(Kind::Overstayed, objects, origin, says, Repair::Undeploy { stack, names });
            return;
        }
        let dead = self.dead();
        let (kind, says) = match (services.len(), record, &dead) {
            (0, _, _) => (
                Kind::HalfUndeployed,
                format!("{} networks or configs of `{stack}` were left by an undeploy", objects.len()),
            ),
            (n, _, Some(_)) => (
                Kind::OrphanStack,
                format!("{n} services of a promotion that is dead still run at {release}"),
            ),
            (n, None, None) => (
                Kind::OrphanStack,
                format!(
                    "{n} services run at {release}, and the registry knows no canonical of `{}`",
                    self.recipe
                ),
            ),
            (n, Some(record), None) if loops && release != record.release => (
                Kind::CrashLooping,
                format!(
                    "idle at {} on paper; {n} services run at {release}, and end again and again",
                    record.release
                ),
            ),
            (n, Some(record), None) => (
                Kind::LeftDeployed,
                format!("idle at {} on paper; {n} services run at {release} in fact", record.release),
            ),
        };
        let origin = dead.map_or_else(|| "unknown".to_owned(), |(_, origin)| origin);
        self.push(kind, objects, origin, says, Repair::Undeploy { stack, names });
    }

    fn record(&mut self, record: &'a Record, enrolled: Enrolled) {
        let Record { release, generation, volumes, secrets, run, at, broken } = record;
        let origin = format!("committed by run {run}");
        let mark = |why: &str| match broken {
            None => Repair::MarkBroken { why: why.to_owned() },
            Some(_) => Repair::Tell {
                hint: format!("`simmer canonical rollback {0}` or `simmer canonical drop {0}`", self.recipe),
            },
        };
        let missing: Vec<_> = volumes.iter().filter(|name| !self.has(Thing::Volume, name)).collect();
        let missing_secrets: Vec<_> =
            secrets.iter().flatten().filter(|name| !self.has(Thing::Secret, name)).collect();
        let mut told = Vec::new();
        if !missing.is_empty() {
            let (kind, says) = if missing.len() == volumes.len() {
                let says =
                    format!("the record says {release} on {generation}, and none of its volumes is there");
                (Kind::PhantomRecord, says)
            } else {
                let missing = names(&missing);
                let says = format!("of {generation} at {release} these volumes are missing: {missing}");
                (Kind::MissingVolume, says)
            };
            told.push((kind, mark(&says), says));
        }
        if !missing_secrets.is_empty() {
            let says = format!("these secrets of the canonical are missing: {}", names(&missing_secrets));
            told.push((Kind::SecretsMissing, mark(&says), says));
        }
        if enrolled == Enrolled::No {
            let hint = format!("enrol it again, or `simmer canonical drop {}`", self.recipe);
            let says = format!("it has a canonical at {release}, and is not enrolled any more");
            told.push((Kind::Unenrolled, Repair::Tell { hint }, says));
        }
        for (kind, repair, says) in told {
            self.push_since(kind, &[], origin.clone(), Some(*at), says, repair);
        }
    }

    fn generation(&mut self, row: &'a GenerationRow, record: Option<&Record>, held: bool) {
        let GenerationRow { generation, standing, volumes, run, owner: _, since, kept: _ } = row;
        let is_the_records = record.is_some_and(|record| record.generation == *generation);
        let there: Vec<&Object> = self.things(Thing::Volume).filter(|v| volumes.contains(&v.name)).collect();
        let origin = format!("run {run}");
        match standing {
            // What the record names was compared with the record.
            Standing::Committed if is_the_records => {}
            Standing::Committed => {
                let (kind, says, repair) = if record.is_none() && !there.is_empty() {
                    let says = format!("{generation} was committed, and the registry has no canonical of it");
                    let hint = format!("`simmer canonical rollback {}` goes back to it", self.recipe);
                    (Kind::NoRecord, says, Repair::Tell { hint })
                } else if there.len() == volumes.len() {
                    return;
                } else if there.is_empty() {
                    let says = format!("{generation} was committed once, and none of its volumes is there");
                    (Kind::EmptyGeneration, says, Repair::DropRow { generation: *generation })
                } else {
                    let missing: Vec<_> =
                        volumes.iter().filter(|name| !self.has(Thing::Volume, name)).collect();
                    let says =
                        format!("of {generation}, committed once, these are missing: {}", names(&missing));
                    let hint = "one cannot go back to it; retention takes the rest in its time".to_owned();
                    (Kind::BrokenGeneration, says, Repair::Tell { hint })
                };
                self.push_since(kind, &there, origin, Some(*since), says, repair);
            }
            Standing::Candidate | Standing::Dropped if held => {}
            Standing::Candidate | Standing::Dropped if is_the_records => {
                let says =
                    format!("the record names {generation}, and its row says that it was never committed");
                let hint = "the registry contradicts itself: run `simmer db check`".to_owned();
                self.push(Kind::ContestedVolume, &there, origin, says, Repair::Tell { hint });
            }
            Standing::Candidate | Standing::Dropped => {
                let guarded = self.guarded;
                let became = match standing {
                    Standing::Candidate => "was never committed",
                    Standing::Dropped | Standing::Committed => "was dropped",
                };
                let (stay, go): (Vec<&Object>, Vec<&Object>) =
                    there.into_iter().partition(|volume| guarded.contains(volume.name.as_str()));
                if !stay.is_empty() {
                    let says = format!("{generation} {became}, and names volumes of one that stays");
                    let hint = "the registry contradicts itself: run `simmer db check`".to_owned();
                    self.push(Kind::ContestedVolume, &stay, origin.clone(), says, Repair::Tell { hint });
                }
                if !go.is_empty() {
                    let says = format!("{} volumes of {generation}, which {became}", go.len());
                    let volumes = go.iter().map(|volume| volume.name.clone()).collect();
                    let repair = Repair::RemoveCandidate { generation: *generation, volumes };
                    self.push(Kind::OrphanVolumes, &go, origin, says, repair);
                } else if *standing == Standing::Candidate && stay.is_empty() {
                    let says = format!("{generation} was promised, and none of its volumes is there");
                    let repair = Repair::DropRow { generation: *generation };
                    self.push_since(Kind::StaleRow, &[], origin, Some(*since), says, repair);
                }
            }
        }
    }

    fn flights(&mut self, flights: &'a [Flight]) {
        for Flight { run, step, owner: _, since } in flights {
            let says = format!("run {run} was killed at `{step}`");
            let repair = Repair::CloseFlight { run: run.clone() };
            self.push_since(Kind::KilledFlight, &[], format!("run {run}"), Some(*since), says, repair);
        }
    }

    fn holds(&mut self, facts: &'a RecipeFacts) {
        let now = self.now;
        let whole = facts.record.as_ref().is_none_or(|record| self.is_whole(record));
        for hold in &facts.holds {
            let says = match hold.of {
                HoldOf::Deployed | HoldOf::Broken | HoldOf::Other if hold.is_over(now) => "a hold has ended",
                // It was given up, or an older generation is named again: what was missing is not missed any more.
                HoldOf::Broken if whole => "nothing of the canonical is missing any more",
                HoldOf::Deployed | HoldOf::Broken | HoldOf::Other => continue,
            };
            let (says, repair) = (format!("{says}: {}", hold.says), Repair::EndHold { id: hold.id.clone() });
            self.push_since(Kind::EndedHold, &[], hold.says.clone(), hold.until, says, repair);
        }
    }

    fn is_whole(&self, record: &Record) -> bool {
        let Record { volumes, secrets, .. } = record;
        volumes.iter().all(|name| self.has(Thing::Volume, name))
            && secrets.iter().flatten().all(|name| self.has(Thing::Secret, name))
    }

    fn unknown_volumes(&mut self) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        if let Some(facts) = self.facts {
            known.extend(facts.record.iter().flat_map(|record| &record.volumes).map(String::as_str));
            known.extend(facts.generations.iter().flat_map(|row| &row.volumes).map(String::as_str));
        }
        let unknown: Vec<&Object> =
            self.things(Thing::Volume).filter(|volume| !known.contains(volume.name.as_str())).collect();
        if !unknown.is_empty() {
            let says =
                format!("{} volumes carry our label, and the registry names them nowhere", unknown.len());
            let hint = "look what is in them; a registry that was lost or put back does this".to_owned();
            self.push(Kind::UnknownVolume, &unknown, "unknown".into(), says, Repair::Tell { hint });
        }
    }

    /// Secrets of a first promotion that died. They are nobody's only if nothing was ever committed, a promotion is
    /// known to have died, and no volume is there beside those which go with it: a lost registry looks much the same.
    fn secrets_of_nothing(&mut self) {
        let secrets: Vec<&Object> = self.things(Thing::Secret).collect();
        let committed = self.facts.is_some_and(|facts| {
            facts.record.is_some() || facts.generations.iter().any(|row| row.standing == Standing::Committed)
        });
        if secrets.is_empty() || committed {
            return;
        }
        let died = self.facts.is_some_and(|f| !f.flights.is_empty() || !f.generations.is_empty());
        let go: BTreeSet<&str> = self
            .facts
            .iter()
            .flat_map(|facts| &facts.generations)
            .flat_map(|row| &row.volumes)
            .map(String::as_str)
            .filter(|name| !self.guarded.contains(name))
            .collect();
        let bare = self.things(Thing::Volume).all(|volume| go.contains(volume.name.as_str()));
        let says = format!("{} secrets, and nothing of `{}` was ever committed", secrets.len(), self.recipe);
        let origin = self.dead().map_or_else(|| "unknown".to_owned(), |(_, origin)| origin);
        let repair = if died && bare {
            Repair::RemoveSecrets { names: secrets.iter().map(|secret| secret.name.clone()).collect() }
        } else {
            Repair::Tell { hint: "remove them by hand once you know that nothing needs them".into() }
        };
        self.push(Kind::OrphanSecrets, &secrets, origin, says, repair);
    }
}

fn names(names: &[&String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
