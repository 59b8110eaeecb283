//! Which run is meant, and what is said when there is nothing to explain.

use domain::{Cause, Tier};

use super::script::Script;
use super::{Answer, Instance};

fn red(instance: &Instance, id: [u8; 4], recipe: &str, hours: i64) -> String {
    Script::begin(instance, id, recipe, "1.1.0+2", None, hours)
        .passed(Tier::Lint)
        .broke(
            Tier::Install,
            None,
            Cause::Rejected { service: "app".into(), says: "invalid mount".into() },
            None,
        )
        .end()
}

fn first_line(answer: &Answer) -> &str {
    assert_eq!(answer.exit, 0, "{}", answer.err);
    answer.out.lines().next().unwrap()
}

#[test]
fn a_run_is_found_by_its_id_its_beginning_its_recipe_and_as_the_last() {
    let instance = Instance::new();
    let old = red(&instance, [0xab, 0xc0, 0, 1], "kinto", 3);
    let new = red(&instance, [0xab, 0xd0, 0, 2], "kinto", 2);
    let other = red(&instance, [0xff, 0, 0, 3], "pds", 1);
    for (asked, id) in
        [("last", &other), ("kinto", &new), ("abc", &old), (old.as_str(), &old), ("ff", &other)]
    {
        let answer = instance.simmer(&["why", asked]);
        assert!(first_line(&answer).contains(&format!("run {id} ")), "{asked}: {}", answer.out);
    }
    assert!(first_line(&instance.simmer(&["why"])).contains(&other));
}

#[test]
fn what_is_no_run_is_a_usage_error_with_clear_words() {
    let instance = Instance::new();
    let answer = instance.simmer(&["why", "last"]);
    assert_eq!(answer.exit, 2);
    assert!(
        answer.err.contains("there are no runs yet") && answer.err.contains("simmer run"),
        "{}",
        answer.err
    );
    red(&instance, [0xab, 0xc0, 0, 1], "kinto", 3);
    red(&instance, [0xab, 0xd0, 0, 2], "kinto", 2);
    let answer = instance.simmer(&["why", "nobody"]);
    assert_eq!(answer.exit, 2);
    assert!(answer.err.contains("no run is called `nobody`"), "{}", answer.err);
    let answer = instance.simmer(&["why", "ab"]);
    assert_eq!(answer.exit, 2);
    assert!(answer.err.contains("the beginning of 2 runs: "), "{}", answer.err);
    let answer = instance.simmer(&["why", "kinto", "restore"]);
    assert_eq!(answer.exit, 2);
    assert!(answer.err.contains("says nothing of tier restore"), "{}", answer.err);
    assert!(answer.err.contains("`lint`, `install`"), "{}", answer.err);
}

#[test]
fn a_green_run_says_that_there_is_nothing_to_explain() {
    let instance = Instance::new();
    Script::begin(&instance, [1, 2, 3, 4], "kinto", "1.1.0+2", None, 1).installed().end();
    insta::assert_snapshot!(instance.why(&["kinto"]), @r#"
    kinto 1.1.0+2 · run 01020304 · AT · passed

    lint     passed
    install  passed

    nothing broke, so there is nothing to explain

    all of it: INSTANCE/state/runs/01020304/report.html
    "#);
}

#[test]
fn a_damaged_log_is_explained_as_far_as_it_goes_and_says_what_is_lost() {
    let instance = Instance::new();
    let id = red(&instance, [1, 2, 3, 4], "kinto", 1);
    let log = instance.run_folder(&id).join("events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, &text[..text.len() - 40]).unwrap();
    let said = instance.why(&[&id]);
    assert!(said.contains("log: line 4 of the log cannot be read: the line is cut"), "{said}");
    assert!(said.contains("install failed · rejected"), "{said}");

    std::fs::write(&log, "no log at all\n").unwrap();
    let answer = instance.simmer(&["why", &id]);
    assert_eq!(answer.exit, 3);
    assert!(answer.err.contains("the log of this run cannot be read"), "{}", answer.err);
}

#[test]
fn a_run_that_was_killed_says_so() {
    let instance = Instance::new();
    let mut script = Script::begin(&instance, [1, 2, 3, 4], "kinto", "1.1.0+2", None, 1);
    script.passed(Tier::Lint).side(domain::names::Side::A, Tier::Install).cut();
    let said = instance.why(&["kinto"]);
    assert!(said.contains("did not end") && said.contains("never judged"), "{said}");
}

#[test]
fn the_answer_is_json_for_those_who_count() {
    let instance = Instance::new();
    red(&instance, [1, 2, 3, 4], "kinto", 1);
    let answer = instance.simmer(&["why", "kinto", "install", "--json"]);
    assert_eq!(answer.exit, 0, "{}", answer.err);
    let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!((&json["format"], &json["recipe"]), (&1.into(), &"kinto".into()));
    let tier = &json["tiers"][0];
    assert_eq!((&tier["tier"], &tier["broken"]["cause"]), (&"install".into(), &"rejected".into()));
    assert_eq!(tier["broken"]["fault"], "recipe");
    assert!(tier["broken"]["try"].as_array().is_some_and(|steps| steps.len() >= 2));
}

#[test]
fn hostile_words_reach_a_terminal_harmless() {
    let instance = Instance::new();
    Script::begin(&instance, [1, 2, 3, 4], "kinto", "1.1.0+2", None, 1)
        .broke(
            Tier::Install,
            None,
            Cause::Rejected { service: "app".into(), says: "\u{1b}]0;title\u{7}\u{1b}[2Jx".into() },
            None,
        )
        .end();
    let answer = instance.simmer(&["why", "last"]);
    assert!(!answer.out.contains('\u{1b}') && !answer.out.contains('\u{7}'), "{:?}", answer.out);
}
