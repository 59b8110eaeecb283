//! Generations that need not stay any more: the retention goes on where no promotion comes by, or one was killed before
//! it got that far.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Facts, HoldOf, Kind, Mark, Object, RecipeFacts, Repair, Thing, is_busy};
use crate::RecipeName;
use crate::canonical::Standing;
use crate::retention::{Kept, Retention, past_keeping};

/// Finds the committed generations that the retention does not keep. It is the one repair that takes away what was
/// committed once, so all has to be sure: a record whose generation is whole, nobody at work, nothing deployed on
/// purpose. A generation that is not whole is no way back and counts for nothing; it is told as broken.
pub fn beyond_keeping(facts: &Facts, retention: Retention) -> Vec<Difference> {
    let mut there: BTreeMap<&RecipeName, Vec<&Object>> = BTreeMap::new();
    for object in facts.objects.iter().filter(|object| object.thing == Thing::Volume) {
        match &object.mark {
            Mark::Ours { recipe, generation: _ } => there.entry(recipe).or_default().push(object),
            Mark::Stranger => {}
        }
    }
    let of = |recipe: &RecipeFacts| {
        let held = recipe.holds.iter().any(|hold| hold.of == HoldOf::Deployed && !hold.is_over(facts.now));
        let there = there.get(&recipe.recipe).map(Vec::as_slice).unwrap_or_default();
        if is_busy(recipe) || held { Vec::new() } else { of_recipe(facts, recipe, there, retention) }
    };
    facts.recipes.iter().flat_map(of).collect()
}

fn of_recipe(
    facts: &Facts,
    recipe: &RecipeFacts,
    there: &[&Object],
    retention: Retention,
) -> Vec<Difference> {
    let names: BTreeSet<&str> = there.iter().map(|object| object.name.as_str()).collect();
    let is_whole = |volumes: &BTreeSet<String>| volumes.iter().all(|name| names.contains(name.as_str()));
    let Some(record) = recipe.record.as_ref().filter(|r| r.broken.is_none() && is_whole(&r.volumes)) else {
        return Vec::new();
    };
    let committed = || recipe.generations.iter().filter(|row| row.standing == Standing::Committed);
    let kept: Vec<Kept> =
        committed().filter(|row| is_whole(&row.volumes)).filter_map(|row| row.kept.clone()).collect();
    let past = past_keeping(&kept, record.generation, retention, facts.now);
    let goes = |generation| past.iter().any(|(past, _)| *past == generation);
    // The registry would contradict itself; then nothing that two of them name goes.
    let stays: BTreeSet<&String> = recipe
        .generations
        .iter()
        .filter(|row| !goes(row.generation))
        .flat_map(|row| &row.volumes)
        .chain(&record.volumes)
        .collect();
    let mut found = Vec::new();
    for (generation, why) in &past {
        let Some(row) = committed().find(|row| row.generation == *generation) else { continue };
        if row.volumes.iter().any(|name| stays.contains(name)) {
            continue;
        }
        let objects = there.iter().filter(|object| row.volumes.contains(&object.name));
        found.push(Difference {
            kind: Kind::PastKeeping,
            severity: Kind::PastKeeping.severity(),
            recipe: recipe.recipe.clone(),
            objects: objects.map(ToString::to_string).collect(),
            origin: format!("run {}", row.run),
            since: Some(row.since),
            says: format!("{generation} need not stay: {why}"),
            repair: Repair::Retire { generation: *generation, volumes: row.volumes.clone() },
        });
    }
    found
}
