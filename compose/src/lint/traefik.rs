//! Rules about routes: the edge understands them, and they lead to this stack.

use std::collections::BTreeSet;

use domain::event::Severity;
use domain::route::Table;

use super::findings::Findings;
use super::rule::Rule;
use super::view::View;

pub(super) const S013: Rule = Rule {
    id: "S013",
    name: "unknown route",
    severity: Severity::Warning,
    says: "a Traefik label, rule or middleware is not understood",
    why: "a router with a mistake in it is dropped by Traefik without a word, and the domain answers 404",
    remedy: "correct the label; if Traefik does know it, probe the app through a real Traefik (`edge.kind = \"external\"`)",
};

pub(super) const S014: Rule = Rule {
    id: "S014",
    name: "not the stack's domain",
    severity: Severity::Warning,
    says: "no router answers to the stack's domain",
    why: "the app cannot be reached under the name that it was given",
    remedy: "write the rule as ``Host(`${DOMAIN}`)``",
};

pub(super) const S028: Rule = Rule {
    id: "S028",
    name: "router of every stack",
    severity: Severity::Warning,
    says: "the name of a router, service or middleware does not contain the stack's name",
    why: "Traefik has one table for all stacks: the second app of this recipe takes the name twice, and both are dropped",
    remedy: "put `${STACK_NAME}` into the name: `traefik.http.routers.${STACK_NAME}.rule`",
};

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let labels = view.services().map(|(name, service)| (name, &service.deploy.labels));
    let table = Table::read(labels);
    for unknown in &table.unknown {
        let says =
            format!("service `{}`: `{}={}`: {}", unknown.service, unknown.label, unknown.value, unknown.why);
        out.add(&S013, || view.label_spot(&unknown.service, &unknown.label), says);
    }
    own_domain(view, &table, out);
    own_names(view, out);
}

fn own_domain(view: &View<'_>, table: &Table, out: &mut Findings) {
    let Some(domain) = view.recipe.env.get("DOMAIN").filter(|domain| !domain.is_empty()) else {
        return out.not_judged(&S014, "the domain of the stack is not known");
    };
    let hosts = table.hosts();
    // Without any router R010 or S013 has spoken.
    if hosts.is_empty() || hosts.iter().any(|host| host.eq_ignore_ascii_case(domain)) {
        return;
    }
    let router =
        table.http.iter().map(|r| ("http", &r.name)).chain(table.tcp.iter().map(|r| ("tcp", &r.name))).next();
    let Some((layer, name)) = router else { return };
    let label = format!("traefik.{layer}.routers.{name}.rule");
    let service = view.services().find(|(_, service)| service.deploy.labels.contains_key(&label));
    let spot =
        service.map_or_else(|| view.spot(&["services"]), |(service, _)| view.label_spot(service, &label));
    // Some apps are made of subdomains alone; a probe has to be told which.
    let below = format!(".{}", domain.to_ascii_lowercase());
    let severity = match hosts.iter().any(|host| host.to_ascii_lowercase().ends_with(&below)) {
        true => Severity::Info,
        false => Severity::Warning,
    };
    let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
    let says = format!("the stack's domain is `{domain}`, and its routers answer to {}", hosts.join(", "));
    out.add_as(&S014, severity, spot, says, S014.remedy);
}

fn own_names(view: &View<'_>, out: &mut Findings) {
    let stack = view.recipe.stack();
    if stack.is_empty() {
        return;
    }
    for (service, found) in view.services() {
        let mut told = BTreeSet::new();
        for label in found.deploy.labels.keys() {
            let parts: Vec<&str> = label.split('.').collect();
            let [
                "traefik",
                "http" | "tcp" | "udp",
                kind @ ("routers" | "services" | "middlewares"),
                name,
                _,
                ..,
            ] = parts.as_slice()
            else {
                continue;
            };
            if !name.contains(stack) && told.insert((*kind, *name)) {
                let says =
                    format!("the name `{name}` in {kind} of service `{service}` is the same in every stack");
                out.add(&S028, || view.label_spot(service, label), says);
            }
        }
    }
}
