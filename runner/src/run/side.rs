//! One stack of a run, from its first act to the proof that nothing of it is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::data::DataState;
use domain::event::Deviation;
use domain::life::{Ended, Fact, Left, Limits, Stage, Step, advance, verdicts};
use domain::plan::{Act, Planned, SidePlan, Which};
use domain::{Cause, Domain, Fault, StackName, Tier, Verdict, What};
use harness::engine::{Applied, Broom, Keep, ResolvedImage, Scope, TaskLog};

use super::backup::Stored;
use super::build::Built;
use super::check::Running;
use super::data::Ledger;
use super::limits::{self, Walls};
use super::naming::{self, Before};
use super::retained::{Retained, Stays, Yield};
use super::shared::{FollowLogs, KeepStack, Shared};
use super::witness::{self, Witness};
use super::{At, CHECK_LIMIT, CLEAR_LIMIT, keep, millis};
use crate::kill;
use crate::store::Work;

/// Releases of a side, ready to deploy.
#[derive(Debug)]
pub(crate) struct Releases {
    pub(crate) base: Option<Built>,
    pub(crate) target: Built,
}

impl Releases {
    pub(crate) fn get(&self, which: Which) -> &Built {
        match (which, &self.base) {
            (Which::Base, Some(base)) => base,
            (Which::Base, None) | (Which::Target, _) => &self.target,
        }
    }
}

/// How a side ended.
#[derive(Debug)]
pub(crate) struct SideEnd {
    /// In the order of the tiers.
    pub(crate) verdicts: Vec<(Tier, Verdict)>,
    /// The tier that broke, where a fresh stack can still say something about those after it.
    pub(crate) broke: Option<Tier>,
    /// What is known of the data after an upgrade that failed.
    pub(crate) data: Option<DataState>,
    /// What is still there; empty when all is gone or was kept on purpose.
    pub(crate) left: Vec<String>,
    /// What a canonical's stack brought; none for throw-away stacks.
    pub(crate) brought: Option<Yield>,
    /// Whether a canonical's stack is still deployed, as it was asked for.
    pub(crate) is_kept: bool,
}

impl SideEnd {
    /// A side of which nothing could be made.
    pub(crate) fn never_began(plan: &SidePlan, why: Cause) -> Self {
        // The files of the target are read before the base has a part in anything.
        let act = plan.acts.iter().position(|planned| planned.act == Act::Upgrade).unwrap_or(0);
        Self {
            verdicts: verdicts(plan, Ended::Badly { act, why }, &BTreeMap::new()),
            data: None,
            broke: None,
            left: Vec::new(),
            brought: None,
            is_kept: false,
        }
    }
}

/// What an act did, for the log: a line for people, and numbers for reports.
#[derive(Debug, Default)]
pub(crate) struct Did {
    pub(crate) detail: String,
    pub(crate) facts: BTreeMap<String, String>,
}

impl From<String> for Did {
    fn from(detail: String) -> Self {
        Self { detail, facts: BTreeMap::new() }
    }
}

/// A side under way.
pub(crate) struct SideRun<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) plan: &'a SidePlan,
    pub(crate) at: At,
    pub(crate) domain: &'a Domain,
    pub(crate) stack: &'a StackName,
    pub(crate) releases: &'a Releases,
    /// What a canonical carries from before; none for a throw-away stack.
    pub(crate) retained: Option<&'a Retained>,
    walls: Walls,
    pub(crate) applied: Option<Applied>,
    /// Images of each release that was pulled, by service.
    pub(crate) resolved: Vec<(Which, BTreeMap<String, ResolvedImage>)>,
    pub(crate) settled_at: Option<DateTime<Utc>>,
    /// Whether hooks ran since it was settled: they may have asked a process to end.
    pub(crate) hooks_ran: bool,
    pub(crate) before: Option<Running>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) ledger: Ledger,
    pub(crate) stored: Option<Stored>,
    /// How the stack was before the target was applied.
    untouched: Option<Before>,
    data_state: Option<DataState>,
    /// Once they are kept.
    logs: Option<Vec<TaskLog>>,
    /// Whether the target was applied over the base.
    pub(crate) is_upgraded: bool,
    /// What was asked of the app itself and held, by tier.
    pub(crate) asserted: BTreeMap<Tier, u32>,
    left: Vec<String>,
    is_kept: bool,
}

/// Takes a side through its acts, and clears up whatever comes.
pub(crate) async fn run_side(
    shared: &Shared,
    plan: &SidePlan,
    domain: &Domain,
    stack: &StackName,
    releases: &Releases,
    retained: Option<&Retained>,
) -> SideEnd {
    let at = At { side: plan.side, nth: plan.nth };
    shared.log.tell(What::SideStarted {
        side: at.side,
        nth: at.nth,
        tier: plan.tier(),
        stack: stack.clone(),
        domain: domain.clone(),
    });
    for deviation in &releases.target.deviations {
        let Deviation { at: key, says } = deviation.clone();
        shared.log.tell(What::DeviationNoted {
            side: at.side,
            nth: at.nth,
            deviation: Deviation { at: key, says },
        });
    }
    let mut run = SideRun {
        shared,
        plan,
        at,
        domain,
        stack,
        releases,
        retained,
        walls: Walls::new(shared.ends, shared.run_limit, shared.tier_limit, &shared.overlay),
        applied: None,
        resolved: Vec::new(),
        settled_at: None,
        hooks_ran: false,
        before: None,
        witnesses: Vec::new(),
        ledger: Ledger::default(),
        stored: None,
        untouched: None,
        data_state: None,
        logs: None,
        is_upgraded: false,
        asserted: BTreeMap::new(),
        left: Vec::new(),
        is_kept: false,
    };
    let ended = match shared.follow_logs {
        FollowLogs::Hidden => run.live().await,
        FollowLogs::Shown => tokio::select! {
            biased;
            ended = run.live() => ended,
            never = follow(shared, stack) => match never {},
        },
    };
    let broke = match &ended {
        Ended::Badly { act, why } if matches!(why.fault(), Fault::Recipe | Fault::Overlay) => {
            plan.acts.get(*act).map(|planned| planned.tier)
        }
        Ended::Badly { .. } | Ended::Well => None,
    };
    let brought = run.brought();
    SideEnd {
        verdicts: verdicts(plan, ended, &run.asserted),
        data: run.data_state,
        broke,
        left: run.left,
        brought,
        is_kept: run.is_kept,
    }
}

/// Shows what the stack's containers write, until it is dropped.
async fn follow(shared: &Shared, stack: &StackName) -> std::convert::Infallible {
    let prefix = format!("{stack}_");
    loop {
        let mut lines = shared.engine.follow(stack);
        while let Some(line) = lines.next().await {
            let service = line.service.strip_prefix(&prefix).unwrap_or(&line.service);
            shared.view.container(service, &shared.masker.mask(&line.line));
        }
        // The engine stays away: what matters will be said by those who wait for it.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

impl SideRun<'_> {
    async fn live(&mut self) -> Ended {
        let limit = |planned: &Planned| delta(limits::of_act(&planned.act, &self.shared.overlay));
        let acts: Vec<_> = self.plan.acts.iter().map(|p| (p.act.name(), limit(p))).collect();
        let limits = Limits { acts: &acts, clear: delta(CLEAR_LIMIT) };
        let mut stage = Stage::Waiting;
        let mut fact =
            if self.shared.cancel.is_asked() { Fact::Broke(Cause::Interrupted) } else { Fact::Started };
        loop {
            let step = match advance(stage, fact, Utc::now(), limits) {
                Ok((next, step)) => {
                    stage = next;
                    step
                }
                Err(out_of_turn) => {
                    // Our own loop asks and waits in turn, so this is a bug; the stack still has to go.
                    let left = self.clear(Broom::AtOnce).await;
                    let why = Cause::Ours { says: out_of_turn.to_string() };
                    tracing::error!(?left, error = %why, "life of a side");
                    return Ended::Badly { act: 0, why };
                }
            };
            fact = match step {
                Some(Step::Act(nth)) => self.limited(nth, limits).await,
                Some(Step::Clear) => {
                    let mut broom = Broom::AtOnce;
                    if let Stage::Clearing { ended: Ended::Badly { act, why }, .. } = &mut stage {
                        self.look_closer(*act, why).await;
                    } else if self.retained.is_some() {
                        // What it wrote last has to be on disk when the generation is committed.
                        broom = Broom::WithGrace;
                    }
                    if let Stage::Clearing { ended, .. } = &stage
                        && self.stays(ended)
                    {
                        self.is_kept = true;
                        Fact::Cleared(Left::Kept)
                    } else {
                        Fact::Cleared(self.clear(broom).await)
                    }
                }
                None => match stage {
                    Stage::Done { ended, left: _ } => return ended,
                    Stage::Waiting | Stage::Acting { .. } | Stage::Clearing { .. } => Fact::Ticked,
                },
            };
        }
    }

    /// Carries out one act under its limit, the walls of its tier and of the run, and the caller's right to stop.
    async fn limited(&mut self, nth: usize, limits: Limits<'_>) -> Fact {
        let planned = self.plan.acts[nth].clone();
        let stage = planned.act.name().to_owned();
        self.tell(What::StageStarted { side: self.at.side, nth: self.at.nth, stage: stage.clone() });
        let work = if self.retained.is_some() { Work::Promotion } else { Work::Run };
        kill::act_begins(work, &stage);
        let began = Instant::now();
        let cancel = self.shared.cancel.clone();
        let limit = limits.acts[nth].1.to_std().unwrap_or_default();
        let (wall, at_the_wall) = self.walls.next(&planned);
        let done = tokio::select! {
            biased;
            () = cancel.asked() => Err(Cause::Interrupted),
            () = tokio::time::sleep_until(wall) => Err(at_the_wall),
            done = tokio::time::timeout(limit, self.act(&planned)) => done.unwrap_or_else(|_elapsed| {
                Err(Cause::Timeout { limit: stage.clone(), seconds: limit.as_secs() })
            }),
        };
        kill::act_ended(work, &stage);
        let (ok, did) = match &done {
            Ok(_) => (true, None),
            Err(cause) => (false, Some(Did::from(cause.to_string()))),
        };
        let (fact, did) = match done {
            Ok(did) => (Fact::Acted, did),
            Err(cause) => (Fact::Broke(cause), did.unwrap_or_default()),
        };
        let Did { detail, mut facts } = did;
        facts.insert("tier".into(), planned.tier.name().into());
        facts.extend(self.shared.beside.load().facts());
        self.tell(What::StageEnded {
            side: self.at.side,
            nth: self.at.nth,
            stage,
            millis: millis(began.elapsed()),
            whose: limits::whose(&planned.act),
            ok,
            detail,
            facts,
        });
        fact
    }

    async fn act(&mut self, planned: &Planned) -> Result<Did, Cause> {
        let tier = planned.tier;
        match &planned.act {
            Act::Pull(which) => self.pull(*which).await,
            Act::Deploy(which) => self.deploy(*which).await,
            Act::Upgrade => {
                self.untouched = naming::before(self.shared, self.stack).await;
                self.is_upgraded = true;
                self.deploy(Which::Target).await
            }
            Act::Settle(_) => self.settle().await,
            Act::Probe(which) => self.probe(*which, tier).await,
            Act::Soak(_) => self.soak().await,
            Act::Seed => self.seed().await,
            Act::Mark => self.mark().await,
            Act::CheckUpgrade => self.check_upgrade(tier).await,
            Act::Destroy => {
                let tasks = witness::tasks(self.shared, self.stack).await?;
                witness::destroy(self.shared, self.stack, &tasks, &self.witnesses).await?;
                Ok(format!("{} witness files", self.witnesses.len()).into())
            }
            Act::CheckRestore => self.check_witnesses(tier).await,
            Act::SeedData => self.seed_data(tier).await,
            Act::CheckData => self.check_data(tier).await,
            Act::MarkNewer => self.mark_newer(tier).await,
            Act::DestroyData => self.destroy_data(tier).await,
            Act::CheckRestoreData => self.check_restored_data(tier).await,
            Act::ReadMarkers => self.read_markers(tier).await,
            Act::Ready(_) => self.ready(tier).await,
            Act::Test(of) => self.test(*of).await,
            Act::Backup => self.back_up().await,
            Act::Restore => self.restore().await,
        }
    }

    async fn keep_logs(&self) -> Vec<TaskLog> {
        match self.applied {
            Some(_) => keep::keep_logs(self.shared, self.at, self.stack).await,
            None => Vec::new(),
        }
    }

    /// Finds out, while the stack is still there, what can be known of a failure beside its cause.
    async fn look_closer(&mut self, act: usize, why: &mut Cause) {
        let logs = self.keep_logs().await;
        if !matches!(why, Cause::Interrupted) {
            let broke = self.plan.acts.get(act).map(|planned| planned.tier);
            if broke == Some(Tier::Upgrade) && self.is_upgraded {
                let limit = CHECK_LIMIT;
                let after = naming::after(self.shared, self.stack, self.untouched.as_ref(), &logs);
                let state = tokio::time::timeout(limit, after).await.unwrap_or(DataState::Unknown);
                self.data_state = Some(state);
            }
            let which = if self.is_upgraded { Which::Target } else { Which::Base };
            let found = std::mem::replace(why, Cause::Interrupted);
            *why = naming::named(self.shared, self.stack, self.releases.get(which), &logs, found);
        }
        self.logs = Some(logs);
    }

    /// Whether the stack stays deployed after this end. Of what never was there is nothing to look at.
    fn stays(&self, ended: &Ended) -> bool {
        self.retained.is_some_and(|retained| match retained.stays {
            Stays::Never => false,
            Stays::UnlessWell => retained.stays.after(ended),
            Stays::IfWell | Stays::IfFailed => self.applied.is_some() && retained.stays.after(ended),
        })
    }

    async fn clear(&mut self, broom: Broom) -> Left {
        let began = Instant::now();
        if self.logs.is_none() {
            self.logs = Some(self.keep_logs().await);
        }
        self.shared.front.forget(self.stack);
        let scope = Scope::stack(self.stack).and(super::labels::INSTANCE, &self.shared.instance);
        let keep = if self.retained.is_some() { Keep::VolumesAndSecrets } else { Keep::Nothing };
        let left = match self.shared.keep {
            KeepStack::Kept => {
                self.tell(What::Warned {
                    says: format!("stack `{}` stays deployed; `simmer gc --kept` removes it", self.stack),
                });
                return Left::Kept;
            }
            KeepStack::Cleared => match self.shared.engine.clear(&scope, broom, keep, CLEAR_LIMIT).await {
                Ok(_) => Vec::new(),
                Err(left) => left_names(&left),
            },
        };
        self.tell(What::SideCleared {
            side: self.at.side,
            nth: self.at.nth,
            millis: millis(began.elapsed()),
            left: left.clone(),
        });
        self.left = left;
        if self.left.is_empty() { Left::Nothing } else { Left::Something }
    }

    pub(crate) fn tell(&self, what: What) {
        self.shared.log.tell(what);
    }

    pub(crate) fn tested(&self, tested: domain::test::Tested) {
        self.tell(What::TestEnded { side: self.at.side, nth: self.at.nth, tested });
    }

    /// Writes down that something was asked of the app itself, and held.
    pub(crate) fn assert_for(&mut self, tier: Tier) {
        *self.asserted.entry(tier).or_default() += 1;
    }
}

/// Names what clearing could not remove.
pub(crate) fn left_names(left: &harness::engine::Left) -> Vec<String> {
    if left.objects.is_empty() {
        // Nobody could be asked, so nobody can say that nothing is left.
        return vec![format!("unknown: {left}")];
    }
    left.objects.iter().map(ToString::to_string).collect()
}

pub(crate) fn never_deployed() -> Cause {
    Cause::Ours { says: "a plan waits for a stack that it did not deploy".into() }
}

pub(crate) fn delta(length: Duration) -> TimeDelta {
    // Windows are checked to be at most a week.
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}
