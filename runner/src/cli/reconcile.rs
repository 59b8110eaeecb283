//! `simmer reconcile`.

use domain::reconcile::{Difference, Kind, Severity};

use super::{Place, Trouble, db, gc, say};
use crate::exit::Exit;
use crate::lease::Leases;
use crate::reconcile::{Done, Mode, Order, Outcome, reconcile as compare};

#[derive(Clone, Debug, clap::Args)]
pub struct ReconcileArgs {
    /// Only this recipe's canonical [default: all]
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
    /// Only say what differs and what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print what was found as JSON on stdout
    #[arg(long)]
    json: bool,
}

pub(super) async fn reconcile(place: &Place, args: &ReconcileArgs) -> Result<Exit, Trouble> {
    let ReconcileArgs { recipe, dry_run, json } = args;
    let instance = place.open()?;
    // A recipe that is not enrolled any more may have a canonical all the same.
    let only = recipe.as_deref().map(domain::RecipeName::parse).transpose();
    let only = only.map_err(|bad| Trouble::new(Exit::Usage, bad.to_string()))?;
    let store = db::open(&instance.settings.database).await?;
    let engine = gc::connect(place, Some(&instance)).await?;
    let leases = Leases::of(&instance.settings.state);
    let order = Order { only, mode: if *dry_run { Mode::Look } else { Mode::Repair }, me: None };
    let done = compare(&engine, &store, &leases, &instance, &order).await;
    store.close().await;
    let done = done.map_err(|error| {
        Trouble::from_error(Exit::NotJudged, "could not compare the registry with Docker", &error)
    })?;
    if *json {
        say(&format!("{}\n", serde_json::to_string_pretty(&done).expect("what was found is plain data")));
    } else {
        say(&table(&done));
    }
    Ok(exit(&done))
}

/// What is good to know leaves nothing behind; all else that still stands does.
fn exit(done: &[Done]) -> Exit {
    let is_left = |one: &Done| one.is_left() && one.difference.severity > Severity::Note;
    if done.iter().any(is_left) { Exit::LeftBehind } else { Exit::Passed }
}

fn table(done: &[Done]) -> String {
    if done.is_empty() {
        return "the registry and Docker agree\n".to_owned();
    }
    let width = |of: &dyn Fn(&Done) -> usize| done.iter().map(of).max().unwrap_or_default();
    let recipes = width(&|one| one.difference.recipe.as_str().len());
    let kinds = Kind::ALL.iter().map(|kind| kind.name().len()).max().unwrap_or_default();
    let mut text = String::new();
    for Done { difference, outcome } in done {
        let Difference { kind, severity, recipe, objects, origin, since, says, repair } = difference;
        let recipe = recipe.as_str();
        let since = since.map_or_else(String::new, |at| format!(", since {}", at.format("%Y-%m-%d %H:%M")));
        text += &format!("{recipe:recipes$}  {kind:kinds$}  {severity:7}  {says} ({origin}{since})\n");
        for object in objects {
            text += &format!("{:recipes$}    {object}\n", "");
        }
        let became = match outcome {
            Outcome::Found => format!("would {repair}"),
            Outcome::Told => repair.to_string(),
            Outcome::Repaired => format!("done: {repair}"),
            Outcome::Failed { says } => format!("NOT DONE: {repair}: {says}"),
        };
        text += &format!("{:recipes$}    -> {became}\n", "");
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::RecipeName;
    use domain::reconcile::Repair;

    use super::*;

    fn done(kind: Kind, repair: Repair, outcome: Outcome) -> Done {
        Done {
            difference: Difference {
                kind,
                severity: kind.severity(),
                recipe: RecipeName::parse("gitea").unwrap(),
                objects: vec!["service `warm-gitea_t_app`".into()],
                origin: "unknown".into(),
                since: chrono::DateTime::from_timestamp(0, 0),
                says: "idle on paper".into(),
                repair,
            },
            outcome,
        }
    }

    fn undeploy() -> Repair {
        Repair::Undeploy { stack: "warm-gitea_t".into(), names: ["warm-gitea_t_app".to_owned()].into() }
    }

    #[test]
    fn each_difference_is_told_with_what_became_of_it() {
        let failed = Outcome::Failed { says: "the engine did not answer".into() };
        insta::assert_snapshot!(table(&[
            done(Kind::LeftDeployed, undeploy(), Outcome::Repaired),
            done(Kind::OrphanStack, undeploy(), failed),
        ]), @r"
        gitea  left deployed      warning  idle on paper (unknown, since 1970-01-01 00:00)
                 service `warm-gitea_t_app`
                 -> done: undeploy `warm-gitea_t` with grace, keep volumes and secrets
        gitea  orphan stack       warning  idle on paper (unknown, since 1970-01-01 00:00)
                 service `warm-gitea_t_app`
                 -> NOT DONE: undeploy `warm-gitea_t` with grace, keep volumes and secrets: the engine did not answer
        ");
        assert_eq!(table(&[]), "the registry and Docker agree\n");
    }

    #[test]
    fn the_exit_code_says_whether_something_still_differs() {
        let tell = || Repair::Tell { hint: "look".into() };
        let mark = Repair::MarkBroken { why: "lost".into() };
        assert_eq!(exit(&[]), Exit::Passed);
        assert_eq!(exit(&[done(Kind::LeftDeployed, undeploy(), Outcome::Repaired)]), Exit::Passed);
        assert_eq!(exit(&[done(Kind::LeftDeployed, undeploy(), Outcome::Found)]), Exit::LeftBehind);
        assert_eq!(exit(&[done(Kind::Foreign, tell(), Outcome::Told)]), Exit::LeftBehind);
        assert_eq!(exit(&[done(Kind::PhantomRecord, mark, Outcome::Repaired)]), Exit::LeftBehind);
        assert_eq!(
            exit(&[done(Kind::Unenrolled, tell(), Outcome::Told)]),
            Exit::Passed,
            "a note is no leftover"
        );
    }
}
