//! The turns of a sweep: each recipe is run, and what is green is carried onto its canonical.

use std::time::Instant;

use chrono::Utc;
use domain::RecipeName;
use domain::sweep::{
    Cold, ColdVerdict, Entry, Planned, Promotion, PromotionEnd, Ran, Row, RowEnd, SweepPlan, Task,
};
use futures_util::stream::{self, StreamExt as _};

use super::Manner;
use super::record::{Record, todo};

/// What came of a cold run.
#[derive(Clone, Debug)]
pub struct ColdEnd {
    pub cold: Cold,
    /// The commit that was judged; none where it did not come to a run.
    pub commit: Option<String>,
}

/// What a sweep does with a recipe. Trouble is a verdict, never an error: one recipe's trouble stops no other (CC-008).
pub trait Work {
    /// Takes a release through all cold tiers.
    fn judge(&self, recipe: &RecipeName, release: &str) -> impl Future<Output = ColdEnd>;

    /// Carries a release that is green cold onto the recipe's canonical. What it says of secrets is masked.
    fn promote(&self, recipe: &RecipeName, cold: &Ran) -> impl Future<Output = PromotionEnd>;
}

/// Takes all turns that are left, in the order of the plan, `manner.jobs` at a time. Ends early once somebody asked to
/// stop, after the recipes at hand have ended.
pub(super) async fn take(record: &Record, manner: &Manner, work: &impl Work, tell: &dyn Fn(&str)) {
    let view = record.view();
    let rest = todo(&view);
    let (done, all) = (view.start.as_ref().map_or(0, |s| s.plan.runs()) - rest.len(), rest.len());
    let (expected, unknown) = SweepPlan { rows: rest.clone() }.expected();
    let jobs = manner.jobs.max(1);
    let beside = if jobs > 1 { format!(", {jobs} at a time") } else { String::new() };
    let of = if done > 0 { format!(", {done} done before") } else { String::new() };
    let guess = match (expected.is_zero(), unknown) {
        (true, _) => String::new(),
        (false, 0) => format!(", {} of work expected", reports::span(crate::run::millis(expected))),
        (false, n) => {
            format!(
                ", {} of work expected and {n} of unknown length",
                reports::span(crate::run::millis(expected))
            )
        }
    };
    let recipes = if all == 1 { "recipe" } else { "recipes" };
    tell(&format!("sweep {}: {all} {recipes} to run{of}{beside}{guess}\n", view.id()));
    let turns = rest.into_iter().enumerate().map(|(nth, planned)| async move {
        // The turns that are left are not taken, and have no row.
        if manner.cancel.is_asked() {
            return;
        }
        let Planned { recipe, task } = planned;
        let Some(ran) = turn(record, work, &recipe, task).await else { return };
        let time = reports::span(ran.millis);
        let why =
            ran.told().map(|told| format!(": {}", reports::plain(&told.to_string()))).unwrap_or_default();
        tell(&format!(
            "[{}/{all}] {recipe} {}: {} ({time}){why}\n",
            nth + 1,
            ran.release,
            ran.state().word()
        ));
        write(record, Entry::RowEnded { row: Row { recipe, end: RowEnd::Ran { ran } } });
        // So that who looks in the night, or after a kill, finds a page.
        if let Err(error) = record.write_reports() {
            tracing::warn!(%error, "the sweep's report is not up to date");
        }
    });
    stream::iter(turns).buffer_unordered(jobs).collect::<Vec<()>>().await;
}

/// A line that cannot be written is told in the diary; the row is then run again by the next sweep.
fn write(record: &Record, entry: Entry) {
    if let Err(error) = record.tell(entry) {
        tracing::error!(%error, "a row of the sweep is not written down");
    }
}

async fn turn(record: &Record, work: &impl Work, recipe: &RecipeName, task: Task) -> Option<Ran> {
    let Task::Run { release, commit, why, canonical, .. } = task else { return None };
    let began = Instant::now();
    // What was judged cold before a kill is not judged again; only its promotion is owed.
    let before = record.view().judged.get(recipe).cloned().filter(|ran| ran.release == release);
    let (mut ran, spent) = match before {
        Some(ran) if !ran.was_interrupted() => {
            let spent = ran.millis;
            (ran, spent)
        }
        Some(_) | None => {
            let at = Utc::now();
            let ColdEnd { cold, commit: judged } = work.judge(recipe, &release).await;
            let ran = Ran {
                why,
                release,
                commit: judged.unwrap_or(commit),
                harness: super::HARNESS.to_owned(),
                at,
                millis: crate::run::millis(began.elapsed()),
                cold,
                promotion: if canonical { Promotion::NotDue } else { Promotion::NotWanted },
            };
            (ran, 0)
        }
    };
    if canonical && matches!(ran.cold.verdict, ColdVerdict::Green { .. }) {
        write(record, Entry::Judged { recipe: recipe.clone(), ran: ran.clone() });
        ran.promotion = Promotion::Ended { end: work.promote(recipe, &ran).await };
    }
    ran.millis = spent + crate::run::millis(began.elapsed());
    Some(ran)
}
