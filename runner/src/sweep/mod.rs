//! A sweep: one pass over all enrolled recipes at their newest release (DESIGN 8).
//!
//! `mirrors` finds out what is new, `domain::sweep` decides, `turns` runs and promotes, `record` writes every row down
//! as soon as it ends, `history` reads what earlier sweeps wrote. A sweep that was killed is taken up again where it was.

mod history;
mod mirrors;
mod record;
mod start;
mod swarm;
mod turns;

pub use history::{History, Past};
pub use mirrors::newest_of_all;
pub use record::Record;
pub use start::tidy_up;
pub use swarm::OnSwarm;
pub use turns::{ColdEnd, Work};

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::RecipeName;
use domain::sweep::{Asked, Ending, Enrolled, Entry, Hold, SweepId, SweepPlan, SweepVerdict, plan};
use reports::SweepView;

use crate::cancel::Cancel;
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::{Enrolment, Instance};
use crate::lease::{Lease, Leases, Owner};

/// How long a sweep that did not end may be taken up again. After a day its releases are not the newest any more, and
/// the next night's sweep is due anyway.
const RESUME_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Whether a sweep that did not end is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Where there is one, it is of the same kind, and it is young. This is what holds: whoever starts a sweep again
    /// after a power cut, be it a person or a service manager, wants it whole, and knows no flag for that.
    Automatic,
    /// Start anew all the same.
    Never,
}

/// How a sweep is carried out.
#[derive(Clone, Debug)]
pub struct Manner {
    pub asked: Asked,
    pub resume: Resume,
    /// Recipes at a time; at least 1.
    pub jobs: usize,
    pub cancel: Cancel,
}

/// A sweep that is about to begin, or to go on.
#[derive(Debug)]
pub struct Prospect {
    pub plan: SweepPlan,
    /// The sweep that is taken up again, as it was left.
    pub resumed: Option<SweepView>,
    history: History,
}

impl Prospect {
    /// Returns what is still to be done: the whole plan, without the rows that have ended.
    pub fn rest(&self) -> SweepPlan {
        match &self.resumed {
            Some(view) => SweepPlan { rows: record::todo(view) },
            None => self.plan.clone(),
        }
    }
}

/// What came of a sweep.
#[derive(Debug)]
pub struct SweepOutcome {
    pub view: SweepView,
    pub page: PathBuf,
}

impl SweepOutcome {
    /// Returns the exit code that the sweep asks for: what was left behind is the most urgent.
    pub fn exit(&self) -> Exit {
        let left = if self.view.left.is_empty() { Exit::Passed } else { Exit::LeftBehind };
        left.and(match self.view.verdict().verdict {
            SweepVerdict::Green | SweepVerdict::NothingNew => Exit::Passed,
            SweepVerdict::NotJudged => Exit::NotJudged,
            SweepVerdict::Red => Exit::RecipeFailed,
        })
    }
}

/// Returns the folder in which sweeps are kept.
pub fn folder(instance: &Instance) -> PathBuf {
    instance.settings.state.join("sweeps")
}

/// Makes sure that no other sweep of this instance is at work, as long as the lease is held.
pub fn take_lease(state: &Path) -> Result<Lease, Trouble> {
    let owner = Owner::command("simmer sweep");
    Leases::of(state).take("sweep", &owner).map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "another sweep of this instance is at work", &error)
            .hint("wait until it has ended, or stop it; `simmer sweep` then goes on where it was")
    })
}

/// Returns whether a sweep of this instance is at work.
pub fn is_at_work(state: &Path) -> bool {
    Leases::of(state).is_held("sweep")
}

/// Finds out what there is to do, and does nothing: looks for a sweep that did not end, else asks all mirrors.
pub async fn look_ahead(
    instance: &Instance,
    manner: &Manner,
    holds: Vec<(RecipeName, Hold)>,
    now: DateTime<Utc>,
) -> Result<Prospect, Trouble> {
    let mut history = History::read(&folder(instance)).map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not read what earlier sweeps found", &error)
            .hint("is the state folder readable?")
    })?;
    if let Some(open) = history.unfinished().filter(|open| is_resumable(open, instance, manner, now)) {
        let start = open.start.as_ref().expect("a sweep without a start is not resumable");
        let plan = start.plan.clone();
        return Ok(Prospect { plan, resumed: Some(open.clone()), history });
    }
    let enrolled: Vec<Enrolled> =
        instance.recipes.iter().map(|(recipe, enrolment)| enrolled(recipe, enrolment)).collect();
    for (recipe, hold) in holds {
        history.hold(&recipe, hold);
    }
    let newest = newest_of_all(instance, &manner.asked, &manner.cancel).await;
    if manner.cancel.is_asked() {
        return Err(Trouble::new(Exit::NotJudged, "the sweep was stopped before it began"));
    }
    let plan = plan(&enrolled, &newest, history.before(), &manner.asked, HARNESS, now);
    Ok(Prospect { plan, resumed: None, history })
}

/// The version that judges.
const HARNESS: &str = env!("CARGO_PKG_VERSION");

fn enrolled(recipe: &RecipeName, enrolment: &Enrolment) -> Enrolled {
    Enrolled {
        recipe: recipe.clone(),
        membership: enrolment.membership.clone(),
        canonical: enrolment.canonical,
    }
}

/// Whether a sweep can be taken up again: it is young, the same was asked for, the same Simmer judges, and the same
/// recipes are enrolled. Else its rows stay what they are, and a new sweep builds on them.
fn is_resumable(open: &SweepView, instance: &Instance, manner: &Manner, now: DateTime<Utc>) -> bool {
    let Some(start) = &open.start else { return false };
    let same = start.asked == manner.asked && start.harness == HARNESS;
    let mut planned: Vec<&RecipeName> = start.plan.rows.iter().map(|row| &row.recipe).collect();
    planned.sort();
    manner.resume == Resume::Automatic
        && same
        && now - start.at < RESUME_WITHIN
        && planned.into_iter().eq(instance.recipes.keys())
}

/// Carries out a prospect: every recipe of the plan that has no row yet. `tell` gets the story, line by line.
pub async fn carry_out(
    instance: &Instance,
    prospect: Prospect,
    manner: &Manner,
    work: &impl Work,
    tell: &dyn Fn(&str),
) -> Result<SweepOutcome, Trouble> {
    let unwritten = |error: std::io::Error| {
        Trouble::from_error(Exit::NotJudged, "could not write the sweep down", &error)
            .hint("is the state folder writable, and is there room?")
    };
    let Prospect { plan, resumed, history } = prospect;
    let record = match resumed {
        Some(view) => Record::resume(&folder(instance), view, HARNESS),
        None => {
            let [a, b, _, _] = crate::run::random_bytes()?;
            let now = Utc::now();
            let sweep = SweepId::new(now, [a, b]);
            let previous = history.last().and_then(|last| last.start.as_ref()).map(|s| s.sweep.clone());
            let (asked, before) = (manner.asked.clone(), history.glances());
            let harness = HARNESS.to_owned();
            let started = Entry::Started { sweep: sweep.clone(), harness, asked, plan, previous, before };
            Record::create(&folder(instance), &sweep, started)
        }
    }
    .map_err(unwritten)?;
    turns::take(&record, manner, work, tell).await;
    let ending =
        if manner.cancel.is_asked() && record.is_open() { Ending::Interrupted } else { Ending::Whole };
    let view = record.view();
    let began = view.start.as_ref().map_or_else(Utc::now, |start| start.at);
    let length = (Utc::now() - began).to_std().unwrap_or(Duration::ZERO);
    record.tell(Entry::Ended { ending, millis: crate::run::millis(length) }).map_err(unwritten)?;
    let page = record.write_reports().map_err(unwritten)?;
    Ok(SweepOutcome { view: record.view(), page })
}
