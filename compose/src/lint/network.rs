//! Rules about names on shared networks.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::event::Severity;
use regex::Regex;

use super::findings::{Findings, Spot};
use super::rule::Rule;
use super::view::{Item, View, numbered, text_of};
use crate::model::{Model, Service};

pub(super) const S005: Rule = Rule {
    id: "S005",
    name: "bare name on a shared network",
    severity: Severity::Warning,
    says: "a service on a shared network addresses another by a name that other stacks have there, too",
    why: "a name that lives on several networks is answered from the network whose name sorts first: a stack that \
          sorts after `proxy` finds a stranger's service, so that it works in one place and fails in another (CC-091)",
    remedy: "address it as `${STACK_NAME}_<service>`, or give it an alias of its own on the internal network",
};

/// Services of these names stand on the shared network of nearly every instance.
const COMMON: &[&str] = &[
    "app", "web", "www", "frontend", "backend", "api", "server", "nginx", "caddy", "proxy", "traefik",
    "client",
];

/// Parts of a setting's name that say its value is an address.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(HOST|SERVER|ADDR|URL|URI|ENDPOINT|UPSTREAM|DSN|BACKEND|BROKER|PEER)")
        .expect("a constant pattern")
});

/// Applies the rule.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    let names: BTreeSet<&str> = model.services.keys().map(String::as_str).collect();
    for (name, service) in view.services() {
        let Some(shared) = networks_of(model, service).find(|key| is_shared(view, model, key)) else {
            continue;
        };
        for target in &names {
            let where_to = model.networks.get(shared).map_or(shared, |network| network.name.as_str());
            for (spot, how) in mentions(view, name, service, target) {
                // Databases are rarely on it; where one is, the same thing happens.
                let severity = if COMMON.contains(target) { Severity::Warning } else { Severity::Info };
                let says = format!(
                    "service `{name}` is on the shared network `{where_to}` and addresses `{target}` by its bare name \
                     ({how}): other stacks may answer"
                );
                out.add_as(&S005, severity, spot, says, S005.remedy.replace("<service>", target));
            }
        }
    }
}

/// Returns the keys of the networks that a service is on.
pub(super) fn networks_of<'m>(model: &'m Model, service: &'m Service) -> impl Iterator<Item = &'m str> {
    let default =
        (service.networks.is_empty() && model.networks.contains_key("default")).then_some("default");
    service.networks.keys().map(String::as_str).chain(default)
}

/// Whether other stacks can be on this network, too.
fn is_shared(view: &View<'_>, model: &Model, key: &str) -> bool {
    model.networks.get(key).is_some_and(|network| {
        let own = format!("{}_", view.recipe.stack());
        network.external || (!network.name.is_empty() && !network.name.starts_with(&own))
    })
}

/// Returns where the service's settings, command, healthcheck or configs address the target.
fn mentions(view: &View<'_>, name: &str, service: &Service, target: &str) -> Vec<(Spot, String)> {
    let mut found = Vec::new();
    let address = addresses(target);
    for (key, value) in &service.environment {
        let Some(value) = value else { continue };
        if address.is_match(value) || (value == target && ADDRESS.is_match(key)) {
            found.push((
                view.item_spot(&["services", name, "environment"], |item| item.key == *key),
                key.clone(),
            ));
        }
    }
    for (key, words) in [("command", &service.command), ("entrypoint", &service.entrypoint)] {
        if words.iter().any(|word| address.is_match(word)) {
            let spot = view
                .item_spot(&["services", name, key], |item: &Item<'_>| address.is_match(&text_of(item.node)));
            found.push((spot, key.to_owned()));
        }
    }
    let Some(model) = view.model() else { return found };
    for reference in &service.configs {
        let Some(config) = model.configs.get(&reference.source) else { continue };
        let Some((file, content)) = view.text_at(&config.file) else { continue };
        for (line, text) in numbered(content) {
            let comment = text.trim_start().starts_with(['#', ';']) || text.trim_start().starts_with("//");
            if !comment && address.is_match(text) {
                found.push((Spot::new(file, line), format!("config `{}`", reference.source)));
                break;
            }
        }
    }
    found
}

/// Matches `//name`, `@name` and `name:port`, where the name ends there and does not go on with a dot.
fn addresses(name: &str) -> Regex {
    let name = regex::escape(name);
    Regex::new(&format!(
        r#"(?:(?://|@){name}(?:[:/\s"'`;,)}}\]]|$))|(?:(?:^|[\s"'`=,;(\[{{|>]){name}:[0-9]{{2,5}}(?:[^0-9.\w]|$))"#
    ))
    .expect("the name is escaped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_words() {
        let address = addresses("app");
        for yes in [
            "http://app:3000/tls-check",
            "postgresql://app:pw@app/db",
            "app:3000",
            "reverse_proxy app:3000",
            "[\"--upstream=http://app\"]",
            "fastcgi_pass app:9000;",
            "//app",
        ] {
            assert!(address.is_match(yes), "{yes}");
        }
        for no in [
            "app",
            "https://app.example.org",
            "myapp:3000",
            "/srv/app:80",
            "name/app:1.2",
            "app:1.25.3",
            "stack_app:3000",
            "app: 3000",
            "app-internal:3000",
            "webapp@application/",
        ] {
            assert!(!address.is_match(no), "{no}");
        }
    }
}
