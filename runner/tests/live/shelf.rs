//! The known-bad shelf: each recipe comes out red in its tier with its cause. One that came out green, or
//! with another cause, would void what the others say.

use crate::ground::{self, Ground};

/// What has to come out, by recipe and tier: data beside the shelf.
fn expected() -> toml::Table {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/instance-broken/expected.toml");
    std::fs::read_to_string(file).unwrap().parse().unwrap()
}

/// The tiers of a run, in their order.
const TIERS: [&str; 6] = ["lint", "install", "upgrade", "backup", "restore", "custom"];

/// Runs a broken recipe; asserts the exit code, the cause of each tier that has to break, that no other tier
/// breaks by itself, that the lint rules which foresee it do warn, and that nothing is left.
pub(crate) fn red(recipe: &str, exit: i32) {
    let expected = expected();
    let expected = expected[recipe].as_table().unwrap();
    let ground = Ground::with("broken", recipe, "");
    let mut reference = Vec::new();
    if let Some(release) = expected.get("release") {
        reference.extend(["--ref", release.as_str().unwrap()]);
    }
    let ran = ground.simmer(&[&["run", recipe, "--json"][..], &reference].concat());
    let outcome = ran.outcome();
    for name in TIERS {
        let found = ground::tier(&outcome, name);
        let verdict = found["verdict"].as_str().unwrap();
        let cause = found["cause"]["name"].as_str().unwrap_or_default();
        match expected.get(name) {
            None => assert!(
                matches!(verdict, "passed" | "skipped") || cause == "after",
                "{name}: {found:#}\n{}",
                ran.stderr
            ),
            Some(causes) => {
                assert!(matches!(verdict, "failed" | "unverified"), "{name}: {found:#}\n{}", ran.stderr);
                let meant = causes.as_array().unwrap().iter().any(|c| c.as_str() == Some(cause));
                assert!(meant, "{name} says {cause}, not one of {causes}\n{}", ran.stderr);
            }
        }
    }
    assert_eq!(ran.exit, exit, "{}", ran.stderr);
    if let Some(rules) = expected.get("foreseen") {
        let lint = ground.simmer(&[&["lint", recipe, "--json"][..], &reference].concat());
        for rule in rules.as_array().unwrap() {
            assert!(lint.stdout.contains(rule.as_str().unwrap()), "{rule} is not told of\n{}", lint.stdout);
        }
    }
    ground.assert_nothing_left();
}

/// Runs the repaired release of a broken recipe; asserts that it is green and that nothing foresees otherwise.
pub(crate) fn repaired(recipe: &str) {
    let expected = expected();
    let release = expected[recipe]["repaired"].as_str().unwrap();
    let ground = Ground::with("broken", recipe, "");
    let ran = ground.simmer(&["run", recipe, "--json", "--ref", release]);
    let outcome = ran.outcome();
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    for name in ["lint", "install", "upgrade", "backup", "restore"] {
        assert_eq!(ground::tier(&outcome, name)["verdict"], "passed", "{name}: {outcome:#}\n{}", ran.stderr);
    }
    let lint = ground.simmer(&["lint", recipe, "--json", "--ref", release]);
    for rule in expected[recipe]["foreseen"].as_array().unwrap() {
        assert!(!lint.stdout.contains(rule.as_str().unwrap()), "{rule} is told of\n{}", lint.stdout);
    }
    ground.assert_nothing_left();
}

#[test]
fn every_recipe_of_the_shelf_says_what_has_to_come_out() {
    let shelf = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/broken");
    let names = std::fs::read_dir(shelf).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, expected().keys().cloned().collect::<Vec<_>>());
}

#[test]
fn a_crash_is_called_with_its_exit_code() {
    red("crash-on-upgrade", 1);
}

#[test]
fn cc_046_an_update_that_swarm_rolled_back_has_failed() {
    red("rollback", 1);
}

#[test]
fn cc_048_a_stack_that_is_half_rolled_back_has_failed() {
    red("mixed-stack", 1);
}

#[test]
fn cc_047_what_sickens_after_the_monitor_window_is_caught_by_the_soak() {
    red("unhealthy-later", 1);
}

#[test]
fn what_never_turns_healthy_is_unhealthy() {
    red("never-healthy", 1);
}

#[test]
fn law_1_an_upgrade_that_changes_nothing_is_red() {
    red("same-image", 1);
}

#[test]
fn a_page_that_is_gone_fails_at_the_app_and_not_at_the_network() {
    red("health-404", 1);
}

#[test]
fn an_image_that_cannot_be_had_speaks_against_nobody_while_the_registry_is_away() {
    red("image-missing", 3);
}

#[test]
fn a_name_that_nobody_serves_is_red() {
    red("name-unserved", 1);
}

#[test]
fn cc_124_a_name_that_nobody_serves_is_lost_outside_and_well_inside() {
    let ground = Ground::with("broken", "name-unserved", "");
    let ran = ground.simmer(&["run", "name-unserved", "--json", "--tier", "install"]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("route failed from outside"), "{}", ran.stderr);
    assert!(ran.stderr.contains("no router takes"), "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn a_secret_that_nobody_gave_is_named_and_a_given_one_is_never_shown() {
    red("secret-missing", 1);

    let planted = "planted-7f3a9c/+&value";
    let ground = Ground::with("broken", "secret-missing", "");
    ground.write(
        "overlays/secret-missing/overlay.toml",
        &format!(
            "[health]\nwindow = \"5m\"\nsoak = \"2s\"\npath = \"/\"\n[secrets]\napi_key = \"{planted}\"\n"
        ),
    );
    let ran = ground.simmer(&["run", "secret-missing", "--tier", "install", "--logs"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    for (path, bytes) in ground.evidence() {
        assert!(!String::from_utf8_lossy(&bytes).contains(planted), "law 11: in {}", path.display());
    }
    assert!(!ran.stderr.contains(planted) && !ran.stdout.contains(planted), "law 11");
    ground.assert_nothing_left();
}

#[test]
fn cc_041_every_mistake_of_a_compose_file_is_told_at_its_line() {
    let ground = Ground::with("broken", "ten-errors", "");
    let ran = ground.simmer(&["lint", "ten-errors"]);
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    let told = ran.stdout.lines().filter(|line| line.contains("C001")).count();
    assert!(told >= 9, "{told} of the mistakes were told:\n{}", ran.stdout);
    red("ten-errors", 1);
}
