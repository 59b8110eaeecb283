//! When exits are a crash loop, and what they mean.

use chrono::{DateTime, Utc};

use super::{
    Observation, ServiceSeen, SettleLimits, Stand, TaskSeen, TaskState, Update, end_of, is_dead, is_exit,
    node_trouble, stand_of,
};
use crate::Cause;

/// A service that keeps leaving. Exits made while a neighbour was still coming up are not counted: swarm
/// has no `depends_on`, so leaving until the database answers is how many recipes wait.
pub(super) fn crash_loop(
    service: &ServiceSeen,
    seen: &Observation,
    now: DateTime<Utc>,
    limits: &SettleLimits,
) -> Option<Cause> {
    let mut exits: Vec<_> = service.tasks.iter().filter(|t| is_exit(service, t)).collect();
    exits.sort_by_key(|t| t.since);
    let last = *exits.last()?;
    if let Some(cause) = image_trouble(service, last) {
        return Some(cause);
    }
    if let Some(cause) = given_up(service, &exits, now, limits) {
        return Some(cause);
    }
    let up_since = neighbours_up_since(service, seen, now, limits)?;
    let counted = exits.iter().filter(|t| t.started >= up_since).count();
    let first = exits.iter().find(|t| t.started >= up_since)?;
    // Two with everybody up, and the first ones before, are as good as three: CC-054 wants the verdict within 20 s,
    // and the engine pauses 5 s before each start.
    let looping = counted >= limits.crash_exits
        || (counted >= 2 && (exits.len() >= limits.crash_exits || now - first.since >= limits.crash_after));
    if !looping {
        return None;
    }
    if let Some(cause) = node_trouble(service, last) {
        return Some(cause);
    }
    let unhealthy = exits.iter().filter(|t| t.says.contains("unhealthy container")).count();
    if last.state == TaskState::Rejected {
        return Some(Cause::Rejected { service: service.name.clone(), says: end_of(last) });
    }
    if unhealthy * 2 > exits.len() {
        let said = last.says.split("unhealthy container: ").nth(1).map(str::trim).filter(|s| !s.is_empty());
        let said = said.map_or(String::new(), |s| format!(" ({s})"));
        return Some(Cause::Unhealthy {
            service: service.name.clone(),
            says: format!("its healthcheck failed{said} and the engine replaced it {} times", exits.len()),
            last_lines: Vec::new(),
        });
    }
    Some(Cause::CrashLoop {
        service: service.name.clone(),
        exits: exits.len(),
        exit_code: last.exit_code,
        oom: exits.iter().any(|t| t.oom),
        says: last.says.clone(),
        last_lines: Vec::new(),
    })
}

/// A service that left and is not started again, as its restart policy says. Waiting for it would be in vain,
/// whatever its neighbours do.
fn given_up(
    service: &ServiceSeen,
    exits: &[&TaskSeen],
    now: DateTime<Utc>,
    limits: &SettleLimits,
) -> Option<Cause> {
    let last = exits.last()?;
    let successor = service.tasks.iter().any(|t| t.current && t.wanted && !is_dead(t));
    let busy = matches!(service.update, Update::Updating | Update::RollbackStarted);
    if successor || busy || now - last.since < limits.given_up {
        return None;
    }
    if let Some(cause) = node_trouble(service, last) {
        return Some(cause);
    }
    if last.state == TaskState::Rejected {
        return Some(Cause::Rejected { service: service.name.clone(), says: end_of(last) });
    }
    Some(Cause::CrashLoop {
        service: service.name.clone(),
        exits: exits.len(),
        exit_code: last.exit_code,
        oom: exits.iter().any(|t| t.oom),
        says: if last.says.is_empty() {
            "its restart policy does not start it again".into()
        } else {
            format!("{}; its restart policy does not start it again", last.says)
        },
        last_lines: Vec::new(),
    })
}

/// Returns since when every other service has been up, leaving aside those that are leaving as well;
/// `None` while one of them is still on its way.
fn neighbours_up_since(
    service: &ServiceSeen,
    seen: &Observation,
    now: DateTime<Utc>,
    limits: &SettleLimits,
) -> Option<DateTime<Utc>> {
    let lasting = Some((now, limits));
    let mut latest = DateTime::<Utc>::MIN_UTC;
    for other in seen.services.iter().filter(|o| o.name != service.name) {
        if other.tasks.iter().any(|t| is_exit(other, t)) && !matches!(stand_of(other, lasting), Stand::Ready)
        {
            continue;
        }
        match stand_of(other, lasting) {
            Stand::Ready => {
                let since = other.tasks.iter().filter(|t| t.current && t.wanted).map(|t| t.since).max();
                latest = latest.max(since.unwrap_or(DateTime::<Utc>::MIN_UTC));
            }
            Stand::Awaited(_) | Stand::Broken(_) => return None,
        }
    }
    Some(latest)
}

/// Words by which engines 20.10–26.1 say that a task has no image to run.
fn image_trouble(service: &ServiceSeen, task: &TaskSeen) -> Option<Cause> {
    let says = task.says.to_lowercase();
    if task.state != TaskState::Rejected || !says.contains("no such image") {
        return None;
    }
    let image = task.says.split("No such image:").nth(1).unwrap_or("").trim().trim_matches('"').to_owned();
    Some(Cause::ImageMissing {
        service: service.name.clone(),
        image,
        says: "no such image on the node".into(),
    })
}
