//! The labels by which Co-op Cloud's tools know a stack.

use std::collections::BTreeMap;

use domain::StackName;

use crate::Model;
use crate::specs::StackSpecs;

/// The service that carries a recipe's labels, if there is one of the name.
const MAIN_SERVICE: &str = "app";

/// What we say about a stack that we deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurLabels {
    pub recipe: String,
    /// The release's tag; empty for a commit without one.
    pub version: String,
    pub chaos: Chaos,
    /// Seconds that a deploy may take; `None`: nothing is said.
    pub timeout: Option<u64>,
}

/// Whether what is deployed is a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chaos {
    Release,
    /// A commit, by its first eight digits; `+U` follows if the work tree differs from it.
    Commit(String),
}

impl OurLabels {
    /// Returns the labels, by full name.
    #[must_use]
    pub fn for_stack(&self, stack: &StackName) -> BTreeMap<String, String> {
        let Self { recipe, version, chaos, timeout } = self;
        let mut labels = BTreeMap::new();
        let mut set = |name: &str, value: &str| {
            labels.insert(format!("coop-cloud.{stack}.{name}"), value.to_owned());
        };
        set("recipe", recipe);
        if !version.is_empty() {
            set("version", version);
        }
        match chaos {
            Chaos::Release => set("chaos", "false"),
            Chaos::Commit(commit) => {
                set("chaos", "true");
                set("chaos-version", commit);
            }
        }
        if let Some(seconds) = timeout {
            set("timeout", &seconds.to_string());
        }
        labels
    }

    /// Puts the labels on the service that carries the version label; without one on `app`, or on the first.
    ///
    /// The version label of a recipe that has one stays as it is: it is part of what is tested.
    pub fn put_on(&self, specs: &mut StackSpecs) {
        let version = version_key(&specs.stack);
        let has_version = |key: &&String| specs.services[*key].labels.contains_key(&version);
        let carrier = specs
            .services
            .keys()
            .find(has_version)
            .or_else(|| specs.services.keys().find(|key| *key == MAIN_SERVICE))
            .or_else(|| specs.services.keys().next())
            .cloned();
        let Some(service) = carrier.and_then(|key| specs.services.get_mut(&key)) else { return };
        let own_version = service.labels.get(&version).cloned();
        service.labels.extend(self.for_stack(&specs.stack));
        if let Some(own) = own_version {
            service.labels.insert(version, own);
        }
    }
}

/// The label by which a recipe says which release it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionLabel {
    /// Key of the service that carries it.
    pub service: String,
    /// As it is: may be empty, or no release tag at all.
    pub value: String,
}

/// Returns the version labels of a stack, that of `app` first, then by service. More than one may differ.
#[must_use]
pub fn version_labels(model: &Model, stack: &StackName) -> Vec<VersionLabel> {
    let key = version_key(stack);
    let mut found: Vec<_> = model
        .services
        .iter()
        .filter_map(|(service, spec)| {
            let value = spec.deploy.labels.get(&key)?;
            Some(VersionLabel { service: service.clone(), value: value.clone() })
        })
        .collect();
    found.sort_by_key(|label| label.service != MAIN_SERVICE);
    found
}

/// Returns how many seconds a deploy may take, as the recipe says by its label or by `TIMEOUT`. A value that
/// is no number says nothing.
#[must_use]
pub fn timeout_seconds(
    model: &Model,
    stack: &StackName,
    environment: &BTreeMap<String, String>,
) -> Option<u64> {
    let key = format!("coop-cloud.{stack}.timeout");
    let labels = model.services.values().filter_map(|service| service.deploy.labels.get(&key));
    labels.chain(environment.get("TIMEOUT")).find_map(|seconds| seconds.trim().parse().ok())
}

fn version_key(stack: &StackName) -> String {
    format!("coop-cloud.{stack}.version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Service;

    fn stack() -> StackName {
        StackName::parse("run-1").unwrap()
    }

    fn with_label(name: &str, label: &str, value: &str) -> (String, Service) {
        let mut service = Service::default();
        service.deploy.labels.insert(label.into(), value.into());
        (name.into(), service)
    }

    #[test]
    fn the_version_is_found_on_whichever_service_carries_it() {
        let label = "coop-cloud.run-1.version";
        let services = [with_label("web", label, "1.0.0+2"), ("app".into(), Service::default())];
        let model = Model { services: services.into(), ..Model::default() };
        assert_eq!(
            version_labels(&model, &stack()),
            [VersionLabel { service: "web".into(), value: "1.0.0+2".into() }]
        );

        let services = [with_label("a", label, ""), with_label("app", label, "2.0.0+2")];
        let model = Model { services: services.into(), ..Model::default() };
        let found: Vec<_> = version_labels(&model, &stack()).into_iter().map(|l| l.service).collect();
        assert_eq!(found, ["app", "a"]);
    }

    #[test]
    fn the_timeout_comes_from_the_label_or_the_variable() {
        let (name, service) = with_label("app", "coop-cloud.run-1.timeout", "300");
        let model = Model { services: [(name, service)].into(), ..Model::default() };
        let env = BTreeMap::from([("TIMEOUT".to_owned(), "60".to_owned())]);
        assert_eq!(timeout_seconds(&model, &stack(), &env), Some(300));
        assert_eq!(timeout_seconds(&Model::default(), &stack(), &env), Some(60));
        assert_eq!(timeout_seconds(&Model::default(), &stack(), &BTreeMap::new()), None);
    }

    #[test]
    fn cc_027_a_commit_that_is_no_release_says_which_it_is() {
        let ours = OurLabels {
            recipe: "gitea".into(),
            version: String::new(),
            chaos: Chaos::Commit("f87c612d+U".into()),
            timeout: Some(300),
        };
        let lines: Vec<_> = ours.for_stack(&stack()).into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            lines,
            [
                "coop-cloud.run-1.chaos=true",
                "coop-cloud.run-1.chaos-version=f87c612d+U",
                "coop-cloud.run-1.recipe=gitea",
                "coop-cloud.run-1.timeout=300",
            ]
        );
    }
}
