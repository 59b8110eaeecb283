//! What tests of canonicals share: a ground that has one, and looks at it that are not ours.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::ground::{Ground, LOOK, Ran};

/// Longest wait for something that the engine does in a moment.
const MOMENT: Duration = Duration::from_secs(300);

/// Gives the canonical up when a test ends, however it ends.
pub(crate) struct Given<'a>(pub(crate) &'a Ground, pub(crate) &'a str);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        let dropped = self.0.simmer(&["canonical", "drop", self.1, "--delete-data"]);
        if !std::thread::panicking() {
            assert_eq!(dropped.exit, 0, "{}", dropped.stderr);
        }
    }
}

/// How long a settled stack is watched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Soak {
    /// As the sample has it.
    AsItIs,
    /// A second: for stories of many promotions that are about something else.
    Short,
}

/// An instance under a domain of its own: a canonical's name is the same in every instance that shares one, and a second
/// one is refused, as it should be.
pub(crate) fn ground(shelf: &str, recipe: &str, soak: Soak) -> Ground {
    let ground = Ground::with(shelf, recipe, "");
    if soak == Soak::Short {
        let overlay = format!("overlays/{recipe}/overlay.toml");
        let text = std::fs::read_to_string(ground.path().join(&overlay)).unwrap();
        assert!(text.contains("[health]\n") && !text.contains("soak ="), "{text}");
        ground.write(&overlay, &text.replacen("[health]\n", "[health]\nsoak = \"1s\"\n", 1));
    }
    let domain = format!("t{}.test", std::process::id());
    ground.write("simmer.toml", &format!("base_domain = {domain:?}\nstate = \"state\"\n"));
    let file = format!("recipes/{recipe}.toml");
    let text = std::fs::read_to_string(ground.path().join(&file)).unwrap();
    ground.write(&file, &format!("{text}canonical = true\n"));
    ground
}

/// The tags of a recipe's releases, oldest first.
pub(crate) fn releases(ground: &Ground, recipe: &str) -> Vec<String> {
    let text = std::fs::read_to_string(ground.path().join(format!("recipes/{recipe}.toml"))).unwrap();
    let source = text.split('"').nth(1).unwrap();
    let tags = Command::new("git").args(["-C", source, "tag", "--sort=version:refname"]).output();
    String::from_utf8(tags.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Takes a release through all tiers.
pub(crate) fn is_green_cold(ground: &Ground, recipe: &str, release: &str) {
    let cold = ground.simmer(&["run", recipe, "--ref", release, "--quiet"]);
    assert_eq!(cold.exit, 0, "green cold: {}{}", cold.stdout, cold.stderr);
}

pub(crate) fn promoted(ground: &Ground, recipe: &str, release: &str) -> Ran {
    let promoted = ground.simmer(&["promote", recipe, "--ref", release]);
    assert_eq!(promoted.exit, 0, "{}{}", promoted.stdout, promoted.stderr);
    assert!(promoted.stdout.starts_with("promoted: "), "{}", promoted.stdout);
    ground.assert_nothing_left();
    promoted
}

/// Cold, then onto the canonical; returns what is shown of it then.
pub(crate) fn carried(ground: &Ground, recipe: &str, release: &str) -> serde_json::Value {
    is_green_cold(ground, recipe, release);
    promoted(ground, recipe, release);
    shown(ground, recipe)
}

pub(crate) fn shown(ground: &Ground, recipe: &str) -> serde_json::Value {
    ground.simmer(&["canonical", "show", recipe, "--json"]).outcome()
}

/// The generations' standings, oldest first.
pub(crate) fn standings(shown: &serde_json::Value) -> Vec<String> {
    let all = shown["generations"].as_array().unwrap();
    all.iter().map(|g| format!("g{} {}", g["number"], g["standing"].as_str().unwrap())).collect()
}

/// What `simmer reconcile --dry-run` finds, by its stable names.
pub(crate) fn differences(ground: &Ground) -> Vec<String> {
    let found = ground.simmer(&["reconcile", "--dry-run", "--json"]);
    let found = found.outcome();
    found.as_array().unwrap().iter().map(|one| word(&one["difference"]["kind"])).collect()
}

pub(crate) fn word(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no word: {value:#}")).to_owned()
}

/// The Docker CLI, which knows nothing of us. Returns what it printed.
pub(crate) fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output().unwrap();
    assert!(done.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Asks until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < MOMENT, "{what}: not within {} s", MOMENT.as_secs());
        // Most of these ask a program.
        std::thread::sleep(10 * LOOK);
    }
}

/// The id by which the instance's objects are labelled.
pub(crate) fn instance(ground: &Ground) -> String {
    std::fs::read_to_string(ground.path().join("state/instance-id")).unwrap().trim().to_owned()
}

/// Names of the instance's volumes whose name ends so.
pub(crate) fn volumes(ground: &Ground, end: &str) -> Vec<String> {
    let label = format!("label=simmer.instance={}", instance(ground));
    let names = docker(&["volume", "ls", "--quiet", "--filter", &label]);
    names.lines().filter(|name| name.ends_with(end)).map(str::to_owned).collect()
}

/// Runs a shell in a volume, read-only, beside everything that is ours.
pub(crate) fn in_volume(volume: &str, script: &str) -> String {
    let mount = format!("type=volume,source={volume},target=/v,readonly");
    let image = "127.0.0.1:5055/simmer/testbox:1.0";
    let shell = ["run", "--rm", "--mount", &mount, "--workdir", "/v", "--entrypoint", "sh", image, "-c"];
    docker(&[&shell[..], &[script]].concat())
}

/// Every name, mode, owner, length and byte of volumes, as `find`, `stat` and `sha256sum` tell of them.
pub(crate) fn bytes_of(volumes: &[String]) -> Vec<String> {
    let script =
        "find . -exec stat -c '%n %f %u:%g %s' {} + | sort; find . -type f -exec sha256sum {} + | sort";
    volumes.iter().map(|volume| format!("{volume}\n{}", in_volume(volume, script))).collect()
}
