//! The known-bad shelf: each recipe comes out red in its tier with its cause. One that came out green, or
//! with another cause, would void what the others say.

use crate::ground::{self, Ground};

/// Runs a broken recipe; asserts verdict and cause of a tier, the exit code, and that nothing is left.
fn red(recipe: &str, exit: i32, expected: &[(&str, &str, &[&str])]) {
    let ground = Ground::with("broken", recipe, "");
    let ran = ground.simmer(&["run", recipe, "--json"]);
    let outcome = ran.outcome();
    for (tier, verdict, causes) in expected {
        let found = ground::tier(&outcome, tier);
        assert_eq!(found["verdict"], *verdict, "{tier}: {found:#}\n{}", ran.stderr);
        if !causes.is_empty() {
            let cause = found["cause"]["name"].as_str().unwrap_or_default();
            assert!(causes.contains(&cause), "{tier} says {cause}: {found:#}\n{}", ran.stderr);
        }
    }
    assert_eq!(ran.exit, exit, "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn a_crash_is_called_with_its_exit_code() {
    red("crash-on-upgrade", 1, &[("install", "failed", &["crash_loop"]), ("upgrade", "failed", &[])]);
}

#[test]
fn cc_046_an_update_that_swarm_rolled_back_has_failed() {
    red("rollback", 1, &[("upgrade", "failed", &["rolled_back"])]);
}

#[test]
fn cc_048_a_stack_that_is_half_rolled_back_has_failed() {
    red("mixed-stack", 1, &[("upgrade", "failed", &["mixed_stack"])]);
}

#[test]
fn cc_047_what_sickens_after_the_monitor_window_is_caught_by_the_soak() {
    let causes: &[&str] = &["lost_after_settled", "unhealthy"];
    red("unhealthy-later", 1, &[("install", "failed", causes), ("upgrade", "failed", causes)]);
}

#[test]
fn what_never_turns_healthy_is_unhealthy() {
    red("never-healthy", 1, &[("install", "failed", &["unhealthy"])]);
}

#[test]
fn law_1_an_upgrade_that_changes_nothing_is_red() {
    red("same-image", 1, &[("install", "passed", &[]), ("upgrade", "failed", &["upgrade_changes_nothing"])]);
}

#[test]
fn a_page_that_is_gone_fails_at_the_app_and_not_at_the_network() {
    red("health-404", 1, &[("install", "failed", &["probe"])]);
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
fn an_image_that_cannot_be_had_speaks_against_nobody_while_the_registry_is_away() {
    red("image-missing", 3, &[("install", "unverified", &["image_pull"])]);
}

#[test]
fn a_secret_that_nobody_gave_is_named_and_a_given_one_is_never_shown() {
    red("secret-missing", 1, &[("install", "failed", &["secret_missing"])]);

    let planted = "planted-7f3a9c/+&value";
    let ground = Ground::with("broken", "secret-missing", "");
    ground.write(
        "overlays/secret-missing/overlay.toml",
        &format!(
            "[health]\nwindow = \"60s\"\nsoak = \"2s\"\npath = \"/\"\n[secrets]\napi_key = \"{planted}\"\n"
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
    red("ten-errors", 1, &[("lint", "failed", &["lint"]), ("install", "failed", &["bad_recipe"])]);
}
