//! Readiness: waiting that is stronger than health, before the tests of the custom tier begin (CC-042, CC-043).

use std::time::Duration;

use domain::Cause;
use domain::cause::{ProbeStep, Vantage};
use domain::data::Source;
use domain::event::Probed;
use tokio::time::Instant;

use super::declared::{Came, carry_out, closed};
use super::program::Called;
use super::scene::{Marker, Scene};
use super::text::{SAYS, shown};
use crate::instance::ask::{Ask, How, Ready, ReadySpec};

/// Longest time for one connection or one look at a log.
const ONE_LOOK: Duration = Duration::from_secs(10);

/// How the waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Tries and time used, whichever way it ended.
    pub probed: Probed,
    pub cause: Option<Cause>,
}

/// Waits until it holds as often in a row as it has to, at most as long as the window.
pub async fn ready(scene: &Scene, spec: &ReadySpec, marker: &Marker) -> Waited {
    let started = Instant::now();
    let ends = started + spec.window;
    let wanted = spec.consecutive.max(1);
    let (mut tries, mut in_a_row) = (0_u32, 0_u32);
    let ended = loop {
        tries = tries.saturating_add(1);
        let one = tokio::time::timeout_at(ends, look(scene, spec, marker)).await;
        let came = one.unwrap_or_else(|_| Came::Otherwise { says: "the window ended during a try".into() });
        match came {
            Came::AsExpected => in_a_row += 1,
            Came::Otherwise { says } | Came::Skipped { why: says } => {
                in_a_row = 0;
                if ends <= Instant::now() + spec.pause {
                    break Err(Came::Otherwise { says });
                }
            }
            came @ (Came::Broken { .. } | Came::Trouble(_)) => break Err(came),
        }
        if wanted <= in_a_row {
            break Ok(());
        }
        if ends <= Instant::now() + spec.pause {
            let says = format!("it held {in_a_row} times in a row, and {wanted} are wanted");
            break Err(Came::Otherwise { says });
        }
        tokio::select! {
            biased;
            () = scene.cancel.asked() => break Err(Came::Trouble(Box::new(Cause::Interrupted))),
            () = tokio::time::sleep(spec.pause) => {}
        }
    };
    told(scene, spec, ended.err(), tries, started.elapsed())
}

fn told(scene: &Scene, spec: &ReadySpec, wrong: Option<Came>, tries: u32, took: Duration) -> Waited {
    let (from, step, url) = asked(scene, spec);
    let row = match spec.consecutive {
        0 | 1 => String::new(),
        more => format!(" {more} times in a row"),
    };
    let (says, cause) = match wrong {
        None | Some(Came::AsExpected) => (format!("`{}` held{row}", spec.name), None),
        Some(Came::Otherwise { says } | Came::Skipped { why: says }) => {
            let says = format!("`{}`: {says}", spec.name);
            let window_seconds = spec.window.as_secs();
            let (url, says) = (url.clone(), scene.fit(&says, SAYS));
            (says.clone(), Some(Cause::Probe { from, step, url, says, tries, window_seconds }))
        }
        Some(Came::Broken { says }) => {
            let test = format!("{} (readiness)", spec.name);
            (says.clone(), Some(Cause::TestBroken { test, source: Source::Overlay, says }))
        }
        Some(Came::Trouble(cause)) => (cause.to_string(), Some(*cause)),
    };
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let probed = Probed { from, url, step, ok: cause.is_none(), says, tries, millis };
    Waited { probed, cause }
}

/// Returns what is asked in the words of probes.
fn asked(scene: &Scene, spec: &ReadySpec) -> (Vantage, ProbeStep, String) {
    let text = |text: &str| shown(text, 200);
    match &spec.how {
        Ready::Tcp { service, port } => (Vantage::Inside, ProbeStep::Tcp, format!("tcp://{service}:{port}")),
        Ready::Log { contains, .. } => (Vantage::Inside, ProbeStep::App, text(&format!("log: {contains}"))),
        Ready::Ask(Ask { how: How::Http(http), .. }) => {
            let url = match (http.from, &http.host) {
                (Vantage::Outside, Some(label)) => format!("https://{label}.{}{}", scene.domain, http.path),
                (Vantage::Outside, None) => format!("{}{}", scene.url(), http.path),
                (Vantage::Inside, _) => {
                    format!("http://{}:{}{}", http.service, http.port.unwrap_or(80), http.path)
                }
            };
            (http.from, ProbeStep::App, text(&url))
        }
        Ready::Ask(ask) => (Vantage::Inside, ProbeStep::App, format!("{}: {}", ask.how.kind(), spec.name)),
    }
}

async fn look(scene: &Scene, spec: &ReadySpec, marker: &Marker) -> Came {
    match &spec.how {
        Ready::Ask(ask) => {
            let name = format!("{} readiness", spec.name);
            let called = Called { name, source: Source::Overlay, root: scene.overlay.clone() };
            carry_out(scene, ask, marker, &called).await.came
        }
        Ready::Tcp { service, port } => {
            let connecting = scene.door.connector(service, *port);
            match tokio::time::timeout(ONE_LOOK, connecting.connect()).await {
                Ok(Ok(_)) => Came::AsExpected,
                Ok(Err(error)) => Came::Otherwise { says: format!("{service}:{port}: {error}") },
                Err(_) => Came::Otherwise {
                    says: format!("{service}:{port}: no connection within {} s", ONE_LOOK.as_secs()),
                },
            }
        }
        Ready::Log { service, contains } => {
            match tokio::time::timeout(ONE_LOOK, scene.door.log(service)).await {
                Ok(Ok(lines)) if lines.iter().any(|line| line.contains(contains)) => Came::AsExpected,
                Ok(Ok(lines)) => {
                    let last = lines.last().map_or("nothing".into(), |l| format!("`{}`", shown(l, 200)));
                    let contains = shown(contains, 80);
                    let says = format!("no line of `{service}`'s log holds `{contains}`; its last is {last}");
                    Came::Otherwise { says }
                }
                Ok(Err(error)) => closed(error),
                Err(_) => Came::Otherwise {
                    says: format!("the log could not be read within {} s", ONE_LOOK.as_secs()),
                },
            }
        }
    }
}
