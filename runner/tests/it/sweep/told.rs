//! What sweeps say, one after the other.

use std::sync::atomic::Ordering;

use chrono::Utc;
use domain::RecipeName;
use domain::sweep::Hold;
use runner::exit::Exit;
use runner::sweep::{Manner, carry_out, look_ahead, take_lease};

use super::world::{Script, World};

/// The table without what differs from machine to machine: ids, times, folders.
fn table(outcome: &runner::sweep::SweepOutcome, world: &World) -> String {
    let text = reports::sweep_table(&outcome.view).replace(&world.path().display().to_string(), "…");
    let text = text.replace(outcome.view.id(), "<id>");
    let text = match &outcome.view.start.as_ref().unwrap().previous {
        Some(previous) => text.replace(previous.as_str(), "<before>"),
        None => text,
    };
    let lines = text.lines().map(|line| match line.find(" (") {
        Some(at) if line.starts_with("sweep ") => line[..at].to_owned(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn cc_008_one_red_recipe_and_one_broken_remote_stop_nothing() {
    let world = World::of(&["broken", "far", "good", "kept", "stormy"]);
    world.enrol("kept", "canonical = true\n");
    world.lose("far");
    let work = Script::new(&[("broken", "red"), ("stormy", "unjudged")]);
    let outcome = world.sweep(&work).await;
    insta::assert_snapshot!(table(&outcome, &world), @r"
    recipe  release  verdict     cold        promotion     level  time   run       evidence
    broken  1.0.0+1  RED         red         not wanted    5      0m00s  00c0ffee  install: no `app` [recipe]
    stormy  1.0.0+1  NOT JUDGED  not judged  not wanted    5      0m00s  00c0ffee  install: it did not answer [platform]
    far              skipped                                                       unreachable: there is nothing at `…/repositories/far`
    good    1.0.0+1  GREEN       green       not wanted    5      0m00s  00c0ffee  never judged before
    kept    1.0.0+1  GREEN       green       promoted, g1  6      0m00s  00c0ffee  never judged before
    sweep <id>: red: 1 recipe is red; 1 recipe is unreachable; 1 recipe could not be judged
    ");
    assert_eq!(outcome.exit(), Exit::RecipeFailed);
    assert_eq!(
        work.done(),
        [
            "judge broken 1.0.0+1",
            "judge good 1.0.0+1",
            "judge kept 1.0.0+1",
            "promote kept 1.0.0+1",
            "judge stormy 1.0.0+1"
        ]
    );
}

#[tokio::test]
async fn a_second_sweep_with_nothing_new_says_so_and_is_green() {
    let world = World::of(&["good", "kept"]);
    world.enrol("kept", "canonical = true\n");
    assert_eq!(world.sweep(&Script::new(&[])).await.exit(), Exit::Passed);
    let again = Script::new(&[]);
    let outcome = world.sweep(&again).await;
    assert!(again.done().is_empty());
    assert_eq!(outcome.exit(), Exit::Passed);
    insta::assert_snapshot!(table(&outcome, &world), @r"
    Changed since <before>:
      nothing

    recipe  release  verdict  cold  promotion  level  time  run       evidence
    good    1.0.0+1  skipped                   5            00c0ffee  no-new-release: 1.0.0+1 is the newest; stands GREEN at 1.0.0+1 by simmer 0.1.0
    kept    1.0.0+1  skipped                   6            00c0ffee  no-new-release: 1.0.0+1 is the newest; stands GREEN at 1.0.0+1 by simmer 0.1.0
    sweep <id>: green, nothing new
    ");
    let mut forced = Script::new(&[]);
    forced.force = true;
    world.sweep(&forced).await;
    assert_eq!(forced.done().len(), 3);
}

#[tokio::test]
async fn a_newer_release_is_run_and_carried_onto_the_canonical() {
    let world = World::of(&["good", "kept"]);
    world.enrol("kept", "canonical = true\n");
    world.sweep(&Script::new(&[])).await;
    world.release("kept", "1.1.0+2");
    let work = Script::new(&[]);
    let outcome = world.sweep(&work).await;
    assert_eq!(work.done(), ["judge kept 1.1.0+2", "promote kept 1.1.0+2"]);
    insta::assert_snapshot!(table(&outcome, &world), @r"
    Changed since <before>:
      kept: green at 1.1.0+2, after 1.0.0+1

    recipe  release  verdict  cold   promotion     level  time   run       evidence
    kept    1.1.0+2  GREEN    green  promoted, g1  6      0m00s  00c0ffee  new release, after 1.0.0+1
    good    1.0.0+1  skipped                       5             00c0ffee  no-new-release: 1.0.0+1 is the newest; stands GREEN at 1.0.0+1 by simmer 0.1.0
    sweep <id>: green
    ");
}

#[tokio::test]
async fn what_is_red_is_tried_again_at_the_same_release_until_it_is_mended() {
    let world = World::of(&["good", "sick"]);
    world.sweep(&Script::new(&[("sick", "red")])).await;
    let again = Script::new(&[("sick", "red")]);
    let outcome = world.sweep(&again).await;
    assert_eq!(again.done(), ["judge sick 1.0.0+1"]);
    assert_eq!(outcome.exit(), Exit::RecipeFailed);
    assert!(outcome.view.changes().is_empty(), "it stands as it stood");
    let outcome = world.sweep(&Script::new(&[])).await;
    assert_eq!(outcome.exit(), Exit::Passed);
    assert_eq!(outcome.view.changes()[0].1.to_string(), "mended, green at 1.0.0+1");
}

#[tokio::test]
async fn cc_106_green_cold_and_red_on_retained_data_is_a_verdict_of_its_own() {
    let world = World::of(&["hurt", "shut"]);
    world.enrol("hurt", "canonical = true\n");
    world.enrol("shut", "canonical = true\n");
    let outcome = world.sweep(&Script::new(&[("hurt", "lost"), ("shut", "refused")])).await;
    assert_eq!(outcome.exit(), Exit::RecipeFailed);
    insta::assert_snapshot!(table(&outcome, &world), @r"
    recipe  release  verdict                   cold   promotion  level  time   run       evidence
    hurt    1.0.0+1  GREEN-BUT-PROMOTE-FAILED  green  failed     5      0m00s  00c0ffee  advance: data in volume `data` did not survive: it is gone [recipe]
    shut    1.0.0+1  GREEN-BUT-PROMOTE-FAILED  green  refused    5      0m00s  00c0ffee  advance: the canonical is open [platform]
    sweep <id>: red: 2 recipes are green, and their promotions failed
    ");
    // A promotion that did not happen for a reason of ours says nothing against the recipe, and is no green either.
    let outcome = world.sweep(&Script::new(&[("shut", "refused")])).await;
    assert_eq!(outcome.exit(), Exit::NotJudged);
}

#[tokio::test]
async fn cc_009_a_recipe_that_was_taken_out_is_listed_with_its_reason() {
    let world = World::of(&["good", "out"]);
    world.enrol("out", "enrolled = false\nreason = \"unmaintained\"\n");
    world.lose("out");
    let outcome = world.sweep(&Script::new(&[])).await;
    assert_eq!(outcome.exit(), Exit::Passed);
    let table = reports::sweep_table(&outcome.view);
    assert!(table.contains("de-enrolled: unmaintained"), "{table}");
}

#[tokio::test]
async fn law_1_an_empty_sweep_is_red_and_so_is_one_below_its_minimum() {
    let world = World::of(&[]);
    let outcome = world.sweep(&Script::new(&[])).await;
    assert_eq!(outcome.exit(), Exit::RecipeFailed);
    assert!(outcome.view.headline().contains("there is no recipe to sweep"), "{}", outcome.view.headline());

    let world = World::of(&["good"]);
    let toml = "base_domain = \"ci.test\"\nstate = \"state\"\n[sweep]\nminimum = 2\n";
    std::fs::write(world.path().join("simmer.toml"), toml).unwrap();
    let work = Script::new(&[]);
    let mut manner = work.manner();
    manner.asked.minimum = world.instance().settings.sweep_minimum;
    let outcome = world.sweep_as(&work, &manner).await;
    assert_eq!(outcome.exit(), Exit::RecipeFailed);
    let says = "red: 1 recipe judged or known to be green, and the minimum is 2";
    assert_eq!(outcome.view.headline(), says);
}

#[tokio::test]
async fn what_was_left_behind_is_the_most_urgent() {
    let world = World::of(&["messy", "sick"]);
    let outcome = world.sweep(&Script::new(&[("messy", "left"), ("sick", "red")])).await;
    assert_eq!(outcome.exit(), Exit::LeftBehind);
    let table = reports::sweep_table(&outcome.view);
    assert!(table.contains("left behind: volume run-00c0ffeea_data"), "{table}");
}

#[tokio::test]
async fn two_jobs_run_two_recipes_at_a_time_and_no_third() {
    let world = World::of(&["a", "b", "c", "d"]);
    let work = Script::new(&[]).meeting(2);
    let manner = Manner { jobs: 2, ..work.manner() };
    let outcome = world.sweep_as(&work, &manner).await;
    assert_eq!(outcome.exit(), Exit::Passed);
    assert_eq!(work.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_second_sweep_at_the_same_time_is_told_who_is_at_work() {
    let world = World::of(&["good"]);
    let state = world.instance().settings.state;
    let _held = take_lease(&state).unwrap();
    let refused = take_lease(&state).unwrap_err();
    assert_eq!(refused.exit, Exit::NotJudged);
    let says = refused.to_string();
    assert!(says.contains("another sweep") && says.contains(&std::process::id().to_string()), "{says}");
}

#[tokio::test]
async fn a_report_that_is_rendered_again_from_the_log_has_the_same_bytes() {
    let world = World::of(&["good", "sick"]);
    let outcome = world.sweep(&Script::new(&[("sick", "red")])).await;
    let folder = outcome.page.parent().unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let view = reports::read_sweep(&read("sweep.jsonl"));
    assert_eq!(reports::sweep_page(&view), read("sweep.html"));
    assert_eq!(reports::sweep_json(&view), read("sweep.json"));
    assert_eq!(reports::sweep_markdown(&view), read("sweep.md"));
}

#[tokio::test]
async fn what_somebody_holds_is_left_out_with_the_reason_also_by_force() {
    let world = World::of(&["good", "held"]);
    let mut work = Script::new(&[]);
    work.force = true;
    let (instance, manner) = (world.instance(), work.manner());
    let hold = Hold { reason: "quarantine by ops: in repair".into(), until: None };
    let holds = vec![(RecipeName::parse("held").unwrap(), hold)];
    let prospect = look_ahead(&instance, &manner, holds, Utc::now()).await.unwrap();
    let outcome = carry_out(&instance, prospect, &manner, &work, &|_| {}).await.unwrap();
    assert_eq!(work.done(), ["judge good 1.0.0+1"]);
    let table = reports::sweep_table(&outcome.view);
    assert!(table.contains("held: quarantine by ops: in repair"), "{table}");
}
