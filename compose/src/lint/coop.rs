//! Co-op Cloud's own rules about the tree, as its `recipe lint` is remembered to have them.

use std::collections::BTreeSet;

use domain::Version;
use domain::event::Severity;

use super::findings::{Findings, Spot};
use super::recipe::TagKind;
use super::rule::Rule;
use super::view::{View, numbered, text_of};
use crate::model::Service;

pub(super) const R001: Rule = Rule {
    id: "R001",
    name: "compose version",
    severity: Severity::Warning,
    says: "a compose file's `version` is not \"3.8\"",
    why: "files of different versions cannot be merged, and one without a version counts as the newest [M]",
    remedy: "write `version: \"3.8\"` in every compose file",
};

pub(super) const R002: Rule = Rule {
    id: "R002",
    name: "healthcheck",
    severity: Severity::Warning,
    says: "a service has no healthcheck",
    why: "without one a service counts as up when its process has started, and the proxy sends it traffic; the image \
          may bring a healthcheck, which lint cannot see [M]",
    remedy: "add a `healthcheck` to the service",
};

pub(super) const R006: Rule = Rule {
    id: "R006",
    name: "released version",
    severity: Severity::Warning,
    says: "the recipe has no release tag",
    why: "Co-op Cloud looks for a version in its catalogue, which is made from release tags; the catalogue itself is \
          not asked [M]",
    remedy: "publish a release: an annotated tag `<recipe version>+<upstream version>`",
};

pub(super) const R007: Rule = Rule {
    id: "R007",
    name: "readme metadata",
    severity: Severity::Warning,
    says: "the metadata in README.md is missing or not filled in",
    why: "the catalogue shows it: category, status, image, healthcheck, backups, email, tests, single sign-on [M]",
    remedy: "fill in the list between `<!-- metadata -->` and `<!-- endmetadata -->`",
};

pub(super) const R008: Rule = Rule {
    id: "R008",
    name: "env sample",
    severity: Severity::Error,
    says: "there is no `.env.sample`",
    why: "a new app starts as a copy of it: without it no app can be made",
    remedy: "add `.env.sample` with `TYPE`, `DOMAIN` and every variable of the compose files",
};

pub(super) const R009: Rule = Rule {
    id: "R009",
    name: "service app",
    severity: Severity::Error,
    says: "no service is called `app`",
    why: "Co-op Cloud's tools put their labels on it and take it as the default of every command [M]",
    remedy: "call the main service `app`",
};

pub(super) const R010: Rule = Rule {
    id: "R010",
    name: "traefik enabled",
    severity: Severity::Error,
    says: "`.env.sample` sets DOMAIN, and no service has the label `traefik.enable=true`",
    why: "nothing answers at the app's domain [M]",
    remedy: "add `traefik.enable=true` and a router to `deploy.labels` of the web-facing service",
};

pub(super) const R014: Rule = Rule {
    id: "R014",
    name: "annotated tags",
    severity: Severity::Error,
    says: "a release tag is not annotated",
    why: "Co-op Cloud reads only annotated tags as releases; a light tag has no author, date or message",
    remedy: "make the tag again with `git tag -a`",
};

pub(super) const R015: Rule = Rule {
    id: "R015",
    name: "long secret name",
    severity: Severity::Warning,
    says: "a secret's name has more than 12 characters",
    why: "`<stack>_<name>_<version>` must fit into 64 characters, and domains are long; S010 knows the stack names of \
          this instance, this rule thinks of everybody else's [M]",
    remedy: "shorten the secret's name to 12 characters",
};

/// What Co-op Cloud's catalogue reads from the README.
const METADATA: &[&str] = &["Category", "Status", "Image", "Healthcheck", "Backups", "Email", "Tests", "SSO"];
/// Longest secret name that Co-op Cloud likes.
const LONGEST_SECRET: usize = 12;

/// Applies the rules that need no model.
pub(super) fn check_tree(view: &View<'_>, out: &mut Findings) {
    for tree in &view.trees {
        match tree.root.entry("version") {
            None => out.add(&R001, Spot::file(tree.file), "there is no `version`"),
            Some(entry) if text_of(&entry.value) != "3.8" => {
                let says = format!("`version` is \"{}\", not \"3.8\"", text_of(&entry.value));
                out.add(&R001, Spot::new(tree.file, entry.at.line), says);
            }
            Some(_) => {}
        }
    }
    readme(view, out);
    if !view.recipe.has(".env.sample") {
        out.add(&R008, Spot::file(".env.sample"), "there is no `.env.sample`");
    }
    tags(view, out);
}

fn readme(view: &View<'_>, out: &mut Findings) {
    let spot = Spot::file("README.md");
    let Some(readme) = view.recipe.files.get("README.md") else {
        if !view.recipe.has("README.md") {
            out.add_as(
                &R007,
                R007.severity,
                spot,
                "there is no README.md",
                "add README.md with the metadata block",
            );
        }
        return;
    };
    let mut lines = numbered(readme);
    let Some((start, _)) = lines.find(|(_, line)| line.trim() == "<!-- metadata -->") else {
        out.add(&R007, spot, "README.md has no block `<!-- metadata -->`");
        return;
    };
    let filled: BTreeSet<String> = lines
        .take_while(|(_, line)| line.trim() != "<!-- endmetadata -->")
        .filter_map(|(_, line)| {
            let (name, value) = line.trim().trim_start_matches(['*', '-', ' ']).split_once(':')?;
            // The colon may stand inside the bold text or after it.
            let value = value.trim_start_matches('*').trim();
            (!value.is_empty()).then(|| name.trim_matches(['*', ' ']).to_ascii_lowercase())
        })
        .collect();
    let missing: Vec<&str> =
        METADATA.iter().copied().filter(|name| !filled.contains(&name.to_ascii_lowercase())).collect();
    if !missing.is_empty() {
        out.add(&R007, Spot::new("README.md", start), format!("the metadata lacks {}", missing.join(", ")));
    }
}

fn tags(view: &View<'_>, out: &mut Findings) {
    let releases: Vec<_> = view.recipe.tags.iter().filter(|tag| Version::parse(&tag.name).is_ok()).collect();
    if releases.is_empty() {
        out.add(&R006, Spot::default(), "no tag has the form `<recipe version>+<upstream version>`");
    }
    let (this, others): (Vec<_>, Vec<_>) = releases
        .into_iter()
        .filter(|tag| tag.kind == TagKind::Light)
        .partition(|tag| view.recipe.version.as_deref() == Some(tag.name.as_str()));
    for tag in this {
        out.add(&R014, Spot::default(), format!("the tag `{}` is not annotated", tag.name));
    }
    if let Some(first) = others.first() {
        let says = match others.len() {
            1 => format!("the earlier tag `{}` is not annotated", first.name),
            count => format!("{count} other release tags are not annotated, such as `{}`", first.name),
        };
        // They are published and cannot be changed any more: not this release's fault.
        out.add_as(&R014, Severity::Info, Spot::default(), says, "annotate the next one: `git tag -a`");
    }
}

/// Applies the rules that need the model.
pub(super) fn check_model(view: &View<'_>, out: &mut Findings) {
    for (name, service) in view.services() {
        if service.healthcheck.is_some() || !runs_on(service) {
            continue;
        }
        let spot = view.service_spot(name);
        let policy = service.deploy.restart_policy.as_ref();
        let may_end = policy.is_some_and(|policy| policy.condition == "on-failure");
        if may_end && name != "app" && !is_routed(service) {
            let says = format!("service `{name}` has no healthcheck; it needs none if it is a job that ends");
            out.add_as(&R002, Severity::Info, spot, says, R002.remedy);
        } else {
            out.add(&R002, spot, format!("service `{name}` has no healthcheck"));
        }
    }
    if view.services().all(|(name, _)| name != "app") {
        let names: Vec<String> = view.services().map(|(name, _)| format!("`{name}`")).collect();
        let says = format!("no service is called `app`; there are {}", names.join(", "));
        out.add(&R009, view.spot(&["services"]), says);
    }
    traefik_enabled(view, out);
    if let Some(model) = view.model() {
        for name in model.secrets.keys().filter(|name| name.chars().count() > LONGEST_SECRET) {
            let says = format!("the name of secret `{name}` has {} characters", name.chars().count());
            out.add(&R015, view.spot(&["secrets", name]), says);
        }
    }
}

/// Whether the service is meant to keep running.
pub(super) fn runs_on(service: &Service) -> bool {
    let deploy = &service.deploy;
    let once = deploy.restart_policy.as_ref().is_some_and(|policy| policy.condition == "none");
    !deploy.mode.ends_with("-job") && deploy.replicas != Some(0) && !once
}

/// Whether Traefik looks at the service's labels.
pub(super) fn is_routed(service: &Service) -> bool {
    service.deploy.labels.get("traefik.enable").is_some_and(|value| value == "true")
}

fn traefik_enabled(view: &View<'_>, out: &mut Findings) {
    let Some(domain) = view.set_in_sample("DOMAIN") else { return };
    if !view.services().any(|(_, service)| is_routed(service)) {
        let misplaced =
            view.services().find(|(_, s)| s.labels.get("traefik.enable").is_some_and(|v| v == "true"));
        match misplaced {
            Some((name, _)) => out.add_as(
                &R010,
                R010.severity,
                view.item_spot(&["services", name, "labels"], |item| item.key == "traefik.enable"),
                format!("`traefik.enable` of service `{name}` is a label of the container, where Traefik does not look"),
                "move the labels from `labels` to `deploy.labels`",
            ),
            None => {
                let says = "DOMAIN is set here, and no service has the label `traefik.enable=true`";
                out.add(&R010, Spot::new(".env.sample", domain), says);
            }
        }
    }
}
