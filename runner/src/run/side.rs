//! One stack of a run, from its first act to the proof that nothing of it is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Deviation, Whose};
use domain::life::{Ended, Fact, Left, Limits, Stage, Step, advance};
use domain::plan::{Act, SidePlan, Which};
use domain::settle::SettleLimits;
use domain::verdict::Depth;
use domain::{Cause, Domain, Fault, StackName, Verdict, What};
use harness::engine::{Applied, Broom, Engine, Freshness, Keep, LogBounds, Scope};

use super::build::Built;
use super::check::{self, Running, Witness};
use super::edge::Front;
use super::{At, CHECK_LIMIT, CLEAR_LIMIT, DEPLOY_LIMIT, PULL_LIMIT, outside};
use crate::cancel::Cancel;
use crate::instance::Overlay;
use crate::log::Log;
use crate::mask::Masker;
use crate::view::Terminal;

/// What every side of a run shares.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) log: Log,
    pub(crate) view: Terminal,
    pub(crate) overlay: Overlay,
    pub(crate) front: Front,
    pub(crate) cancel: Cancel,
    pub(crate) keep: KeepStack,
    pub(crate) follow_logs: FollowLogs,
    pub(crate) masker: Masker,
    /// Labels by which this run's objects are found.
    pub(crate) instance: String,
    /// When the whole run has to be over (CC-044).
    pub(crate) ends: tokio::time::Instant,
    pub(crate) run_limit: Duration,
}

/// Whether the stack is cleared at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepStack {
    Cleared,
    Kept,
}

/// Whether the containers' logs are shown while they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowLogs {
    Shown,
    Hidden,
}

/// Releases of a side, ready to deploy.
#[derive(Debug)]
pub(crate) struct Releases {
    pub(crate) base: Option<Built>,
    pub(crate) target: Built,
}

impl Releases {
    fn get(&self, which: Which) -> &Built {
        match (which, &self.base) {
            (Which::Base, Some(base)) => base,
            (Which::Base, None) | (Which::Target, _) => &self.target,
        }
    }
}

/// How a side ended.
#[derive(Debug)]
pub(crate) struct SideEnd {
    pub(crate) verdict: Verdict,
    /// What is still there; empty when all is gone or was kept on purpose.
    pub(crate) left: Vec<String>,
}

struct SideRun<'a> {
    shared: &'a Shared,
    plan: &'a SidePlan,
    at: At,
    domain: &'a Domain,
    stack: &'a StackName,
    releases: &'a Releases,
    applied: Option<Applied>,
    settled_at: Option<DateTime<Utc>>,
    /// Resolved images of each release, by service.
    images: BTreeMap<&'static str, BTreeMap<String, String>>,
    before: Option<Running>,
    witnesses: Vec<Witness>,
    left: Vec<String>,
}

/// Takes a side through its acts, and clears up whatever comes.
pub(crate) async fn run_side(
    shared: &Shared,
    plan: &SidePlan,
    domain: &Domain,
    stack: &StackName,
    releases: &Releases,
) -> SideEnd {
    let at = At { side: plan.side, nth: plan.nth };
    shared.log.tell(What::SideStarted {
        side: at.side,
        nth: at.nth,
        tier: plan.tier,
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
        applied: None,
        settled_at: None,
        images: BTreeMap::new(),
        before: None,
        witnesses: Vec::new(),
        left: Vec::new(),
    };
    let ended = match shared.follow_logs {
        FollowLogs::Hidden => run.live().await,
        FollowLogs::Shown => tokio::select! {
            biased;
            ended = run.live() => ended,
            never = follow(shared, stack) => match never {},
        },
    };
    let verdict = match ended {
        Ended::Well => Verdict::Passed { depth: run.depth() },
        Ended::Badly { act, why } => Verdict::of(run.blame(act, why)),
    };
    SideEnd { verdict, left: run.left }
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
        let acts: Vec<_> = self.plan.acts.iter().map(|act| (act.name(), self.limit(act))).collect();
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
                    let left = self.clear().await;
                    let why = Cause::Ours { says: out_of_turn.to_string() };
                    tracing::error!(?left, error = %why, "life of a side");
                    return Ended::Badly { act: 0, why };
                }
            };
            fact = match step {
                Some(Step::Act(nth)) => self.limited(nth, limits).await,
                Some(Step::Clear) => Fact::Cleared(self.clear().await),
                None => match stage {
                    Stage::Done { ended, left: _ } => return ended,
                    Stage::Waiting | Stage::Acting { .. } | Stage::Clearing { .. } => Fact::Ticked,
                },
            };
        }
    }

    /// Carries out one act under its limit and the caller's right to stop.
    async fn limited(&mut self, nth: usize, limits: Limits<'_>) -> Fact {
        let act = self.plan.acts[nth].clone();
        let stage = act.name().to_owned();
        self.tell(What::StageStarted { side: self.at.side, nth: self.at.nth, stage: stage.clone() });
        let began = Instant::now();
        let cancel = self.shared.cancel.clone();
        let limit = limits.acts[nth].1.to_std().unwrap_or_default();
        let done = tokio::select! {
            biased;
            () = cancel.asked() => Err(Cause::Interrupted),
            () = tokio::time::sleep_until(self.shared.ends) => Err(Cause::Timeout {
                limit: "run".into(),
                seconds: self.shared.run_limit.as_secs(),
            }),
            done = tokio::time::timeout(limit, self.act(&act)) => done.unwrap_or_else(|_elapsed| {
                Err(Cause::Timeout { limit: stage.clone(), seconds: limit.as_secs() })
            }),
        };
        let (ok, detail) = match &done {
            Ok(detail) => (true, detail.clone()),
            Err(cause) => (false, cause.to_string()),
        };
        self.tell(What::StageEnded {
            side: self.at.side,
            nth: self.at.nth,
            stage,
            millis: millis(began.elapsed()),
            whose: whose(&act),
            ok,
            detail,
            facts: BTreeMap::new(),
        });
        match done {
            Ok(_) => Fact::Acted,
            Err(cause) => Fact::Broke(cause),
        }
    }

    async fn act(&mut self, act: &Act) -> Result<String, Cause> {
        match act {
            Act::Pull(which) => self.pull(*which).await,
            Act::Deploy(which) => self.deploy(*which).await,
            Act::Upgrade => self.deploy(Which::Target).await,
            Act::Settle(_) => self.settle().await,
            Act::Probe(which) => {
                let built = self.releases.get(*which);
                outside::probe(self.shared, self.at, self.stack, self.domain, built).await
            }
            Act::Soak(_) => self.soak().await,
            Act::Seed => {
                self.before = Some(check::running(self.shared, self.stack).await?);
                self.witnesses = check::plant(self.shared, self.stack).await?;
                Ok(format!("{} volumes", self.witnesses.len()))
            }
            Act::CheckUpgrade => {
                check::survived(self.shared, self.stack, &self.witnesses).await?;
                let now = check::running(self.shared, self.stack).await?;
                let built = &self.releases.target;
                check::changed(self.before.as_ref(), &now, built)?;
                Ok(format!("{} witnesses there, images and label changed", self.witnesses.len()))
            }
        }
    }

    async fn pull(&mut self, which: Which) -> Result<String, Cause> {
        let built = self.releases.get(which);
        let resolved = self
            .shared
            .engine
            .ensure_images(&built.images, Freshness::LocalWins)
            .await
            .map_err(|e| e.cause())?;
        let images: BTreeMap<String, String> = resolved
            .iter()
            .map(|(service, image)| (service.clone(), format!("{} {}", image.reference, image.digest)))
            .collect();
        let pulled = resolved.values().filter(|i| i.pulled).count();
        self.tell(What::ImagesResolved {
            side: self.at.side,
            nth: self.at.nth,
            release: built.release.clone(),
            images: images.clone(),
        });
        let key = match which {
            Which::Base => "base",
            Which::Target => "target",
        };
        self.images.insert(key, images);
        Ok(format!("{} images, {pulled} fetched", resolved.len()))
    }

    async fn deploy(&mut self, which: Which) -> Result<String, Cause> {
        let built = self.releases.get(which);
        let applied =
            self.shared.engine.apply(&built.specs, self.applied.as_ref()).await.map_err(|e| e.cause())?;
        self.applied = Some(applied);
        for says in self.shared.front.route(self.shared, self.stack, built) {
            self.tell(What::Warned { says });
        }
        Ok(format!("{} services of {}", built.specs.services.len(), built.release))
    }

    async fn settle(&mut self) -> Result<String, Cause> {
        let applied = self.applied.as_ref().ok_or_else(never_deployed)?;
        let limits =
            SettleLimits { window: delta(self.shared.overlay.health.window), ..SettleLimits::default() };
        let (view, at) = (self.shared.view.clone(), self.at);
        let settled = self
            .shared
            .engine
            .settle(applied, &limits, &mut |awaited| {
                let text: Vec<_> = awaited.iter().map(|a| format!("{} {}", a.service, a.why)).collect();
                view.note(at.side, at.nth, text.join(" · "));
            })
            .await
            .map_err(|trouble| trouble.cause)?;
        self.settled_at = Some(settled.at);
        Ok(String::new())
    }

    async fn soak(&mut self) -> Result<String, Cause> {
        let applied = self.applied.as_ref().ok_or_else(never_deployed)?;
        let settled = self.settled_at.ok_or_else(never_deployed)?;
        let length = self.shared.overlay.health.soak;
        self.shared.engine.soak(applied, settled, length).await?;
        Ok(format!("steady for {} s", length.as_secs()))
    }

    async fn clear(&mut self) -> Left {
        let began = Instant::now();
        self.keep_logs().await;
        self.shared.front.forget(self.stack);
        let scope = Scope::stack(self.stack).and(super::labels::INSTANCE, &self.shared.instance);
        let left = match self.shared.keep {
            KeepStack::Kept => {
                self.tell(What::Warned {
                    says: format!("stack `{}` stays deployed; `simmer gc --kept` removes it", self.stack),
                });
                return Left::Kept;
            }
            KeepStack::Cleared => {
                match self.shared.engine.clear(&scope, Broom::AtOnce, Keep::Nothing, CLEAR_LIMIT).await {
                    Ok(_) => Vec::new(),
                    Err(left) => left_names(&left),
                }
            }
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

    /// Keeps the logs of every task, dead ones too, before they go (CC-054).
    async fn keep_logs(&self) {
        if self.applied.is_none() {
            return;
        }
        let logs = match self.shared.engine.logs(self.stack, LogBounds::default()).await {
            Ok(logs) => logs,
            Err(error) => {
                return self.tell(What::Warned { says: format!("logs could not be kept: {error}") });
            }
        };
        let mut files: BTreeMap<String, (String, u64, bool)> = BTreeMap::new();
        for log in logs {
            let (text, lines, cut) = files.entry(log.service.clone()).or_default();
            text.push_str(&format!("== task {} ({})\n", log.task_id, log.state));
            for line in &log.lines {
                text.push_str(line);
                text.push('\n');
            }
            *lines += log.lines.len() as u64;
            *cut |= log.cut;
        }
        for (service, (text, lines, cut)) in files {
            let file = format!("logs/{}{}-{service}.log", self.at.side, self.at.nth);
            match self.shared.log.keep(&file, &text) {
                Ok(()) => self.tell(What::LogKept {
                    side: self.at.side,
                    nth: self.at.nth,
                    service,
                    file,
                    lines,
                    cut,
                }),
                Err(error) => {
                    self.tell(What::Warned { says: format!("log `{file}` could not be kept: {error}") });
                }
            }
        }
    }

    fn tell(&self, what: What) {
        self.shared.log.tell(what);
    }

    /// A base that does not come up says nothing about the target.
    fn blame(&self, act: usize, why: Cause) -> Cause {
        let switched = self.plan.acts.iter().position(|a| *a == Act::Upgrade).unwrap_or(0);
        match (&self.plan.base, why.fault()) {
            (Some(base), Fault::Recipe | Fault::Overlay) if act < switched => {
                let about_target = self.plan.acts.get(act) == Some(&Act::Pull(Which::Target));
                if about_target {
                    why
                } else {
                    Cause::BaseBroken { base: base.tag.clone(), says: why.to_string() }
                }
            }
            _ => why,
        }
    }

    fn depth(&self) -> Depth {
        let overlay = &self.shared.overlay;
        if overlay.health.path.is_some() || !overlay.probes.is_empty() {
            Depth::Asserted
        } else {
            Depth::Superficial
        }
    }

    fn limit(&self, act: &Act) -> TimeDelta {
        let health = &self.shared.overlay.health;
        // The engine's own waits end first and can say what they waited for; this is the net under them.
        let slack = Duration::from_secs(30);
        delta(match act {
            Act::Pull(_) => PULL_LIMIT,
            Act::Deploy(_) | Act::Upgrade => DEPLOY_LIMIT,
            Act::Settle(_) | Act::Probe(_) => health.window + slack,
            Act::Seed | Act::CheckUpgrade => CHECK_LIMIT,
            Act::Soak(_) => health.soak + slack,
        })
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

fn never_deployed() -> Cause {
    Cause::Ours { says: "a plan waits for a stack that it did not deploy".into() }
}

fn whose(act: &Act) -> Whose {
    match act {
        Act::Pull(_) | Act::Deploy(_) | Act::Settle(_) | Act::Upgrade | Act::Probe(_) => Whose::App,
        Act::Seed | Act::CheckUpgrade | Act::Soak(_) => Whose::Ours,
    }
}

fn delta(length: Duration) -> TimeDelta {
    // Windows are checked to be at most a week.
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
