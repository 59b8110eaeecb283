//! What dies leaves nothing, what is kept has its bounds, and nobody touches what is another's.

mod carried;
mod lost;
mod names;
mod serve;
mod world;

use runner::gc::{Fate, KeptToo, find, remove};
use runner::lease::Owner;
use runner::reconcile::Mode;
use runner::run::labels;
use runner::store::Work;
use runner::sweep::tidy_up;
use serde_json::json;
use testkit::Fake;

use world::{World, gitea, run};

/// A first promotion was killed: nothing was ever committed.
async fn killed_before_it_was_born(fake: &Fake) -> World {
    let world = World::on(fake, "").await;
    world.keep_secrets();
    world.promise(fake, 1).await;
    world.journal(1, Work::Promotion, "prove").await;
    fake.put_secret("warm-gitea_ci_test_pw_v1", world.labels());
    world
}

#[tokio::test]
async fn cc_151_a_canonical_that_was_never_born_leaves_no_values_of_secrets() {
    let fake = Fake::start();
    let world = killed_before_it_was_born(&fake).await;

    let repaired = world.reconcile(Mode::Repair).await;

    assert_eq!(
        repaired,
        ["orphan secrets: repaired", "orphan volumes: repaired", "killed half-way: repaired"]
    );
    assert_eq!(fake.objects(), [""; 0]);
    assert!(!world.kept().exists(), "the values of secrets that are gone");
    assert_eq!(world.reconcile(Mode::Look).await, [""; 0]);
}

#[tokio::test]
async fn values_of_secrets_go_also_where_the_repair_or_the_promotion_was_killed_in_between() {
    // The secrets are gone and their values are not; and values that were kept before any secret was made.
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    world.keep_secrets();
    world.journal(1, Work::Promotion, "reconcile").await;

    assert_eq!(world.reconcile(Mode::Repair).await, ["killed half-way: repaired"]);

    assert!(!world.kept().exists());
}

#[tokio::test]
async fn cc_116_the_secrets_of_a_canonical_outlive_a_promotion_that_died() {
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    world.commit(&fake, 1, 1).await;
    world.keep_secrets();
    fake.put_secret("warm-gitea_ci_test_pw_v1", world.labels());
    world.promise(&fake, 2).await;
    world.journal(2, Work::Promotion, "copy").await;

    let repaired = world.reconcile(Mode::Repair).await;

    assert_eq!(repaired, ["orphan volumes: repaired", "killed half-way: repaired"]);
    assert!(world.kept().exists());
    assert_eq!(fake.objects(), ["secret warm-gitea_ci_test_pw_v1", "volume warm-gitea_ci_test_data-g1"]);
}

#[tokio::test]
async fn a_generation_goes_when_its_time_is_over_and_never_the_present_one_or_the_way_back() {
    let fake = Fake::start();
    let world = World::on(&fake, "[canonicals]\nkeep = 9\nkeep_days = 30").await;
    for (generation, days) in [(1, 90), (2, 60), (3, 50), (4, 40)] {
        world.commit(&fake, generation, days).await;
    }
    let past = ["past its keeping: found", "past its keeping: found"];
    assert_eq!(world.reconcile(Mode::Look).await, past);
    assert_eq!(world.generations().await, [1, 2, 3, 4], "looking changes nothing");

    // Somebody works on it: not now.
    let busy = world.leases().take("canonical-gitea", &Owner::here("00000009", "gitea")).unwrap();
    assert_eq!(world.reconcile(Mode::Repair).await, [""; 0]);
    drop(busy);

    let past = ["past its keeping: repaired", "past its keeping: repaired"];
    assert_eq!(world.reconcile(Mode::Repair).await, past);
    assert_eq!(world.generations().await, [3, 4]);
    assert_eq!(fake.objects(), ["volume warm-gitea_ci_test_data-g3", "volume warm-gitea_ci_test_data-g4"]);
    assert_eq!(world.reconcile(Mode::Repair).await, [""; 0]);
}

#[tokio::test]
async fn after_going_back_the_generation_that_the_record_names_is_the_one_that_stays() {
    let fake = Fake::start();
    let world = World::on(&fake, "[canonicals]\nkeep = 2").await;
    for generation in 1..=3 {
        world.commit(&fake, generation, 1).await;
    }
    let to = domain::Generation(2);
    world.store.roll_back(&gitea(), to, chrono::Utc::now(), &run(7)).await.unwrap();

    assert_eq!(world.reconcile(Mode::Repair).await, ["past its keeping: repaired"]);

    assert_eq!(world.generations().await, [1, 2], "the record's, and its way back");
    assert_eq!(world.store.canonical(&gitea()).await.unwrap().unwrap().generation, to);
}

#[tokio::test]
async fn journals_of_the_dead_are_closed_and_those_of_the_living_are_not() {
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    for (n, kind) in [(1, Work::Run), (2, Work::Gc), (3, Work::Run), (4, Work::Sweep)] {
        world.journal(n, kind, "judge").await;
    }
    let alive = |n| world.leases().take(&format!("run-{}", run(n)), &Owner::here("x", "gitea")).unwrap();
    let (_run, _sweep) = (alive(3), alive(4));
    // What a killed process leaves: its file, which nobody holds.
    let dead = world.instance.settings.state.join("leases/run-00000001.lock");
    std::fs::write(&dead, "{}").unwrap();
    // A canonical that somebody works on is no reason to leave a journal alone, once he is done with it.
    assert_eq!(world.reconcile(Mode::Look).await, ["killed half-way: found", "killed half-way: found"]);

    let closed = ["killed half-way: repaired", "killed half-way: repaired"];
    assert_eq!(world.reconcile(Mode::Repair).await, closed);

    let open = world.store.journals().await.unwrap();
    let open: Vec<_> = open.iter().map(|entry| entry.run.clone()).collect();
    assert_eq!(open, [run(3), run(4)]);
    assert!(!dead.exists(), "the lease's file of one who is dead");
    assert_eq!(world.reconcile(Mode::Repair).await, [""; 0]);
}

#[tokio::test]
async fn cc_150_two_runners_on_one_engine_do_not_collect_each_other() {
    let fake = Fake::start();
    let (ours, theirs) = (World::on(&fake, "").await, World::on(&fake, "").await);
    assert_ne!(ours.id(), theirs.id());
    let of_run = |world: &World, n: u32, name: &str| {
        let labels =
            json!({ labels::INSTANCE: world.id(), labels::RUN: run(n).as_str(), labels::RECIPE: "gitea" });
        fake.put_volume(name, labels, Some(("file", "data")));
    };
    // Theirs: one alive, one dead, and a canonical. Nobody here can see whether they are alive.
    let _alive = theirs.leases().take(&format!("run-{}", run(1)), &Owner::here("x", "gitea")).unwrap();
    of_run(&theirs, 1, "run-00000001a_data");
    of_run(&theirs, 2, "run-00000002a_data");
    theirs.commit(&fake, 1, 1).await;
    // Ours: one of another process of this instance that is alive, and one that is dead.
    let _other = ours.leases().take(&format!("run-{}", run(3)), &Owner::here("x", "gitea")).unwrap();
    of_run(&ours, 3, "run-00000003a_data");
    of_run(&ours, 4, "run-00000004a_data");
    let before = fake.objects();

    for (world, removed) in [(&ours, "run-00000004a_data"), (&theirs, "run-00000002a_data")] {
        let found = find(&world.engine, &world.id(), &world.leases(), KeptToo::Yes).await.unwrap();
        let dead: Vec<_> = found.into_iter().filter(|run| run.fate == Fate::Removed).collect();
        assert_eq!(dead.len(), 1, "{dead:?}");
        assert_eq!(dead[0].objects, [format!("volume `{removed}`")]);
        assert_eq!(remove(&world.engine, &dead[0]).await, [""; 0]);
    }

    let gone = ["volume run-00000002a_data", "volume run-00000004a_data"].map(str::to_owned);
    let left: Vec<String> = before.into_iter().filter(|object| !gone.contains(object)).collect();
    assert_eq!(fake.objects(), left);
    // Reconcile names their canonical, whose stack has the name of ours, and leaves it.
    assert_eq!(ours.reconcile(Mode::Repair).await, ["foreign object: told"]);
    assert_eq!(theirs.reconcile(Mode::Repair).await, [""; 0]);
    assert_eq!(fake.objects(), left);
}

#[tokio::test]
async fn a_sweep_begins_with_what_the_night_before_left() {
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    world.commit(&fake, 1, 1).await;
    world.promise(&fake, 2).await;
    world.journal(2, Work::Promotion, "copy").await;
    world.journal(3, Work::Run, "judge").await;
    let labels =
        json!({ labels::INSTANCE: world.id(), labels::RUN: run(3).as_str(), labels::RECIPE: "gitea" });
    fake.put_volume("run-00000003a_data", labels, None);
    let told = std::sync::Mutex::new(String::new());

    tidy_up(&world.instance, &world.engine, &world.store, &|text| told.lock().unwrap().push_str(text)).await;

    insta::assert_snapshot!(told.into_inner().unwrap(), @r"
    run 00000003 of `gitea` is dead, 1 objects removed
    gitea: 1 volumes of g2, which was never committed -> done: remove 1 volumes of g2 and its row
    gitea: run 00000002 was killed at `copy` -> done: close the journal of run 00000002
    gitea: run 00000003 was killed at `judge` -> done: close the journal of run 00000003
    ");
    assert_eq!(fake.objects(), ["volume warm-gitea_ci_test_data-g1"]);
    assert_eq!(world.store.journals().await.unwrap(), []);
}

#[tokio::test]
async fn a_sweep_tells_that_the_engine_is_gone_and_goes_on() {
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    drop(fake);
    let told = std::sync::Mutex::new(String::new());

    tidy_up(&world.instance, &world.engine, &world.store, &|text| told.lock().unwrap().push_str(text)).await;

    let told = told.into_inner().unwrap();
    assert!(told.contains("what dead runs left was not cleared: "), "{told}");
    assert!(told.contains("the registry was not compared with Docker: "), "{told}");
}

/// As the gc of one runner sees a run of the same instance that ended while it looked: what is cleared is asked for again
/// by its labels, and the living is never among it.
#[tokio::test]
async fn a_run_that_began_after_gc_looked_is_not_touched() {
    let fake = Fake::start();
    let world = World::on(&fake, "").await;
    let labels = |n: u32| json!({ labels::INSTANCE: world.id(), labels::RUN: run(n).as_str() });
    fake.put_volume("run-00000001a_data", labels(1), None);
    let found = find(&world.engine, &world.id(), &world.leases(), KeptToo::No).await.unwrap();
    let _alive = world.leases().take(&format!("run-{}", run(2)), &Owner::here("x", "gitea")).unwrap();
    fake.put_volume("run-00000002a_data", labels(2), None);

    for dead in &found {
        remove(&world.engine, dead).await;
    }

    assert_eq!(fake.objects(), ["volume run-00000002a_data"]);
}
