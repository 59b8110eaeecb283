//! Canonicals on a real swarm: born, advanced, refused, given up.

use crate::ground::Ground;

/// Gives the canonical up when a test ends, however it ends.
struct Given<'a>(&'a Ground, &'a str);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        let dropped = self.0.simmer(&["canonical", "drop", self.1, "--delete-data"]);
        if !std::thread::panicking() {
            assert_eq!(dropped.exit, 0, "{}", dropped.stderr);
        }
    }
}

/// An instance under a domain of its own: a canonical's name is the same in every instance that shares one, and a second
/// one is refused, as it should be.
fn ground(recipe: &str, domain: &str) -> Ground {
    let ground = Ground::with("samples", recipe, "");
    ground.write("simmer.toml", &format!("base_domain = {domain:?}\nstate = \"state\"\n"));
    let file = format!("recipes/{recipe}.toml");
    let text = std::fs::read_to_string(ground.path().join(&file)).unwrap();
    ground.write(&file, &format!("{text}canonical = true\n"));
    ground
}

fn carried(ground: &Ground, recipe: &str, release: &str) -> serde_json::Value {
    let cold = ground.simmer(&["run", recipe, "--ref", release, "--quiet"]);
    assert_eq!(cold.exit, 0, "{}{}", cold.stdout, cold.stderr);
    let promoted = ground.simmer(&["promote", recipe, "--ref", release]);
    assert_eq!(promoted.exit, 0, "{}{}", promoted.stdout, promoted.stderr);
    assert!(promoted.stdout.starts_with("promoted: "), "{}", promoted.stdout);
    ground.assert_nothing_left();
    ground.simmer(&["canonical", "show", recipe, "--json"]).outcome()
}

#[test]
fn cc_101_cc_108_cc_110_a_canonical_is_born_and_advances_on_its_own_data() {
    let ground = ground("radicale", "born.test");
    let too_early = ground.simmer(&["promote", "radicale"]);
    assert_eq!(too_early.exit, 2, "{}", too_early.stderr);
    assert!(too_early.stderr.contains("has no green cold run"), "{}", too_early.stderr);

    let _given = Given(&ground, "radicale");
    let releases = releases(&ground);
    let (first, second) = (&releases[0], &releases[1]);
    let born = carried(&ground, "radicale", first);
    assert_eq!(born["canonical"]["advances"], 0);
    assert_eq!(born["canonical"]["generation"], 1);

    let advanced = carried(&ground, "radicale", second);
    let record = &advanced["canonical"];
    assert_eq!((&record["advances"], &record["generation"]), (&1.into(), &2.into()), "{record:#}");
    assert_eq!(record["born"], born["canonical"]["born"]);
    let planted: Vec<_> =
        record["planted"].as_array().unwrap().iter().map(|p| p["release"].clone()).collect();
    assert_eq!(planted, [first.as_str(), second.as_str()]);
    assert_eq!(record["planted"][0]["data"].as_object().unwrap().len(), 1, "a calendar of the first release");

    // Data does not go back to an older release.
    let back = ground.simmer(&["promote", "radicale", "--ref", first]);
    assert_eq!(back.exit, 2, "{}", back.stderr);
    assert!(back.stderr.contains("newer than"), "{}", back.stderr);

    // Proven, and nothing of it is left (CC-121).
    let dry = ground.simmer(&["promote", "radicale", "--ref", second, "--dry"]);
    assert_eq!(dry.exit, 0, "{}{}", dry.stdout, dry.stderr);
    let after = ground.simmer(&["canonical", "show", "radicale", "--json"]).outcome();
    assert_eq!(after["canonical"], *record, "a dry promotion changes no record");

    let rolled = ground.simmer(&["canonical", "rollback", "radicale"]);
    assert_eq!(rolled.exit, 0, "{}", rolled.stderr);
    let listed = ground.simmer(&["canonical", "list", "--json"]).outcome();
    assert_eq!((&listed[0]["release"], &listed[0]["generation"]), (&first.as_str().into(), &1.into()));
}

fn releases(ground: &Ground) -> Vec<String> {
    let text = std::fs::read_to_string(ground.path().join("recipes/radicale.toml")).unwrap();
    let source = text.split('"').nth(1).unwrap();
    let tags =
        std::process::Command::new("git").args(["-C", source, "tag", "--sort=version:refname"]).output();
    String::from_utf8(tags.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Verdaccio 5.10 leaves a secret of 64 characters in its volume, and 6.10 takes 32 only: fresh volumes never show it.
#[test]
fn cc_105_cc_106_cc_109_cc_113_what_is_green_cold_and_red_on_retained_data_leaves_the_canonical_whole() {
    let ground = ground("verdaccio", "aged.test");
    let _given = Given(&ground, "verdaccio");
    let (old, new) = ("1.0.0+5.10.0", "2.1.0+6.10.4");
    let born = carried(&ground, "verdaccio", old);

    let cold = ground.simmer(&["run", "verdaccio", "--ref", new, "--quiet"]);
    assert_eq!(cold.exit, 0, "green cold: {}{}", cold.stdout, cold.stderr);
    let red = ground.simmer(&["promote", "verdaccio", "--ref", new]);
    assert_eq!(red.exit, 1, "{}{}", red.stdout, red.stderr);
    assert!(red.stdout.contains("not promoted: verdaccio 2.1.0+6.10.4 failed: `app` left"), "{}", red.stdout);
    assert!(red.stderr.contains("Invalid storage secret key length"), "{}", red.stderr);

    let shown = ground.simmer(&["canonical", "show", "verdaccio", "--json"]).outcome();
    assert_eq!(shown["canonical"], born["canonical"], "the record says what it said");
    let standings: Vec<_> =
        shown["generations"].as_array().unwrap().iter().map(|g| g["standing"].clone()).collect();
    assert_eq!(standings, ["committed", "dropped"]);
    assert_eq!(volumes(&ground, "").len(), 1, "the committed one is there");
    assert_eq!(volumes(&ground, "g1"), volumes(&ground, ""), "of the candidate nothing is left");

    let why = ground.simmer(&["why", "last"]);
    assert!(why.stdout.contains("the data that aged"), "{}", why.stdout);
    let proven = ground.simmer(&["promote", "verdaccio", "--ref", old, "--dry"]);
    assert_eq!(proven.exit, 0, "the old release starts on the old data: {}", proven.stderr);
}

/// Names of the instance's volumes whose name ends so.
fn volumes(ground: &Ground, end: &str) -> Vec<String> {
    let id = std::fs::read_to_string(ground.path().join("state/instance-id")).unwrap();
    let label = format!("label=simmer.instance={}", id.trim());
    let mut list = std::process::Command::new("docker");
    let found = list.args(["volume", "ls", "--quiet", "--filter", &label]).output().unwrap();
    let names = String::from_utf8(found.stdout).unwrap();
    names.lines().filter(|name| name.ends_with(end)).map(str::to_owned).collect()
}

/// Killed while the candidate is deployed: what it left is named, removed, and the next promotion goes through.
#[test]
fn cc_111_cc_151_what_a_killed_promotion_left_is_repaired_and_the_record_stands() {
    let ground = ground("radicale", "killed.test");
    let _given = Given(&ground, "radicale");
    let releases = releases(&ground);
    let born = carried(&ground, "radicale", &releases[0]);
    let idle = ground.simmer(&["reconcile", "--dry-run", "--json"]);
    assert_eq!(idle.exit, 0, "{}{}", idle.stdout, idle.stderr);
    assert_eq!(
        idle.outcome().as_array().map(Vec::len),
        Some(0),
        "at rest both say the same: {}",
        idle.stdout
    );

    let cold = ground.simmer(&["run", "radicale", "--ref", &releases[1], "--quiet"]);
    assert_eq!(cold.exit, 0, "{}{}", cold.stdout, cold.stderr);
    let mut killed = ground.until(&["promote", "radicale", "--ref", &releases[1]], "  C  read markers");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(
        (volumes(&ground, "g1").len(), volumes(&ground, "g2").len()),
        (1, 1),
        "the candidate is there"
    );

    let found = ground.simmer(&["reconcile", "--dry-run"]);
    assert!(found.stdout.contains("radicale"), "{}{}", found.stdout, found.stderr);
    let repaired = ground.simmer(&["reconcile"]);
    assert_eq!(repaired.exit, 0, "{}{}", repaired.stdout, repaired.stderr);
    assert_eq!(volumes(&ground, "g2"), Vec::<String>::new(), "{}{}", repaired.stdout, repaired.stderr);
    let shown = ground.simmer(&["canonical", "show", "radicale", "--json"]).outcome();
    assert_eq!(shown["canonical"], born["canonical"]);
    let again = ground.simmer(&["reconcile", "--json"]);
    assert_eq!(again.outcome().as_array().map(Vec::len), Some(0), "{}", again.stdout);

    let promoted = ground.simmer(&["promote", "radicale", "--ref", &releases[1]]);
    assert_eq!(promoted.exit, 0, "{}{}", promoted.stdout, promoted.stderr);
    let checked = ground.simmer(&["db", "check"]);
    assert_eq!(checked.exit, 0, "{}{}", checked.stdout, checked.stderr);
}
