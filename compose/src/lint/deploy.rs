//! Rules about how a service is deployed, updated and restarted.

use domain::event::Severity;

use super::backup::{database_dirs, kept};
use super::coop::{is_routed, runs_on};
use super::findings::Findings;
use super::rule::Rule;
use super::view::View;
use crate::model::{Deploy, Service};

pub(super) const S015: Rule = Rule {
    id: "S015",
    name: "monitor ends too early",
    severity: Severity::Warning,
    says: "an update is declared good before its healthcheck can have failed",
    why: "a healthcheck needs start_period + interval × retries to fail; when `monitor` (5 s if not written) is \
          shorter, a bad update is `completed`, and nothing is rolled back",
    remedy: "make `update_config.monitor` longer than start_period + interval × retries",
};

pub(super) const S016: Rule = Rule {
    id: "S016",
    name: "not restarted",
    severity: Severity::Warning,
    says: "the main service is not started again whenever it ends",
    why: "with `on-failure` a service that ends with code 0 stays at 0/1, for instance after the engine was restarted",
    remedy: "use `condition: any`, or leave `restart_policy` out",
};

pub(super) const S022: Rule = Rule {
    id: "S022",
    name: "no memory limit",
    severity: Severity::Info,
    says: "a service may take all memory of its node",
    why: "one leak takes the neighbours with it",
    remedy: "set `deploy.resources.limits.memory`",
};

pub(super) const S024: Rule = Rule {
    id: "S024",
    name: "refused by the engine",
    severity: Severity::Error,
    says: "a value passes Docker's check of the file, and the engine refuses it",
    why: "the deployment ends in the middle, with some services created and others not",
    remedy: "use one of the values that the engine knows",
};

pub(super) const S025: Rule = Rule {
    id: "S025",
    name: "old and new at once",
    severity: Severity::Warning,
    says: "`order: start-first` for something that cannot run twice",
    why: "the new task starts while the old one still holds the host's port or the database's files: the update waits \
          for ever, or two servers write into one directory",
    remedy: "use `order: stop-first`, the default",
};

/// `monitor` where it is not written, in nanoseconds.
const DEFAULT_MONITOR: i64 = 5_000_000_000;
/// The engine's default interval of a healthcheck, in nanoseconds.
const DEFAULT_INTERVAL: i64 = 30_000_000_000;
/// The engine's default number of failures that make a healthcheck fail.
const DEFAULT_RETRIES: u64 = 3;

/// Applies the rules to every service.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    for (name, service) in view.services() {
        monitor(view, name, service, out);
        restarts(view, name, service, out);
        let limits = service.deploy.resources.limits.as_ref();
        if limits.is_none_or(|limits| limits.memory.0 == 0) && runs_on(service) {
            let says = format!("service `{name}` has no memory limit");
            out.add(&S022, view.service_spot(name), says);
        }
        refused(view, name, &service.deploy, out);
        twice(view, name, service, out);
    }
}

fn monitor(view: &View<'_>, name: &str, service: &Service, out: &mut Findings) {
    let (Some(check), Some(update)) = (&service.healthcheck, &service.deploy.update_config) else { return };
    if check.disable || check.test.first().is_some_and(|word| word == "NONE") {
        return;
    }
    let written = update.monitor.nanos() != 0;
    if !written && update.failure_action != "rollback" {
        return;
    }
    let monitor = if written { update.monitor.nanos() } else { DEFAULT_MONITOR };
    let interval = check.interval.map_or(DEFAULT_INTERVAL, |interval| match interval.nanos() {
        0 => DEFAULT_INTERVAL,
        nanos => nanos,
    });
    let retries = check.retries.filter(|retries| *retries != 0).unwrap_or(DEFAULT_RETRIES);
    let start = check.start_period.map_or(0, |start| start.nanos());
    let needed = i128::from(start) + i128::from(interval) * i128::from(retries);
    if i128::from(monitor) >= needed {
        return;
    }
    let seconds = |nanos: i128| {
        let millis = nanos / 1_000_000;
        if millis % 1000 == 0 { format!("{} s", millis / 1000) } else { format!("{millis} ms") }
    };
    // Hardly any recipe writes `monitor`; one that does has meant it.
    let (severity, how) = if written {
        (Severity::Warning, "is watched for")
    } else {
        (Severity::Info, "is watched for the default of")
    };
    let says = format!(
        "an update of service `{name}` {how} {}, and its healthcheck needs {} to fail",
        seconds(monitor.into()),
        seconds(needed)
    );
    out.add_as(
        &S015,
        severity,
        view.spot(&["services", name, "deploy", "update_config", "monitor"]),
        says,
        S015.remedy,
    );
}

fn restarts(view: &View<'_>, name: &str, service: &Service, out: &mut Findings) {
    let kept_running = !service.deploy.mode.ends_with("-job") && service.deploy.replicas != Some(0);
    if !kept_running || !(is_routed(service) || name == "app") {
        return;
    }
    let (condition, path): (&str, &[&str]) = match &service.deploy.restart_policy {
        Some(policy) => (&policy.condition, &["deploy", "restart_policy", "condition"]),
        None => (service.restart.split(':').next().unwrap_or(""), &["restart"]),
    };
    let severity = match condition {
        "none" | "no" => Severity::Warning,
        // Most recipes have it, and few programs end with 0 unasked.
        "on-failure" => Severity::Info,
        _ => return,
    };
    let path: Vec<&str> = ["services", name].into_iter().chain(path.iter().copied()).collect();
    let says = format!("main service `{name}` has the restart condition `{condition}`");
    out.add_as(&S016, severity, view.spot(&path), says, S016.remedy);
}

fn refused(view: &View<'_>, name: &str, deploy: &Deploy, out: &mut Findings) {
    let mut check = |key: &[&str], value: &str, known: &[&str]| {
        if value.is_empty() || known.contains(&value) {
            return;
        }
        let path: Vec<&str> = ["services", name, "deploy"].into_iter().chain(key.iter().copied()).collect();
        let says = format!("`{}` of service `{name}` is `{value}`, which the engine refuses", key.join("."));
        out.add_as(&S024, S024.severity, view.spot(&path), says, format!("use one of {}", known.join(", ")));
    };
    check(&["mode"], &deploy.mode, &["replicated", "global", "replicated-job", "global-job"]);
    check(&["endpoint_mode"], &deploy.endpoint_mode.to_ascii_lowercase(), &["vip", "dnsrr"]);
    if let Some(policy) = &deploy.restart_policy {
        check(&["restart_policy", "condition"], &policy.condition, &["any", "on-failure", "none"]);
    }
    // `rollback` is accepted for a rollback, too (engine 20.10.24).
    let updates = [("update_config", &deploy.update_config), ("rollback_config", &deploy.rollback_config)];
    for (key, update) in updates {
        if let Some(update) = update {
            check(&[key, "failure_action"], &update.failure_action, &["pause", "continue", "rollback"]);
            check(&[key, "order"], &update.order, &["stop-first", "start-first"]);
        }
    }
    if deploy.mode.starts_with("global") && deploy.replicas.is_some() {
        let says = format!("service `{name}` is `{}` and has `replicas`", deploy.mode);
        let spot = view.spot(&["services", name, "deploy", "replicas"]);
        out.add_as(
            &S024,
            S024.severity,
            spot,
            says,
            "remove `replicas`: a global service runs once on every node",
        );
    }
}

fn twice(view: &View<'_>, name: &str, service: &Service, out: &mut Findings) {
    let starts_first =
        service.deploy.update_config.as_ref().is_some_and(|update| update.order == "start-first");
    if !starts_first {
        return;
    }
    let spot = view.spot(&["services", name, "deploy", "update_config", "order"]);
    if let Some(port) = service.ports.iter().find(|port| port.mode == "host") {
        let says = format!(
            "service `{name}` starts its new task first, and port {} of the host is taken",
            port.published
        );
        out.add(&S025, spot.clone(), says);
    }
    if let Some(mount) = kept(service).find(|mount| !database_dirs(&service.image, mount).is_empty()) {
        let says = format!("two database servers of service `{name}` would share volume `{}`", mount.source);
        out.add(&S025, spot, says);
    }
}
