//! Sweeps that did not come to their end.

use std::io::Write as _;

use runner::exit::Exit;
use runner::sweep::{Manner, Resume};

use super::world::{Script, World};

#[tokio::test]
async fn a_sweep_that_was_killed_goes_on_where_it_was_and_repeats_no_row() {
    let world = World::of(&["a", "b", "c"]);
    let killed = Script::new(&[("a", "red")]).hanging_at("judge b");
    world.kill_sweep(&killed).await;
    assert_eq!(killed.done(), ["judge a 1.0.0+1"]);
    let page = std::fs::read_to_string(world.sweeps()[0].join("sweep.html")).unwrap();
    assert!(page.contains("it has not ended"), "who looks in between is told");

    let again = Script::new(&[]);
    let outcome = world.sweep(&again).await;
    assert_eq!(again.done(), ["judge b 1.0.0+1", "judge c 1.0.0+1"]);
    assert_eq!(world.sweeps().len(), 1, "it is the same sweep");
    assert_eq!(outcome.view.resumed, 1);
    assert_eq!(outcome.view.ended().len(), 3);
    assert_eq!(outcome.exit(), Exit::RecipeFailed, "what was red before the kill is red");
}

#[tokio::test]
async fn killed_at_any_place_a_sweep_ends_with_every_recipe_in_one_row() {
    for place in ["judge a", "promote a", "judge b", "judge c", "promote c"] {
        let world = World::of(&["a", "b", "c"]);
        world.enrol("a", "canonical = true\n");
        world.enrol("c", "canonical = true\n");
        let killed = Script::new(&[]).hanging_at(place);
        world.kill_sweep(&killed).await;
        let again = Script::new(&[]);
        let outcome = world.sweep(&again).await;
        assert_eq!(outcome.exit(), Exit::Passed, "{place}: {}", outcome.view.headline());
        let done = [killed.done(), again.done()].concat();
        let all = [
            "judge a 1.0.0+1",
            "promote a 1.0.0+1",
            "judge b 1.0.0+1",
            "judge c 1.0.0+1",
            "promote c 1.0.0+1",
        ];
        assert_eq!(done, all, "{place}: each step once, a promotion without its cold run again");
    }
}

#[tokio::test]
async fn a_line_that_the_kill_cut_off_counts_for_nothing() {
    let world = World::of(&["a", "b"]);
    let killed = Script::new(&[]).hanging_at("judge b");
    world.kill_sweep(&killed).await;
    let log = world.sweeps()[0].join("sweep.jsonl");
    let mut file = std::fs::File::options().append(true).open(log).unwrap();
    file.write_all(b"{\"v\":1,\"at\":\"2026-11-21T0\xc3").unwrap();
    let again = Script::new(&[]);
    let outcome = world.sweep(&again).await;
    assert_eq!(again.done(), ["judge b 1.0.0+1"]);
    assert_eq!(outcome.exit(), Exit::Passed);
    let text = std::fs::read(world.sweeps()[0].join("sweep.jsonl")).unwrap();
    let view = reports::read_sweep(&String::from_utf8_lossy(&text));
    assert_eq!(view.garbled.len(), 1);
    assert_eq!(view.ended(), outcome.view.ended());
}

#[tokio::test]
async fn ctrl_c_ends_the_recipe_at_hand_and_the_next_sweep_goes_on_with_it() {
    let world = World::of(&["a", "b", "c"]);
    let stopped = Script::new(&[]).stopping_at("b");
    let outcome = world.sweep(&stopped).await;
    assert_eq!(outcome.exit(), Exit::NotJudged);
    assert_eq!(
        outcome.view.headline(),
        "not judged: interrupted; 1 recipe could not be judged; the sweep did not come to 1 recipe"
    );
    let again = Script::new(&[]);
    let outcome = world.sweep(&again).await;
    assert_eq!(again.done(), ["judge b 1.0.0+1", "judge c 1.0.0+1"]);
    assert_eq!(outcome.exit(), Exit::Passed);
}

#[tokio::test]
async fn a_new_sweep_is_begun_where_another_thing_is_asked_for_or_the_recipes_are_others() {
    let world = World::of(&["a", "b"]);
    let kill = || async {
        let killed = Script::new(&[("a", "red")]).hanging_at("judge b");
        world.kill_sweep(&killed).await;
        world.sweeps().len()
    };
    let before = kill().await;
    let anew = Script::new(&[]);
    let manner = Manner { resume: Resume::Never, ..anew.manner() };
    assert_eq!(world.sweep_as(&anew, &manner).await.view.resumed, 0);
    assert_eq!(world.sweeps().len(), before + 1);
    // What the killed sweep found is known to the new one: red, so it is tried again.
    assert_eq!(anew.done(), ["judge b 1.0.0+1", "judge a 1.0.0+1"]);

    let more = World::of(&["a", "b"]);
    let killed = Script::new(&[]).hanging_at("judge b");
    more.kill_sweep(&killed).await;
    let extra = World::of(&["c"]);
    let enrolment = std::fs::read_to_string(extra.path().join("recipes/c.toml")).unwrap();
    std::fs::write(more.path().join("recipes/c.toml"), enrolment).unwrap();
    let next = Script::new(&[]);
    assert_eq!(more.sweep(&next).await.view.resumed, 0);
    assert_eq!(next.done(), ["judge b 1.0.0+1", "judge c 1.0.0+1"], "`a` is green already");
}
