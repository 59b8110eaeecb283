//! What the registry says and what Docker has: named, repaired, or left alone because it is somebody else's.

use crate::ground::Ground;
use crate::warm::{
    Given, Soak, bytes_of, carried, differences, docker, ground, instance, is_green_cold, promoted, releases,
    shown, standings, volumes, wait_until,
};

const RECIPE: &str = "radicale";

/// The name of the canonical's stack, as its volumes carry it.
fn stack(ground: &Ground) -> String {
    let volume = volumes(ground, "_data-g1").remove(0);
    volume.strip_suffix("_data-g1").unwrap().to_owned()
}

/// The stack as its own first release has it, on the committed data, started by a hand that is not ours.
fn leave_deployed(ground: &Ground, release: &str) -> String {
    let stack = stack(ground);
    let name = format!("{stack}_app");
    let mount = format!("type=volume,source={stack}_data-g1,target=/data");
    let labels = [
        format!("com.docker.stack.namespace={stack}"),
        format!("coop-cloud.{stack}.version={release}"),
        format!("simmer.instance={}", instance(ground)),
        format!("simmer.canonical={RECIPE}"),
        format!("simmer.recipe={RECIPE}"),
        "simmer.role=canonical".to_owned(),
    ];
    let mut args = vec!["service", "create", "--quiet", "--detach", "--no-resolve-image", "--name", &name];
    args.extend(labels.iter().flat_map(|label| ["--label", label]));
    args.extend(["--mount", &mount, "--network", "proxy", "--endpoint-mode", "dnsrr"]);
    args.extend(["127.0.0.1:5055/simmer/radicale:3.1.9", "radicale", "--server-hosts", "0.0.0.0:5232"]);
    args.extend(["--storage-filesystem-folder", "/data", "--auth-type", "none"]);
    docker(&args);
    wait_until("the service that was left runs", || {
        docker(&["service", "ps", "--format", "{{.CurrentState}}", &name]).starts_with("Running")
    });
    name
}

/// Somebody else's volume, under a name of the canonical's stack.
struct Foreign(String);

impl Foreign {
    fn beside(stack: &str) -> Self {
        let name = format!("{stack}_cache");
        docker(&["volume", "create", &name]);
        Self(name)
    }

    fn is_there(&self) -> bool {
        docker(&["volume", "ls", "--quiet"]).lines().any(|name| name == self.0)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker(&["volume", "rm", "--force", &self.0]);
    }
}

/// Four things that a registry finds one morning, one after the other on the same canonical.
#[test]
fn cc_111_cc_112_cc_151_cc_186_what_was_left_is_named_and_repaired_and_what_is_foreign_is_left_alone() {
    let ground = ground("samples", RECIPE, Soak::Short);
    let _given = Given(&ground, RECIPE);
    let releases = releases(&ground, RECIPE);
    let (first, second) = (&releases[0], &releases[1]);
    carried(&ground, RECIPE, first);
    assert_eq!(differences(&ground), Vec::<String>::new(), "at rest both say the same");

    // Idle on paper, running in fact: named, and no reason not to advance.
    let service = leave_deployed(&ground, first);
    assert_eq!(differences(&ground), ["left_deployed"]);
    is_green_cold(&ground, RECIPE, second);
    // Somebody else's is told, stops what would be built beside it, and is never touched.
    let foreign = Foreign::beside(&stack(&ground));
    assert_eq!(differences(&ground), ["left_deployed", "foreign"]);
    let stopped = ground.simmer(&["promote", RECIPE, "--ref", second]);
    assert_eq!(stopped.exit, 3, "nobody's recipe is to blame: {}{}", stopped.stdout, stopped.stderr);
    assert!(stopped.stdout.contains("not our label"), "{}", stopped.stdout);
    let told = ground.simmer(&["reconcile"]);
    assert_eq!(told.exit, 4, "{}", told.stdout);
    assert!(told.stdout.contains(&format!("volume `{}`", foreign.0)), "{}", told.stdout);
    assert!(foreign.is_there());
    drop(foreign);
    assert_eq!(differences(&ground), Vec::<String>::new(), "what was left deployed is down");
    assert_eq!(docker(&["service", "ls", "--quiet", "--filter", &format!("name={service}")]), "");

    leave_deployed(&ground, first);
    let advanced = promoted(&ground, RECIPE, second);
    assert!(
        advanced.stderr.contains("running in fact") || advanced.stderr.contains("run at 1.0.0+3.1.9 in fact"),
        "{}",
        advanced.stderr
    );
    let record = shown(&ground, RECIPE)["canonical"].clone();
    assert_eq!((&record["generation"], &record["advances"]), (&2.into(), &1.into()), "{record:#}");

    // Killed while the candidate is deployed: all that it left is named and goes, and not a byte of what was committed.
    let committed = [volumes(&ground, "-g1"), volumes(&ground, "-g2")].concat();
    let bytes = bytes_of(&committed);
    let mut killed = ground.until(&["promote", RECIPE, "--ref", second], "  C  read markers");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(volumes(&ground, "-g3").len(), 1, "the candidate is there");
    let found = differences(&ground);
    assert_eq!(found, ["orphan_stack", "orphan_volumes", "killed_flight"]);
    let repaired = ground.simmer(&["reconcile"]);
    assert_eq!(repaired.exit, 0, "{}{}", repaired.stdout, repaired.stderr);
    assert_eq!(volumes(&ground, ""), committed, "{}", repaired.stdout);
    assert_eq!(bytes_of(&committed), bytes);
    assert_eq!(differences(&ground), Vec::<String>::new());
    assert_eq!(shown(&ground, RECIPE)["canonical"], record);
    promoted(&ground, RECIPE, second);
    let record = shown(&ground, RECIPE)["canonical"].clone();
    assert_eq!(record["advances"], 2, "the next promotion works: {record:#}");

    // The registry names volumes that are gone: written down, built upon by nobody, and the way back is open.
    let present = format!("-g{}", record["generation"]);
    for volume in volumes(&ground, &present) {
        docker(&["volume", "rm", &volume]);
    }
    assert_eq!(differences(&ground), ["phantom_record"]);
    let marked = ground.simmer(&["reconcile"]);
    assert_eq!(marked.exit, 4, "it is written down, and not mended: {}", marked.stdout);
    let refused = ground.simmer(&["promote", RECIPE, "--ref", second]);
    assert_eq!(refused.exit, 3, "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stdout.contains("none of its volumes is there"), "{}", refused.stdout);
    let rolled = ground.simmer(&["canonical", "rollback", RECIPE]);
    assert_eq!(rolled.exit, 0, "{}", rolled.stderr);
    assert_eq!(
        shown(&ground, RECIPE)["canonical"]["generation"],
        2,
        "{:?}",
        standings(&shown(&ground, RECIPE))
    );
    let swept = ground.simmer(&["sweep", "--dry-run"]);
    assert!(swept.stdout.contains("held"), "{}{}", swept.stdout, swept.stderr);
    // Whole again: the mark goes, and the row of what is gone.
    assert_eq!(differences(&ground), ["empty_generation", "ended_hold"]);
    let mended = ground.simmer(&["reconcile"]);
    assert_eq!(mended.exit, 0, "{}", mended.stdout);
    assert_eq!(differences(&ground), Vec::<String>::new());
    let swept = ground.simmer(&["sweep", "--dry-run"]);
    assert!(!swept.stdout.contains("held"), "{}{}", swept.stdout, swept.stderr);
    let checked = ground.simmer(&["db", "check"]);
    assert_eq!(checked.exit, 0, "{}{}", checked.stdout, checked.stderr);
}
