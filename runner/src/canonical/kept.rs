//! What stays deployed for a person until a time: a canonical that is open, a candidate that failed. The hold in the
//! registry is what makes it theirs; it carries the run that promised the generation as its owner. Without a hold, or once
//! its end has come, the stack is garbage, and `simmer reconcile` removes it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::canonical::Step;
use domain::{Cause, RecipeName, RunId, What};

use super::carry::{Candidate, REGISTRY_LIMIT, registry};
use super::promote::unread;
use crate::cli::Trouble;
use crate::exit::Exit;
use crate::store::{Hold, HoldKind, Store, StoreError};

/// Returns what is held deployed of a recipe, also what is past its end.
pub(crate) async fn standing(store: &Store, recipe: &RecipeName) -> Result<Vec<Hold>, StoreError> {
    let all = store.holds().await?;
    let is_deployed = |hold: &Hold| match hold.kind {
        HoldKind::Open | HoldKind::Diagnosis => hold.recipe == *recipe,
        HoldKind::Freeze | HoldKind::Pin | HoldKind::Defer | HoldKind::Quarantine | HoldKind::Lease => false,
    };
    Ok(all.into_iter().filter(is_deployed).collect())
}

/// Lets go of holds: what they kept is garbage from now on.
pub(crate) async fn let_go(store: &Store, holds: &[Hold]) -> Result<(), StoreError> {
    for Hold { kind, recipe, owner, reason: _, until: _ } in holds {
        store.release_hold(*kind, recipe, owner).await?;
    }
    Ok(())
}

/// Refuses what would change the ground under a person who looks at the canonical, with the way to end that. What is past
/// its end is in nobody's way: reconcile closes it.
pub async fn refuse_while_open(store: &Store, recipe: &RecipeName, doing: &str) -> Result<(), Trouble> {
    let all = standing(store, recipe).await.map_err(unread)?;
    match all.iter().find(|hold| hold.kind == HoldKind::Open && !is_over(hold, Utc::now())) {
        Some(hold) => Err(in_the_way(recipe, hold, doing)),
        None => Ok(()),
    }
}

pub(super) fn in_the_way(recipe: &RecipeName, hold: &Hold, doing: &str) -> Trouble {
    let what = match hold.kind {
        HoldKind::Diagnosis => "a failed candidate of it is kept deployed",
        HoldKind::Open
        | HoldKind::Freeze
        | HoldKind::Pin
        | HoldKind::Defer
        | HoldKind::Quarantine
        | HoldKind::Lease => "it is open",
    };
    let says = format!("could not {doing} `{recipe}`: {what}{} ({})", end(hold), hold.reason);
    Trouble::new(Exit::Usage, says).hint(format!("`simmer canonical close {recipe}` ends that"))
}

pub(super) fn is_over(hold: &Hold, now: DateTime<Utc>) -> bool {
    hold.until.is_some_and(|until| until <= now)
}

fn end(hold: &Hold) -> String {
    hold.until.map_or_else(String::new, |until| format!(" until {}", told(until)))
}

/// A time for people.
pub(super) fn told(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Returns the run that promised what a hold keeps.
pub(super) fn promised_by(hold: &Hold) -> Result<RunId, Trouble> {
    RunId::parse(&hold.owner).map_err(|bad| {
        Trouble::new(Exit::NotJudged, format!("hold `{} {}` names no run: {bad}", hold.kind, hold.owner))
            .hint("look with `simmer db check`")
    })
}

impl Candidate<'_> {
    /// Writes down until when the stack stays, which makes it a person's.
    pub(super) async fn hold(
        &self,
        kind: HoldKind,
        length: TimeDelta,
        reason: String,
    ) -> Result<DateTime<Utc>, Cause> {
        let until = Utc::now() + length;
        let hold = Hold {
            kind,
            recipe: self.recipe.clone(),
            owner: self.run.to_string(),
            reason,
            until: Some(until),
        };
        self.step(Step::Hold, REGISTRY_LIMIT, async {
            self.with.store.hold(&hold).await.map_err(|error| registry(&error))?;
            Ok((until, format!("until {}", told(until))))
        })
        .await
    }

    /// Keeps a candidate that failed where that was asked for and it is still deployed. `None`: it has to go.
    pub(super) async fn keep_failed(&self) -> Option<DateTime<Utc>> {
        let length = self.with.keep_failed?;
        let tell = |what| self.with.shared.log.tell(what);
        if !self.is_kept {
            tell(What::Warned { says: "nothing of the candidate is deployed that could be kept".into() });
            return None;
        }
        let reason = format!("{} failed on {}", self.with.common.prepared.subject.at, self.generation);
        match self.hold(HoldKind::Diagnosis, length, reason).await {
            Ok(until) => {
                tell(What::CandidateKept { generation: self.generation, until });
                Some(until)
            }
            Err(cause) => {
                tell(What::Warned { says: format!("the candidate cannot be kept: {cause}") });
                None
            }
        }
    }

    /// Lets go of failed candidates of earlier promotions, and says so; reconcile, which comes next, removes them.
    pub(super) async fn let_go(&self, holds: &[Hold]) -> Result<(), Cause> {
        if holds.is_empty() {
            return Ok(());
        }
        self.step(Step::LetGo, REGISTRY_LIMIT, async {
            let_go(self.with.store, holds).await.map_err(|error| registry(&error))?;
            Ok(((), format!("{} kept candidates", holds.len())))
        })
        .await?;
        for hold in holds {
            let says = format!(
                "a candidate that was kept for diagnosis{} is closed by this promotion: {}",
                end(hold),
                hold.reason
            );
            self.with.shared.log.tell(What::Warned { says });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_told_with_its_end_and_the_way_to_end_it() {
        let hold = |kind| Hold {
            kind,
            recipe: RecipeName::parse("gitea").unwrap(),
            owner: "00c0ffee".into(),
            reason: "1.0.0+1 on g2, a copy of g1".into(),
            until: Some(DateTime::UNIX_EPOCH),
        };
        let recipe = RecipeName::parse("gitea").unwrap();
        let told = |kind| in_the_way(&recipe, &hold(kind), "promote").to_string();
        insta::assert_snapshot!(told(HoldKind::Open), @r"
        error: could not promote `gitea`: it is open until 1970-01-01 00:00 UTC (1.0.0+1 on g2, a copy of g1)
          hint: `simmer canonical close gitea` ends that
        ");
        assert!(told(HoldKind::Diagnosis).contains("a failed candidate of it is kept deployed"));
        assert!(is_over(&hold(HoldKind::Open), Utc::now()));
        assert_eq!(promised_by(&hold(HoldKind::Open)).unwrap().as_str(), "00c0ffee");
    }
}
