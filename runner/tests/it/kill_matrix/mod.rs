//! The kill matrix: every journaled step of all work is killed before, in the middle and after, on a fake swarm; then it
//! is reconciled, and nothing may be lost, left, or said otherwise by the registry than by Docker (laws 2 to 5).
//!
//! The names come from the code: a step that no scenario takes is a red test.

mod cases;
mod check;
mod recipe;
mod scenario;
mod seeds;
mod watch;
mod world;

use std::collections::BTreeSet;

use cases::Matrix;
use domain::plan::Act;
use runner::journal::steps;
use runner::kill::{Moment, place};
use runner::store::Work;

/// How many seeds are tried; `cargo xtask matrix` asks for thousands. Where nobody says it, a few that do not wait for an
/// answer that never comes.
const SEEDS: &str = "SIMMER_MATRIX_SEEDS";
/// So many.
const FEW: usize = 12;
/// The first of them.
const FROM: &str = "SIMMER_MATRIX_FROM";

#[test]
fn law_4_what_is_killed_before_in_the_middle_of_and_after_any_step_loses_nothing_and_leaves_nothing() {
    watch::watched(|| {
        let matrix = Matrix::new();
        every_name_of_the_code_is_come_by(&matrix.places());
        matrix.try_all();
    });
}

fn every_name_of_the_code_is_come_by(passed: &BTreeSet<&String>) {
    let is_passed = |work: Work, step: &str| passed.contains(&place(work.name(), step, Moment::Before));
    let mut missing = Vec::new();
    for work in Work::ALL {
        let named = steps(*work).into_iter();
        missing.extend(named.filter(|step| !is_passed(*work, step)).map(|step| format!("{work}/{step}")));
    }
    for act in Act::NAMES {
        let act = format!("act {act}");
        if !is_passed(Work::Run, &act) && !is_passed(Work::Promotion, &act) {
            missing.push(act);
        }
    }
    assert_eq!(missing, [""; 0], "no scenario takes these");
    // And nothing is journaled under a name that is not listed.
    let acts = Act::NAMES.map(|act| format!("act {act}"));
    let listed: BTreeSet<String> = Work::ALL
        .iter()
        .flat_map(|work| {
            let steps = steps(*work).into_iter().map(str::to_owned).chain(acts.clone());
            steps.map(|step| place(work.name(), &step, Moment::Before)).collect::<Vec<_>>()
        })
        .collect();
    let is_unlisted = |place: &&&String| place.ends_with("/before") && !listed.contains(**place);
    let unlisted: Vec<_> = passed.iter().filter(is_unlisted).collect();
    assert_eq!(unlisted, Vec::<&&String>::new(), "these are not listed");
}

#[test]
fn seeds_that_kill_and_break_the_engine_anywhere_lose_nothing_and_leave_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number(FROM).unwrap_or(0);
    let seeds: Vec<u64> = match (number(testkit::SEED_VARIABLE), number(SEEDS)) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (first..first + count).collect(),
        (None, None) => (first..).filter(|seed| !seeds::Trouble::of(*seed).waits()).take(FEW).collect(),
    };
    watch::watched(|| cases::try_seeds(&seeds));
}
