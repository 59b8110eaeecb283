//! From a tree to what is deployed: one release, for one stack, with its secrets and labels.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use chrono::{DateTime, Utc};
use compose::Problem;
use compose::convert::{
    ApiVersion, ConvertInput, EndpointPolicy, EngineFacts as Api, adapt, convert, own, rename_volumes,
};
use compose::recipe::{self, BackupPlan, Chaos, OurLabels, SecretValue, backup_plan, labels as coop};
use compose::specs::{SecretBytes, SecretSpec, StackSpecs, VolumeSpec};
use domain::event::Deviation;
use domain::route::Table;
use domain::{Cause, Domain, Generation, StackName};
use harness::engine::EngineFacts;
use harness::source::chaos_version;

use super::labels;
use super::shared::KeepStack;
use super::tree::Tree;
use crate::instance::{Endpoint, Instance, Overlay};
use crate::mask::Masker;

/// A release, ready to deploy.
#[derive(Debug)]
pub(crate) struct Built {
    /// The tag or reference, for people.
    pub(crate) release: String,
    pub(crate) specs: StackSpecs,
    /// Service and image reference.
    pub(crate) images: Vec<(String, String)>,
    pub(crate) deviations: Vec<Deviation>,
    /// Labels that have to be on the running stack, and their values (CC-027).
    pub(crate) version_labels: BTreeMap<String, String>,
    /// What the services' Traefik labels ask for.
    pub(crate) routes: Table,
    /// What the backup labels ask for.
    pub(crate) backup: BackupPlan,
    /// Named volumes of its own, by their names without a generation.
    pub(crate) volumes: BTreeMap<String, VolumeSpec>,
    /// Values of the secrets, by their names in the recipe.
    secrets: BTreeMap<String, SecretValue>,
}

impl Built {
    /// Returns the values of the stack's secrets, by their names in the recipe. They are in the mask already.
    pub(crate) fn secrets(&self) -> BTreeMap<String, String> {
        self.secrets.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect()
    }
}

/// Whose the objects are.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    pub(crate) instance: String,
    pub(crate) run: String,
    pub(crate) recipe: String,
    pub(crate) role: String,
    pub(crate) deadline: DateTime<Utc>,
    pub(crate) keep: KeepStack,
    pub(crate) of: Owner,
}

/// What the objects belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A run, with which they end.
    Run,
    /// A recipe's canonical, which outlives every run. The stack stands on this generation's volumes.
    Canonical(Generation),
}

impl Ownership {
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let Self { instance, run, recipe, role, deadline, keep, of } = self;
        let mut all = BTreeMap::from([
            (labels::INSTANCE.to_owned(), instance.clone()),
            (labels::RECIPE.to_owned(), recipe.clone()),
            (labels::ROLE.to_owned(), role.clone()),
        ]);
        match of {
            Owner::Run => {
                all.insert(labels::RUN.to_owned(), run.clone());
                all.insert(labels::DEADLINE.to_owned(), deadline.timestamp().to_string());
            }
            Owner::Canonical(_) => {
                all.insert(labels::CANONICAL.to_owned(), recipe.clone());
                all.insert(labels::PROMOTION.to_owned(), run.clone());
            }
        }
        if *keep == KeepStack::Kept {
            all.insert(labels::KEEP.to_owned(), "true".into());
        }
        all
    }
}

/// The secrets of one stack: made once, and the same for every release that it sees.
#[derive(Debug)]
pub(crate) struct SecretStore {
    values: BTreeMap<String, SecretValue>,
    masker: Masker,
}

impl SecretStore {
    pub(crate) fn new(masker: Masker) -> Self {
        Self { values: BTreeMap::new(), masker }
    }

    /// Takes the values that a canonical was born with, by the secrets' names in the swarm (CC-116).
    pub(crate) fn kept(masker: Masker, values: BTreeMap<String, String>) -> Self {
        for value in values.values() {
            masker.add(value);
        }
        let values = values.into_iter().map(|(name, value)| (name, SecretValue::new(value))).collect();
        Self { values, masker }
    }

    /// Returns all values, by the secrets' names in the swarm: to be kept, and never to be shown.
    pub(crate) fn values(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned())).collect()
    }

    fn get(
        &mut self,
        need: &recipe::SecretNeed,
        given: &BTreeMap<String, SecretValue>,
    ) -> Result<SecretValue, Cause> {
        if let Some(value) = self.values.get(&need.name) {
            return Ok(value.clone());
        }
        let value = match given.get(&need.key) {
            Some(value) => value.clone(),
            None => {
                let mut broken = None;
                let made = recipe::generate(&need.modifiers, &mut |bytes| {
                    if let Err(error) = fill_random(bytes) {
                        broken = Some(error.to_string());
                    }
                });
                match (made, broken) {
                    (Ok(value), None) => value,
                    (_, Some(says)) => return Err(Cause::Node { says: format!("no random bytes: {says}") }),
                    (Err(error), None) => return Err(Cause::Ours { says: error.to_string() }),
                }
            }
        };
        self.masker.add(value.reveal());
        self.values.insert(need.name.clone(), value.clone());
        Ok(value)
    }
}

/// Fills a slice from the kernel's source of randomness.
pub(crate) fn fill_random(bytes: &mut [u8]) -> std::io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
}

/// Everything beside the tree that a stack is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) overlay: &'a Overlay,
    pub(crate) facts: &'a EngineFacts,
    pub(crate) domain: &'a Domain,
    pub(crate) stack: &'a StackName,
    pub(crate) ownership: &'a Ownership,
}

/// Builds a release for a stack.
pub(crate) fn build(tree: &Tree, ground: Ground<'_>, secrets: &mut SecretStore) -> Result<Built, Cause> {
    let Ground { instance, overlay, facts, domain, stack, ownership } = ground;
    let read = tree.read(overlay, domain, stack).map_err(|problems| bad_recipe(&problems))?;
    let model = &read.loaded.model;
    let names = recipe::check_names(&read.loaded, stack);
    if !names.is_empty() {
        return Err(bad_recipe(&names));
    }
    let api = ApiVersion::parse(&facts.api).map_or_else(Api::default, |api| Api { api });
    let mut specs = convert(&ConvertInput {
        model,
        stack,
        engine: api,
        read_file: &|path| tree.read_own_bytes(path),
        locate: &|key| read.loaded.locate(key),
    })
    .map_err(|problems| bad_recipe(problems.list()))?;

    let raw = read.raw.as_ref().unwrap_or(&read.loaded);
    let needs = recipe::needed(&read.loaded, raw, &read.environment, &tree.sample, stack);
    let given: BTreeMap<_, _> =
        overlay.secrets.iter().map(|(k, v)| (k.clone(), SecretValue::new(v.clone()))).collect();
    if let Some(first) = recipe::missing(&needs, &given).into_iter().next() {
        let secret = first.key.trim_start_matches("secrets.").to_owned();
        return Err(Cause::SecretMissing { secret, says: told(&first) });
    }
    let mut values = BTreeMap::new();
    for need in &needs {
        let value = secrets.get(need, &given)?;
        values.insert(need.key.clone(), value.clone());
        specs.external.secrets.remove(&need.name);
        specs.secrets.push(SecretSpec {
            name: need.name.clone(),
            labels: BTreeMap::from([(harness::engine::STACK_LABEL.to_owned(), stack.to_string())]),
            data: SecretBytes::new(value.reveal().as_bytes().to_vec()),
            driver: None,
            templating: None,
        });
    }

    let (version, chaos) = match &tree.release {
        Some(release) => (release.tag.clone(), Chaos::Release),
        None => (String::new(), Chaos::Commit(chaos_version(&tree.commit).to_owned())),
    };
    let timeout = coop::timeout_seconds(model, stack, &read.environment);
    let ours = OurLabels { recipe: ownership.recipe.clone(), version: version.clone(), chaos, timeout };
    ours.put_on(&mut specs);
    let mut version_labels = BTreeMap::new();
    if version.is_empty() {
        version_labels
            .insert(format!("coop-cloud.{stack}.chaos-version"), chaos_version(&tree.commit).to_owned());
    } else {
        version_labels.insert(format!("coop-cloud.{stack}.version"), version);
    }

    let policy = match (instance.settings.endpoint, facts.ipvs) {
        (Endpoint::Auto, Some(false)) | (Endpoint::Dnsrr, _) => EndpointPolicy::WithoutIpvs,
        (Endpoint::Auto, Some(true) | None) | (Endpoint::Vip, _) => EndpointPolicy::AsWritten,
    };
    let ceiling = compose::convert::Ceiling {
        memory_bytes: signed(instance.settings.memory),
        nano_cpus: signed(instance.settings.nano_cpus),
        pids: 0,
    };
    let mut deviations = adapt(&mut specs, policy);
    deviations.extend(compose::convert::limit(&mut specs, ceiling));
    own(&mut specs, &ownership.labels());
    let volumes = specs.volumes.clone();
    if let Owner::Canonical(generation) = ownership.of {
        rename_volumes(&mut specs, &|name| generation.volume(name));
    }

    let routes = Table::read(specs.services.iter().map(|(name, spec)| (name.as_str(), &spec.labels)));
    let images = specs
        .services
        .iter()
        .map(|(name, spec)| (name.clone(), spec.task_template.container_spec.image.clone()))
        .collect();
    Ok(Built {
        release: tree.label.clone(),
        images,
        deviations: deviations.iter().map(|d| deviation(d, stack)).collect(),
        version_labels,
        routes,
        backup: backup_plan(&specs, stack),
        volumes,
        secrets: values,
        specs,
    })
}

fn signed(limit: Option<u64>) -> i64 {
    limit.map_or(0, |l| i64::try_from(l).unwrap_or(i64::MAX))
}

fn deviation(found: &compose::convert::Deviation, stack: &StackName) -> Deviation {
    let service = found.service.strip_prefix(&format!("{stack}_")).unwrap_or(&found.service);
    let was = if found.was.is_empty() { "unset" } else { &found.was };
    Deviation {
        at: format!("services.{service}.{}", found.key),
        says: format!("{was} became {}, because {}", found.now, found.why),
    }
}

/// A problem on one line.
pub(crate) fn told(problem: &Problem) -> String {
    let Problem { file, line, column: _, key, says, remedy } = problem;
    let place = if *line == 0 { file.clone() } else { format!("{file}:{line}") };
    let key = if key.is_empty() { String::new() } else { format!(" `{key}`") };
    let remedy = if remedy.is_empty() { String::new() } else { format!(" ({remedy})") };
    format!("{place}:{key} {says}{remedy}")
}

fn bad_recipe(problems: &[Problem]) -> Cause {
    let says = match problems {
        [] => "it cannot be read".to_owned(),
        [one] => told(one),
        [first, rest @ ..] => format!("{}; and {} more, see lint", told(first), rest.len()),
    };
    Cause::BadRecipe { says }
}
