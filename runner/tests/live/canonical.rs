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

fn ground(recipe: &str) -> Ground {
    let ground = Ground::with("samples", recipe, "");
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
    let ground = ground("radicale");
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
