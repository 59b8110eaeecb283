//! Trouble that only a seed decides: kills anywhere, an engine that fails anywhere, both, and once more while that is
//! mended.

use testkit::Fault;

use super::check::{Before, whole};
use super::scenario::{ALL, ByItself, Scenario, Stage, Stages};
use super::world::{Effect, Kill, Ran, World};

/// What one command meets.
#[derive(Clone, Debug, Default)]
struct Met {
    kill: Option<Kill>,
    /// Calls of the engine, from 0, and what goes wrong with each.
    faults: Vec<(usize, Fault)>,
    disk_is_full: bool,
}

/// What happens to a command, and to the reconcile after it.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    scenario: Scenario,
    first: Met,
    then: Option<Met>,
}

/// About how many places and calls a command comes by; one that is beyond the last one does not come.
fn size(command: &[&str]) -> (usize, usize) {
    match command[0] {
        "promote" => (80, 170),
        "run" => (130, 420),
        _ => (25, 40),
    }
}

impl Trouble {
    /// Draws trouble.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let scenario = ALL[dice.below(ALL.len())];
        let first = Met::drawn(&mut dice, size(scenario.command));
        let then = (dice.below(3) == 0).then(|| Met::drawn(&mut dice, size(&["reconcile"])));
        Self { scenario, first, then }
    }

    /// Whether a call is never answered, so that the command waits for it as long as it does for any.
    pub(super) fn waits(&self) -> bool {
        let faults =
            [Some(&self.first), self.then.as_ref()].into_iter().flatten().flat_map(|met| &met.faults);
        faults.into_iter().any(|(_, fault)| matches!(fault, Fault::Silence | Fault::Unanswered))
    }

    /// Returns how far the recipe has come before it.
    pub(super) fn stage(&self) -> Stage {
        self.scenario.stage
    }

    /// Takes the command into its trouble, and checks that nothing is lost or left.
    pub(super) fn try_it(&self, stages: &Stages) {
        let Self { scenario, first, then } = self;
        let world = stages.world(scenario);
        let before = Before::of(&world);
        first.meet(&world, scenario.command, scenario.by_itself());
        if let Some(then) = then {
            then.meet(&world, &["reconcile"], ByItself::Well);
        }
        whole(&world, &before, scenario);
    }
}

impl Met {
    fn drawn(dice: &mut Dice, (places, calls): (usize, usize)) -> Self {
        let kind = dice.below(6);
        let kill = match kind {
            0 | 1 => Some(Kill::At(format!("#{}", dice.below(places) + 1))),
            2 | 3 => {
                let effect = if dice.below(2) == 0 { Effect::Undone } else { Effect::Done };
                Some(Kill::Call { step: None, nth: dice.below(calls), effect })
            }
            _ => None,
        };
        let count = match kind {
            1 | 4 => dice.below(3) + 1,
            5 => dice.below(2),
            _ => 0,
        };
        let faults = (0..count).map(|_| (dice.below(calls), fault(dice))).collect();
        Self { kill, faults, disk_is_full: kind == 5 }
    }

    fn meet(&self, world: &World, command: &[&str], by_itself: ByItself) {
        world.fake.forget_calls();
        for (nth, fault) in &self.faults {
            world.fake.fail_at(*nth, fault.clone());
        }
        if self.disk_is_full {
            world.fake.fill_disk();
        }
        let ran = match &self.kill {
            Some(kill) => world.killed(kill, command),
            None => world.simmer(command),
        };
        world.fake.heal();
        is_told_well(&ran, command, by_itself);
    }
}

/// Trouble of the engine is never a bug, and is never held against a recipe (law 6): only the one that is red by itself
/// is.
fn is_told_well(ran: &Ran, command: &[&str], by_itself: ByItself) {
    let is_well = match ran.exit {
        // Killed, or carried through, or not judged, or with something left that is named.
        None | Some(0 | 3 | 4) => true,
        Some(1) => by_itself == ByItself::Red,
        Some(_) => false,
    };
    assert!(is_well, "{command:?} {:?}: {}{}", ran.exit, ran.stdout, ran.stderr);
}

/// Draws what goes wrong. A call that is never answered takes its 30 s, so that it comes seldom.
fn fault(dice: &mut Dice) -> Fault {
    let kinds = [
        Fault::Refuse(409),
        Fault::Refuse(500),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Cut,
        Fault::DiskFull,
    ];
    match dice.below(60) {
        0 => Fault::Silence,
        1 => Fault::Unanswered,
        nth => kinds[nth % kinds.len()].clone(),
    }
}

/// Numbers that only the seed decides (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % count as u64).unwrap()
    }
}
