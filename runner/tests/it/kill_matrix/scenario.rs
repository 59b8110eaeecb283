//! The commands that are killed, each in the situation that makes it take its steps.

use chrono::{DateTime, Utc};
use domain::RecipeName;
use runner::store::{Database, Hold, HoldKind, Store};

use super::check::May;
use super::recipe::{NAME, RELEASES};
use super::world::{Kill, World};

/// How far a recipe has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The first release is green, and there is no canonical.
    Unborn,
    /// On the first release; the second is green.
    Born,
    /// On the second release, with one older generation; the third is green, and does not bear the retained data.
    Grown,
    /// With as many generations as are kept.
    Full,
}

/// How a command ends where nothing of the platform is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByItself {
    Well,
    Red,
}

/// A command, and what it may change.
#[derive(Clone, Copy)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Only this step is killed, such as `promotion/retire`: the others are as elsewhere.
    pub(super) only: Option<&'static str>,
    pub(super) stage: Stage,
    /// Makes the situation.
    pub(super) given: fn(&World),
    pub(super) command: &'static [&'static str],
    pub(super) may: May,
    /// What a person does about it before all is well again.
    pub(super) mend: fn(&World),
}

impl Scenario {
    pub(super) fn by_itself(&self) -> ByItself {
        if self.command.contains(&RELEASES[2]) || self.name == NEVER_UP {
            ByItself::Red
        } else {
            ByItself::Well
        }
    }
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.name)
    }
}

/// All worlds that scenarios begin in, each made once.
pub(super) struct Stages(Vec<(Stage, World)>);

impl Stages {
    /// Makes all up to a stage.
    pub(super) fn up_to(last: Stage) -> Self {
        let [first, second, third] = RELEASES;
        let mut stages = Vec::new();
        let world = World::new();
        world.well(&["run", NAME, "--ref", first, "--quiet"]);
        stages.push((Stage::Unborn, world));
        for stage in [Stage::Born, Stage::Grown, Stage::Full] {
            if stage > last {
                break;
            }
            let world = stages.last().unwrap().1.fork();
            let promote = |release: &str| world.well(&["promote", NAME, "--ref", release, "--quiet"]);
            match stage {
                Stage::Unborn => {}
                Stage::Born => {
                    promote(first);
                    world.well(&["run", NAME, "--ref", second, "--quiet"]);
                }
                Stage::Grown => {
                    promote(second);
                    world.well(&["run", NAME, "--ref", third, "--quiet"]);
                }
                Stage::Full => drop(promote(second)),
            }
            stages.push((stage, world));
        }
        Self(stages)
    }

    /// Makes a world of a scenario's own.
    pub(super) fn world(&self, scenario: &Scenario) -> World {
        let (_, world) = self.0.iter().find(|(stage, _)| *stage == scenario.stage).unwrap();
        let world = world.fork();
        (scenario.given)(&world);
        world
    }
}

fn nothing(_: &World) {}

/// A promotion died at this place.
fn died(world: &World, place: &str, release: &str) {
    let ran = world.killed(&Kill::At(place.to_owned()), &["promote", NAME, "--ref", release, "--quiet"]);
    assert!(ran.was_killed(), "{ran:?}");
}

fn held_too_long(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::parse("sqlite", &world.path().join("state")).unwrap();
        let store = Store::open(&database).await.unwrap();
        let (kind, recipe) = (HoldKind::Freeze, RecipeName::parse(NAME).unwrap());
        let until: Option<DateTime<Utc>> = DateTime::from_timestamp(1, 0);
        let (owner, reason) = ("ann".to_owned(), "a freeze of long ago".to_owned());
        store.hold(&Hold { kind, recipe, owner, reason, until }).await.unwrap();
        store.close().await;
    });
}

/// Ends what is open, if anything is.
fn close(world: &World) {
    let closed = world.simmer(&["canonical", "close", NAME, "--quiet"]);
    assert!(matches!(closed.exit, Some(0 | 2)), "{}{}", closed.stdout, closed.stderr);
}

fn open(world: &World) {
    world.well(&["canonical", "open", NAME, "--detach", "--quiet"]);
}

/// A candidate that failed stays deployed.
fn kept_failed(world: &World) {
    let ran = world.simmer(&["promote", NAME, "--ref", RELEASES[2], "--keep-failed", "1h", "--quiet"]);
    assert_eq!(ran.exit, Some(1), "{}{}", ran.stdout, ran.stderr);
}

fn overlay(world: &World, change: impl Fn(&str) -> String) {
    let file = world.path().join("overlays/app/overlay.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, change(&text)).unwrap();
}

fn shows_the_way_back(world: &World) {
    overlay(world, |text| format!("verify_return = \"always\"\n{text}"));
}

const NEVER_UP: &str = "open what does not come up";
const READY: &str = "exec = { command = [\"true\"] }\nevery";
const NEVER_READY: &str = "exec = { command = [\"false\"] }\nwindow = \"2s\"\nevery";

fn never_ready(world: &World) {
    overlay(world, |text| {
        assert!(text.contains(READY), "{text}");
        text.replace(READY, NEVER_READY)
    });
}

/// Ready again, and whatever is open is closed.
fn ready_again(world: &World) {
    overlay(world, |text| text.replace(NEVER_READY, READY));
    close(world);
}

/// All of them.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "seed",
        only: None,
        stage: Stage::Unborn,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[0], "--quiet"],
        may: May::Advance(0),
        mend: nothing,
    },
    Scenario {
        name: "advance",
        only: None,
        stage: Stage::Born,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[1], "--quiet"],
        may: May::Advance(1),
        mend: nothing,
    },
    Scenario {
        name: "dry",
        only: Some("promotion/drop candidate"),
        stage: Stage::Born,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[1], "--dry", "--quiet"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "red",
        only: Some("promotion/drop candidate"),
        stage: Stage::Grown,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[2], "--quiet"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "retire",
        only: Some("promotion/retire"),
        stage: Stage::Full,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[1], "--quiet"],
        may: May::Advance(1),
        mend: nothing,
    },
    Scenario {
        name: "verify return",
        only: Some("promotion/verify return"),
        stage: Stage::Born,
        given: shows_the_way_back,
        command: &["promote", NAME, "--ref", RELEASES[1], "--quiet"],
        may: May::Advance(1),
        mend: nothing,
    },
    Scenario {
        name: "keep failed",
        only: Some("promotion/hold"),
        stage: Stage::Grown,
        given: nothing,
        command: &["promote", NAME, "--ref", RELEASES[2], "--keep-failed", "1h", "--quiet"],
        may: May::Nothing,
        mend: close,
    },
    Scenario {
        name: "let go",
        only: Some("promotion/let go"),
        stage: Stage::Grown,
        given: kept_failed,
        command: &["promote", NAME, "--ref", RELEASES[1], "--quiet"],
        may: May::Advance(1),
        mend: close,
    },
    Scenario {
        name: "open",
        only: None,
        stage: Stage::Born,
        given: nothing,
        command: &["canonical", "open", NAME, "--detach", "--quiet"],
        may: May::Nothing,
        mend: close,
    },
    Scenario {
        name: NEVER_UP,
        only: Some("open/drop candidate"),
        stage: Stage::Born,
        given: never_ready,
        command: &["canonical", "open", NAME, "--detach", "--quiet"],
        may: May::Nothing,
        mend: ready_again,
    },
    Scenario {
        name: "close",
        only: None,
        stage: Stage::Born,
        given: open,
        command: &["canonical", "close", NAME, "--quiet"],
        may: May::Nothing,
        mend: close,
    },
    Scenario {
        name: "keep",
        only: None,
        stage: Stage::Born,
        given: open,
        command: &["canonical", "close", NAME, "--keep", "--quiet"],
        may: May::Keep,
        mend: close,
    },
    Scenario {
        name: "rollback",
        only: None,
        stage: Stage::Grown,
        given: nothing,
        command: &["canonical", "rollback", NAME],
        may: May::GoBack,
        mend: nothing,
    },
    Scenario {
        name: "drop",
        only: None,
        stage: Stage::Grown,
        given: nothing,
        command: &["canonical", "drop", NAME, "--delete-data"],
        may: May::GiveUp,
        mend: nothing,
    },
    Scenario {
        name: "run",
        only: None,
        stage: Stage::Born,
        given: nothing,
        command: &["run", NAME, "--ref", RELEASES[1], "--quiet"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "gc",
        only: None,
        stage: Stage::Born,
        given: |world| {
            let kill = Kill::At("run/act soak/before".to_owned());
            let ran = world.killed(&kill, &["run", NAME, "--ref", RELEASES[1], "--quiet"]);
            assert!(ran.was_killed(), "{ran:?}");
        },
        command: &["gc"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile what an advance left",
        only: None,
        stage: Stage::Born,
        given: |world| died(world, "promotion/act soak/before", RELEASES[1]),
        command: &["reconcile"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile what a seed left",
        only: None,
        stage: Stage::Unborn,
        given: |world| died(world, "promotion/act soak/before", RELEASES[0]),
        command: &["reconcile"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile a promise",
        only: None,
        stage: Stage::Born,
        given: |world| died(world, "promotion/promise/after", RELEASES[1]),
        command: &["reconcile"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile a hold that has ended",
        only: None,
        stage: Stage::Born,
        given: held_too_long,
        command: &["reconcile"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile a generation that is not kept any more",
        only: None,
        stage: Stage::Full,
        given: |world| {
            let file = world.path().join("simmer.toml");
            let settings = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, settings + "[canonicals]\nkeep = 2\n").unwrap();
        },
        command: &["reconcile"],
        may: May::Nothing,
        mend: nothing,
    },
    Scenario {
        name: "reconcile a generation that is lost",
        only: None,
        stage: Stage::Grown,
        given: |world| {
            for volume in world.fake.objects().iter().filter_map(|o| o.strip_prefix("volume ")) {
                if volume.ends_with("-g2") {
                    world.fake.lose_volume(volume);
                }
            }
        },
        command: &["reconcile"],
        may: May::GoBack,
        mend: |world| {
            assert_eq!(world.simmer(&["reconcile"]).exit, Some(4), "it is told, and not mended by itself");
            world.well(&["canonical", "rollback", NAME]);
        },
    },
];
