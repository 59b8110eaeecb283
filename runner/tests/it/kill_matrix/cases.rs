//! All places at which a command is killed, and what came of each.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use runner::kill::Moment;
use runner::store::Work;
use testkit::SEED_VARIABLE;

use super::check::{Before, whole};
use super::scenario::{ALL, Scenario, Stage, Stages};
use super::seeds::Trouble;
use super::watch;
use super::world::{Effect, Kill};

/// Where set, each act of a stack is killed before and after as well, and each step at more of its calls.
const ALL_PLACES: &str = "SIMMER_MATRIX_ALL";
/// Tries only cases whose name holds one of these, with commas between.
const ONLY: &str = "SIMMER_MATRIX_ONLY";
/// How many cases are tried side by side: they mostly wait.
const JOBS: usize = 4;

/// A command, and where it is killed.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) scenario: Scenario,
    pub(super) kill: Kill,
}

impl Case {
    pub(super) fn name(&self) -> String {
        let at = match &self.kill {
            Kill::At(place) => place.clone(),
            Kill::Call { step, nth, effect } => {
                format!("{} call {nth} {effect:?}", step.as_deref().unwrap_or("any"))
            }
        };
        format!("{}: {at}", self.scenario.name)
    }
}

/// What a command came by when nobody killed it.
pub(super) struct Course {
    pub(super) places: Vec<String>,
    /// Calls of the engine, by step.
    pub(super) calls: BTreeMap<String, usize>,
}

/// Scenarios, with the worlds that they begin in.
pub(super) struct Matrix {
    stages: Stages,
    /// By the scenario's name.
    courses: BTreeMap<&'static str, Course>,
}

/// Takes a command through without a kill.
fn course(stages: &Stages, scenario: &Scenario) -> Course {
    let world = stages.world(scenario);
    let (ran, calls) = world.counted(scenario.command);
    assert!(matches!(ran.exit, Some(0 | 1 | 4)), "{}: {}{}", scenario.name, ran.stdout, ran.stderr);
    Course { places: world.places(), calls }
}

impl Matrix {
    /// Makes all worlds, and finds out by what each command comes when nobody kills it.
    pub(super) fn new() -> Self {
        let stages = Stages::up_to(Stage::Full);
        let courses = Mutex::new(BTreeMap::new());
        side_by_side(
            ALL,
            |scenario| scenario.name.to_owned(),
            |scenario| {
                let course = course(&stages, scenario);
                courses.lock().unwrap().insert(scenario.name, course);
            },
        );
        Self { stages, courses: courses.into_inner().unwrap() }
    }

    /// Returns the places that commands came by.
    pub(super) fn places(&self) -> BTreeSet<&String> {
        self.courses.values().flat_map(|course| &course.places).collect()
    }

    /// Kills each command before, in the middle and after each of its steps.
    pub(super) fn try_all(&self) {
        let only = std::env::var(ONLY).unwrap_or_default();
        let cases: Vec<Case> = ALL
            .iter()
            .flat_map(|s| cases(s, &self.courses[s.name]))
            .filter(|c| only.split(',').any(|part| c.name().contains(part)))
            .collect();
        assert!(!cases.is_empty(), "no case is called `{only}`");
        side_by_side(&cases, Case::name, |case| self.try_one(case));
        let steps: BTreeSet<_> = cases.iter().map(|case| case.kill.step()).collect();
        tell(&format!("{} kills at {} steps of {} commands", cases.len(), steps.len(), ALL.len()));
    }

    fn try_one(&self, case: &Case) {
        let world = self.stages.world(&case.scenario);
        let before = Before::of(&world);
        let ran = world.killed(&case.kill, case.scenario.command);
        assert!(ran.was_killed(), "it was not killed: {}{}", ran.stdout, ran.stderr);
        whole(&world, &before, &case.scenario);
    }
}

/// Takes commands into the trouble that seeds draw.
pub(super) fn try_seeds(seeds: &[u64]) {
    let drawn: Vec<(u64, Trouble)> = seeds.iter().map(|seed| (*seed, Trouble::of(*seed))).collect();
    let name = |(seed, trouble): &(u64, Trouble)| {
        format!("{SEED_VARIABLE}={seed} cargo nextest run -p simmer -E 'test(seeds_that_kill)' # {trouble:?}")
    };
    let last = drawn.iter().map(|(_, trouble)| trouble.stage()).max().unwrap();
    let stages = Stages::up_to(last);
    side_by_side(&drawn, name, |(_, trouble)| trouble.try_it(&stages));
    tell(&format!("{} seeds, from {} on", seeds.len(), seeds[0]));
}

/// Says what was counted: for whoever runs the matrix for its numbers.
#[expect(clippy::print_stderr, reason = "a test's own words")]
pub(super) fn tell(text: &str) {
    eprintln!("{text}");
}

/// Lists the kills of a command: each place that it came by, and calls in the middle of each step.
fn cases(scenario: &Scenario, course: &Course) -> Vec<Case> {
    let places: BTreeSet<&String> = course.places.iter().filter(|place| !place.starts_with('-')).collect();
    let is_meant = |place: &str| match scenario.only {
        None => true,
        Some(step) => place.starts_with(step),
    };
    let is_all = std::env::var_os(ALL_PLACES).is_some();
    // What comes after one act comes before the next; and the acts of a promotion are those of a run.
    let is_usual = |place: &str| {
        !place.contains("/act ")
            || (place.starts_with(Work::Run.name()) && place.ends_with(Moment::Before.name()))
    };
    let places = places.into_iter().filter(|place| is_meant(place) && (is_all || is_usual(place)));
    let mut kills: Vec<Kill> = places.map(|place| Kill::At(place.clone())).collect();
    for (step, count) in course.calls.iter().filter(|(step, _)| is_meant(step)) {
        // Calls are not as many each time: what waits asks again.
        let mut nths = vec![(count / 2, Effect::Done)];
        if *count > 2 {
            nths.push((count / 3, Effect::Undone));
        }
        if is_all {
            nths.extend((0..*count / 2).flat_map(|nth| [(nth, Effect::Undone), (nth, Effect::Done)]));
        }
        kills.extend(nths.into_iter().map(|(nth, effect)| Kill::Call {
            step: Some(step.clone()),
            nth,
            effect,
        }));
    }
    kills.into_iter().map(|kill| Case { scenario: *scenario, kill }).collect()
}

impl Kill {
    /// Returns the step in which it comes, and whether it comes before, in its middle or after.
    fn step(&self) -> String {
        match self {
            Self::At(place) => place.rsplit_once('/').map_or(place.as_str(), |(step, _)| step).to_owned(),
            Self::Call { step, .. } => step.clone().unwrap_or_default(),
        }
    }
}

/// Tries all, some at a time, and says of all that failed how to try them again.
pub(super) fn side_by_side<T: Sync>(
    all: &[T],
    name: impl Fn(&T) -> String + Sync,
    try_one: impl Fn(&T) + Sync,
) {
    let (next, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = Mutex::new(Vec::new());
    // This thread only waits from here on.
    watch::ended();
    std::thread::scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    watch::begins(name(one));
                    let tried = catch_unwind(AssertUnwindSafe(|| try_one(one)));
                    watch::ended();
                    if let Err(panic) = tried {
                        let says = panic.downcast_ref::<String>().cloned();
                        let says = says.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                        let says = format!("{}: {}", name(one), says.unwrap_or_default());
                        tell(&says);
                        failed.lock().unwrap().push(says);
                    }
                    let ended = ended.fetch_add(1, Ordering::Relaxed) + 1;
                    if ended % 20 == 0 {
                        tell(&format!("{ended} of {}", all.len()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} fail:\n{}", failed.len(), all.len(), failed.join("\n"));
}
