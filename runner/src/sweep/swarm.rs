//! The work of a sweep on a real swarm.

use domain::event::Context;
use domain::sweep::{Cold, ColdVerdict, PromotionEnd, Ran, Told};
use domain::verdict::Depth;
use domain::{Cause, Fault, RecipeName, Tier};
use harness::engine::Engine;
use reports::{RunView, State};

use super::turns::{ColdEnd, Work};
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::instance::Instance;
use crate::report;
use crate::run::{Manner, Wanted, run};

/// Runs recipes as `simmer run` does, and promotes as `simmer promote` does.
#[derive(Debug)]
pub struct OnSwarm<'a> {
    pub instance: &'a Instance,
    pub engine: &'a Engine,
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
        match Box::pin(run(self.instance, self.engine, &wanted, &self.manner)).await {
            Ok(outcome) => {
                // The view is folded from events, which are masked; the outcome's own verdicts are not.
                let view = reports::fold(&outcome.events);
                if let Err(error) = report::write(&outcome.folder, &view) {
                    tracing::warn!(run = %outcome.run, %error, "the run's report is not written");
                }
                ColdEnd { cold: cold(&view), commit: view.start.map(|start| start.subject.commit) }
            }
            Err(trouble) => {
                let why = if self.manner.cancel.is_asked() {
                    Told::of(None, &Cause::Interrupted)
                } else {
                    not_run(&trouble)
                };
                let verdict = ColdVerdict::NotJudged { why };
                ColdEnd { cold: Cold { run: None, level: 0, verdict, left: Vec::new() }, commit: None }
            }
        }
    }

    async fn promote(&self, _recipe: &RecipeName, _cold: &Ran) -> PromotionEnd {
        PromotionEnd::Refused { why: "this build of Simmer has no canonicals".to_owned() }
    }
}

/// Reads a row's cold part out of a run.
fn cold(view: &RunView) -> Cold {
    let told = || match view.lead() {
        Some((tier, _, cause)) => Told::of(Some(tier), cause),
        None => Told {
            tier: None,
            cause: view.state().name().to_owned(),
            fault: Fault::Runner,
            says: view.state().word().to_owned(),
        },
    };
    let verdict = match view.state() {
        State::Passed => ColdVerdict::Green { depth: Depth::Asserted },
        State::Superficial => ColdVerdict::Green { depth: Depth::Superficial },
        State::Failed => ColdVerdict::Red { why: told() },
        State::DidNotEnd | State::NotJudged | State::NothingJudged => ColdVerdict::NotJudged { why: told() },
    };
    Cold {
        run: view.run.clone(),
        level: view.level().unwrap_or(0),
        verdict,
        left: view.left().into_iter().map(str::to_owned).collect(),
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
