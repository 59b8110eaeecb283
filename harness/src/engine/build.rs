//! Images that are built here, before the clock of a tier starts.
//!
//! By the engine's own build API with the context as a tar archive: no CLI is needed on this machine, and an engine
//! elsewhere builds as well. The archive is the same byte for byte for the same files, so that its hash tells
//! whether anything changed; it is kept on the image as a label, and a second run builds nothing.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::query_parameters::BuildImageOptions;
use bytes::Bytes;
use domain::Fault;
use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{Engine, EngineError, labels, text};

/// The label on a built image that tells from what it was built.
const CONTENT_LABEL: &str = "simmer.content";
/// Largest context: what an overlay brings is a few scripts. More is a folder that was named by mistake.
const CONTEXT_BYTES: u64 = 256 << 20;
/// Most output that is kept of a build; the end says what went wrong.
const OUTPUT_BYTES: usize = 1 << 20;

/// What is to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOrder {
    /// With a tag.
    pub name: String,
    /// Folder whose files the build sees.
    pub context: PathBuf,
    /// From the context.
    pub dockerfile: String,
    pub args: BTreeMap<String, String>,
    /// Whose it is. Not part of the content: the owner of an image that is there already stays.
    pub labels: BTreeMap<String, String>,
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBuilt {
    /// `sha256:…`
    pub id: String,
    /// Whether it was built now, or was there with the same content.
    pub built: bool,
    /// What the build said; empty where none was needed.
    pub output: String,
}

/// An image that could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The files of the context could not be read.
    #[error("the context `{}` of image `{image}` could not be read", path.display())]
    Context { image: String, path: PathBuf, source: io::Error },
    #[error("the context `{}` of image `{image}` holds more than {} MiB", path.display(), CONTEXT_BYTES >> 20)]
    TooLarge { image: String, path: PathBuf },
    /// A step of the build ended badly.
    #[error("image `{image}` could not be built: {says}")]
    Failed { image: String, says: String, output: String },
    /// The image that it stands on could not be fetched; whether it exists is not known.
    #[error("what image `{image}` is built from could not be fetched: {says}")]
    Unfetched { image: String, says: String, output: String },
    #[error("building image `{image}` took longer than {} s", limit.as_secs())]
    Deadline { image: String, limit: Duration, output: String },
    #[error("images cannot be built")]
    Engine {
        #[from]
        source: EngineError,
    },
}

impl BuildError {
    /// Returns who has to act. A full match, so that a new variant has to choose.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Context { .. } | Self::TooLarge { .. } | Self::Failed { .. } | Self::Deadline { .. } => {
                Fault::Overlay
            }
            Self::Unfetched { .. } => Fault::Platform,
            Self::Engine { source } => source.fault(),
        }
    }

    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Context { .. } => Some("mend the folder or its permissions"),
            Self::TooLarge { .. } => Some("give the image a folder of its own with what the build needs"),
            Self::Failed { .. } => Some("`docker build` in the context shows the same"),
            Self::Unfetched { .. } => {
                Some("is the registry reachable from this node? `docker pull` shows more")
            }
            Self::Deadline { .. } => Some("does a step wait for something? `docker build` shows where"),
            Self::Engine { source } => source.hint(),
        }
    }

    /// Returns what the build said before it ended.
    pub fn output(&self) -> &str {
        match self {
            Self::Failed { output, .. } | Self::Unfetched { output, .. } | Self::Deadline { output, .. } => {
                output
            }
            Self::Context { .. } | Self::TooLarge { .. } | Self::Engine { .. } => "",
        }
    }
}

impl Engine {
    /// Makes sure that an image is there and was built from these files and arguments. Ends within `limit`; dropping
    /// the future ends the build.
    pub async fn build_image(&self, order: &BuildOrder, limit: Duration) -> Result<ImageBuilt, BuildError> {
        let packed = {
            let (order, name, context) = (order.clone(), order.name.clone(), order.context.clone());
            let pack = tokio::task::spawn_blocking(move || pack(&order));
            pack.await.unwrap_or_else(|gone| {
                Err(BuildError::Context { image: name, path: context, source: io::Error::other(gone) })
            })?
        };
        let content = hash(order, &packed);
        if let Some((id, known)) = self.content_of(&order.name).await?
            && known.as_deref() == Some(content.as_str())
        {
            return Ok(ImageBuilt { id, built: false, output: String::new() });
        }
        tracing::info!(image = %order.name, "building");
        let mut output = Output::default();
        match timeout(limit, self.build(order, packed, &content, &mut output)).await {
            Ok(done) => done?,
            Err(_elapsed) => {
                let image = order.name.clone();
                return Err(BuildError::Deadline { image, limit, output: output.text });
            }
        }
        match self.content_of(&order.name).await? {
            Some((id, _)) => Ok(ImageBuilt { id, built: true, output: output.text }),
            None => Err(BuildError::Failed {
                image: order.name.clone(),
                says: "the engine reports success and does not have it".into(),
                output: output.text,
            }),
        }
    }

    async fn build(
        &self,
        order: &BuildOrder,
        packed: Vec<u8>,
        content: &str,
        output: &mut Output,
    ) -> Result<(), BuildError> {
        let mut labels: HashMap<String, String> = order.labels.clone().into_iter().collect();
        labels.insert(CONTENT_LABEL.to_owned(), content.to_owned());
        let options = BuildImageOptions {
            dockerfile: order.dockerfile.clone(),
            t: Some(order.name.clone()),
            rm: true,
            // The containers of its steps go, however it ends.
            forcerm: true,
            buildargs: Some(order.args.clone().into_iter().collect()),
            labels: Some(labels),
            ..BuildImageOptions::default()
        };
        let body = bollard::body_full(Bytes::from(packed));
        let mut steps = self.docker().build_image(options, None, Some(body));
        while let Some(step) = steps.next().await {
            match step {
                Ok(step) => output.add(step.stream.or(step.status).as_deref().unwrap_or_default()),
                Err(error) => {
                    let error = EngineError::of_bollard(error, self.host(), "building an image");
                    let EngineError::Refused { says, .. } = error else {
                        return Err(BuildError::Engine { source: error });
                    };
                    output.add(&format!("\n{says}\n"));
                    let (image, output) = (order.name.clone(), std::mem::take(&mut output.text));
                    let says = says.trim().to_owned();
                    return Err(if is_fetching(&says) {
                        BuildError::Unfetched { image, says, output }
                    } else {
                        BuildError::Failed { image, says, output }
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns the image's id, and from what we built it.
    async fn content_of(&self, name: &str) -> Result<Option<(String, Option<String>)>, EngineError> {
        let doing = format!("looking for image `{name}`");
        match self.raw().get(&format!("/images/{name}/json"), &[], &doing).await {
            Ok(image) => {
                Ok(Some((text(&image["Id"]), labels(&image["Config"]["Labels"]).remove(CONTENT_LABEL))))
            }
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Words by which engines say that they could not look, and not that there is nothing.
fn is_fetching(says: &str) -> bool {
    let says = says.to_lowercase();
    [
        "dial tcp",
        "i/o timeout",
        "no such host",
        "connection refused",
        "toomanyrequests",
        "tls handshake timeout",
        "request canceled while waiting",
    ]
    .iter()
    .any(|words| says.contains(words))
        // A step of the build that could not reach something is the Dockerfile's.
        && !says.contains("returned a non-zero code")
}

/// The last of what a build said.
#[derive(Debug, Default)]
struct Output {
    text: String,
}

impl Output {
    fn add(&mut self, more: &str) {
        self.text.push_str(more);
        if self.text.len() > OUTPUT_BYTES {
            let mut cut = self.text.len() - OUTPUT_BYTES / 2;
            while !self.text.is_char_boundary(cut) {
                cut += 1;
            }
            self.text = format!("… (the beginning was cut)\n{}", &self.text[cut..]);
        }
    }
}

fn hash(order: &BuildOrder, packed: &[u8]) -> String {
    let mut hash = Sha256::new();
    // Lengths between the parts, so that no two orders run together.
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(order.name.as_bytes());
    part(order.dockerfile.as_bytes());
    for (name, value) in &order.args {
        part(name.as_bytes());
        part(value.as_bytes());
    }
    part(packed);
    hex::encode(hash.finalize())
}

/// Packs the context: sorted, without times and owners.
fn pack(order: &BuildOrder) -> Result<Vec<u8>, BuildError> {
    let wrong =
        |source| BuildError::Context { image: order.name.clone(), path: order.context.clone(), source };
    let mut paths = Vec::new();
    walk(&order.context, &order.context, &mut paths).map_err(wrong)?;
    paths.sort();
    let mut archive = tar::Builder::new(Vec::new());
    let mut bytes = 0_u64;
    for path in paths {
        let whole = order.context.join(&path);
        let about = std::fs::symlink_metadata(&whole).map_err(wrong)?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        // Who may write is this machine's business; who may run is the image's.
        let runs = about.is_dir() || about.permissions().mode() & 0o111 != 0;
        header.set_mode(if runs { 0o755 } else { 0o644 });
        if about.is_symlink() {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            let to = std::fs::read_link(&whole).map_err(wrong)?;
            archive.append_link(&mut header, &path, &to).map_err(wrong)?;
        } else if about.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            archive.append_data(&mut header, &path, io::empty()).map_err(wrong)?;
        } else if about.is_file() {
            bytes += about.len();
            if bytes > CONTEXT_BYTES {
                return Err(BuildError::TooLarge { image: order.name.clone(), path: order.context.clone() });
            }
            let content = std::fs::read(&whole).map_err(wrong)?;
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, &path, content.as_slice()).map_err(wrong)?;
        }
    }
    archive.into_inner().map_err(wrong)
}

fn walk(root: &Path, folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let about = std::fs::symlink_metadata(&path)?;
        paths.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        if about.is_dir() {
            walk(root, &path, paths)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(folder: &Path) -> BuildOrder {
        BuildOrder {
            name: "local/box:1".into(),
            context: folder.to_owned(),
            dockerfile: "Dockerfile".into(),
            args: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            labels: BTreeMap::new(),
        }
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        std::fs::write(folder.path().join("etc/a.conf"), "a\n").unwrap();
        std::os::unix::fs::symlink("a.conf", folder.path().join("etc/b.conf")).unwrap();
        folder
    }

    #[test]
    fn the_same_files_are_the_same_content_wherever_and_whenever_they_lie() {
        let (one, other) = (folder(), folder());
        let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = std::fs::File::options().write(true).open(other.path().join("Dockerfile")).unwrap();
        file.set_modified(old).unwrap();
        let hash_of = |order: &BuildOrder| hash(order, &pack(order).unwrap());
        let first = hash_of(&order(one.path()));
        assert_eq!(first, hash_of(&order(other.path())));

        std::fs::write(other.path().join("etc/a.conf"), "b\n").unwrap();
        assert_ne!(first, hash_of(&order(other.path())), "a file changed");
        let mut changed = order(one.path());
        changed.args.insert("A".into(), "2".into());
        assert_ne!(first, hash_of(&changed), "an argument changed");
        let moved = BuildOrder { name: "local/box:2".into(), ..order(one.path()) };
        assert_ne!(first, hash_of(&moved), "the name changed");
    }

    #[test]
    fn a_context_holds_folders_files_and_links_as_they_are() {
        let folder = folder();
        let packed = pack(&order(folder.path())).unwrap();
        let mut archive = tar::Archive::new(packed.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|e| {
                let e = e.unwrap();
                format!("{:?} {}", e.header().entry_type(), e.path().unwrap().display())
            })
            .collect();
        assert_eq!(
            names,
            ["Regular Dockerfile", "Directory etc", "Regular etc/a.conf", "Symlink etc/b.conf"]
        );
        let missing = BuildOrder { context: folder.path().join("gone"), ..order(folder.path()) };
        assert_eq!(pack(&missing).unwrap_err().fault(), Fault::Overlay);
    }

    #[test]
    fn what_could_not_be_fetched_speaks_against_the_platform_and_a_bad_step_against_the_overlay() {
        assert!(is_fetching(
            "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host"
        ));
        assert!(!is_fetching(
            "The command '/bin/sh -c curl x' returned a non-zero code: 7: connection refused"
        ));
        assert!(!is_fetching("COPY failed: file not found in build context"));
        assert!(!is_fetching("pull access denied for a/b, repository does not exist"));
    }

    #[test]
    fn endless_output_keeps_its_end() {
        let mut output = Output::default();
        for nth in 0..300_000 {
            output.add(&format!("step {nth}\n"));
        }
        assert!(output.text.len() <= OUTPUT_BYTES + 64 && output.text.ends_with("step 299999\n"));
        assert!(output.text.starts_with('…'));
    }
}
