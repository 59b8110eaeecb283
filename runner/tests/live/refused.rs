//! What cannot be run is refused before anything is made.

use crate::ground::Ground;

#[test]
fn a_tag_that_does_not_exist_is_a_usage_error_that_names_near_ones() {
    let ground = Ground::with("samples", "radicale", "");
    let ran = ground.simmer(&["run", "radicale", "--ref", "9.9.9+9"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("`9.9.9+9` is no tag, branch or commit"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    let ran = ground.simmer(&["run", "radicale", "--base", "9.9.9+9"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("the newest are `2.0.0+3.9.0`"), "{}", ran.stderr);
    assert!(!ground.path().join("state/runs").read_dir().is_ok_and(|mut d| d.next().is_some()));
}

#[test]
fn what_is_no_git_repository_is_a_usage_error() {
    let ground = Ground::with("samples", "radicale", "");
    ground.write("recipes/nothing.toml", "source = \"overlays\"\n");
    let ran = ground.simmer(&["run", "nothing"]);
    assert_eq!(ran.exit, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("is not a git repository"), "{}", ran.stderr);
}

#[test]
fn cc_012_a_disk_that_is_nearly_full_stops_everything_before_it_starts() {
    let ground = Ground::with("samples", "radicale", "[limits]\ndisk_free_gib = 1000000");
    let ran = ground.simmer(&["run", "radicale"]);
    assert_eq!(ran.exit, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("are wanted"), "{}", ran.stderr);
    assert!(ran.stderr.contains("docker image prune"), "{}", ran.stderr);
}

#[test]
fn a_shared_network_that_is_missing_is_named_with_the_command_that_makes_it() {
    let ground = Ground::with("samples", "radicale", "[edge]\nnetwork = \"no-such-network\"");
    let ran = ground.simmer(&["run", "radicale"]);
    assert_eq!(ran.exit, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("docker network create --driver overlay --attachable no-such-network"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_doctor_finds_this_machine_fit() {
    let ground = Ground::with("samples", "radicale", "");
    let ran = ground.simmer(&["doctor"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.stdout, ran.stderr);
    for check in ["engine", "swarm", "ipvs", "disk", "memory", "clock", "network", "overlay", "edge"] {
        assert!(ran.stdout.contains(check), "{check} is not checked:\n{}", ran.stdout);
    }
}
