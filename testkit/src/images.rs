//! Images: on the node, or only in the registry, or nowhere.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::route::{Answer, Refusal, Told};
use crate::state::{State, mix};

/// The id of an image is a function of its name, so that a test can foretell it.
pub(crate) fn id_of(name: &str) -> String {
    digest("id", name)
}

/// The digest by which a registry knows it.
pub(crate) fn digest_of(name: &str) -> String {
    digest("manifest", name)
}

fn digest(kind: &str, name: &str) -> String {
    let seed = kind.bytes().chain(name.bytes()).fold(7, |hash: u64, byte| mix(hash ^ u64::from(byte)));
    let words: String = (0..4).map(|nth| format!("{:016x}", mix(seed ^ nth))).collect();
    format!("sha256:{words}")
}

/// `a/b:1` without its tag; a colon before the last slash is a port's.
fn repository(name: &str) -> &str {
    match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        Some(_) | None => name,
    }
}

impl State {
    /// Whether a task that names this image finds it on the node, or can have it from the registry.
    pub(crate) fn image_for_task(&mut self, reference: &str) -> Option<String> {
        let name = self.app(reference).map(|(name, _)| name.clone())?;
        self.images.insert(name.clone());
        Some(name)
    }

    pub(crate) fn inspect_image(&mut self, reference: &str) -> Told {
        let name = self.app(reference).map(|(name, _)| name.clone());
        match name.filter(|name| self.images.contains(name)) {
            Some(name) => Ok(Answer::Json(200, shown(&name, self.is_old()))),
            None => Err(Refusal::new(404, self.no_image(reference))),
        }
    }

    /// Older engines say it twice.
    fn no_image(&self, reference: &str) -> String {
        let tag = if repository(reference) == reference && !reference.contains('@') { ":latest" } else { "" };
        let says = format!("No such image: {reference}{tag}");
        if self.is_old() { format!("no such image: {reference}: {says}") } else { says }
    }

    pub(crate) fn list_images(&mut self) -> Told {
        let list = self.images.iter().map(|name| {
            let image = shown(name, self.is_old());
            json!({
                "Containers": -1, "Created": 1_700_000_000, "Id": image["Id"], "Labels": null, "ParentId": "",
                "RepoDigests": image["RepoDigests"], "RepoTags": image["RepoTags"], "SharedSize": -1,
                "Size": image["Size"], "VirtualSize": image["Size"],
            })
        });
        Ok(Answer::Json(200, list.collect()))
    }

    pub(crate) fn pull(&mut self, query: &BTreeMap<String, String>) -> Told {
        let from = query.get("fromImage").cloned().unwrap_or_default();
        let name = match query.get("tag").filter(|tag| !tag.is_empty()) {
            Some(tag) if tag.starts_with("sha256:") => format!("{from}@{tag}"),
            Some(tag) => format!("{from}:{tag}"),
            None => from,
        };
        let Some(found) = self.app(&name).map(|(name, _)| name.clone()) else {
            let says = format!("manifest for {name} not found: manifest unknown: manifest unknown");
            return Err(Refusal::new(404, says));
        };
        self.images.insert(found.clone());
        self.event("image", "pull", &found, json!({"name": repository(&found)}));
        Ok(Answer::Lines(vec![
            json!({"status": format!("Pulling from {}", repository(&found)), "id": "latest"}),
            json!({"status": format!("Digest: {}", digest_of(&found))}),
            json!({"status": format!("Status: Downloaded newer image for {found}")}),
        ]))
    }

    pub(crate) fn distribution(&mut self, reference: &str) -> Told {
        let missing = || Refusal::new(404, format!("manifest unknown: {reference}"));
        let name = self.app(reference).map(|(name, _)| name.clone()).ok_or_else(missing)?;
        Ok(Answer::Json(
            200,
            json!({
                "Descriptor": {
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "digest": digest_of(&name), "size": 1000,
                },
                "Platforms": [{"architecture": "amd64", "os": "linux"}],
            }),
        ))
    }
}

fn shown(name: &str, is_old: bool) -> Value {
    let size = 1_000_000;
    let mut image = json!({
        "Id": id_of(name), "RepoTags": [name],
        "RepoDigests": [format!("{}@{}", repository(name), digest_of(name))],
        "Parent": "", "Comment": "", "Created": "2026-01-01T00:00:00Z", "Author": "",
        "Config": {"Env": ["PATH=/bin"], "Cmd": null, "Labels": {}},
        "Architecture": "amd64", "Os": "linux", "Size": size,
        "GraphDriver": {"Name": "overlay2"}, "RootFS": {"Type": "layers"}, "Metadata": {"LastTagTime": "2026-01-01T00:00:00Z"},
    });
    if is_old {
        image["VirtualSize"] = json!(size);
    }
    image
}
