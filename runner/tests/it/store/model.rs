//! Random sequences of changes, against the rules by themselves.

use domain::{Canonical, Generation};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use runner::store::{
    Change, Hold, HoldKind, JournalEntry, RunRecord, State, Store, StoreError, SweepRecord, Took, Work,
};

use super::Place;
use super::samples::{cold, minute, recipe, record, run, volumes};

/// How many changes one sequence has, refused ones too.
const LENGTH: usize = 150;

fn change() -> impl Strategy<Value = Change> {
    let name = prop_oneof![Just("gitea"), Just("drone")];
    // Few values, so that changes meet each other.
    (0..12_u8, name, 1..40_u32, 1..4_u32, any::<bool>()).prop_map(|(kind, name, number, small, flag)| {
        let generation = Generation(number);
        let owner = if flag { "ada" } else { "bob" }.to_owned();
        match kind {
            0 => Change::Promised {
                recipe: recipe(name),
                generation,
                run: run(number),
                release: "1.0.0+1".into(),
                at: minute(0),
                volumes: volumes(number),
            },
            1 | 2 => Change::Committed {
                record: Canonical { cold: run(small), ..record(name, number, "1.0.0+1") },
            },
            3 => Change::Dropped { recipe: recipe(name), generation },
            4 if flag => Change::GivenUp { recipe: recipe(name), generation },
            4 => Change::Retired { recipe: recipe(name), generation },
            5 => Change::RolledBack { recipe: recipe(name), to: generation, at: minute(1), by: run(small) },
            // Seldom, or nothing would ever grow.
            6 if number == 1 => Change::CanonicalDropped { recipe: recipe(name) },
            6 | 7 => Change::RunEnded {
                run: RunRecord { is_green: flag, ..cold(number, name, "1.0.0+1", i64::from(small)) },
            },
            8 => Change::Journaled {
                entry: JournalEntry {
                    recipe: flag.then(|| recipe(name)),
                    run: run(small),
                    kind: Work::Promotion,
                    step: format!("step {number}"),
                    since: minute(i64::from(number)),
                },
            },
            9 => Change::JournalDone { run: run(small) },
            10 if flag => Change::SweepEnded {
                sweep: SweepRecord {
                    id: run(number),
                    began: minute(0),
                    ended: minute(i64::from(small)),
                    rows: serde_json::json!([small]),
                },
            },
            10 => Change::Held {
                hold: Hold {
                    kind: HoldKind::Pin,
                    recipe: recipe(name),
                    owner,
                    reason: number.to_string(),
                    until: (small > 1).then(|| minute(i64::from(small))),
                },
            },
            _ => Change::HoldReleased { kind: HoldKind::Pin, recipe: recipe(name), owner },
        }
    })
}

/// Makes numbers of generations follow each other as callers do, so that most promises are taken.
fn sensible(change: Change, state: &State) -> Change {
    match change {
        Change::Promised { recipe, generation, run: _, release, at, volumes: _ } if generation.0 > 5 => {
            let generation = state.next_generation(&recipe);
            let (run, volumes) = (run(generation.0), volumes(generation.0));
            Change::Promised { recipe, generation, run, release, at, volumes }
        }
        Change::Committed { record: Canonical { recipe, cold, .. } } => {
            let newest = state.numbers.get(&recipe).map_or(1, |highest| highest.0);
            Change::Committed { record: Canonical { cold, ..record(recipe.as_str(), newest, "1.0.0+1") } }
        }
        Change::RolledBack { recipe, to, at, by } => {
            let newest = state.numbers.get(&recipe).map_or(1, |highest| highest.0);
            Change::RolledBack { recipe, to: Generation(1 + to.0 % newest), at, by }
        }
        other @ (Change::RunEnded { .. }
        | Change::Promised { .. }
        | Change::Dropped { .. }
        | Change::GivenUp { .. }
        | Change::Retired { .. }
        | Change::CanonicalDropped { .. }
        | Change::Journaled { .. }
        | Change::JournalDone { .. }
        | Change::Held { .. }
        | Change::HoldReleased { .. }
        | Change::SweepEnded { .. }) => other,
    }
}

async fn ask(store: &Store, change: &Change) -> Result<Took, StoreError> {
    match change {
        Change::RunEnded { run } => store.run_ended(run).await,
        Change::Promised { recipe, generation, run, release, at: _, volumes } => {
            store.promise(recipe, *generation, run, release, volumes).await
        }
        Change::Committed { record } => store.commit(record).await,
        Change::Dropped { recipe, generation } => store.dropped(recipe, *generation).await,
        Change::GivenUp { recipe, generation } => store.given_up(recipe, *generation).await,
        Change::Retired { recipe, generation } => store.retired(recipe, *generation).await,
        Change::RolledBack { recipe, to, at, by } => store.roll_back(recipe, *to, *at, by).await,
        Change::CanonicalDropped { recipe } => store.drop_canonical(recipe).await,
        Change::Journaled { entry } => store.journal(entry).await,
        Change::JournalDone { run } => store.journal_done(run).await,
        Change::Held { hold } => store.hold(hold).await,
        Change::HoldReleased { kind, recipe, owner } => store.release_hold(*kind, recipe, owner).await,
        Change::SweepEnded { sweep } => store.sweep_ended(sweep).await,
    }
}

pub(super) async fn the_tables_are_what_the_events_tell_after_any_sequence_of_changes(place: &Place) {
    let store = place.open().await;
    let mut runner = TestRunner::deterministic();
    let mut model = State::default();
    let (mut changed, mut refused) = (0, 0);
    for nth in 0..LENGTH {
        let change = sensible(change().new_tree(&mut runner).unwrap().current(), &model);
        let expected = model.take(&change);
        match (&expected, ask(&store, &change).await) {
            (Ok(expected), Ok(took)) => {
                assert_eq!(*expected, took, "{nth}: {change:?}");
                changed += usize::from(took == Took::Changed);
            }
            (Err(expected), Err(StoreError::Refused(told))) => {
                assert_eq!(*expected, told, "{nth}: {change:?}");
                refused += 1;
            }
            (expected, told) => panic!("{nth}: {change:?}: expected {expected:?}, got {told:?}"),
        }
    }
    assert!(changed > LENGTH / 4 && refused > 10, "{changed} changed, {refused} refused");

    let found = place.found(&store).await;
    assert_eq!(found.iter().filter(|says| !says.starts_with("Evidence")).count(), 0, "{found:#?}");
    assert!(model.canonicals.into_values().eq(store.canonicals().await.unwrap()));
    assert!(model.journal.into_values().eq(store.journals().await.unwrap()));
    assert!(model.holds.into_values().eq(store.holds().await.unwrap()));
    // The store's own clock says when a generation was promised.
    let mut generations = store.all_generations().await.unwrap();
    generations.iter_mut().for_each(|one| one.made_at = minute(0));
    assert!(model.generations.into_values().eq(generations));
}
