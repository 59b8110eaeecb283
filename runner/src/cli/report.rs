//! `simmer runs` and `simmer report`.

use super::args::{Form, ReportArgs, RunsArgs};
use super::{Place, Trouble, say};
use crate::exit::Exit;
use crate::lease::Leases;
use crate::report::{self, Kept};

fn unreadable(error: &std::io::Error) -> Trouble {
    Trouble::from_error(Exit::NotJudged, "could not read the runs of this instance", error)
}

pub(super) fn runs(place: &Place, args: &RunsArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let mut runs = report::runs(&instance).map_err(|error| unreadable(&error))?;
    if let Some(recipe) = &args.recipe {
        runs.retain(|kept| kept.view.recipe() == recipe);
    }
    // A log without an end is that of a run that was killed, or that is alive: its lease tells.
    let leases = Leases::of(&instance.settings.state);
    let is_running = |kept: &Kept| {
        let id = kept.folder.file_name().unwrap_or_default().to_string_lossy();
        matches!(kept.view.end, reports::End::Open { .. }) && leases.is_held(&format!("run-{id}"))
    };
    if args.json {
        let outcome = |kept: &Kept| {
            let text = reports::outcome_json(&kept.view);
            let mut outcome: serde_json::Value = serde_json::from_str(&text).expect("an outcome is JSON");
            if is_running(kept) {
                outcome["running"] = true.into();
            }
            outcome
        };
        let all: Vec<serde_json::Value> = runs.iter().map(outcome).collect();
        say(&format!("{}\n", serde_json::to_string_pretty(&all).expect("JSON is JSON")));
    } else if runs.is_empty() {
        say("no runs yet; `simmer run RECIPE` makes one\n");
    } else {
        let (running, ended): (Vec<_>, Vec<_>) = runs.into_iter().partition(is_running);
        for Kept { folder, view } in &running {
            let id = folder.file_name().unwrap_or_default().to_string_lossy();
            let stages = view.sides.iter().flat_map(|side| {
                let open = side.stages.iter().filter(|stage| stage.ended.is_none());
                open.map(move |stage| format!("{} {}", side.label(), stage.stage))
            });
            let at: Vec<_> = stages.collect();
            say(&format!("running: {} (run {id}) at {}\n", view.recipe(), at.join(", ")));
        }
        let views: Vec<_> = ended.into_iter().map(|kept| kept.view).collect();
        if !views.is_empty() {
            say(&reports::table(&views));
        }
    }
    Ok(Exit::Passed)
}

pub(super) fn report(place: &Place, args: &ReportArgs) -> Result<Exit, Trouble> {
    let instance = place.open()?;
    let runs = report::runs(&instance).map_err(|error| unreadable(&error))?;
    let kept = pick(&runs, args.run.as_deref())?;
    match args.form {
        Form::Files => {
            let page = report::write(&kept.folder, &kept.view).map_err(|error| unreadable(&error))?;
            say(&format!("{}\n", page.display()));
        }
        Form::Table => say(&reports::table(std::slice::from_ref(&kept.view))),
        Form::Markdown => say(&reports::markdown(&kept.view)),
        Form::Json => say(&reports::outcome_json(&kept.view)),
        Form::Junit => say(&reports::junit(std::slice::from_ref(&kept.view))),
        Form::Page => {
            let texts = report::kept_texts(&kept.folder, &kept.view).map_err(|error| unreadable(&error))?;
            say(&reports::run_page(&kept.view, &texts));
        }
        Form::Badge => say(&reports::badge(kept.view.level(), kept.view.state())),
    }
    Ok(Exit::Passed)
}

fn pick<'a>(runs: &'a [Kept], id: Option<&str>) -> Result<&'a Kept, Trouble> {
    let is = |kept: &&Kept, id: &str| kept.folder.file_name().is_some_and(|name| name == id);
    match id {
        None => runs.first().ok_or_else(|| {
            Trouble::new(Exit::Usage, "there are no runs yet").hint("`simmer run RECIPE` makes one")
        }),
        Some(id) => runs.iter().find(|kept| is(kept, id)).ok_or_else(|| {
            Trouble::new(Exit::Usage, format!("there is no run `{id}`")).hint("`simmer runs` lists them")
        }),
    }
}
