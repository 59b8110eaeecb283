//! Real applications through all tiers, each with real data of its own.

use crate::ground::{Ground, tier};

/// Runs the newest release of a sample and asserts that it is green in every tier, with an assertion about the app
/// in each that touches it, and that nothing is left.
fn green(recipe: &str) {
    let ground = Ground::with("samples", recipe, "");
    let ran = ground.simmer(&["run", recipe, "--json"]);
    let outcome = ran.outcome();
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(outcome["level"], 5, "{}", ran.stderr);
    for name in ["lint", "install", "upgrade", "backup", "restore", "custom"] {
        let found = tier(&outcome, name);
        assert_eq!(found["verdict"], "passed", "{found:#}\n{}", ran.stderr);
        assert!(name == "lint" || found["depth"] == "asserted", "{found:#}\n{}", ran.stderr);
    }
    ground.assert_nothing_left();
}

#[test]
fn cc_022_cc_026_cc_030_radicale_keeps_its_data() {
    green("radicale");
}

#[test]
fn cc_022_cc_026_cc_030_kinto_with_its_database_secrets_template_and_job_keeps_its_data() {
    green("kinto");
}

#[test]
fn cc_022_cc_026_cc_030_node_red_keeps_its_data() {
    green("nodered");
}

#[test]
fn cc_022_cc_026_cc_030_mumble_that_speaks_no_http_keeps_its_data() {
    green("mumble");
}

#[test]
fn cc_022_cc_026_cc_030_caddy_that_ends_tls_itself_keeps_its_data() {
    green("caddy");
}

#[test]
fn cc_022_cc_026_cc_030_syncthing_keeps_its_data() {
    green("syncthing");
}

#[test]
fn cc_022_cc_026_cc_030_the_sign_on_provider_keeps_its_data() {
    green("oidc");
}

#[test]
fn cc_030_files_that_come_back_under_an_app_with_its_data_in_memory_are_not_restored() {
    // The newest release has the hook that this one lacks, and is green: see above.
    let release = "2.0.0+4.0.9";
    let ground = Ground::with("samples", "nodered", "");
    let ran = ground.simmer(&["run", "nodered", "--json", "--ref", release, "--tier", "backup,restore"]);
    let outcome = ran.outcome();
    assert_eq!(ran.exit, 1, "{}", ran.stderr);
    assert_eq!(tier(&outcome, "backup")["verdict"], "passed", "{}", ran.stderr);
    let restore = tier(&outcome, "restore");
    assert_eq!(restore["verdict"], "failed", "{}", ran.stderr);
    assert_eq!(restore["cause"]["name"], "not_restored", "{restore:#}");
    assert!(ran.stderr.contains("restore does not bring data back: a flow"), "{}", ran.stderr);
    ground.assert_nothing_left();
}

#[test]
fn several_bases_are_each_upgraded_from() {
    let ground = Ground::with("samples", "radicale", "");
    let bases = ["1.0.0+3.1.9", "1.1.0+3.5.10"];
    let ran = ground
        .simmer(&["run", "radicale", "--json", "--tier", "upgrade", "--base", bases[0], "--base", bases[1]]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    for base in bases {
        assert!(ran.stderr.contains(&format!("upgrade from {base}: passed")), "{}", ran.stderr);
    }
    ground.assert_nothing_left();
}

#[test]
fn cc_006_a_branch_is_not_a_release_and_says_so() {
    let ground = Ground::with("samples", "radicale", "");
    let ran = ground.simmer(&["run", "radicale", "--json", "--ref", "HEAD", "--tier", "install"]);
    let outcome = ran.outcome();
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(outcome["released"], false, "{outcome:#}");
    assert_eq!(tier(&outcome, "upgrade")["verdict"], "skipped", "{outcome:#}");
    ground.assert_nothing_left();
}
