//! Sweeps on a real swarm: real repositories in which releases come out, and a process that is killed.

use std::process::{Child, Command};

use serde_json::Value;

use crate::ground::{Ground, Ran};
use crate::warm::shown;

/// An instance of a sweep's own, with repositories in which a release comes out when the test says so.
struct Night {
    ground: Ground,
    /// The sample's repository, with all releases.
    sample: String,
    tags: Vec<String>,
}

/// Gives everything back when a test ends, however it ends: also what a kill left.
impl Drop for Night {
    fn drop(&mut self) {
        for args in [&["gc"][..], &["reconcile"], &["canonical", "drop", "radicale", "--delete-data"]] {
            let done = self.ground.simmer(args);
            if !std::thread::panicking() {
                assert_eq!(done.exit, 0, "{args:?}: {}{}", done.stdout, done.stderr);
            }
        }
        if !std::thread::panicking() {
            self.ground.assert_nothing_left();
        }
    }
}

impl Night {
    /// Radicale, enrolled with a canonical; its repository knows no release yet.
    fn new() -> Self {
        let ground = Ground::with("samples", "radicale", "");
        let enrolment = std::fs::read_to_string(ground.path().join("recipes/radicale.toml")).unwrap();
        let sample = enrolment.split('"').nth(1).unwrap().to_owned();
        let tags = git(&sample, &["tag", "--sort=version:refname"]);
        let tags = tags.lines().map(str::to_owned).collect();
        let night = Self { ground, sample, tags };
        night.settings("");
        let repository = night.repository();
        std::fs::create_dir_all(&repository).unwrap();
        git(&repository, &["init", "--quiet", "--bare", "--initial-branch=main", "--template="]);
        night.enrol("radicale", &repository, "canonical = true");
        night
    }

    fn settings(&self, more: &str) {
        let domain = format!("t{}.test", std::process::id());
        let text = format!("base_domain = {domain:?}\nstate = \"state\"\n{more}\n");
        self.ground.write("simmer.toml", &text);
    }

    fn repository(&self) -> String {
        self.ground.path().join("repositories/radicale").to_str().unwrap().to_owned()
    }

    fn enrol(&self, recipe: &str, source: &str, more: &str) {
        self.ground.write(&format!("recipes/{recipe}.toml"), &format!("source = {source:?}\n{more}\n"));
    }

    fn strike(&self, recipe: &str) {
        std::fs::remove_file(self.ground.path().join(format!("recipes/{recipe}.toml"))).unwrap();
    }

    /// The first so many releases of Radicale come out; returns the newest of them.
    fn release(&self, many: usize) -> &str {
        let newest = &self.tags[many - 1];
        let specs: Vec<String> =
            self.tags[..many].iter().map(|tag| format!("refs/tags/{tag}:refs/tags/{tag}")).collect();
        let mut args = vec!["fetch", "--quiet", "--no-tags", &self.sample];
        args.extend(specs.iter().map(String::as_str));
        git(&self.repository(), &args);
        let commit = format!("refs/tags/{newest}^{{commit}}");
        git(&self.repository(), &["update-ref", "refs/heads/main", &commit]);
        newest
    }

    /// Sweeps, and returns what came of it with its exit code.
    fn sweep(&self, exit: i32) -> Value {
        let swept = self.ground.simmer(&["sweep", "--json"]);
        assert_eq!(swept.exit, exit, "{}{}", swept.stdout, swept.stderr);
        swept.outcome()
    }

    /// Kills a sweep in the middle of the work that its story names so.
    fn kill_at(&self, word: &str) {
        let mut child: Child = self.ground.until(&["sweep"], word);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Release and state of all runs of a recipe that judged something cold.
    fn judged(&self, recipe: &str) -> Vec<String> {
        let all = self.ground.simmer(&["runs", "--json"]).outcome();
        let runs = all.as_array().unwrap().iter();
        let cold = runs.filter(|run| run["recipe"] == recipe && run.get("promotion").is_none());
        let ended = cold.filter(|run| run["state"] != "did_not_end");
        ended
            .map(|run| format!("{} {}", run["at"].as_str().unwrap(), run["state"].as_str().unwrap()))
            .collect()
    }
}

fn git(folder: &str, args: &[&str]) -> String {
    let done = Command::new("git").args(["-C", folder]).args(args).output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn row<'a>(sweep: &'a Value, recipe: &str) -> &'a Value {
    sweep["rows"].as_array().unwrap().iter().find(|row| row["recipe"] == recipe).unwrap()
}

/// `recipe: verdict, promotion or reason`, in the order of the report: the urgent first.
fn rows(sweep: &Value) -> Vec<String> {
    let told = |row: &Value| {
        let end = row["skipped"].as_str().or_else(|| row["promotion"].as_str()).unwrap_or("none");
        format!("{}: {}, {end}", row["recipe"].as_str().unwrap(), row["verdict"].as_str().unwrap())
    };
    sweep["rows"].as_array().unwrap().iter().map(told).collect()
}

fn changes(sweep: &Value) -> Vec<String> {
    let told = |change: &Value| {
        format!("{}: {}", change["recipe"].as_str().unwrap(), change["says"].as_str().unwrap())
    };
    sweep["changes"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn cc_008_a_night_has_a_row_for_each_recipe_and_the_next_one_tells_what_changed() {
    let night = Night::new();
    let ground = &night.ground;
    let older = night.release(2).to_owned();
    // Names that come before Radicale: neither may keep it from its turn.
    let shelf = ground.path().join("repositories");
    let broken = night.sample.replace("/samples/", "/broken/").replace("radicale", "ten-errors");
    night.enrol("a-broken", &broken, "");
    night.enrol("b-gone", &shelf.join("not-there").to_string_lossy(), "");
    night.enrol("c-resting", &night.sample, "enrolled = false\nreason = \"its maintainer is away\"");

    let plan = ground.simmer(&["sweep", "--dry-run"]);
    assert_eq!(plan.exit, 0, "{}", plan.stderr);
    assert!(plan.stdout.contains("2 recipes to run"), "{}", plan.stdout);
    assert!(!ground.path().join("state/runs").exists(), "a plan runs nothing");

    let first = night.sweep(1);
    assert_eq!(
        rows(&first),
        [
            "a-broken: RED, not wanted",
            "b-gone: skipped, unreachable",
            "radicale: GREEN, promoted, g1",
            "c-resting: skipped, de-enrolled",
        ],
        "{first:#}"
    );
    let told = |recipe: &str| row(&first, recipe)["says"].as_str().unwrap();
    assert!(told("c-resting").contains("its maintainer is away"), "{}", told("c-resting"));
    assert!(told("b-gone").contains("not-there"), "{}", told("b-gone"));
    let page = ground.path().join("state/sweeps").join(first["sweep"].as_str().unwrap()).join("sweep.html");
    let page = std::fs::read_to_string(page).unwrap();
    for run in ["run", "promotion_run"] {
        let run = row(&first, "radicale")[run].as_str().unwrap();
        assert!(page.contains(&format!("../../runs/{run}/report.html")), "{run} is not linked");
        assert!(ground.path().join(format!("state/runs/{run}/report.html")).exists(), "{run}");
    }

    // Nothing new, and nothing red that is enrolled: green, and it says so.
    night.strike("a-broken");
    night.strike("b-gone");
    let second = ground.simmer(&["sweep"]);
    assert_eq!(second.exit, 0, "{}{}", second.stdout, second.stderr);
    assert!(second.stdout.contains("green, nothing new"), "{}", second.stdout);
    assert!(second.stdout.contains("no-new-release"), "{}", second.stdout);
    assert_eq!(night.judged("radicale"), [format!("{older} passed")], "nothing was run again");

    // Fewer recipes than the instance wants are red.
    night.settings("[sweep]\nminimum = 5");
    let few = night.sweep(1);
    assert_eq!(few["verdict"], "red");
    assert!(few["reasons"][0].as_str().unwrap().contains('5'), "{}", few["reasons"]);
    assert_eq!(changes(&few), Vec::<String>::new(), "that is the sweep's trouble and no recipe's");
    night.settings("");

    let newest = night.release(3).to_owned();
    let fourth = night.sweep(0);
    assert_eq!(rows(&fourth)[0], "radicale: GREEN, promoted, g2", "{fourth:#}");
    assert_eq!(changes(&fourth), [format!("radicale: green at {newest}, after {older}")]);
    let record = &shown(ground, "radicale")["canonical"];
    assert_eq!((&record["release"], &record["advances"]), (&newest.as_str().into(), &1.into()));
    assert_eq!(record["planted"][0]["release"], older.as_str(), "what was planted first is still read");
}

/// Killed twice, at other places: it goes on by itself, and what was judged is not judged again.
#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    let night = Night::new();
    let ground = &night.ground;
    let release = night.release(2).to_owned();
    let caddy = night.sample.replace("radicale", "caddy");
    // Comes first, and has no canonical.
    night.enrol("caddy", &caddy, "");

    night.kill_at("radicale 1.1.0");
    let open: Ran = ground.simmer(&["sweep", "--dry-run"]);
    assert!(open.stderr.contains("has not ended, and goes on"), "{}", open.stderr);
    assert!(open.stdout.contains("1 recipe to run"), "the row of caddy is on the disk: {}", open.stdout);

    night.kill_at("  C  deploy");
    let left = ground.simmer(&["reconcile", "--dry-run", "--json"]).outcome();
    assert_ne!(left.as_array().map(Vec::len), Some(0), "the candidate is there");

    let whole = night.sweep(0);
    assert_eq!(rows(&whole), ["caddy: GREEN, not wanted", "radicale: GREEN, promoted, g2"], "{whole:#}");
    assert_eq!(whole["resumed"], 2);
    let sweeps = std::fs::read_dir(ground.path().join("state/sweeps")).unwrap().count();
    assert_eq!(sweeps, 1, "it is one sweep");
    assert_eq!(night.judged("caddy").len(), 1, "{:?}", night.judged("caddy"));
    assert_eq!(night.judged("radicale"), [format!("{release} passed")], "only its promotion was owed");
    let record = &shown(ground, "radicale")["canonical"];
    assert_eq!((&record["release"], &record["advances"]), (&release.as_str().into(), &0.into()));
}
