//! Rules about names that Docker, DNS and certificates have to carry.

use std::collections::BTreeMap;

use domain::names::{DNS_LABEL_LIMIT, ENGINE_NAME_LIMIT};

use super::findings::Findings;
use super::rule::Rule;
use super::view::{View, load_files};
use crate::model::FileObject;
use crate::{Interpolation, Model};

pub(super) const S009: Rule = Rule {
    id: "S009",
    name: "service name",
    severity: domain::event::Severity::Warning,
    says: "a service's name is not a host name",
    why: "the name is what other services connect to; clients that check it refuse `_` and capital letters",
    remedy: "use lower-case letters, digits and inner `-`",
};

pub(super) const S010: Rule = Rule {
    id: "S010",
    name: "name too long",
    severity: domain::event::Severity::Error,
    says: "the full name of a secret, config or service is longer than the engine takes",
    why: "the engine refuses secrets and configs of more than 64 characters and services of more than 63",
    remedy: "shorten the name in the recipe, or the domain of the stack",
};

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    for (name, _) in view.services() {
        if !is_host_name(name) {
            out.add(&S009, view.service_spot(name), format!("`{name}` is not a host name"));
        }
    }
    let own = view.recipe.env.get("STACK_NAME");
    if let Some(model) = view.model() {
        let stack = view.recipe.stack();
        if !stack.is_empty() {
            lengths(view, model, stack, out);
        }
    }
    for stack in view.recipe.stacks.iter().filter(|stack| Some(*stack) != own) {
        let mut env: BTreeMap<String, String> = view.recipe.env.clone();
        env.insert("STACK_NAME".to_owned(), stack.clone());
        let loaded = load_files(&view.recipe.files, &view.recipe.selected, &env, Interpolation::Apply);
        if let Ok(loaded) = loaded {
            lengths(view, &loaded.model, stack, out);
        }
    }
}

fn lengths(view: &View<'_>, model: &Model, stack: &str, out: &mut Findings) {
    for (kind, objects) in [("secrets", &model.secrets), ("configs", &model.configs)] {
        for (key, object) in objects {
            let name = full_name(stack, key, object);
            if name.len() > ENGINE_NAME_LIMIT {
                let spot = view.spot(&[kind, key, "name"]);
                let one = kind.trim_end_matches('s');
                let says =
                    format!("{one} `{key}` is called `{name}` in stack `{stack}`: {} characters", name.len());
                out.add(&S010, spot, says);
            }
        }
    }
    for key in model.services.keys() {
        let name = format!("{stack}_{key}");
        if name.len() > DNS_LABEL_LIMIT {
            let says =
                format!("service `{key}` is called `{name}` in stack `{stack}`: {} characters", name.len());
            out.add(&S010, view.service_spot(key), says);
        }
    }
}

/// Returns the name of a secret or config in the engine.
pub(super) fn full_name(stack: &str, key: &str, object: &FileObject) -> String {
    if object.name.is_empty() { format!("{stack}_{key}") } else { object.name.clone() }
}

fn is_host_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.is_empty()
}
