//! `simmer sweep` on the command line, where no engine is.

use super::world::{Script, World};
use crate::command_line::simmer;

#[test]
fn a_dry_run_prints_the_plan_without_an_engine_and_leaves_nothing() {
    let world = World::of(&["caddy", "gitea", "held"]);
    world.enrol("gitea", "canonical = true\n");
    world.enrol("held", "enrolled = false\nreason = \"unmaintained\"\n");
    let (exit, out, err) = simmer(world.path(), &["sweep", "--dry-run"]);
    assert_eq!(exit, 0, "{err}");
    insta::assert_snapshot!(out, @r"
    recipe  release  expected  plan
    caddy   1.0.0+1  unknown   run: never judged before
    gitea   1.0.0+1  unknown   run: never judged before, then onto its canonical
    held                       skip: de-enrolled: unmaintained
    2 recipes to run, nobody knows how long they take; the minimum is 1
    ");
    assert!(world.sweeps().is_empty());
    let (_, out, _) = simmer(world.path(), &["sweep", "--dry-run", "--json", "--only", "gitea"]);
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&plan[0]["recipe"], &plan[0]["task"]), (&"gitea".into(), &"run".into()));
}

#[tokio::test]
async fn a_dry_run_tells_the_rest_of_a_sweep_that_did_not_end() {
    let world = World::of(&["a", "b"]);
    let toml = std::fs::read_to_string(world.path().join("simmer.toml")).unwrap();
    assert!(!toml.contains("minimum"));
    world.kill_sweep(&Script::new(&[]).hanging_at("judge b")).await;
    let (exit, out, err) = simmer(world.path(), &["sweep", "--dry-run"]);
    assert_eq!(exit, 0);
    assert!(err.contains("has not ended, and goes on"), "{err}");
    assert!(out.contains("\nb ") && !out.contains("\na "), "{out}");
}

#[test]
fn a_misspelt_name_is_refused_with_the_near_one() {
    let world = World::of(&["gitea", "caddy"]);
    let (exit, _, err) = simmer(world.path(), &["sweep", "--only", "gitae"]);
    assert_eq!(exit, 2);
    assert!(
        err.contains("no recipe `gitae` is enrolled here") && err.contains("did you mean `gitea`?"),
        "{err}"
    );
    let (_, _, err) = simmer(world.path(), &["sweep", "--only", "nextcloud"]);
    assert!(err.contains("--dry-run"), "{err}");
}

#[test]
fn without_an_engine_nothing_is_judged_and_no_sweep_is_begun() {
    let world = World::of(&["gitea"]);
    let (exit, _, err) = simmer(world.path(), &["sweep"]);
    assert_eq!(exit, 3, "{err}");
    assert!(world.sweeps().is_empty());
}

#[test]
fn cc_009_who_takes_a_recipe_out_says_why() {
    let world = World::of(&["gitea"]);
    for (more, says) in [
        ("enrolled = false\n", "nobody says why it is not enrolled"),
        ("enrolled = false\nreason = \" \"\n", "nobody says why it is not enrolled"),
        ("reason = \"unmaintained\"\n", "it says why the recipe is not enrolled, and it is"),
    ] {
        world.enrol("gitea", more);
        let (exit, _, err) = simmer(world.path(), &["sweep", "--dry-run"]);
        assert_eq!(exit, 2, "{more}");
        assert!(err.contains("recipes/gitea.toml") && err.contains(says), "{err}");
    }
    world.enrol("gitea", "");
    std::fs::write(
        world.path().join("simmer.toml"),
        "base_domain = \"ci.test\"\nstate = \"s\"\n[sweep]\nminimum = 0\n",
    )
    .unwrap();
    let (exit, _, err) = simmer(world.path(), &["sweep", "--dry-run"]);
    assert_eq!(exit, 2);
    assert!(err.contains("`sweep.minimum`"), "{err}");
}
