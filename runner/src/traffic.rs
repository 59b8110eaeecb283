//! Trying whether tasks on an overlay network reach each other, for the doctor.

use std::time::{Duration, Instant};

use compose::convert::{ConvertInput, EndpointPolicy, EngineFacts, adapt, convert};
use compose::specs::StackSpecs;
use compose::{Interpolation, LoadInput, Source, load};
use domain::StackName;
use domain::settle::SettleLimits;
use harness::engine::{Broom, Engine, Freshness, Keep, Scope};
use harness::probe::inside;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untried {
    /// No image on the node listens on a known port.
    NoImage,
    /// Tasks can only be entered on this machine.
    Remote,
    /// It was tried, and it does not work.
    Broken(String),
}

/// An image of the samples that serves HTTP on port 8080 whatever it is asked.
const IMAGE: &str = "127.0.0.1:5055/simmer/testbox:1.0";
const PORT: u16 = 8080;
/// Two small tasks: seconds on a busy node.
const WINDOW: Duration = Duration::from_secs(60);

/// Deploys two tasks on a network of their own and connects from one to the other. Returns how many
/// milliseconds the connection took. What it made is gone afterwards.
pub async fn try_traffic(engine: &Engine) -> Result<u128, Untried> {
    let broken = |says: String| Untried::Broken(says);
    // The name is one of loopback, so that a missing image is refused at once and never fetched from afar.
    let image = [("one".to_owned(), IMAGE.to_owned())];
    if engine.ensure_images(&image, Freshness::LocalWins).await.is_err() {
        return Err(Untried::NoImage);
    }
    let name = format!("simmer-doctor-{}", std::process::id());
    let stack = StackName::parse(&name).map_err(|e| broken(e.to_string()))?;
    let tried = reach(engine, &stack).await;
    let cleared = engine.clear(&Scope::stack(&stack), Broom::AtOnce, Keep::Nothing, WINDOW).await;
    let millis = tried?;
    cleared.map_err(|left| broken(left.to_string()))?;
    Ok(millis)
}

async fn reach(engine: &Engine, stack: &StackName) -> Result<u128, Untried> {
    let broken = |says: String| Untried::Broken(says);
    let specs = specs(stack).map_err(broken)?;
    let network = specs.networks.first().map(|n| n.name.clone()).unwrap_or_default();
    let applied = engine.apply(&specs, None).await.map_err(|e| broken(e.to_string()))?;
    let limits = SettleLimits {
        window: chrono::TimeDelta::from_std(WINDOW).unwrap_or_default(),
        ..SettleLimits::default()
    };
    engine.settle(&applied, &limits, &mut |_| {}).await.map_err(|t| broken(t.cause.to_string()))?;
    let tasks = engine.tasks(stack).await.map_err(|e| broken(e.to_string()))?;
    let of = |name: &str| tasks.iter().find(|t| t.service.ends_with(name) && t.state == "running");
    let (Some(one), Some(two)) = (of("_one"), of("_two")) else {
        return Err(broken("the tasks did not stay".into()));
    };
    let Some(pid) = one.pid.and_then(|pid| u32::try_from(pid).ok()) else { return Err(Untried::Remote) };
    let address = two.networks.iter().find(|(n, _)| *n == network).and_then(|(_, ip)| ip.parse().ok());
    let Some(address) = address else { return Err(broken("the other task has no address".into())) };
    let began = Instant::now();
    inside::connect_to(pid, std::net::SocketAddr::new(address, PORT))
        .await
        .map_err(|e| broken(e.to_string()))?;
    Ok(began.elapsed().as_millis())
}

/// Two tasks and a network of their own, without virtual IPs: those are another check's.
fn specs(stack: &StackName) -> Result<StackSpecs, String> {
    let text = format!("services: {{one: {{image: \"{IMAGE}\"}}, two: {{image: \"{IMAGE}\"}}}}\n");
    let loaded = load(&LoadInput {
        files: &[Source { name: "doctor".into(), text }],
        working_dir: "/",
        env: &std::collections::BTreeMap::new(),
        interpolation: Interpolation::Skip,
        read_file: &|_| Err("nothing is read".into()),
    })
    .map_err(|problems| problems.to_string())?;
    let mut specs = convert(&ConvertInput {
        model: &loaded.model,
        stack,
        engine: EngineFacts::default(),
        read_file: &|_| Err("nothing is read".into()),
        locate: &|key| loaded.locate(key),
    })
    .map_err(|problems| problems.to_string())?;
    adapt(&mut specs, EndpointPolicy::WithoutIpvs);
    Ok(specs)
}
