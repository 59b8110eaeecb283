//! A service's uses of secrets and configs to references.

use super::{ConvertInput, Found, full_name};
use crate::model;
use crate::specs::{ConfigReference, CredentialSpec, FileTarget, RuntimeTarget, SecretReference};

/// Everybody may read, nobody may write.
const DEFAULT_MODE: u32 = 0o444;
const ROOT: &str = "0";

/// A reference whose source is defined: the full name, and where it goes.
struct Resolved {
    name: String,
    file: FileTarget,
}

/// Converts the secrets of one service, ordered by name (Docker: so that an order in the file changes
/// nothing); where one secret goes to two files, by file.
pub(super) fn secrets(
    input: &ConvertInput<'_>,
    at: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> Vec<SecretReference> {
    references(input, at, "secret", &service.secrets, &input.model.secrets, found)
        .into_iter()
        .map(|used| SecretReference { file: used.file, secret_id: String::new(), secret_name: used.name })
        .collect()
}

/// Converts the configs of one service, ordered likewise; one that the engine itself needs comes after the
/// file of the same name.
pub(super) fn configs(
    input: &ConvertInput<'_>,
    at: &str,
    service: &model::Service,
    found: &mut Found<'_>,
) -> Vec<ConfigReference> {
    let mut configs: Vec<_> = references(input, at, "config", &service.configs, &input.model.configs, found)
        .into_iter()
        .map(|used| ConfigReference {
            file: Some(used.file),
            config_name: used.name,
            ..ConfigReference::default()
        })
        .collect();
    let for_credentials = &service.credential_spec.config;
    if !for_credentials.is_empty() {
        match input.model.configs.get(for_credentials) {
            Some(config) => configs.push(ConfigReference {
                runtime: Some(RuntimeTarget {}),
                config_name: full_name(input.stack, &config.name, for_credentials),
                ..ConfigReference::default()
            }),
            None => undefined(&format!("{at}.credential_spec.config"), "config", for_credentials, found),
        }
    }
    configs.sort_by(|a, b| a.config_name.cmp(&b.config_name));
    configs
}

/// Converts the credential spec of a Windows container; a config is named as the swarm names it.
pub(super) fn credential_spec(
    input: &ConvertInput<'_>,
    at: &str,
    written: &model::CredentialSpec,
    found: &mut Found<'_>,
) -> Option<CredentialSpec> {
    let model::CredentialSpec { config, file, registry } = written;
    let given: Vec<_> = [("config", config), ("file", file), ("registry", registry)]
        .into_iter()
        .filter_map(|(key, value)| (!value.is_empty()).then_some(key))
        .collect();
    if given.len() > 1 {
        found.add(
            format!("{at}.credential_spec"),
            format!("a credential spec comes from one source, not from {}", given.join(" and ")),
            "keep one of them",
        );
    }
    if given.is_empty() {
        return None;
    }
    let config_name = match input.model.configs.get(config) {
        Some(defined) => full_name(input.stack, &defined.name, config),
        None => String::new(),
    };
    // Docker looks the config up by the key first and by the stack's own name for it second. A config whose
    // `name:` is neither is not found.
    if !config_name.is_empty() && config_name != *config && config_name != format!("{}_{config}", input.stack)
    {
        found.add(
            format!("{at}.credential_spec.config"),
            format!("Docker does not find config `{config}` under its own name `{config_name}`"),
            "remove `name:` from the config, or give the key that name",
        );
    }
    Some(CredentialSpec {
        config: String::new(),
        file: file.clone(),
        registry: registry.clone(),
        config_name,
    })
}

fn references(
    input: &ConvertInput<'_>,
    at: &str,
    kind: &str,
    used: &[model::FileReference],
    defined: &std::collections::BTreeMap<String, model::FileObject>,
    found: &mut Found<'_>,
) -> Vec<Resolved> {
    let mut resolved: Vec<Resolved> = Vec::new();
    for (nth, reference) in used.iter().enumerate() {
        let model::FileReference { source, target, uid, gid, mode } = reference;
        let key = format!("{at}.{kind}s[{nth}]");
        let Some(object) = defined.get(source) else {
            undefined(&key, kind, source, found);
            continue;
        };
        let or = |value: &str, otherwise: &str| if value.is_empty() { otherwise } else { value }.to_owned();
        let file = FileTarget {
            name: or(target, source),
            uid: or(uid, ROOT),
            gid: or(gid, ROOT),
            mode: mode.unwrap_or(DEFAULT_MODE),
        };
        if resolved.iter().any(|other| other.file.name == file.name) {
            found.add(
                key,
                format!("two {kind}s go to the same file `{}`", file.name),
                "give one of them another `target`",
            );
        }
        resolved.push(Resolved { name: full_name(input.stack, &object.name, source), file });
    }
    resolved.sort_by(|a, b| (&a.name, &a.file.name).cmp(&(&b.name, &b.file.name)));
    resolved
}

fn undefined(key: &str, kind: &str, source: &str, found: &mut Found<'_>) {
    found.add(
        key.to_owned(),
        format!("{kind} `{source}` is not defined"),
        format!("add `{source}:` under the top-level `{kind}s:`"),
    );
}
