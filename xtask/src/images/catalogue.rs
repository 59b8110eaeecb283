//! `samples/images/images.toml`: every image with its folder, what it stands on, and a key over all its inputs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Raised when the way of building changes in a manner that the inputs do not show.
const BUILD_VERSION: &str = "1";
/// A name that no engine asks a stranger for: nothing listens on this loopback port, so a pull is refused at once.
const SAMPLES: &str = "127.0.0.1:5055/simmer/";
/// Never named in a recipe, only in Dockerfiles.
const BASES: &str = "simmer-base/";

/// When an image is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    /// By every `up`: what the live tests need beside the samples.
    Live,
    /// By every `up`: the samples of demo and live tests.
    Fast,
    /// Behind the fast ones, and by the tests, which need them: `up` alone is not to wait for them.
    Tested,
    /// Behind the fast ones.
    Heavy,
    /// Only when it is asked for, or when another image stands on it.
    OnDemand,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Name and tag in the engine.
    pub(crate) name: String,
    /// The folder with its Dockerfile, under `samples/images`.
    pub(crate) folder: String,
    /// Build arguments that name other images of the catalogue.
    pub(crate) on: BTreeMap<String, String>,
    /// The other build arguments; `prepare.sh` finds them in its environment.
    pub(crate) args: BTreeMap<String, String>,
    pub(crate) group: Group,
    /// A hash of everything that the image is made of, so that an unchanged one is never built again.
    pub(crate) key: String,
}

/// All images, each after those that it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Catalogue {
    images: Vec<Image>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalogue {
    #[serde(default)]
    base: Vec<RawImage>,
    #[serde(default)]
    image: Vec<RawImage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImage {
    tag: String,
    folder: Option<String>,
    #[serde(default)]
    on: BTreeMap<String, String>,
    #[serde(default)]
    args: BTreeMap<String, String>,
    group: Option<Group>,
}

impl Catalogue {
    /// Reads `images.toml` in `folder` and hashes the folders that it names.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("images.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("could not read `{}`", path.display()))?;
        Self::check(&text, |name| hash_folder(&folder.join(name)))
            .with_context(|| format!("`{}`", path.display()))
    }

    fn check(text: &str, hash: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let RawCatalogue { base, image } = toml::from_str(text).context("is not what was expected")?;
        let mut images: Vec<Image> = Vec::new();
        let base = base.into_iter().map(|raw| (BASES, Group::OnDemand, raw));
        let image = image.into_iter().map(|raw| (SAMPLES, Group::Fast, raw));
        for (prefix, default, RawImage { tag, folder, on, args, group }) in base.chain(image) {
            let Some((word, _)) = tag.split_once(':') else {
                bail!("image `{tag}` has no version: write `{tag}:1.0`")
            };
            let name = format!("{prefix}{tag}");
            if images.iter().any(|other| other.name == name) {
                bail!("image `{tag}` is there twice");
            }
            let folder = folder.unwrap_or_else(|| word.to_owned());
            let mut key = Sha256::new();
            key.update(format!("{BUILD_VERSION}\n{}\n", hash(&folder)?));
            let mut stands = BTreeMap::new();
            for (arg, base) in on {
                let Some(below) = images
                    .iter()
                    .find(|other| [BASES, SAMPLES].iter().any(|at| other.name == format!("{at}{base}")))
                else {
                    bail!("image `{tag}` stands on `{base}`, which is not above it");
                };
                key.update(format!("on {arg} {}\n", below.key));
                stands.insert(arg, below.name.clone());
            }
            for (arg, value) in &args {
                key.update(format!("arg {arg} {value}\n"));
            }
            let key = hex::encode(&key.finalize()[..10]);
            images.push(Image { name, folder, on: stands, args, group: group.unwrap_or(default), key });
        }
        Ok(Self { images })
    }

    /// The images that `wanted` picks and all that they stand on, in building order.
    pub(crate) fn pick(&self, wanted: impl Fn(&Image) -> bool) -> Vec<&Image> {
        let mut needed: Vec<&str> = Vec::new();
        // From the end: what stands on others comes after them.
        for image in self.images.iter().rev() {
            if wanted(image) || needed.contains(&image.name.as_str()) {
                needed.push(&image.name);
                needed.extend(image.on.values().map(String::as_str));
            }
        }
        self.images.iter().filter(|image| needed.contains(&image.name.as_str())).collect()
    }
}

/// Hashes names, contents and the executable bit of every file under `folder`.
fn hash_folder(folder: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, "", &mut files).with_context(|| format!("could not read `{}`", folder.display()))?;
    if !files.iter().any(|(name, _)| name == "Dockerfile") {
        bail!("`{}` has no Dockerfile", folder.display());
    }
    files.sort();
    let mut hash = Sha256::new();
    for (name, executable) in files {
        let bytes = fs::read(folder.join(&name)).with_context(|| format!("could not read `{name}`"))?;
        hash.update(format!("{name}\n{executable}\n{}\n", bytes.len()));
        hash.update(bytes);
    }
    Ok(hex::encode(hash.finalize()))
}

fn collect(folder: &Path, prefix: &str, into: &mut Vec<(String, bool)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), into)?;
        } else {
            into.push((name, entry.metadata()?.permissions().mode() & 0o111 != 0));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        [[base]]
        tag = "busybox:1"
        [[base]]
        tag = "debian:12"
        [[image]]
        tag = "testbox:1.0"
        on = { BASE = "busybox:1" }
        args = { VERSION = "1.0" }
        [[image]]
        tag = "synapse:1.140.0"
        folder = "pyapp"
        on = { BASE = "debian:12" }
        group = "heavy"
    "#;

    fn read(text: &str) -> Result<Catalogue> {
        Catalogue::check(text, |folder| Ok(format!("hash of {folder}")))
    }

    fn names(images: &[&Image]) -> Vec<String> {
        images.iter().map(|image| image.name.clone()).collect()
    }

    #[test]
    fn picking_an_image_picks_what_it_stands_on_and_nothing_else() {
        let catalogue = read(TWO).unwrap();
        let fast = catalogue.pick(|image| image.group == Group::Fast);
        assert_eq!(names(&fast), ["simmer-base/busybox:1", "127.0.0.1:5055/simmer/testbox:1.0"]);
    }

    #[test]
    fn an_image_may_stand_on_another_sample() {
        let text = format!("{TWO}\n[[image]]\ntag = \"testbox:1.1\"\non = {{ BASE = \"testbox:1.0\" }}");
        let last = read(&text).unwrap().images.pop().unwrap();
        assert_eq!(last.on["BASE"], "127.0.0.1:5055/simmer/testbox:1.0");
    }

    #[test]
    fn a_changed_base_changes_the_key_of_what_stands_on_it() {
        let key = |text: &str| read(text).unwrap().images.last().unwrap().key.clone();
        let changed =
            TWO.replace("tag = \"debian:12\"\n", "tag = \"debian:12\"\n[base.args]\nSUITE = \"sid\"\n");
        assert_ne!(key(TWO), key(&changed));
        assert_eq!(key(TWO), key(&format!("{TWO}\n# a remark")));
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |text: &str| format!("{:#}", read(text).unwrap_err());
        assert_eq!(wrong("[[image]]\ntag = \"a\""), "image `a` has no version: write `a:1.0`");
        assert_eq!(
            wrong("[[image]]\ntag = \"a:1\"\non = { BASE = \"b:1\" }"),
            "image `a:1` stands on `b:1`, which is not above it"
        );
        assert_eq!(wrong(&TWO.repeat(2)), "image `busybox:1` is there twice");
        assert!(wrong("[[image]]\ntag = \"a:1\"\ngroop = \"fast\"").contains("expected one of"));
    }
}
