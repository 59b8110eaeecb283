//! `${…}` in values, with the quirks of the Docker CLI.

mod cast;
mod template;

use std::collections::BTreeMap;

use crate::trouble::{Path, Trouble};
use crate::yaml::{Kind, Node};

pub(crate) use template::substitute;

/// Replaces variables in every value of the tree; keys are left alone. All problems are collected.
pub(crate) fn interpolate(root: &mut Node, env: &BTreeMap<String, String>, troubles: &mut Vec<Trouble>) {
    walk(root, &Path::root(), &mut Vec::new(), env, troubles);
}

/// `steps` is the path as the CLI has it for its casts: list items are `[]`.
fn walk(
    node: &mut Node,
    path: &Path<'_>,
    steps: &mut Vec<String>,
    env: &BTreeMap<String, String>,
    troubles: &mut Vec<Trouble>,
) {
    match &mut node.kind {
        Kind::Text(text) => {
            if !text.contains('$') {
                return;
            }
            match substitute(text, env) {
                Ok(new) if new == *text => {}
                Ok(new) => match cast::cast(steps, new) {
                    Ok(kind) => node.kind = kind,
                    Err((says, remedy)) => troubles.push(Trouble::at(node.at, path, says).remedy(remedy)),
                },
                Err(error) => {
                    troubles.push(Trouble::at(node.at, path, error.to_string()).remedy(error.remedy()));
                }
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                steps.push("[]".to_owned());
                walk(item, &path.item(index), steps, env, troubles);
                steps.pop();
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                steps.push(entry.key.clone());
                walk(&mut entry.value, &path.key(&entry.key), steps, env, troubles);
                steps.pop();
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Time(_) => {}
    }
}
