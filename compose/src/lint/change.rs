//! Rules that compare a release with the one before.

use std::collections::BTreeMap;

use domain::event::Severity;

use super::findings::Findings;
use super::names::full_name;
use super::rule::Rule;
use super::view::{ROOT, View, load_files};
use crate::Interpolation;

pub(super) const S012: Rule = Rule {
    id: "S012",
    name: "changed and not renamed",
    severity: Severity::Error,
    says: "the content of a config or secret changed, and its version variable did not",
    why: "configs and secrets cannot be changed in place: the engine refuses the upgrade of every app that exists",
    remedy: "raise the version in `abra.sh`",
};

/// Applies the rule, if the release before is known.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    let Some(previous) = &view.recipe.previous else {
        return out.not_judged(&S012, "the release before is not known");
    };
    // What an app was made with stays; only what the recipe itself sets moves on. Its stack keeps its name.
    let mut env: BTreeMap<String, String> = previous.env.clone();
    for key in ["STACK_NAME", "DOMAIN"] {
        if let Some(value) = view.recipe.env.get(key) {
            env.insert(key.to_owned(), value.clone());
        }
    }
    let Ok(before) = load_files(&previous.files, &previous.selected, &env, Interpolation::Apply) else {
        return out.not_judged(&S012, "the compose files of the release before do not load");
    };
    let Some(now) = view.model() else { return };
    let stack = view.recipe.stack();
    let pairs =
        [("configs", &before.model.configs, &now.configs), ("secrets", &before.model.secrets, &now.secrets)];
    for (kind, before, now) in pairs {
        let before: BTreeMap<String, &str> = before
            .iter()
            .filter(|(_, object)| !object.external)
            .map(|(key, object)| (full_name(stack, key, object), object.file.as_str()))
            .collect();
        for (key, object) in now.iter().filter(|(_, object)| !object.external) {
            let Some(old_file) = before.get(&full_name(stack, key, object)) else { continue };
            let text = |files: &BTreeMap<String, String>, path: &str| {
                files.get(path.strip_prefix(ROOT)?.trim_start_matches('/')).cloned()
            };
            let (old, new) = (text(&previous.files, old_file), text(&view.recipe.files, &object.file));
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                let says = format!(
                    "the content of {} `{key}` changed since {}, and it still has the name it had",
                    kind.trim_end_matches('s'),
                    previous.version
                );
                out.add(&S012, view.spot(&[kind, key, "name"]), says);
            }
        }
    }
}
