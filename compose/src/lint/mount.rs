//! Rules about what is mounted where, and whether it is declared.

use std::collections::BTreeSet;

use domain::event::Severity;

use super::backup::{covers, kept};
use super::findings::{At, Findings, Spot};
use super::rule::Rule;
use super::view::{Use, View, items_of, text_of, walk};
use crate::model::FileReference;

pub(super) const S006: Rule = Rule {
    id: "S006",
    name: "read-only file in the app's folder",
    severity: Severity::Warning,
    says: "a config or secret is mounted inside a volume that the application owns",
    why: "configs and secrets are read-only and cannot be replaced: a newer release that rewrites its own settings \
          file ends with `device or resource busy` or `read-only file system`",
    remedy: "mount it beside the volume, and copy it in at start where it is missing",
};

pub(super) const S017: Rule = Rule {
    id: "S017",
    name: "used and declared",
    severity: Severity::Error,
    says: "something is used and not declared, or declared and never used",
    why: "the deployment refuses an undeclared volume, network, secret or config; an unused volume is a mistyped one, \
          more often than not",
    remedy: "declare it at the top level of the file",
};

pub(super) const S031: Rule = Rule {
    id: "S031",
    name: "volume of one letter",
    severity: Severity::Warning,
    says: "a volume with a name of one letter is taken for a drive of Windows",
    why: "`d:/data` is one path to Docker, so the service gets a nameless volume and its data is lost at every update",
    remedy: "give the volume a longer name, or use the long form with `source` and `target`",
};

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    for (name, service) in view.services() {
        for (kind, references) in [("configs", &service.configs), ("secrets", &service.secrets)] {
            for reference in references {
                let target = target_of(kind, reference);
                let Some(volume) =
                    kept(service).find(|mount| covers(&mount.target, &target) && mount.target != target)
                else {
                    continue;
                };
                let says = format!(
                    "{} `{}` is mounted read-only at {target}, inside volume `{}` of service `{name}`",
                    kind.trim_end_matches('s'),
                    reference.source,
                    volume.source
                );
                out.add(&S006, || reference_spot(view, name, kind, &reference.source), says);
            }
        }
        let drive = |target: &str| {
            target.as_bytes().get(1) == Some(&b':') && target.as_bytes()[0].is_ascii_alphabetic()
        };
        for mount in service.volumes.iter().filter(|mount| mount.source.is_empty() && drive(&mount.target)) {
            let says =
                format!("service `{name}` mounts the path `{}` of Windows, and no volume", mount.target);
            let target = mount.target.as_str();
            out.add(
                &S031,
                || view.item_spot(&["services", name, "volumes"], |item| item.key == target),
                says,
            );
        }
        for mount in kept(service).filter(|mount| !model.volumes.contains_key(&mount.source)) {
            undeclared(out, || volume_spot(view, name, &mount.source), "volume", &mount.source, name);
        }
        for network in service.networks.keys().filter(|n| *n != "default" && !model.networks.contains_key(*n))
        {
            let spot = || view.item_spot(&["services", name, "networks"], |item| item.key == *network);
            undeclared(out, spot, "network", network, name);
        }
        for reference in service.secrets.iter().filter(|r| !model.secrets.contains_key(&r.source)) {
            let spot = || reference_spot(view, name, "secrets", &reference.source);
            undeclared(out, spot, "secret", &reference.source, name);
        }
        for reference in service.configs.iter().filter(|r| !model.configs.contains_key(&r.source)) {
            let spot = || reference_spot(view, name, "configs", &reference.source);
            undeclared(out, spot, "config", &reference.source, name);
        }
    }
    unused(view, out);
}

fn undeclared(out: &mut Findings, spot: impl At, kind: &str, key: &str, service: &str) {
    let says = format!("service `{service}` uses {kind} `{key}`, which is not declared");
    out.add(&S017, spot, says);
}

/// Returns the path in the container at which the engine mounts a config or secret.
pub(super) fn target_of(kind: &str, reference: &FileReference) -> String {
    let target = if reference.target.is_empty() { &reference.source } else { &reference.target };
    match (kind, target.starts_with('/')) {
        (_, true) => target.clone(),
        ("secrets", false) => format!("/run/secrets/{target}"),
        (_, false) => format!("/{target}"),
    }
}

fn reference_spot(view: &View<'_>, service: &str, kind: &str, source: &str) -> Spot {
    view.item_spot(&["services", service, kind], |item| {
        item.key == source || item.node.get("source").is_some_and(|node| text_of(node) == source)
    })
}

/// Returns where a service mounts a source: a volume's key or a path.
pub(super) fn volume_spot(view: &View<'_>, service: &str, source: &str) -> Spot {
    view.item_spot(&["services", service, "volumes"], |item| {
        item.key.split(':').next() == Some(source)
            || item.node.get("source").is_some_and(|node| text_of(node) == source)
    })
}

/// Reports volumes that no service of any compose file mounts. An overlay that is not selected may use one.
fn unused(view: &View<'_>, out: &mut Findings) {
    let mut used = BTreeSet::new();
    for tree in &view.trees {
        let Some((_, services)) = walk(&tree.root, &["services"]) else { continue };
        for service in services.entries() {
            let Some(volumes) = service.value.get("volumes") else { continue };
            for item in items_of(volumes, &view.recipe.env) {
                let source = item.node.get("source").map(text_of);
                used.insert(source.unwrap_or_else(|| item.key.split(':').next().unwrap_or("").to_owned()));
            }
        }
    }
    for tree in view.trees.iter().filter(|tree| tree.use_ == Use::Selected) {
        let Some((_, volumes)) = walk(&tree.root, &["volumes"]) else { continue };
        for volume in volumes.entries().iter().filter(|volume| !used.contains(&volume.key)) {
            let says = format!("volume `{}` is declared, and no service mounts it", volume.key);
            let spot = Spot::new(tree.file, volume.at.line);
            out.add_as(
                &S017,
                Severity::Info,
                spot,
                says,
                "remove it, or correct the name where it is mounted",
            );
        }
    }
}
