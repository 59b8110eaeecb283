//! Top-level networks, volumes, secrets and configs to what would be made, and to what has to be there.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApiVersion, ConvertInput, Found, full_name, is_user_defined, stack_labels};
use crate::model;
use crate::specs::{
    ConfigSpec, Driver, External, Ipam, IpamPool, NetworkSpec, SecretBytes, SecretSpec, VolumeSpec,
};

/// The network of a service that names none.
pub(super) const DEFAULT_NETWORK: &str = "default";
/// What a network is made with if the file does not say.
const DEFAULT_DRIVER: &str = "overlay";
/// From here on the engine refuses a second network of a name without being asked.
const ALWAYS_CHECKS_DUPLICATES: ApiVersion = ApiVersion { major: 1, minor: 44 };

/// Returns the networks to make: those that a service uses and that are not external.
pub(super) fn networks(input: &ConvertInput<'_>) -> Vec<NetworkSpec> {
    let none = model::Network::default();
    let mut networks: Vec<_> = used_networks(input.model)
        .into_iter()
        .map(|key| (key, input.model.networks.get(key).unwrap_or(&none)))
        .filter(|(_, network)| !network.external)
        .map(|(key, network)| spec(input, key, network))
        .collect();
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    networks
}

fn spec(input: &ConvertInput<'_>, key: &str, network: &model::Network) -> NetworkSpec {
    let model::Ipam { driver, config } = &network.ipam;
    let ipam = (!driver.is_empty() || !config.is_empty()).then(|| Ipam {
        driver: driver.clone(),
        options: None,
        config: (!config.is_empty())
            .then(|| config.iter().map(|pool| IpamPool { subnet: pool.subnet.clone() }).collect()),
    });
    NetworkSpec {
        name: full_name(input.stack, &network.name, key),
        driver: if network.driver.is_empty() { DEFAULT_DRIVER.into() } else { network.driver.clone() },
        ipam,
        internal: network.internal,
        attachable: network.attachable,
        options: written_options(input, &format!("networks.{key}"), &network.driver_opts),
        labels: stack_labels(input.stack, &network.labels),
        check_duplicate: input.engine.api < ALWAYS_CHECKS_DUPLICATES,
        ..NetworkSpec::default()
    }
}

/// Returns the options of a driver: `None` if the key is not there, which is not the same as `{}` to Docker,
/// though the model, like `docker stack config`, cannot tell them apart.
pub(super) fn written_options(
    input: &ConvertInput<'_>,
    at: &str,
    options: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let place = |key: &str| (input.locate)(key).map(|place| place.file);
    // A later file replaces the whole block, so the key counts in the last file that has the block only.
    let written = place(&format!("{at}.driver_opts"));
    let is_written = !options.is_empty() || (written.is_some() && written == place(at));
    is_written.then(|| options.clone())
}

fn used_networks(model: &model::Model) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    for service in model.services.values() {
        if service.networks.is_empty() {
            used.insert(DEFAULT_NETWORK);
        }
        used.extend(service.networks.keys().map(String::as_str));
    }
    used
}

/// Returns the stack's own volumes, used or not: one that a service does not mount is never made.
pub(super) fn volumes(input: &ConvertInput<'_>) -> BTreeMap<String, VolumeSpec> {
    let own = input.model.volumes.iter().filter(|(_, volume)| !volume.external);
    own.map(|(key, volume)| {
        let spec = VolumeSpec {
            key: key.clone(),
            driver: volume.driver.clone(),
            driver_opts: volume.driver_opts.clone(),
            labels: stack_labels(input.stack, &volume.labels),
        };
        (full_name(input.stack, &volume.name, key), spec)
    })
    .collect()
}

/// Returns the secrets to make, used or not, as Docker does.
pub(super) fn secrets(input: &ConvertInput<'_>, found: &mut Found<'_>) -> Vec<SecretSpec> {
    let mut secrets = Vec::new();
    for (key, secret) in input.model.secrets.iter().filter(|(_, secret)| !secret.external) {
        let data = match secret.driver.is_empty() {
            true => content(input, "secrets", key, secret, found),
            false => Vec::new(),
        };
        secrets.push(SecretSpec {
            name: full_name(input.stack, &secret.name, key),
            labels: stack_labels(input.stack, &secret.labels),
            data: SecretBytes::new(data),
            driver: (!secret.driver.is_empty())
                .then(|| Driver { name: secret.driver.clone(), options: secret.driver_opts.clone() }),
            templating: templating(secret),
        });
    }
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    secrets
}

/// Returns the configs to make, used or not, as Docker does.
pub(super) fn configs(input: &ConvertInput<'_>, found: &mut Found<'_>) -> Vec<ConfigSpec> {
    let mut configs = Vec::new();
    for (key, config) in input.model.configs.iter().filter(|(_, config)| !config.external) {
        configs.push(ConfigSpec {
            name: full_name(input.stack, &config.name, key),
            labels: stack_labels(input.stack, &config.labels),
            data: content(input, "configs", key, config, found),
            templating: templating(config),
        });
    }
    configs.sort_by(|a, b| a.name.cmp(&b.name));
    configs
}

fn templating(object: &model::FileObject) -> Option<Driver> {
    let name = &object.template_driver;
    (!name.is_empty()).then(|| Driver { name: name.clone(), options: BTreeMap::new() })
}

fn content(
    input: &ConvertInput<'_>,
    kind: &str,
    key: &str,
    object: &model::FileObject,
    found: &mut Found<'_>,
) -> Vec<u8> {
    match (input.read_file)(&object.file) {
        Ok(content) => content,
        Err(why) => {
            found.add(
                format!("{kind}.{key}.file"),
                format!("could not read `{}`: {why}", object.file),
                "paths are relative to the folder of the first compose file",
            );
            Vec::new()
        }
    }
}

/// Returns what has to be there: external things that a service uses.
pub(super) fn external(input: &ConvertInput<'_>) -> External {
    let model = input.model;
    let networks = used_networks(model)
        .into_iter()
        .filter_map(|key| model.networks.get(key))
        .filter(|network| network.external && is_user_defined(&network.name))
        .map(|network| network.name.clone())
        .collect();
    let mut external = External { networks, ..External::default() };
    for service in model.services.values() {
        let named = |objects: &BTreeMap<String, model::FileObject>, key: &str| {
            let object = objects.get(key).filter(|object| object.external)?;
            Some(full_name(input.stack, &object.name, key))
        };
        external.secrets.extend(service.secrets.iter().filter_map(|s| named(&model.secrets, &s.source)));
        let configs = service.configs.iter().map(|config| &config.source);
        let configs = configs.chain([&service.credential_spec.config]);
        external.configs.extend(configs.filter_map(|source| named(&model.configs, source)));
        for mount in &service.volumes {
            if let Some(volume) = model.volumes.get(&mount.source).filter(|volume| volume.external) {
                external.volumes.insert(full_name(input.stack, &volume.name, &mount.source));
            }
        }
    }
    external
}
