//! A recipe's files at one commit, read once and pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use compose::recipe::{self, AbraSh, EnvFile, Environment, EnvironmentInput, abra_sh, env_sample};
use compose::{Interpolation, LoadInput, Loaded, Problem, Source, load};
use domain::{Domain, Release, StackName};
use harness::source::{Bounds, Commit, Mirror, Note, SourceError};

use crate::instance::Overlay;

/// Files larger than this are not read as text; no compose file or template comes near it.
const TEXT_LIMIT: u64 = 1024 * 1024;

/// One release (or commit) of a recipe.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The tag, or the reference as the caller named it.
    pub label: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// The release, if the commit is one.
    pub release: Option<Release>,
    /// The work tree. Absolute.
    pub root: PathBuf,
    /// Text of the tree's files, by path from the root.
    pub files: BTreeMap<String, String>,
    /// Every path of the tree.
    pub paths: BTreeSet<String>,
    /// What the checkout has to say, such as a link that leaves the tree.
    pub notes: Vec<String>,
    pub sample: EnvFile,
    pub abra_sh: AbraSh,
}

/// A tree's compose files as they read for one stack.
#[derive(Clone, Debug)]
pub struct Read {
    pub environment: Environment,
    /// The recipe's compose files that are deployed, by path from the root.
    pub selected: Vec<String>,
    pub loaded: Loaded,
    /// The same without interpolation, where that reads at all.
    pub raw: Option<Loaded>,
}

impl Tree {
    /// Writes a commit's files into the run's folder and reads them.
    pub(crate) async fn check_out(
        mirror: &Mirror,
        run_folder: &Path,
        commit: &Commit,
        release: Option<Release>,
    ) -> Result<Self, SourceError> {
        let root = run_folder.join("trees").join(&commit.id);
        let mut notes = Vec::new();
        // The same commit may be base and target: then it is there already.
        if !root.exists() {
            let parent = run_folder.join("trees");
            std::fs::create_dir_all(&parent).map_err(|source| SourceError::Disk {
                doing: "create",
                path: parent,
                source,
            })?;
            let tree = mirror.work_tree(commit, &root, Bounds::default()).await?;
            notes.extend(tree.notes.iter().map(Note::to_string));
        }
        let mut tree = Self::read_folder(&root, &commit.reference, &commit.id, release);
        tree.notes = notes;
        Ok(tree)
    }

    /// Reads a folder that is no checkout of ours, such as the one of a maintainer at work.
    pub fn read_folder(root: &Path, label: &str, commit: &str, release: Option<Release>) -> Self {
        let (mut files, mut paths) = (BTreeMap::new(), BTreeSet::new());
        read(root, root, &mut files, &mut paths);
        let text = |name: &str| files.get(name).map_or("", String::as_str);
        let sample = env_sample::parse(".env.sample", text(".env.sample"));
        let abra_sh = abra_sh::parse("abra.sh", text("abra.sh"));
        Self {
            label: label.to_owned(),
            commit: commit.to_owned(),
            release,
            root: root.to_owned(),
            files,
            paths,
            notes: Vec::new(),
            sample,
            abra_sh,
        }
    }

    /// Returns the variables that the compose files see in one stack.
    pub fn environment(&self, overlay: &Overlay, domain: &Domain, stack: &StackName) -> Environment {
        recipe::environment(&EnvironmentInput {
            sample: &self.sample,
            overlay: &overlay.env,
            abra_sh: &self.abra_sh,
            stack,
            domain: domain.as_str(),
        })
    }

    /// Chooses the compose files.
    pub fn select(&self, environment: &Environment) -> Result<Vec<String>, Vec<Problem>> {
        let line = self.sample.last("COMPOSE_FILE").map_or(0, |l| l.line);
        recipe::choose_files(environment, (".env.sample", line), &|path| self.paths.contains(path))
    }

    /// Reads the compose files for one stack: the recipe's own, then the overlay's.
    pub fn read(&self, overlay: &Overlay, domain: &Domain, stack: &StackName) -> Result<Read, Vec<Problem>> {
        let environment = self.environment(overlay, domain, stack);
        let selected = self.select(&environment)?;
        let mut sources = Vec::new();
        for name in &selected {
            match self.files.get(name) {
                Some(text) => sources.push(Source { name: name.clone(), text: text.clone() }),
                None => {
                    return Err(vec![Problem {
                        file: name.clone(),
                        says: "it is not text, or larger than 1 MiB".into(),
                        remedy: "keep compose files small and in UTF-8".into(),
                        ..Problem::default()
                    }]);
                }
            }
        }
        for path in &overlay.compose {
            let text = std::fs::read_to_string(path).map_err(|error| {
                vec![Problem {
                    file: path.display().to_string(),
                    says: format!("the overlay's compose file could not be read: {error}"),
                    ..Problem::default()
                }]
            })?;
            sources.push(Source { name: path.display().to_string(), text });
        }
        let root = self.root.to_string_lossy();
        let read_file = |path: &str| self.read_own(path);
        let input = |interpolation| LoadInput {
            files: &sources,
            working_dir: &root,
            env: &environment,
            interpolation,
            read_file: &read_file,
        };
        let loaded = load(&input(Interpolation::Apply)).map_err(|p| p.list().to_vec())?;
        let raw = load(&input(Interpolation::Skip)).ok();
        Ok(Read { environment, selected, loaded, raw })
    }

    /// Returns the ports of the node that the release publishes; none where its files do not read.
    pub(crate) fn published_ports(
        &self,
        overlay: &Overlay,
        domain: &Domain,
        stack: &StackName,
    ) -> BTreeSet<u16> {
        let Ok(read) = self.read(overlay, domain, stack) else { return BTreeSet::new() };
        let ports = read.loaded.model.services.values().flat_map(|service| &service.ports);
        ports.filter_map(|port| u16::try_from(port.published).ok()).filter(|port| *port != 0).collect()
    }

    /// Reads a file that a compose file names. A recipe reads its own files and nothing else of this machine.
    pub(crate) fn read_own(&self, path: &str) -> Result<String, String> {
        String::from_utf8(self.read_own_bytes(path)?).map_err(|_| "it is not UTF-8".to_owned())
    }

    /// Like [`Tree::read_own`], for content of any kind.
    pub(crate) fn read_own_bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let real = std::fs::canonicalize(path).map_err(|error| error.to_string())?;
        let root = std::fs::canonicalize(&self.root).map_err(|error| error.to_string())?;
        if !real.starts_with(&root) {
            return Err("it lies outside of the recipe".into());
        }
        std::fs::read(real).map_err(|error| error.to_string())
    }
}

/// Reads a folder: regular files only, and no more of a link than that it is there.
fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>, paths: &mut BTreeSet<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            if entry.file_name() != ".git" {
                read(root, &path, files, paths);
            }
            continue;
        }
        let Ok(name) = path.strip_prefix(root) else { continue };
        let name = name.to_string_lossy().into_owned();
        if meta.is_file()
            && meta.len() <= TEXT_LIMIT
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            files.insert(name.clone(), text);
        }
        paths.insert(name);
    }
}
