//! Rules about backups: what is stored can be read again, and is put back.

use std::collections::BTreeSet;

use domain::event::Severity;

use super::findings::Findings;
use super::image::Image;
use super::rule::Rule;
use super::view::View;
use crate::model::{Mount, Service};
use crate::recipe::backup::{BackupLabels, ENABLE, OLD_PATH, split_paths};

pub(super) const S002: Rule = Rule {
    id: "S002",
    name: "hot database directory",
    severity: Severity::Warning,
    says: "the files of a running database are backed up",
    why: "files that change while they are copied need not fit together; and putting them back under a running \
          database restores nothing: it does not read them again (measured on PostgreSQL, four times of four)",
    remedy: "dump in `backupbot.backup.pre-hook`, store only the dump with \
             `backupbot.backup.volumes.<volume>.path=<file>`, load it in `backupbot.restore.post-hook`",
};

pub(super) const S003: Rule = Rule {
    id: "S003",
    name: "no restore hook",
    severity: Severity::Warning,
    says: "a dump is made for the backup, and nothing loads it after a restore",
    why: "the restore puts the dump's file back and succeeds, and the database stays as it is",
    remedy: "add `backupbot.restore.post-hook` to the same service, which loads the dump",
};

pub(super) const S004: Rule = Rule {
    id: "S004",
    name: "backup of nothing",
    severity: Severity::Warning,
    says: "a service is labelled for backup, and there is nothing to back up where the label stands",
    why: "the backup is green and the restore is empty",
    remedy: "put `backupbot.backup=true` into `deploy.labels` of the service that has the volume",
};

pub(super) const S030: Rule = Rule {
    id: "S030",
    name: "old backup label",
    severity: Severity::Info,
    says: "a service has `backupbot.backup.path`, the label of the first backup bot",
    why: "today's backup bot does not read it, and stores the whole volume",
    remedy: "write `backupbot.backup.volumes.<volume>.path=<path>`, relative to the volume",
};

/// Where databases keep their files: a part of the image's name, and the directories.
const DATABASES: &[(&str, &[&str])] = &[
    ("postgres", &["/var/lib/postgresql", "/bitnami/postgresql"]),
    ("postgis", &["/var/lib/postgresql"]),
    ("pgvector", &["/var/lib/postgresql"]),
    ("pgautoupgrade", &["/var/lib/postgresql"]),
    ("timescaledb", &["/var/lib/postgresql", "/home/postgres/pgdata"]),
    ("mysql", &["/var/lib/mysql", "/bitnami/mysql"]),
    ("mariadb", &["/var/lib/mysql", "/bitnami/mariadb", "/config/databases"]),
    ("percona", &["/var/lib/mysql"]),
    ("mongo", &["/data/db", "/bitnami/mongodb"]),
    ("clickhouse", &["/var/lib/clickhouse"]),
    ("couchdb", &["/opt/couchdb/data"]),
    ("influxdb", &["/var/lib/influxdb", "/var/lib/influxdb2"]),
    ("neo4j", &["/data"]),
    ("cassandra", &["/var/lib/cassandra"]),
];

/// Signs that a hook writes a copy of the data, rather than pausing the app.
const DUMPS: &[&str] = &["dump", ".sql", "backup", "export", "snapshot", "> ", ">/"];

/// Applies the rules.
pub(super) fn check(view: &View<'_>, out: &mut Findings) {
    // The same reading as the backup's own.
    let labels = BackupLabels::read(view.services().map(|(name, service)| (name, &service.deploy.labels)));
    if !labels.enabled.is_empty() {
        for (name, service) in view.services() {
            hot(view, name, service, &labels, out);
        }
    }
    for (name, service) in view.services() {
        hooks(view, name, service, out);
        if labels.old_paths.contains(name) {
            let says = format!("`{OLD_PATH}` of service `{name}` is not read any more");
            out.add(&S030, || view.label_spot(name, OLD_PATH), says);
        }
    }
    nothing(view, &labels.enabled, out);
}

fn label<'s>(service: &'s Service, key: &str) -> Option<&'s str> {
    service.deploy.labels.get(key).map(String::as_str)
}

/// The volumes of a service that outlive it.
pub(super) fn kept(service: &Service) -> impl Iterator<Item = &Mount> {
    service.volumes.iter().filter(|mount| mount.kind == "volume" && !mount.source.is_empty())
}

/// Whether `outer` is the path `inner` or a folder above it.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    let inner = inner.trim_end_matches('/');
    inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns the database directories that this mount holds: whole, or a part.
pub(super) fn database_dirs<'d>(image: &str, mount: &Mount) -> Vec<&'d str> {
    let short = Image::parse(image).short().to_ascii_lowercase();
    DATABASES
        .iter()
        .filter(|(part, _)| short.contains(part) && !short.contains("exporter") && !short.contains("backup"))
        .flat_map(|(_, dirs)| *dirs)
        .copied()
        .filter(|dir| covers(&mount.target, dir) || covers(dir, &mount.target))
        .collect()
}

fn hot(view: &View<'_>, name: &str, service: &Service, labels: &BackupLabels<'_>, out: &mut Findings) {
    for mount in kept(service).filter(|mount| !labels.excluded.contains_key(mount.source.as_str())) {
        let dirs = database_dirs(&service.image, mount);
        let Some(dir) = dirs.first() else { continue };
        let limit = labels.limits.get(mount.source.as_str()).and_then(|all| all.first());
        let spot = match limit {
            None => view.item_spot(&["services", name, "volumes"], |item| {
                item.key.split(':').next() == Some(&mount.source)
                    || item.node.get("source").is_some_and(|s| super::view::text_of(s) == mount.source)
            }),
            Some((owner, paths)) => {
                let target = mount.target.trim_end_matches('/');
                let whole = |path: String| {
                    let stored = if path.is_empty() { target.to_owned() } else { format!("{target}/{path}") };
                    dirs.iter().any(|dir| covers(&stored, dir)) || path == "data" || path == "pgdata"
                };
                if !split_paths(paths).filter_map(Result::ok).any(whole) {
                    continue;
                }
                view.label_spot(owner, &format!("backupbot.backup.volumes.{}.path", mount.source))
            }
        };
        let volume = &mount.source;
        let says =
            format!("volume `{volume}` of service `{name}` is backed up while the database writes to {dir}");
        // The form of the first backup bot is not read by the second one, which then stores the whole volume.
        let remedy = match label(service, OLD_PATH) {
            Some(_) => format!(
                "`backupbot.backup.path` is ignored by today's backup bot: write \
                 `backupbot.backup.volumes.{volume}.path=<file>`, relative to the volume"
            ),
            None => S002.remedy.replace("<volume>", volume),
        };
        out.add_as(&S002, S002.severity, spot, says, remedy);
    }
}

fn hooks(view: &View<'_>, name: &str, service: &Service, out: &mut Findings) {
    let Some(hook) = label(service, "backupbot.backup.pre-hook") else { return };
    let restores = ["backupbot.restore.post-hook", "backupbot.restore.pre-hook"];
    let lower = hook.to_ascii_lowercase();
    if !DUMPS.iter().any(|sign| lower.contains(sign))
        || restores.iter().any(|key| label(service, key).is_some())
    {
        return;
    }
    let spot = view.label_spot(name, "backupbot.backup.pre-hook");
    out.add(
        &S003,
        spot,
        format!("service `{name}` has a backup pre-hook that makes a dump, and no restore hook"),
    );
}

fn nothing(view: &View<'_>, enabled: &BTreeSet<&str>, out: &mut Findings) {
    for (name, service) in view.services() {
        if service.labels.get(ENABLE).is_some_and(|value| value == "true") {
            let spot = view.item_spot(&["services", name, "labels"], |item| item.key == ENABLE);
            let says =
                format!("`{ENABLE}` of service `{name}` is a label of the container, where no backup looks");
            out.add_as(&S004, S004.severity, spot, says, "move it from `labels` to `deploy.labels`");
        }
    }
    let stores = |(name, service): (&str, &Service)| enabled.contains(name) && kept(service).next().is_some();
    if view.services().any(stores) {
        return;
    }
    let elsewhere: Vec<String> = view
        .services()
        .filter(|(_, service)| kept(service).next().is_some())
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    for name in enabled {
        let says = match elsewhere.as_slice() {
            [] => format!("service `{name}` is labelled for backup, and the stack has no volume"),
            others => format!(
                "service `{name}` is labelled for backup and has no volume; {} has, without the label",
                others.join(", ")
            ),
        };
        out.add_as(&S004, Severity::Warning, view.label_spot(name, ENABLE), says, S004.remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_covers_itself_and_what_is_below_and_no_namesake() {
        assert!(covers("/var/lib/mysql", "/var/lib/mysql/"));
        assert!(covers("/", "/var"));
        assert!(covers("/var/lib", "/var/lib/mysql"));
        assert!(!covers("/var/lib/mysql", "/var/lib/mysql-files"));
        assert!(!covers("/var/lib/mysql", "/var/lib"));
    }
}
