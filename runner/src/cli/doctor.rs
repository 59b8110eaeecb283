//! `simmer doctor`.

use harness::engine::{Engine, SwarmRole};

use super::args::DoctorArgs;
use super::{Place, Trouble, say};
use crate::doctor::{Check, State, edge, judge, left_links, links, network, overlay_traffic};
use crate::exit::Exit;
use crate::instance::Instance;

pub(super) async fn doctor(place: &Place, args: &DoctorArgs) -> Result<Exit, Trouble> {
    // A doctor who refuses to come without a config is no help on a new machine.
    let has_instance = place.instance.join("simmer.toml").exists();
    let instance = if has_instance { Some(place.open()?) } else { None };
    let checks = examine(place, instance.as_ref()).await;
    if args.json {
        say(&format!("{}\n", serde_json::to_string_pretty(&checks).expect("checks are plain data")));
    } else {
        say(&text(&checks));
    }
    let bad = checks.iter().any(|c| c.state == State::Bad);
    Ok(if bad { Exit::NotJudged } else { Exit::Passed })
}

async fn examine(place: &Place, instance: Option<&Instance>) -> Vec<Check> {
    let engine = match Engine::connect(place.engine(instance).as_deref()).await {
        Ok(engine) => engine,
        Err(error) => return vec![Check::of_error("engine", &error)],
    };
    let facts = match engine.facts().await {
        Ok(facts) => facts,
        Err(error) => return vec![Check::of_error("engine", &error)],
    };
    let mut checks = judge(&facts, instance);
    if facts.swarm == SwarmRole::Manager {
        let shared = instance.map_or("proxy", |i| i.settings.edge.network.as_str());
        checks.push(network(&engine, shared).await);
        checks.push(overlay_traffic(&engine).await);
    }
    if facts.is_local {
        checks.push(left_links(links).await);
    }
    if let Some(instance) = instance {
        checks.push(edge(instance).await);
    }
    checks
}

fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match check.state {
            State::Good => "ok     ",
            State::Fair => "fair   ",
            State::Unknown => "unknown",
            State::Bad => "BAD    ",
        };
        text += &format!("{mark} {:<8} {}\n", check.name, check.says);
        if !check.remedy.is_empty() {
            text += &format!("                 -> {}\n", check.remedy);
        }
    }
    text
}
