//! What holds on both databases.

use std::collections::BTreeMap;

use domain::canonical::{Standing, Step};
use domain::verdict::Depth;
use domain::{Canonical, Generation, RecipeName, Tier, Verdict};
use runner::store::{
    Hold, HoldKind, JournalEntry, Refused, RunRecord, Store, StoreError, SweepRecord, Took, Work,
};

use super::Place;
use super::samples::{COMMIT, cold, minute, recipe, record, run, volumes};

fn refusal(result: Result<Took, StoreError>) -> Refused {
    match result {
        Err(StoreError::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

/// Promises and commits a generation.
async fn advance(store: &Store, record: &Canonical) {
    let Canonical { recipe, generation, run, release, volumes, .. } = record;
    store.promise(recipe, *generation, run, release, volumes).await.unwrap();
    assert_eq!(store.commit(record).await.unwrap(), Took::Changed);
}

async fn standings(store: &Store, recipe: &RecipeName) -> Vec<String> {
    let all = store.generations(recipe).await.unwrap();
    all.iter().map(|one| format!("{} {:?} {}", one.number, one.standing, one.release)).collect()
}

pub(super) async fn a_new_database_knows_nothing(place: &Place) {
    let store = place.open().await;
    let gitea = recipe("gitea");

    assert_eq!(store.canonical(&gitea).await.unwrap(), None);
    assert_eq!(store.canonicals().await.unwrap(), []);
    assert_eq!(store.all_generations().await.unwrap(), []);
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(1));
    assert_eq!(store.green_run(&gitea, COMMIT).await.unwrap(), None);
    assert_eq!(store.journals().await.unwrap(), []);
    assert_eq!(store.last_sweep().await.unwrap(), None);
    assert_eq!(place.found(&store).await, [""; 0]);
}

pub(super) async fn cc_101_only_a_green_cold_run_of_that_very_commit_allows_a_promotion(place: &Place) {
    let store = place.open().await;
    let gitea = recipe("gitea");
    let first = cold(1, "gitea", "1.0.0+1", 1);
    let newest = cold(2, "gitea", "1.0.0+1", 2);
    let red = RunRecord { is_green: false, ..cold(3, "gitea", "1.0.0+1", 3) };
    let other = RunRecord { commit: "f".repeat(40), ..cold(4, "gitea", "1.1.0+1", 4) };
    let foreign = cold(5, "drone", "1.0.0+1", 5);
    let passed = Verdict::Passed { depth: Depth::Asserted };
    let promotion =
        RunRecord { verdicts: [(Tier::Advance, passed)].into(), ..cold(6, "gitea", "1.0.0+1", 6) };
    for run in [&newest, &first, &red, &other, &foreign, &promotion] {
        assert_eq!(store.run_ended(run).await.unwrap(), Took::Changed);
    }

    assert_eq!(store.green_run(&gitea, COMMIT).await.unwrap(), Some(newest.clone()));
    assert_eq!(store.green_run(&gitea, &"f".repeat(40)).await.unwrap(), Some(other.clone()));
    assert_eq!(store.green_run(&gitea, &"a".repeat(40)).await.unwrap(), None);
    assert_eq!(store.runs_of(&gitea, 3).await.unwrap(), [promotion, other, red]);
    assert_eq!(store.runs_of(&gitea, 99).await.unwrap().len(), 5);
}

pub(super) async fn law_7_the_first_result_of_a_run_stands(place: &Place) {
    let store = place.open().await;
    let first = cold(1, "gitea", "1.0.0+1", 1);
    store.run_ended(&first).await.unwrap();

    assert_eq!(store.run_ended(&first).await.unwrap(), Took::Same);
    let otherwise = RunRecord { is_green: false, ..first.clone() };
    assert_eq!(refusal(store.run_ended(&otherwise).await), Refused::OtherResult { run: run(1) });
    assert_eq!(store.runs_of(&first.recipe, 9).await.unwrap(), [first]);
}

pub(super) async fn a_generations_number_is_never_given_twice(place: &Place) {
    let store = place.open().await;
    let gitea = recipe("gitea");
    let promise = async |number: u32| {
        store.promise(&gitea, Generation(number), &run(number), "1.0.0+1", &volumes(number)).await
    };

    promise(1).await.unwrap();
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(2));
    assert!(matches!(refusal(promise(1).await), Refused::UsedNumber { highest: Generation(1), .. }));
    store.dropped(&gitea, Generation(1)).await.unwrap();
    assert!(matches!(refusal(promise(1).await), Refused::UsedNumber { .. }));
    store.retired(&gitea, Generation(1)).await.unwrap();
    assert_eq!(store.generations(&gitea).await.unwrap(), []);
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(2));
    assert!(matches!(refusal(promise(1).await), Refused::UsedNumber { .. }));
    assert_eq!(store.next_generation(&recipe("drone")).await.unwrap(), Generation(1));
    // Twice is harmless; what never was is not.
    assert_eq!(store.retired(&gitea, Generation(1)).await.unwrap(), Took::Same);
    assert!(matches!(refusal(store.retired(&gitea, Generation(7)).await), Refused::NoGeneration { .. }));
}

pub(super) async fn law_4_a_commit_is_read_back_as_it_was_written(place: &Place) {
    let store = place.open().await;
    let (gitea, first) = (recipe("gitea"), record("gitea", 1, "1.0.0+1"));
    store.promise(&gitea, first.generation, &first.run, &first.release, &first.volumes).await.unwrap();
    assert_eq!(store.canonical(&gitea).await.unwrap(), None, "a promise is no record");

    store.commit(&first).await.unwrap();

    // As another process sees it.
    let other = place.open().await;
    assert_eq!(other.canonical(&gitea).await.unwrap(), Some(first.clone()));
    assert_eq!(other.canonicals().await.unwrap(), std::slice::from_ref(&first));
    let generation = other.all_generations().await.unwrap().remove(0);
    assert_eq!(generation.standing, Standing::Committed);
    assert_eq!(generation.volumes, volumes(1));
    assert_eq!(generation.fingerprint(), Some(&first.fingerprint));
    assert_eq!(generation.bytes(), 1001);
    assert_eq!(generation.record, Some(first));
}

pub(super) async fn a_commit_needs_a_candidate_of_that_very_run(place: &Place) {
    let store = place.open().await;
    let (gitea, good) = (recipe("gitea"), record("gitea", 1, "1.0.0+1"));
    assert!(matches!(refusal(store.commit(&good).await), Refused::NoGeneration { .. }));
    store.promise(&gitea, good.generation, &good.run, &good.release, &good.volumes).await.unwrap();

    let foreign = Canonical { run: run(9), ..good.clone() };
    assert!(matches!(refusal(store.commit(&foreign).await), Refused::ForeignCandidate { .. }));
    let other = Canonical { release: "2.0.0+1".into(), ..good.clone() };
    assert!(matches!(refusal(store.commit(&other).await), Refused::OtherRelease { .. }));
    let volumes = BTreeMap::from([("warm_data".to_owned(), "somebody_elses".to_owned())]);
    let unpromised = Canonical { volumes, ..good.clone() };
    assert!(matches!(refusal(store.commit(&unpromised).await), Refused::UnpromisedVolume { .. }));
    store.dropped(&gitea, good.generation).await.unwrap();
    assert!(matches!(
        refusal(store.commit(&good).await),
        Refused::NoCandidate { standing: Standing::Dropped, .. }
    ));
    assert_eq!(store.canonical(&gitea).await.unwrap(), None);
    assert_eq!(place.found(&store).await, [""; 0], "what is refused leaves no event");
}

pub(super) async fn cc_120_the_same_release_again_is_harmless_and_refreshes_the_time(place: &Place) {
    let store = place.open().await;
    let (gitea, first) = (recipe("gitea"), record("gitea", 1, "1.0.0+1"));
    advance(&store, &first).await;

    assert_eq!(store.commit(&first).await.unwrap(), Took::Same);
    let again = record("gitea", 2, "1.0.0+1");
    advance(&store, &again).await;

    let now = store.canonical(&gitea).await.unwrap().unwrap();
    assert_eq!((now.release.as_str(), now.at), ("1.0.0+1", minute(2)));
    // A late voice from the promotion before does not bring the old record back.
    assert!(matches!(refusal(store.commit(&first).await), Refused::NoCandidate { .. }));
    assert_eq!(store.canonical(&gitea).await.unwrap(), Some(again));
}

pub(super) async fn what_is_committed_is_neither_dropped_nor_retired_while_the_record_names_it(
    place: &Place,
) {
    let store = place.open().await;
    let gitea = recipe("gitea");
    advance(&store, &record("gitea", 1, "1.0.0+1")).await;
    advance(&store, &record("gitea", 2, "1.1.0+1")).await;
    store.promise(&gitea, Generation(3), &run(3), "1.2.0+1", &volumes(3)).await.unwrap();

    assert!(matches!(refusal(store.dropped(&gitea, Generation(1)).await), Refused::NoCandidate { .. }));
    assert!(matches!(refusal(store.retired(&gitea, Generation(2)).await), Refused::StillWanted { .. }));
    assert!(matches!(refusal(store.retired(&gitea, Generation(3)).await), Refused::StillWanted { .. }));
    assert_eq!(store.dropped(&gitea, Generation(3)).await.unwrap(), Took::Changed);
    assert_eq!(store.dropped(&gitea, Generation(3)).await.unwrap(), Took::Same);
    assert_eq!(store.retired(&gitea, Generation(1)).await.unwrap(), Took::Changed);
    assert_eq!(standings(&store, &gitea).await, ["g2 Committed 1.1.0+1", "g3 Dropped 1.2.0+1"]);
}

pub(super) async fn going_back_writes_the_older_record_as_it_was(place: &Place) {
    let store = place.open().await;
    let gitea = recipe("gitea");
    let by = run(0x99);
    assert!(matches!(
        refusal(store.roll_back(&gitea, Generation(1), minute(9), &by).await),
        Refused::NoCanonical { .. }
    ));
    let (old, new) = (record("gitea", 1, "1.0.0+1"), record("gitea", 2, "1.1.0+1"));
    advance(&store, &old).await;
    advance(&store, &new).await;

    store.roll_back(&gitea, Generation(1), minute(9), &by).await.unwrap();
    assert_eq!(store.canonical(&gitea).await.unwrap(), Some(old));
    assert_eq!(store.roll_back(&gitea, Generation(1), minute(9), &by).await.unwrap(), Took::Same);
    // The newer one is still there, and one can go forward again.
    store.roll_back(&gitea, Generation(2), minute(10), &by).await.unwrap();
    assert_eq!(store.canonical(&gitea).await.unwrap(), Some(new));

    store.promise(&gitea, Generation(3), &run(3), "1.2.0+1", &volumes(3)).await.unwrap();
    assert!(matches!(
        refusal(store.roll_back(&gitea, Generation(3), minute(11), &by).await),
        Refused::NotCommitted { standing: Standing::Candidate, .. }
    ));
    assert!(matches!(
        refusal(store.roll_back(&gitea, Generation(8), minute(11), &by).await),
        Refused::NoGeneration { .. }
    ));
}

pub(super) async fn a_dropped_canonical_leaves_generations_that_may_go(place: &Place) {
    let store = place.open().await;
    let (gitea, drone) = (recipe("gitea"), record("drone", 1, "1.0.0+1"));
    advance(&store, &record("gitea", 1, "1.0.0+1")).await;
    advance(&store, &record("gitea", 2, "1.1.0+1")).await;
    advance(&store, &drone).await;

    store.drop_canonical(&gitea).await.unwrap();

    assert_eq!(store.canonicals().await.unwrap(), [drone]);
    assert_eq!(standings(&store, &gitea).await, ["g1 Dropped 1.0.0+1", "g2 Dropped 1.1.0+1"]);
    assert_eq!(store.drop_canonical(&gitea).await.unwrap(), Took::Same);
    for generation in [1, 2] {
        store.retired(&gitea, Generation(generation)).await.unwrap();
    }
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(3));
    advance(&store, &record("gitea", 3, "1.1.0+1")).await;
}

pub(super) async fn work_in_flight_is_known_until_it_is_done(place: &Place) {
    let store = place.open().await;
    let entry = |step: Step, since| JournalEntry {
        recipe: Some(recipe("gitea")),
        run: run(1),
        kind: Work::Promotion,
        step: step.name().to_owned(),
        since: minute(since),
    };
    let sweep =
        JournalEntry { recipe: None, run: run(2), kind: Work::Sweep, step: "sync".into(), since: minute(0) };
    store.journal(&entry(Step::Promise, 1)).await.unwrap();
    store.journal(&sweep).await.unwrap();
    store.journal(&entry(Step::Copy, 2)).await.unwrap();

    assert_eq!(place.open().await.journals().await.unwrap(), [entry(Step::Copy, 2), sweep.clone()]);
    store.journal_done(&run(1)).await.unwrap();
    assert_eq!(store.journal_done(&run(1)).await.unwrap(), Took::Same);
    assert_eq!(store.journals().await.unwrap(), [sweep]);
}

pub(super) async fn a_hold_has_owner_reason_and_end(place: &Place) {
    let store = place.open().await;
    let gitea = recipe("gitea");
    let hold = |owner: &str, reason: &str, until| Hold {
        kind: HoldKind::Freeze,
        recipe: recipe("gitea"),
        owner: owner.to_owned(),
        reason: reason.to_owned(),
        until,
    };
    store.hold(&hold("ada", "she's away", None)).await.unwrap();
    store.hold(&hold("ada", "she's back", Some(minute(5)))).await.unwrap();
    store.hold(&hold("bob", "a move", None)).await.unwrap();

    let holds = [hold("ada", "she's back", Some(minute(5))), hold("bob", "a move", None)];
    assert_eq!(store.holds().await.unwrap(), holds);
    store.release_hold(HoldKind::Freeze, &gitea, "ada").await.unwrap();
    assert_eq!(store.release_hold(HoldKind::Pin, &gitea, "bob").await.unwrap(), Took::Same);
    assert_eq!(store.holds().await.unwrap(), holds[1..]);
}

pub(super) async fn the_last_sweep_is_the_one_that_ended_last(place: &Place) {
    let store = place.open().await;
    let sweep = |id, ended| SweepRecord {
        id: run(id),
        began: minute(0),
        ended: minute(ended),
        rows: serde_json::json!([{"recipe": "gitea", "verdict": "passed"}]),
    };
    store.sweep_ended(&sweep(2, 9)).await.unwrap();
    store.sweep_ended(&sweep(1, 5)).await.unwrap();

    assert_eq!(store.last_sweep().await.unwrap(), Some(sweep(2, 9)));
    assert_eq!(store.sweep_ended(&sweep(2, 9)).await.unwrap(), Took::Same);
    assert!(matches!(refusal(store.sweep_ended(&sweep(2, 10)).await), Refused::OtherSweep { .. }));
}

pub(super) async fn of_two_that_write_at_once_one_wins_and_no_event_is_lost(place: &Place) {
    let gitea = recipe("gitea");
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let store = place.open().await;
        let gitea = gitea.clone();
        writers.spawn(async move {
            let mut won = 0;
            for number in 1..=8 {
                let volumes = volumes(number);
                let told = store.promise(&gitea, Generation(number), &run(writer), "1.0.0+1", &volumes).await;
                won += match told {
                    Ok(_) => 1,
                    Err(StoreError::Refused(Refused::UsedNumber { .. })) => 0,
                    Err(error) => panic!("{error}"),
                };
            }
            won
        });
    }
    let won: i32 = writers.join_all().await.into_iter().sum();

    let store = place.open().await;
    // A slow writer may find that a faster one has gone past its number, so that some are given to nobody.
    assert_eq!(won as usize, store.generations(&gitea).await.unwrap().len());
    assert_eq!(store.next_generation(&gitea).await.unwrap(), Generation(9));
    assert_eq!(place.found(&store).await, [""; 0]);
}

pub(super) async fn a_hand_in_the_tables_is_found(place: &Place) {
    let store = place.open().await;
    advance(&store, &record("drone", 1, "1.0.0+1")).await;
    advance(&store, &record("gitea", 1, "1.0.0+1")).await;
    assert_eq!(place.found(&store).await, [""; 0]);

    place.by_hand("UPDATE generations SET standing = 'dropped' WHERE recipe = 'gitea'").await;
    place.by_hand("DELETE FROM canonicals WHERE recipe = 'drone'").await;
    place.by_hand("INSERT INTO numbers VALUES ('n8n', 4)").await;

    insta::assert_snapshot!(place.found(&store).await.join("\n"), @r#"
    FoldDiffers canonicals "drone": the events tell of it, and there is no row
    FoldDiffers generations ("gitea", Generation(1)): the row is not what the events tell
    FoldDiffers numbers "n8n": there is a row, and no event tells of it
    "#);
    place.by_hand("UPDATE canonicals SET tag = '9.9.9+9' WHERE recipe = 'gitea'").await;
    insta::assert_snapshot!(place.found(&store).await.join("\n"), @"Unreadable the canonical of `gitea`: `record`: it is not what the other columns say");
}

pub(super) async fn lost_events_are_found(place: &Place) {
    let store = place.open().await;
    advance(&store, &record("gitea", 1, "1.0.0+1")).await;

    place.by_hand("DELETE FROM events WHERE seq = 1").await;

    insta::assert_snapshot!(place.found(&store).await.join("\n"), @r#"
    EventsLost the events: event 1 is missing, the next one is 2
    EventOutOfTurn event 2 (committed): there is no g1 of `gitea`
    FoldDiffers canonicals "gitea": there is a row, and no event tells of it
    FoldDiffers generations ("gitea", Generation(1)): there is a row, and no event tells of it
    FoldDiffers numbers "gitea": there is a row, and no event tells of it
    "#);
}

pub(super) async fn evidence_without_a_row_and_rows_without_evidence_are_found(place: &Place) {
    let store = place.open().await;
    let runs = place.folder.path().join("runs");
    for folder in ["00000001", "00000002", "00000003", "no-run"] {
        std::fs::create_dir_all(runs.join(folder)).unwrap();
    }
    store.run_ended(&cold(1, "gitea", "1.0.0+1", 1)).await.unwrap();
    store.run_ended(&cold(7, "gitea", "1.0.0+1", 1)).await.unwrap();

    let found = store.check(&runs, |id| *id == run(2)).await.unwrap();

    let found: Vec<_> = found.iter().map(|f| format!("{:?} {:?} {}", f.severity, f.wrong, f.what)).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    Warning EvidenceUnnamed run 00000003
    Warning EvidenceGone run 00000007 of `gitea`
    ");
}
