//! The work of a sweep on a real swarm.

use domain::event::Context;
use domain::sweep::{Cold, ColdVerdict, PromotionEnd, Ran, Told};
use domain::verdict::Depth;
use domain::{Cause, Fault, RecipeName, Tier};
use harness::engine::Engine;
use reports::{RunView, State};

use super::turns::{ColdEnd, Work};
use crate::canonical::{self, Promoted, Way};
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::report;
use crate::run::{Manner, Wanted, remember, run};
use crate::store::Store;

/// Runs recipes as `simmer run` does, and promotes as `simmer promote` does.
#[derive(Debug)]
pub struct OnSwarm<'a> {
    pub instance: &'a Instance,
    pub engine: &'a Engine,
    /// Told of every run: a green one allows a promotion.
    pub store: &'a Store,
    pub manner: Manner,
}

impl Work for OnSwarm<'_> {
    async fn judge(&self, recipe: &RecipeName, release: &str) -> ColdEnd {
        let wanted = Wanted {
            recipe: recipe.to_string(),
            reference: Some(release.to_owned()),
            bases: Vec::new(),
            tiers: Tier::COLD.into(),
            context: Context::Sweep,
        };
        match Box::pin(run(self.instance, self.engine, self.store, &wanted, &self.manner)).await {
            Ok(outcome) => {
                // The view is folded from events, which are masked; the outcome's own verdicts are not.
                let view = reports::fold(&outcome.events);
                if let Err(error) = report::write(&outcome.folder, &view) {
                    tracing::warn!(run = %outcome.run, %error, "the run's report is not written");
                }
                if let Err(error) = remember(self.store, &outcome).await {
                    // A promotion is then refused, and says so in the row.
                    tracing::warn!(run = %outcome.run, %error, "the registry cannot be told of the run");
                }
                ColdEnd { cold: cold(&view), commit: view.start.map(|start| start.subject.commit) }
            }
            Err(trouble) => {
                let verdict =
                    ColdVerdict::NotJudged { why: self.stopped().unwrap_or_else(|| not_run(&trouble)) };
                ColdEnd { cold: Cold { run: None, level: 0, verdict, left: Vec::new() }, commit: None }
            }
        }
    }

    async fn promote(&self, recipe: &RecipeName, cold: &Ran) -> PromotionEnd {
        let wanted = canonical::Promotion {
            recipe: recipe.to_string(),
            reference: Some(cold.release.clone()),
            way: Way::Commit,
            keep_failed: None,
            context: Context::Sweep,
        };
        let promoting = canonical::promote(self.instance, self.engine, self.store, &wanted, &self.manner);
        match Box::pin(promoting).await {
            Ok(promoted) => end(promoted),
            Err(trouble) => match self.stopped() {
                Some(why) => PromotionEnd::Failed { run: None, why, left: Vec::new() },
                None => PromotionEnd::Refused { why: not_run(&trouble).says },
            },
        }
    }
}

impl OnSwarm<'_> {
    /// Tells that somebody asked to stop, if that is so: then trouble has no other cause.
    fn stopped(&self) -> Option<Told> {
        self.manner.cancel.is_asked().then(|| Told::of(None, &Cause::Interrupted))
    }
}

/// Reads a row's promotion out of a promotion.
fn end(promoted: Promoted) -> PromotionEnd {
    let Promoted { run, recipe: _, release: _, end, level, left, kept: _, events, folder } = promoted;
    // Folded from events, which are masked.
    let view = reports::fold(&events);
    if let Err(error) = report::write(&folder, &view) {
        tracing::warn!(%run, %error, "the promotion's report is not written");
    }
    match end {
        canonical::PromotionEnd::Promoted { generation, advances: _ } => {
            PromotionEnd::Promoted { run: Some(run), generation, level, left }
        }
        canonical::PromotionEnd::Proven => {
            PromotionEnd::Refused { why: "it was proven, and not committed".to_owned() }
        }
        canonical::PromotionEnd::Failed { verdict: _ } => {
            PromotionEnd::Failed { run: Some(run), why: lead(&view), left }
        }
    }
}

/// Reads a row's cold part out of a run.
fn cold(view: &RunView) -> Cold {
    let verdict = match view.state() {
        State::Passed => ColdVerdict::Green { depth: Depth::Asserted },
        State::Superficial => ColdVerdict::Green { depth: Depth::Superficial },
        State::Failed => ColdVerdict::Red { why: lead(view) },
        State::DidNotEnd | State::NotJudged | State::NothingJudged => {
            ColdVerdict::NotJudged { why: lead(view) }
        }
    };
    Cold {
        run: view.run.clone(),
        level: view.level().unwrap_or(0),
        verdict,
        left: view.left().into_iter().map(str::to_owned).collect(),
    }
}

/// Tells what broke in a run.
fn lead(view: &RunView) -> Told {
    match view.lead() {
        Some((tier, _, cause)) => Told::of(Some(tier), cause),
        None => Told {
            tier: None,
            cause: view.state().name().to_owned(),
            fault: Fault::Runner,
            says: view.state().word().to_owned(),
        },
    }
}

/// Tells what kept a recipe from being run.
fn not_run(trouble: &Trouble) -> Told {
    let fault = match trouble.exit {
        // Our own files about the recipe are wrong.
        Exit::Usage | Exit::RecipeFailed => Fault::Overlay,
        Exit::Passed | Exit::NotJudged | Exit::LeftBehind => Fault::Platform,
        Exit::Bug => Fault::Runner,
    };
    let says = trouble.to_string();
    let says = says.strip_prefix("error: ").unwrap_or(&says).split_whitespace().collect::<Vec<_>>().join(" ");
    Told { tier: None, cause: "not_run".to_owned(), fault, says }
}
