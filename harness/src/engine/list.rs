//! What is there, by label. An empty listing is the proof that nothing was left (law 5).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use domain::StackName;
use serde_json::Value;

use super::{Engine, EngineError, STACK_LABEL, filters, items, labels, text, time};

/// Which objects are meant: those that carry every one of these labels. Never empty, so that it can never mean
/// everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    labels: BTreeMap<String, String>,
    /// What carries one of these is not meant, whatever else it carries.
    without: BTreeSet<String>,
    /// Only these are meant, where any are given.
    only: Option<BTreeSet<(Kind, String)>>,
}

impl Scope {
    /// Means all that belongs to one stack.
    pub fn stack(stack: &StackName) -> Self {
        Self::label(STACK_LABEL, stack.as_str())
    }

    /// Means all that carries this label with this value.
    pub fn label(key: &str, value: &str) -> Self {
        Self { labels: [(key.to_owned(), value.to_owned())].into(), without: BTreeSet::new(), only: None }
    }

    /// Narrows it by one more label.
    #[must_use]
    pub fn and(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Narrows it to what does not carry this label, whatever its value.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.without.insert(key.to_owned());
        self
    }

    /// Narrows it to objects of one kind and of these names.
    #[must_use]
    pub fn only(mut self, kind: Kind, names: impl IntoIterator<Item = String>) -> Self {
        let these: BTreeSet<_> = names.into_iter().map(|name| (kind, name)).collect();
        self.only = Some(match self.only {
            Some(before) => before.intersection(&these).cloned().collect(),
            None => these,
        });
        self
    }

    pub(super) fn filter(&self) -> String {
        let all = self.labels.iter().map(|(k, v)| if v.is_empty() { k.clone() } else { format!("{k}={v}") });
        filters(&[("label", all.collect())])
    }

    /// Returns whether labels are those of something that is meant.
    pub(super) fn covers(&self, found: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(k, v)| found.get(k).is_some_and(|has| v.is_empty() || has == v))
            && !self.leaves_out(found)
    }

    /// Returns whether labels are those of something that is left out.
    pub(super) fn leaves_out(&self, found: &BTreeMap<String, String>) -> bool {
        self.without.iter().any(|key| found.contains_key(key))
    }

    /// Returns whether only objects of certain names are meant.
    pub(super) fn is_named(&self) -> bool {
        self.only.is_some()
    }

    /// Returns whether an object is meant.
    pub fn means(&self, object: &Object) -> bool {
        let named = || self.only.as_ref().is_none_or(|o| o.contains(&(object.kind, object.name.clone())));
        self.covers(&object.labels) && named()
    }
}

/// What kind of thing an object is, in the order in which they are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Service,
    Container,
    Network,
    Volume,
    Secret,
    Config,
}

impl Kind {
    /// Every kind, in the order in which they are cleared.
    pub const ALL: [Self; 6] =
        [Self::Service, Self::Container, Self::Network, Self::Volume, Self::Secret, Self::Config];

    fn list_path(self) -> &'static str {
        match self {
            Self::Service => "/services",
            Self::Container => "/containers/json",
            Self::Network => "/networks",
            Self::Volume => "/volumes",
            Self::Secret => "/secrets",
            Self::Config => "/configs",
        }
    }

    pub(super) fn path(self, id: &str) -> String {
        match self {
            Self::Service => format!("/services/{id}"),
            Self::Container => format!("/containers/{id}"),
            Self::Network => format!("/networks/{id}"),
            Self::Volume => format!("/volumes/{id}"),
            Self::Secret => format!("/secrets/{id}"),
            Self::Config => format!("/configs/{id}"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Service => "service",
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Secret => "secret",
            Self::Config => "config",
        })
    }
}

/// One thing in the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    pub kind: Kind,
    /// For volumes the name, which is their id.
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// `None` where the engine does not say.
    pub created: Option<DateTime<Utc>>,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

impl Engine {
    /// Lists all that is in scope: services, containers (running or not), networks, volumes, secrets, configs.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Object>, EngineError> {
        let mut objects = Vec::new();
        for kind in Kind::ALL {
            objects.extend(self.list_kind(kind, scope).await?);
        }
        Ok(objects)
    }

    /// Lists all there is in the engine but containers, each kind once and all at the same time: for looking only, since
    /// most of it is somebody else's.
    pub async fn inventory(&self) -> Result<Vec<Object>, EngineError> {
        let of = async |kind: Kind| {
            let found = self.raw().get(kind.list_path(), &[], &format!("listing {kind}s")).await?;
            let found = if kind == Kind::Volume { &found["Volumes"] } else { &found };
            Ok::<Vec<Object>, EngineError>(items(found).iter().map(|o| object(kind, o)).collect())
        };
        let (services, networks, volumes, secrets, configs) = tokio::try_join!(
            of(Kind::Service),
            of(Kind::Network),
            of(Kind::Volume),
            of(Kind::Secret),
            of(Kind::Config)
        )?;
        Ok([services, networks, volumes, secrets, configs].concat())
    }

    pub(super) async fn list_kind(&self, kind: Kind, scope: &Scope) -> Result<Vec<Object>, EngineError> {
        let only = scope.filter();
        let mut query = vec![("filters", only.as_str())];
        if kind == Kind::Container {
            query.push(("all", "true"));
        }
        let found = self.raw().get(kind.list_path(), &query, &format!("listing {kind}s")).await?;
        let found = if kind == Kind::Volume { &found["Volumes"] } else { &found };
        // Checked again here: a filter that an engine does not know would mean everything.
        Ok(items(found).iter().map(|o| object(kind, o)).filter(|o| scope.means(o)).collect())
    }
}

fn object(kind: Kind, found: &Value) -> Object {
    let (id, name, labelled, created) = match kind {
        Kind::Service | Kind::Secret | Kind::Config => {
            let spec = &found["Spec"];
            (text(&found["ID"]), text(&spec["Name"]), &spec["Labels"], time(&found["CreatedAt"]))
        }
        Kind::Container => {
            let name = text(&found["Names"][0]).trim_start_matches('/').to_owned();
            let created = found["Created"].as_i64().and_then(|s| DateTime::from_timestamp(s, 0));
            (text(&found["Id"]), name, &found["Labels"], created)
        }
        Kind::Network => {
            (text(&found["Id"]), text(&found["Name"]), &found["Labels"], time(&found["Created"]))
        }
        Kind::Volume => {
            (text(&found["Name"]), text(&found["Name"]), &found["Labels"], time(&found["CreatedAt"]))
        }
    };
    Object { kind, id, name, labels: labels(labelled), created }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scope_covers_what_carries_all_of_its_labels() {
        let scope = Scope::label("simmer.run", "1").and("simmer.role", "app");
        let with = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert!(scope.covers(&with(&[("simmer.run", "1"), ("simmer.role", "app"), ("x", "y")])));
        assert!(!scope.covers(&with(&[("simmer.run", "1")])));
        assert!(!scope.covers(&with(&[("simmer.run", "11"), ("simmer.role", "app")])));
        assert_eq!(scope.filter(), r#"{"label":["simmer.role=app","simmer.run=1"]}"#);
        assert!(Scope::label("simmer.run", "").covers(&with(&[("simmer.run", "7")])), "any value");
    }

    #[test]
    fn a_scope_can_leave_out_a_label_and_be_narrowed_to_names() {
        let volume = |name: &str, labels: &[&str]| Object {
            kind: Kind::Volume,
            id: name.to_owned(),
            name: name.to_owned(),
            labels: labels.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect(),
            created: None,
        };
        let scope = Scope::label("simmer.run", "1").without("simmer.canonical");
        assert!(scope.means(&volume("a", &["simmer.run"])));
        assert!(!scope.means(&volume("a", &["simmer.run", "simmer.canonical"])));
        let scope = Scope::label("simmer.run", "1").only(Kind::Volume, ["a".to_owned(), "b".to_owned()]);
        assert!(scope.means(&volume("a", &["simmer.run"])));
        assert!(!scope.means(&volume("c", &["simmer.run"])), "another name");
        assert!(!scope.means(&volume("a", &[])), "a name alone is not enough");
        let secret = Object { kind: Kind::Secret, ..volume("a", &["simmer.run"]) };
        assert!(!scope.means(&secret), "a name is one kind's");
        let scope = scope.only(Kind::Volume, ["b".to_owned(), "c".to_owned()]);
        assert!(!scope.means(&volume("a", &["simmer.run"])), "narrowing twice narrows more");
        assert!(scope.means(&volume("b", &["simmer.run"])));
    }

    #[test]
    fn objects_are_read_as_each_kind_spells_them() {
        let service =
            object(Kind::Service, &json!({"ID": "i", "Spec": {"Name": "s_app", "Labels": {"a": "b"}}}));
        assert_eq!(service.to_string(), "service `s_app`");
        let container = object(
            Kind::Container,
            &json!({"Id": "c", "Names": ["/s_app.1.x"], "Labels": null, "Created": 60}),
        );
        assert_eq!((container.name.as_str(), container.created.unwrap().timestamp()), ("s_app.1.x", 60));
        let volume =
            object(Kind::Volume, &json!({"Name": "v", "CreatedAt": "2026-11-21T03:00:00Z", "Labels": {}}));
        assert_eq!((volume.id.as_str(), volume.created.is_some()), ("v", true));
    }
}
