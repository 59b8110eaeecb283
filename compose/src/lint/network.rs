//! Rules about names on shared networks.

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

/// Most settings of one service that are told.
const MOST_MENTIONS: usize = 20;

/// Parts of a setting's name that say its value is an address.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(HOST|SERVER|ADDR|URL|URI|ENDPOINT|UPSTREAM|DSN|BACKEND|BROKER|PEER)")
        .expect("a constant pattern")
});

/// Applies the rule.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    for (name, service) in view.services() {
        let Some(shared) = networks_of(model, service).find(|key| is_shared(view, model, key)) else {
            continue;
        };
        let network = model.networks.get(shared).map_or(shared, |network| network.name.as_str());
        for (spot, how, target) in mentions(view, model, name, service) {
            // Databases are rarely on it; where one is, the same thing happens.
            let severity = if COMMON.contains(&target.as_str()) { Severity::Warning } else { Severity::Info };
            let says = format!(
                "service `{name}` is on the shared network `{network}` and addresses `{target}` by its bare name \
                 ({how}): other stacks may answer"
            );
            out.add_as(&S005, severity, spot, says, S005.remedy.replace("<service>", &target));
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

/// Returns where the service's settings, command or configs address a service of the stack: the place, how, whom.
/// At most [`MOST_MENTIONS`].
fn mentions(view: &View<'_>, model: &Model, name: &str, service: &Service) -> Vec<(Spot, String, String)> {
    let mut found = Vec::new();
    let known = |target: &&str| model.services.contains_key(*target);
    for (key, value) in &service.environment {
        if found.len() >= MOST_MENTIONS {
            break;
        }
        let Some(value) = value.as_deref() else { continue };
        let whole = known(&value) && ADDRESS.is_match(key);
        let target = addressed(value).into_iter().find(known).or(whole.then_some(value));
        if let Some(target) = target {
            let spot = view.item_spot(&["services", name, "environment"], |item| item.key == *key);
            found.push((spot, key.clone(), target.to_owned()));
        }
    }
    for (key, words) in [("command", &service.command), ("entrypoint", &service.entrypoint)] {
        if let Some(target) = words.iter().flat_map(|word| addressed(word)).find(known) {
            let names = |item: &Item<'_>| addressed(&text_of(item.node)).contains(&target);
            found.push((view.item_spot(&["services", name, key], names), key.to_owned(), target.to_owned()));
        }
    }
    for reference in &service.configs {
        let Some(config) = model.configs.get(&reference.source) else { continue };
        let Some((file, content)) = view.text_at(&config.file) else { continue };
        let first = numbered(content).filter(|(_, text)| !is_comment(text)).find_map(|(line, text)| {
            let target = addressed(text).into_iter().find(known)?;
            Some((line, target))
        });
        if let Some((line, target)) = first {
            found.push((Spot::new(file, line), format!("config `{}`", reference.source), target.to_owned()));
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    ["#", ";", "//", "--"].iter().any(|sign| line.trim_start().starts_with(sign))
}

/// `//name`, `//user:word@name`, `@name:` and `name:port`, where the name ends there and no dot follows.
static ADDRESSED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?://(?:[^/@\s"'`]*@)?|@)([A-Za-z0-9_-]+)(?:[:/\s"'`;,)}\]]|$)"#,
        r#"|(?:^|[\s"'`=,;(\[{|>])([A-Za-z0-9_-]+):[0-9]{2,5}(?:[^0-9.\w]|$)"#
    ))
    .expect("a constant pattern")
});

/// Returns the bare host names that a text addresses, in order.
fn addressed(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut at = 0;
    // From the end of each name, as what follows it may be what stands before the next.
    while let Some(found) = ADDRESSED.captures_at(text, at) {
        let Some(name) = found.get(1).or_else(|| found.get(2)) else { break };
        names.push(name.as_str());
        at = name.end();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_words() {
        for (text, names) in [
            ("http://app:3000/tls-check", "app"),
            ("postgresql://user:word@db/app", "db"),
            ("postgresql://app:$$p@db:5432/app", "db"),
            ("app:3000,db:5432", "app db"),
            ("reverse_proxy app:3000", "app"),
            ("[\"--upstream=http://app\"]", "app"),
            ("fastcgi_pass app:9000;", "app"),
            ("root:word@tcp(db:3306)/blog", "db"),
            ("//app", "app"),
            ("app", ""),
            ("https://app.example.org", ""),
            ("myapp:3000", "myapp"),
            ("/srv/app:80", ""),
            ("name/app:1.2", ""),
            ("app:1.25.3", ""),
            ("app: 3000", ""),
            ("10:30", "10"),
        ] {
            assert_eq!(addressed(text).join(" "), names, "{text}");
        }
    }
}
