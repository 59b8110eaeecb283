//! Rules about published ports.

use domain::event::Severity;

use super::findings::{Findings, Spot};
use super::rule::Rule;
use super::view::{View, load_files, text_of};
use crate::Interpolation;
use crate::model::Port;

pub(super) const S011: Rule = Rule {
    id: "S011",
    name: "port lost in the merge",
    severity: Severity::Warning,
    says: "a port of one file is gone when the files are merged",
    why: "Docker keys ports by their published number alone as soon as a second file mentions `ports`: of \
          64738/tcp and 64738/udp one stays, and nothing is said",
    remedy: "keep all ports of a service in one file, or publish tcp and udp under different numbers",
};

pub(super) const S020: Rule = Rule {
    id: "S020",
    name: "published port",
    severity: Severity::Info,
    says: "a port is published on every node, by the ingress network",
    why: "two stacks cannot publish the same port, and the application sees the gateway's address for every client",
    remedy: "let Traefik route it, or publish with `mode: host` where the client's address matters",
};

pub(super) const S023: Rule = Rule {
    id: "S023",
    name: "ingress port without virtual address",
    severity: Severity::Error,
    says: "a service with `endpoint_mode: dnsrr` publishes a port in ingress mode",
    why: "the engine refuses the service: the ingress network needs a virtual address",
    remedy: "write `mode: host` at the port, in its long form",
};

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    for (name, service) in view.services() {
        for port in service.ports.iter().filter(|port| port.mode != "host") {
            let spot = || port_spot(view, name, port);
            if service.deploy.endpoint_mode.eq_ignore_ascii_case("dnsrr") {
                let says = format!(
                    "service `{name}` has no virtual address and publishes {} by ingress",
                    show(port)
                );
                out.add(&S023, spot, says);
            } else {
                out.add(&S020, spot, format!("service `{name}` publishes {} on every node", show(port)));
            }
        }
    }
    if view.recipe.selected.len() > 1 {
        lost(view, out);
    }
}

/// Compares the ports of each file alone with those of the merged model.
fn lost(view: &View<'_>, out: &mut Findings) {
    let Some(merged) = view.model() else { return };
    for file in &view.recipe.selected {
        let selected = std::slice::from_ref(file);
        let alone = load_files(&view.recipe.files, selected, &view.recipe.env, Interpolation::Apply);
        let Ok(alone) = alone else { continue };
        for (name, service) in &alone.model.services {
            let Some(kept) = merged.services.get(name) else { continue };
            for port in &service.ports {
                // One that a later file replaces on purpose has the same number and protocol.
                let same = |other: &Port| {
                    other.published == port.published
                        && protocol(other) == protocol(port)
                        && (port.published != 0 || other.target == port.target)
                };
                if kept.ports.iter().any(same) {
                    continue;
                }
                let says = format!("{} of service `{name}` is lost when the files are merged", show(port));
                let spot = || {
                    view.items(&["services", name, "ports"])
                        .into_iter()
                        .find(|(tree, item)| tree.file == file && is_port(item, port))
                        .map_or_else(|| Spot::file(file), |(tree, item)| Spot::new(tree.file, item.at.line))
                };
                out.add(&S011, spot, says);
            }
        }
    }
}

fn protocol(port: &Port) -> &str {
    if port.protocol.is_empty() { "tcp" } else { &port.protocol }
}

fn show(port: &Port) -> String {
    match port.published {
        0 => format!("{}/{}", port.target, protocol(port)),
        published => format!("{published}/{}", protocol(port)),
    }
}

/// Returns where a port of a service stands.
pub(super) fn port_spot(view: &View<'_>, service: &str, port: &Port) -> Spot {
    view.item_spot(&["services", service, "ports"], |item| is_port(item, port))
}

fn is_port(item: &super::view::Item<'_>, port: &Port) -> bool {
    if let Some(target) = item.node.get("target") {
        let told = item.node.get("protocol").map_or_else(|| "tcp".to_owned(), text_of);
        let published = item.node.get("published").map(text_of).unwrap_or_default();
        let number = published.parse::<u32>();
        let same_number = number.is_err() || number == Ok(port.published);
        return told == protocol(port)
            && same_number
            && text_of(target).parse::<u32>().is_ok_and(|t| t == port.target);
    }
    let (numbers, told) = item.key.split_once('/').unwrap_or((&item.key, "tcp"));
    let written: Vec<&str> = numbers.split(':').collect();
    let within = |text: Option<&&str>, wanted: u32| {
        let Some(text) = text else { return false };
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        match (low.parse::<u32>(), high.parse::<u32>()) {
            (Ok(low), Ok(high)) => (low..=high).contains(&wanted),
            _ => false,
        }
    };
    let published = written.len() < 2 || within(written.get(written.len() - 2), port.published);
    told == protocol(port) && within(written.last(), port.target) && published
}
