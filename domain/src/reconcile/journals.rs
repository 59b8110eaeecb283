//! Journals of work that is about no canonical: they are evidence of who died, and say nothing of what is there.

use super::{Difference, Flight, Kind, Owner, Repair};
use crate::RecipeName;

/// A journal of a run, a gc or a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub recipe: RecipeName,
    /// What kind of work it is, such as `run`.
    pub work: &'static str,
    pub flight: Flight,
}

/// Finds those whose owner is dead. Unlike a promotion's they keep nobody from anything, and are closed also while
/// somebody works on the recipe.
pub fn left_open(journals: &[Journal]) -> Vec<Difference> {
    let dead = journals.iter().filter(|journal| match journal.flight.owner {
        Owner::Dead => true,
        Owner::Alive => false,
    });
    let told = dead.map(|Journal { recipe, work, flight }| {
        let Flight { run, step, owner: _, since } = flight;
        Difference {
            kind: Kind::KilledFlight,
            severity: Kind::KilledFlight.severity(),
            recipe: recipe.clone(),
            objects: Vec::new(),
            origin: format!("run {run}"),
            since: Some(*since),
            says: format!("{work} {run} was killed at `{step}`"),
            repair: Repair::CloseFlight { run: run.clone() },
        }
    });
    told.collect()
}
