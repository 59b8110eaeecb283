//! A tree, its neighbours and the enrolment, as the lint room wants them.

use std::collections::BTreeMap;

use compose::lint::{Policy, Previous, RecipeText, Report, TagKind, TagText, Waiver, lint};
use domain::{Domain, StackName};
use harness::source::{Releases, TagKind as Kind};

use super::tree::Tree;
use crate::instance::{Overlay, WaiverSpec};

/// What is linted, and against what.
#[derive(Clone, Debug)]
pub struct LintSubject<'a> {
    pub tree: &'a Tree,
    pub previous: Option<&'a Tree>,
    pub releases: &'a Releases,
    pub overlay: &'a Overlay,
    /// The instance's shared network.
    pub network: &'a str,
    /// What the enrolment allows.
    pub allow: &'a [String],
    pub domain: &'a Domain,
    /// The canonical's domain (DESIGN 7), where the recipe has or will have one: names have to fit there as well.
    pub canonical: Option<String>,
}

/// Returns the domain of a recipe's canonical, which the allotter gives.
pub fn canonical_domain(instance: &crate::instance::Instance, recipe: &domain::RecipeName) -> String {
    instance.settings.allotter.canonical(recipe).to_string()
}

/// Lints a tree as a release of an enrolled recipe.
pub fn lint_tree(subject: &LintSubject<'_>) -> Report {
    let LintSubject { tree, previous, releases, overlay, network, allow, domain, ref canonical } = *subject;
    let stack = StackName::of_domain(domain);
    let environment = tree.environment(overlay, domain, &stack);
    // A COMPOSE_FILE that cannot be used is a finding of lint itself.
    let selected = tree.select(&environment).unwrap_or_default();
    let mut policy = Policy::trusted(chrono::Utc::now().date_naive(), network);
    policy.allowed = allow.iter().filter_map(|word| word.parse().ok()).collect();
    policy.waivers = overlay
        .waivers
        .iter()
        .map(|waiver| {
            let WaiverSpec { rule, reason, until, at } = waiver.clone();
            Waiver { rule, reason, until: Some(until), at }
        })
        .collect();
    // A name that cannot be a stack's is S010's to find in the run's own.
    let warm =
        canonical.as_ref().and_then(|domain| compose::recipe::stack_name(domain, &BTreeMap::new()).ok());
    let text = RecipeText {
        files: tree.files.clone(),
        paths: tree.paths.clone(),
        selected,
        env: environment,
        stacks: warm.into_iter().map(|stack| stack.to_string()).collect(),
        tags: releases
            .kinds
            .iter()
            .map(|(name, kind)| TagText {
                name: name.clone(),
                kind: match kind {
                    Kind::Annotated => TagKind::Annotated,
                    Kind::Light => TagKind::Light,
                },
            })
            .collect(),
        version: tree.release.as_ref().map(|r| r.tag.clone()),
        previous: previous.map(|base| {
            let env = base.environment(overlay, domain, &stack);
            Previous {
                version: base.label.clone(),
                files: base.files.clone(),
                selected: base.select(&env).unwrap_or_default(),
                env,
            }
        }),
    };
    lint(&text, &policy)
}
