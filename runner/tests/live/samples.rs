//! Real applications through lint, install and upgrade.

use crate::ground::{Ground, tier};

/// Runs the newest release of a sample and asserts that it is green on everything that is judged, with an
/// assertion about the app, and that nothing is left.
fn green(recipe: &str) {
    let ground = Ground::with("samples", recipe, "");
    let ran = ground.simmer(&["run", recipe, "--json"]);
    let outcome = ran.outcome();
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert_eq!(outcome["level"], 2, "{}", ran.stderr);
    for name in ["install", "upgrade"] {
        assert_eq!(tier(&outcome, name)["verdict"], "passed", "{outcome:#}");
        assert_eq!(tier(&outcome, name)["depth"], "asserted", "{outcome:#}");
    }
    ground.assert_nothing_left();
}

#[test]
fn cc_022_cc_026_radicale_installs_and_upgrades() {
    green("radicale");
}

#[test]
fn cc_022_cc_026_kinto_with_its_database_secrets_template_and_job_installs_and_upgrades() {
    green("kinto");
}

#[test]
fn cc_022_cc_026_node_red_installs_and_upgrades() {
    green("nodered");
}

#[test]
fn cc_022_cc_026_mumble_that_speaks_no_http_installs_and_upgrades() {
    green("mumble");
}

#[test]
fn cc_022_cc_026_caddy_that_ends_tls_itself_installs_and_upgrades() {
    green("caddy");
}

#[test]
fn cc_022_cc_026_syncthing_installs_and_upgrades() {
    green("syncthing");
}

#[test]
fn cc_022_cc_026_the_sign_on_provider_installs_and_upgrades() {
    green("oidc");
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
