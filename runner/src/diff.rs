//! What two releases say differently in their labels (CC-076).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Labels of a stack by service, those of the service itself (`deploy.labels`) and of its containers (`labels`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub services: BTreeMap<String, BTreeMap<String, String>>,
}

/// How labels of containers are told from those of the service.
pub const OF_CONTAINER: &str = "(container) ";

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub service: String,
    pub label: String,
    /// `None`: it is not there.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The differences between two releases, by service and label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelDiff {
    pub changes: Vec<Change>,
    /// Services that only one of both has; their labels are in `changes` as well.
    pub only_before: Vec<String>,
    pub only_after: Vec<String>,
    /// Labels that are the same in both.
    pub same: usize,
}

/// Compares the labels of two stacks, service by service. `chosen` says which labels count.
pub fn labels(before: &Labels, after: &Labels, chosen: &dyn Fn(&str) -> bool) -> LabelDiff {
    let mut diff = LabelDiff::default();
    let names: BTreeSet<_> = before.services.keys().chain(after.services.keys()).collect();
    let none = BTreeMap::new();
    for service in names {
        match (before.services.get(service), after.services.get(service)) {
            (Some(_), None) => diff.only_before.push(service.clone()),
            (None, Some(_)) => diff.only_after.push(service.clone()),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let old = before.services.get(service).unwrap_or(&none);
        let new = after.services.get(service).unwrap_or(&none);
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).filter(|key| chosen(key)).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            if before == after {
                diff.same += 1;
                continue;
            }
            diff.changes.push(Change {
                service: service.clone(),
                label: key.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    diff
}

impl LabelDiff {
    /// Returns a line for each difference.
    pub fn lines(&self) -> Vec<String> {
        self.changes
            .iter()
            .map(|change| {
                let head = format!("`{}` {}", change.service, change.label);
                match (&change.before, &change.after) {
                    (Some(before), Some(after)) => format!("{head}: {before} → {after}"),
                    (Some(before), None) => format!("{head}: {before} → not there"),
                    (None, Some(after)) => format!("{head}: not there → {after}"),
                    (None, None) => head,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(text: &str) -> Labels {
        let mut labels = Labels::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (service, rest) = line.split_once(' ').unwrap();
            let (key, value) = rest.split_once('=').unwrap();
            labels.services.entry(service.into()).or_default().insert(key.into(), value.into());
        }
        labels
    }

    #[test]
    fn cc_076_what_one_recipe_says_and_the_other_does_not_is_told_by_service() {
        let hot =
            stack("db backupbot.backup=true\n db backupbot.backup.pre-hook=pg_dump > /d/dump\n app x=1");
        let good = stack(
            "db backupbot.backup=true\n db backupbot.backup.volumes.d.path=dump\n\
             db backupbot.restore.post-hook=psql < /d/dump\n db backupbot.backup.pre-hook=pg_dump -c > /d/dump\n web y=2",
        );
        let diff = labels(&hot, &good, &|key| key.starts_with("backupbot."));
        insta::assert_snapshot!(diff.lines().join("\n"), @r"
        `db` backupbot.backup.pre-hook: pg_dump > /d/dump → pg_dump -c > /d/dump
        `db` backupbot.backup.volumes.d.path: not there → dump
        `db` backupbot.restore.post-hook: not there → psql < /d/dump
        ");
        assert_eq!(
            (diff.same, diff.only_before, diff.only_after),
            (1, vec!["app".into()], vec!["web".into()])
        );
    }
}
