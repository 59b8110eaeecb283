//! What a stack's labels say about its backup: `backupbot.*` on services, as the bot of Co-op Cloud reads them.
//!
//! The label enables the *stack*: all volumes, all files, until other labels say less. There is one exception, seen
//! in the wild: where the label stands on no service that keeps anything, the bot stored nothing and called that
//! a backup. So do we, and the emptiness is for the caller to judge (law 1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::StackName;
use domain::data::HookMoment;

use crate::specs::StackSpecs;

/// The label that turns a backup on.
pub const ENABLE: &str = "backupbot.backup";
/// The label of the first backup bot, which today's does not read.
pub const OLD_PATH: &str = "backupbot.backup.path";
const VOLUMES: &str = "backupbot.backup.volumes.";

/// The hooks of both halves, in the order in which they run.
const MOMENTS: [HookMoment; 4] =
    [HookMoment::BeforeBackup, HookMoment::AfterBackup, HookMoment::BeforeRestore, HookMoment::AfterRestore];

/// What is to be stored of a stack and put back, and what runs before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    pub stack: StackName,
    /// Services, by key, that carry the label with the value `true`. None: the stack is not backed up.
    pub labelled: Vec<String>,
    /// What is stored, by key.
    pub volumes: Vec<PlannedVolume>,
    /// What is not, by key.
    pub left_out: Vec<LeftOut>,
    /// Hooks of all services, each with something to run; by moment, then by service.
    pub hooks: Vec<PlannedHook>,
    /// Secrets that running containers see; by service, then by name.
    pub secrets: Vec<PlannedSecret>,
    /// What a person should know, and what changes nothing.
    pub notes: Vec<BackupNote>,
}

impl BackupPlan {
    /// Whether the labels ask for a backup at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.labelled.is_empty()
    }

    /// Returns the hooks of a moment.
    pub fn hooks_at(&self, moment: HookMoment) -> impl Iterator<Item = &PlannedHook> {
        self.hooks.iter().filter(move |hook| hook.moment == moment)
    }
}

/// A volume that is stored, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedVolume {
    /// The key in the compose file.
    pub key: String,
    /// The name in the swarm.
    pub name: String,
    /// Paths below the volume's root, clean and relative. None: everything.
    pub paths: Vec<String>,
    /// Where it is mounted; never empty.
    pub mounts: Vec<PlannedMount>,
    /// Whether a labelled service mounts it. Where not, a bot that goes by service stores nothing of it.
    pub of_labelled: OfLabelled,
}

impl fmt::Display for PlannedVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.paths.as_slice() {
            [] => f.write_str(&self.key),
            paths => {
                let of = |path: &String| format!("{}/{path}", self.key);
                f.write_str(&paths.iter().map(of).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Where a service has a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMount {
    /// Key of the service.
    pub service: String,
    /// Path in its containers.
    pub target: String,
    pub read_only: bool,
}

/// Whether a labelled service mounts a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfLabelled {
    Yes,
    No,
}

/// A volume that is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub key: String,
    pub why: WhyLeftOut,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyLeftOut {
    /// By a label of this service.
    Excluded { service: String },
    /// No labelled service keeps anything, so that the label reaches nothing.
    OutOfReach,
    /// Somebody else's: the stack only uses it.
    External,
}

/// A shell command for the running container of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedHook {
    /// Key of the service.
    pub service: String,
    pub moment: HookMoment,
    /// One shell command line, as the label has it.
    pub command: String,
}

/// A secret in the containers of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSecret {
    /// Key of the service.
    pub service: String,
    /// The name in the swarm.
    pub name: String,
    /// The file below `/run/secrets`, or an absolute path.
    pub target: String,
}

/// Something about the labels that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupNote {
    /// The label is there with a value other than `true`, which is off.
    Off { service: String, value: String },
    /// The label stands on a service that keeps nothing.
    NothingKept { service: String },
    /// The form of the first backup bot: ignored, the whole volume is stored.
    OldPath { service: String },
    /// Stored because the label enables the stack, though no labelled service mounts it.
    NotOfLabelled { volume: String, services: Vec<String> },
    /// A label names a volume that the stack does not have.
    NoSuchVolume { service: String, volume: String },
    /// A path that leads out of its volume, or is no path; ignored.
    BadPath { service: String, volume: String, path: String },
    /// `backupbot.backup.volumes.<volume>` with a value that is neither `true` nor `false`; ignored.
    BadValue { service: String, volume: String, value: String },
    /// A folder of the host: no backup holds it.
    Bind { service: String, target: String },
    /// A volume without a name: no backup holds it, and it goes with its container.
    Anonymous { service: String, target: String },
    /// A hook without a command.
    EmptyHook { service: String, moment: HookMoment },
}

impl fmt::Display for BackupNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off { service, value } => {
                write!(f, "`{ENABLE}` of service `{service}` is `{value}`: anything but `true` is off")
            }
            Self::NothingKept { service } => {
                write!(f, "service `{service}` is labelled for backup and keeps no volume")
            }
            Self::OldPath { service } => {
                write!(f, "`{OLD_PATH}` of service `{service}` is ignored, and whole volumes are stored")
            }
            Self::NotOfLabelled { volume, services } => write!(
                f,
                "volume `{volume}` of {} is stored because the label enables the stack; a bot that goes by service \
                 leaves it out",
                services.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", ")
            ),
            Self::NoSuchVolume { service, volume } => {
                write!(f, "a backup label of service `{service}` names `{volume}`, which is no volume here")
            }
            Self::BadPath { service, volume, path } => {
                write!(f, "path `{path}` of volume `{volume}`, in a label of `{service}`, leads out of it")
            }
            Self::BadValue { service, volume, value } => write!(
                f,
                "`{VOLUMES}{volume}` of service `{service}` is `{value}`, which is neither `true` nor `false`"
            ),
            Self::Bind { service, target } => {
                write!(f, "`{target}` of service `{service}` is a folder of the host, which no backup holds")
            }
            Self::Anonymous { service, target } => {
                write!(
                    f,
                    "`{target}` of service `{service}` is a volume without a name, which no backup holds"
                )
            }
            Self::EmptyHook { service, moment } => {
                write!(f, "`{}` of service `{service}` is empty", moment.label())
            }
        }
    }
}

/// What the labels say, before anybody looks at volumes. Lint reads a model and a run reads specs; both ask here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupLabels<'a> {
    /// Services with the label and the value `true`.
    pub enabled: BTreeSet<&'a str>,
    /// Volumes that are left out, with the service whose label says so.
    pub excluded: BTreeMap<&'a str, &'a str>,
    /// Volumes that are stored in part, with service and value of each label.
    pub limits: BTreeMap<&'a str, Vec<(&'a str, &'a str)>>,
    /// Hooks, empty ones too, by service.
    pub hooks: Vec<(&'a str, HookMoment, &'a str)>,
    /// Services with the old form of a path.
    pub old_paths: BTreeSet<&'a str>,
    /// Services whose label has another value, with that value.
    pub off: Vec<(&'a str, &'a str)>,
    /// Service, volume, and a value that is neither `true` nor `false`.
    pub odd: Vec<(&'a str, &'a str, &'a str)>,
}

impl<'a> BackupLabels<'a> {
    /// Reads the labels of services, by key.
    pub fn read(services: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, String>)>) -> Self {
        let mut read = Self::default();
        for (service, labels) in services {
            for (key, value) in labels {
                read.take(service, key, value);
            }
        }
        read.hooks.sort_by_key(|(service, moment, _)| (*moment, *service));
        read
    }

    fn take(&mut self, service: &'a str, key: &'a str, value: &'a str) {
        if key == ENABLE {
            if value == "true" {
                self.enabled.insert(service);
            } else {
                self.off.push((service, value));
            }
        } else if key == OLD_PATH {
            self.old_paths.insert(service);
        } else if let Some(moment) = MOMENTS.into_iter().find(|moment| moment.label() == key) {
            self.hooks.push((service, moment, value));
        } else if let Some(volume) = key.strip_prefix(VOLUMES) {
            match (volume.strip_suffix(".path"), value) {
                (Some(volume), paths) => self.limits.entry(volume).or_default().push((service, paths)),
                (None, "false") => {
                    self.excluded.entry(volume).or_insert(service);
                }
                (None, "true") => {}
                (None, other) => self.odd.push((service, volume, other)),
            }
        }
    }
}

/// Splits the value of a `.path` label: each path clean and relative, or as written where it leads out of the
/// volume. A path that means the volume's root comes as an empty text.
pub fn split_paths(value: &str) -> impl Iterator<Item = Result<String, String>> {
    value.split(',').map(str::trim).filter(|path| !path.is_empty()).map(|path| {
        let mut clean = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(path.to_owned()),
                part => clean.push(part),
            }
        }
        if path.contains('\0') { Err(path.to_owned()) } else { Ok(clean.join("/")) }
    })
}

/// Decides what a backup of the stack stores and runs.
#[must_use]
pub fn backup_plan(specs: &StackSpecs, stack: &StackName) -> BackupPlan {
    let labels = BackupLabels::read(specs.services.iter().map(|(key, spec)| (key.as_str(), &spec.labels)));
    let mut notes = Vec::new();
    note_labels(specs, &labels, &mut notes);
    let mut volumes = Vec::new();
    let mut left_out = Vec::new();
    for (name, mounts) in mounted(specs, &labels, &mut notes) {
        match specs.volumes.get(name) {
            Some(volume) => volumes.push(planned(name, &volume.key, mounts, &labels, &mut notes)),
            None => left_out.push(LeftOut { key: name.to_owned(), why: WhyLeftOut::External }),
        }
    }
    let reached = volumes.iter().any(|volume| volume.of_labelled == OfLabelled::Yes);
    let mut stored = Vec::new();
    for volume in volumes {
        let why = match labels.excluded.get(volume.key.as_str()) {
            _ if labels.enabled.is_empty() => continue,
            Some(service) => WhyLeftOut::Excluded { service: (*service).to_owned() },
            None if !reached => WhyLeftOut::OutOfReach,
            None => {
                if volume.of_labelled == OfLabelled::No {
                    let services = volume.mounts.iter().map(|m| m.service.clone()).collect();
                    notes.push(BackupNote::NotOfLabelled { volume: volume.key.clone(), services });
                }
                stored.push(volume);
                continue;
            }
        };
        left_out.push(LeftOut { key: volume.key, why });
    }
    stored.sort_by(|a, b| a.key.cmp(&b.key));
    left_out.sort_by(|a, b| a.key.cmp(&b.key));
    BackupPlan {
        stack: stack.clone(),
        labelled: labels.enabled.iter().map(|service| (*service).to_owned()).collect(),
        volumes: stored,
        left_out,
        hooks: hooks(&labels, &mut notes),
        secrets: secrets(specs),
        notes,
    }
}

/// Says what the labels hold that changes nothing.
fn note_labels(specs: &StackSpecs, labels: &BackupLabels<'_>, notes: &mut Vec<BackupNote>) {
    let owned = |text: &str| text.to_owned();
    for (service, value) in &labels.off {
        notes.push(BackupNote::Off { service: owned(service), value: owned(value) });
    }
    for service in &labels.old_paths {
        notes.push(BackupNote::OldPath { service: owned(service) });
    }
    for (service, volume, value) in &labels.odd {
        let (service, volume, value) = (owned(service), owned(volume), owned(value));
        notes.push(BackupNote::BadValue { service, volume, value });
    }
    let limits =
        labels.limits.iter().flat_map(|(volume, all)| all.iter().map(move |(service, _)| (service, volume)));
    let named = labels.excluded.iter().map(|(volume, service)| (service, volume)).chain(limits);
    for (service, volume) in named {
        if !specs.volumes.values().any(|found| found.key == **volume) {
            notes.push(BackupNote::NoSuchVolume { service: owned(service), volume: owned(volume) });
        }
    }
}

/// Returns the named volumes that services mount, by their name in the swarm.
fn mounted<'s>(
    specs: &'s StackSpecs,
    labels: &BackupLabels<'_>,
    notes: &mut Vec<BackupNote>,
) -> BTreeMap<&'s str, Vec<PlannedMount>> {
    let mut found: BTreeMap<&str, Vec<PlannedMount>> = BTreeMap::new();
    for (service, spec) in &specs.services {
        let is_labelled = labels.enabled.contains(service.as_str());
        let mut keeps = false;
        for mount in &spec.task_template.container_spec.mounts {
            let target = mount.target.clone();
            match mount.kind.as_str() {
                "volume" if mount.source.is_empty() => {
                    notes.push(BackupNote::Anonymous { service: service.clone(), target });
                }
                "volume" => {
                    keeps |= specs.volumes.contains_key(&mount.source);
                    found.entry(&mount.source).or_default().push(PlannedMount {
                        service: service.clone(),
                        target,
                        read_only: mount.read_only,
                    });
                }
                "bind" if is_labelled => notes.push(BackupNote::Bind { service: service.clone(), target }),
                _ => {}
            }
        }
        if is_labelled && !keeps {
            notes.push(BackupNote::NothingKept { service: service.clone() });
        }
    }
    found
}

fn planned(
    name: &str,
    key: &str,
    mounts: Vec<PlannedMount>,
    labels: &BackupLabels<'_>,
    notes: &mut Vec<BackupNote>,
) -> PlannedVolume {
    let mut paths = BTreeSet::new();
    for (service, value) in labels.limits.get(key).into_iter().flatten() {
        for path in split_paths(value) {
            match path {
                Ok(path) => {
                    paths.insert(path);
                }
                Err(path) => notes.push(BackupNote::BadPath {
                    service: (*service).to_owned(),
                    volume: key.to_owned(),
                    path,
                }),
            }
        }
    }
    // A path that means the root, or lies below another one, adds nothing.
    let whole = paths.contains("");
    let below = |path: &str| {
        paths.iter().any(|other| path.strip_prefix(other.as_str()).is_some_and(|r| r.starts_with('/')))
    };
    let paths = if whole { Vec::new() } else { paths.iter().filter(|p| !below(p)).cloned().collect() };
    let labelled = mounts.iter().any(|mount| labels.enabled.contains(mount.service.as_str()));
    PlannedVolume {
        key: key.to_owned(),
        name: name.to_owned(),
        paths,
        mounts,
        of_labelled: if labelled { OfLabelled::Yes } else { OfLabelled::No },
    }
}

fn hooks(labels: &BackupLabels<'_>, notes: &mut Vec<BackupNote>) -> Vec<PlannedHook> {
    let mut hooks = Vec::new();
    for (service, moment, command) in &labels.hooks {
        let (service, moment) = ((*service).to_owned(), *moment);
        if command.trim().is_empty() {
            notes.push(BackupNote::EmptyHook { service, moment });
        } else {
            hooks.push(PlannedHook { service, moment, command: (*command).to_owned() });
        }
    }
    hooks
}

fn secrets(specs: &StackSpecs) -> Vec<PlannedSecret> {
    let of = |(service, spec): (&String, &crate::specs::ServiceSpec)| -> Vec<PlannedSecret> {
        let secrets = spec.task_template.container_spec.secrets.iter();
        secrets
            .map(|secret| PlannedSecret {
                service: service.clone(),
                name: secret.secret_name.clone(),
                target: secret.file.name.clone(),
            })
            .collect()
    };
    specs.services.iter().flat_map(of).collect()
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
