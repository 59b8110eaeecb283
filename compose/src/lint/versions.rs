//! Rules about versions and variables: of configs, of secrets, of the recipe, and where they are set.

use std::collections::BTreeMap;

use domain::event::Severity;

use super::findings::{Findings, Spot};
use super::rule::Rule;
use super::vars::{self, Otherwise};
use super::view::{View, each_text, text_of, walk};
use crate::recipe::env_sample::State;
use crate::yaml::Mark;

pub(super) const R012: Rule = Rule {
    id: "R012",
    name: "config versions",
    severity: Severity::Error,
    says: "the version of a config is not exported in abra.sh",
    why: "a config cannot be changed in place, so each change needs a new name; the version must come with the recipe, \
          and neither from an app's settings, which stay, nor from nowhere [M]",
    remedy: "name the config `${STACK_NAME}_<name>_${<NAME>_VERSION}`, and write `export <NAME>_VERSION=v1` in `abra.sh`",
};

pub(super) const S018: Rule = Rule {
    id: "S018",
    name: "secret without version",
    severity: Severity::Warning,
    says: "the version variable of a secret is not in `.env.sample`",
    why: "a secret is made under the version that the app's settings name; without one its name ends in `_`",
    remedy: "add `SECRET_<NAME>_VERSION=v1` to `.env.sample`, with `# length=…` where the app expects one",
};

pub(super) const S019: Rule = Rule {
    id: "S019",
    name: "version label",
    severity: Severity::Warning,
    says: "the version label is missing, or is not the release's tag",
    why: "what is deployed is known by this label: an upgrade that does not change it has changed nothing",
    remedy: "put `coop-cloud.${STACK_NAME}.version=<tag>` into `deploy.labels` of one service, before the tag is made",
};

pub(super) const S021: Rule = Rule {
    id: "S021",
    name: "variable not in the sample",
    severity: Severity::Warning,
    says: "a compose file uses a variable that `.env.sample` does not mention",
    why: "who makes a new app cannot know of it; without a default it is empty",
    remedy: "add it to `.env.sample`, behind a `#` if it may be left out",
};

/// Set by the tools, in no file of the recipe.
const GIVEN: &[&str] = &["STACK_NAME"];

/// Applies the rule that needs no model.
pub(super) fn check_text(view: &View<'_>, out: &mut Findings) {
    if !view.recipe.files.contains_key(".env.sample") {
        return out.not_judged(&S021, "there is no `.env.sample`, see R008");
    }
    let mut seen: BTreeMap<(&str, &str), (Mark, bool)> = BTreeMap::new();
    for tree in &view.trees {
        each_text(&tree.root, &mut |at, text| {
            for var in vars::vars(text) {
                let bare = var.otherwise == Otherwise::Nothing || var.otherwise == Otherwise::Refused;
                let entry = seen.entry((tree.file, var.name)).or_insert((at, bare));
                entry.1 |= bare;
            }
        });
    }
    for ((file, name), (at, bare)) in seen {
        let known = GIVEN.contains(&name)
            || view.abra_sh.values.contains_key(name)
            || view.setting(name).is_some()
            // R012 and S018 speak of these.
            || name.ends_with("_VERSION");
        if known {
            continue;
        }
        let spot = Spot::new(file, at.line);
        if bare {
            out.add(&S021, spot, format!("`{name}` has no default and is not in `.env.sample`"));
        } else {
            let says = format!("`{name}` has a default and is not in `.env.sample`");
            out.add_as(&S021, Severity::Info, spot, says, S021.remedy);
        }
    }
}

/// Applies the rules that need the model.
pub(super) fn check_model(view: &View<'_>, out: &mut Findings) {
    let Some(model) = view.model() else { return };
    for key in model.configs.iter().filter(|(_, config)| !config.external).map(|(key, _)| key) {
        config(view, key, out);
    }
    for key in model.secrets.keys() {
        if view.services().any(|(_, service)| service.secrets.iter().any(|used| used.source == *key)) {
            secret(view, key, out);
        }
    }
    label(view, out);
}

/// Returns the text of `name:` as written, before anything is replaced.
fn written_name(view: &View<'_>, kind: &str, key: &str) -> String {
    let named =
        |tree: &super::view::Tree<'_>| walk(&tree.root, &[kind, key, "name"]).map(|(_, node)| text_of(node));
    view.selected().rev().find_map(named).unwrap_or_default()
}

fn config(view: &View<'_>, key: &str, out: &mut Findings) {
    let name = written_name(view, "configs", key);
    let spot = view.spot(&["configs", key, "name"]);
    let versions: Vec<_> = vars::vars(&name).into_iter().filter(|var| !GIVEN.contains(&var.name)).collect();
    if versions.is_empty() {
        let says = format!("config `{key}` has no version in its name: its content can never be changed");
        return out.add_as(&R012, Severity::Warning, spot, says, R012.remedy);
    }
    if versions.iter().any(|var| view.abra_sh.values.contains_key(var.name)) {
        return;
    }
    let Some(var) = versions.last() else { return };
    let remedy = format!("write `export {}=v1` in `abra.sh`", var.name);
    let from = match var.otherwise {
        Otherwise::Default(default) if !default.is_empty() => {
            Some("is the default in the compose file".to_owned())
        }
        Otherwise::Nothing | Otherwise::Default(_) | Otherwise::Refused => view
            .set_in_sample(var.name)
            .map(|line| format!("comes from `.env.sample`, line {line}: apps that exist keep it")),
    };
    match from {
        Some(from) => {
            let says = format!("the version of config `{key}` is not in `abra.sh`; it {from}");
            out.add_as(&R012, Severity::Warning, spot, says, remedy);
        }
        None => {
            let says = format!("the version `{}` of config `{key}` is set nowhere", var.name);
            out.add_as(&R012, Severity::Error, spot, says, remedy);
        }
    }
}

fn secret(view: &View<'_>, key: &str, out: &mut Findings) {
    let name = written_name(view, "secrets", key);
    for var in vars::vars(&name).into_iter().filter(|var| !GIVEN.contains(&var.name)) {
        let default = matches!(var.otherwise, Otherwise::Default(default) if !default.is_empty());
        let state = view.setting(var.name).map(|setting| setting.state);
        if default || state == Some(State::Set) || view.abra_sh.values.contains_key(var.name) {
            continue;
        }
        let spot = view.spot(&["secrets", key, "name"]);
        let remedy = format!("add `{}=v1` to `.env.sample`", var.name);
        let says = match state {
            Some(_) => {
                format!("the version `{}` of secret `{key}` is commented out in `.env.sample`", var.name)
            }
            None => format!("the version `{}` of secret `{key}` is not in `.env.sample`", var.name),
        };
        out.add_as(&S018, S018.severity, spot, says, remedy);
    }
}

fn label(view: &View<'_>, out: &mut Findings) {
    let stack = view.recipe.stack();
    let wanted = format!("coop-cloud.{stack}.version");
    let found = view.services().find_map(|(name, service)| {
        let value = service.deploy.labels.get(&wanted)?;
        Some((name, value.as_str()))
    });
    let Some((service, value)) = found else {
        let old = view.services().find_map(|(name, service)| {
            let own = format!("coop-cloud.{stack}.{name}.version");
            service.deploy.labels.contains_key(&own).then_some((name, own))
        });
        return match old {
            Some((name, own)) => {
                let says = "the version label is in the form of 2021, one for each service";
                out.add(&S019, view.label_spot(name, &own), says);
            }
            None => out.add(&S019, view.spot(&["services"]), "no service has the version label"),
        };
    };
    let spot = view.label_spot(service, &wanted);
    match view.recipe.version.as_deref() {
        _ if value.is_empty() => {
            out.add(&S019, spot, format!("the version label of service `{service}` is empty"));
        }
        Some(tag) if tag != value => {
            out.add(
                &S019,
                spot,
                format!("the version label is `{value}`, and the release is tagged `{tag}`"),
            );
        }
        Some(_) | None => {}
    }
}
