//! Compose files to the model, as `docker stack config` does it.

use std::collections::BTreeMap;
use std::fmt;

use crate::interpolate::interpolate;
use crate::locate::locate;
use crate::merge::merge;
use crate::schema::{EmptyList, Version, check, normal_version};
use crate::support;
use crate::transform::{Surroundings, transform};
use crate::trouble::{Path, Trouble};
use crate::yaml::{Mark, Node};
use crate::{Model, Place, Problem, Problems};

/// One compose file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As printed in errors.
    pub name: String,
    pub text: String,
}

impl Source {
    /// Takes a file as it was read: UTF-8, or UTF-16 with a byte order mark, as Docker does.
    ///
    /// # Errors
    /// The place of the first byte that is neither.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Problems> {
        let name = name.into();
        let wide = |read: fn([u8; 2]) -> u16| {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
            let text = String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2));
            text.ok_or(bytes.len())
        };
        let text = match bytes {
            [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
            [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
            _ => std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| error.valid_up_to()),
        };
        text.map(|text| Self { name: name.clone(), text }).map_err(|good| {
            let before = String::from_utf8_lossy(&bytes[..good]);
            let line = before.split('\n').next_back().unwrap_or_default();
            Problems::new(vec![Problem {
                file: name,
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
                key: String::new(),
                says: "the file is not UTF-8 from here on".to_owned(),
                remedy: "save it as UTF-8".to_owned(),
            }])
        })
    }
}

/// Whether `${…}` is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    Apply,
    /// Leave the text alone, like `--skip-interpolation`.
    Skip,
}

/// Everything that the result depends on.
#[derive(Clone, Copy)]
pub struct LoadInput<'a> {
    /// In the order of `-c`: later ones win.
    pub files: &'a [Source],
    /// Folder of the first file, absolute. Every relative path starts here.
    pub working_dir: &'a str,
    /// The caller's environment.
    pub env: &'a BTreeMap<String, String>,
    pub interpolation: Interpolation,
    /// Reads an `env_file` by its absolute path; the error is printed as it is.
    pub read_file: &'a dyn Fn(&str) -> Result<String, String>,
}

impl fmt::Debug for LoadInput<'_> {
    /// Leaves the environment out: it holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadInput")
            .field("files", &self.files.iter().map(|file| &file.name).collect::<Vec<_>>())
            .field("working_dir", &self.working_dir)
            .field("interpolation", &self.interpolation)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub model: Model,
    /// What Docker accepts and does not honour.
    pub warnings: Vec<Problem>,
    /// Name and tree of each file, variables filled in.
    trees: Vec<(String, Node)>,
}

impl Loaded {
    /// Returns where a key such as `services.app.ports[0]` stands, in the last file that has it. A label or variable
    /// is found in list form, too: `services.app.deploy.labels.traefik.enable`.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Place> {
        self.trees.iter().rev().find_map(|(file, tree)| {
            let Mark { line, column } = locate(tree, path)?;
            Some(Place { file: file.clone(), line: line as usize, column: column as usize })
        })
    }
}

/// Loads, checks and merges the files.
///
/// # Errors
/// Every problem that was found, if Docker would refuse the files.
///
/// ```
/// use std::collections::BTreeMap;
/// use compose::{Interpolation, LoadInput, Source, load};
///
/// let text = "services:\n  web:\n    image: nginx:${TAG:-1.27}\n    ports: ['80:80']\n";
/// let loaded = load(&LoadInput {
///     files: &[Source { name: "compose.yml".into(), text: text.into() }],
///     working_dir: "/srv/web",
///     env: &BTreeMap::new(),
///     interpolation: Interpolation::Apply,
///     read_file: &|_| Err("no such file".into()),
/// })?;
/// assert_eq!(loaded.model.services["web"].image, "nginx:1.27");
/// assert_eq!(loaded.locate("services.web.ports[0]").map(|place| place.line), Some(4));
/// # Ok::<(), compose::Problems>(())
/// ```
pub fn load(input: &LoadInput<'_>) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut trees = Vec::new();
    for source in input.files {
        match parse(&source.text) {
            Ok(tree) => trees.push((source.name.clone(), tree)),
            Err(troubles) => problems.extend(named(&source.name, troubles)),
        }
    }
    if input.files.is_empty() {
        problems.push(Problem {
            says: "no compose file was given".to_owned(),
            remedy: "name at least one file".to_owned(),
            ..Problem::default()
        });
    }
    let versions: Vec<String> = trees.iter().map(|(_, tree)| normal_version(tree)).collect();
    let mut models = Vec::new();
    let mut warnings = Vec::new();
    for ((name, tree), version) in trees.iter_mut().zip(&versions) {
        let mut troubles = Vec::new();
        if version != &versions[0] {
            troubles.push(mismatch(tree, version, &versions[0]));
        }
        let model = read(tree, version, input, &mut troubles);
        warnings.extend(named(name, support::warnings(tree)));
        problems.extend(named(name, troubles));
        models.extend(model);
    }
    let model = if problems.is_empty() { merged(models, &trees, &mut problems) } else { Model::default() };
    if !problems.is_empty() {
        return Err(Problems::in_files(problems, input.files));
    }
    Ok(Loaded { model, warnings, trees })
}

fn parse(text: &str) -> Result<Node, Vec<Trouble>> {
    let syntax = |error: crate::yaml::SyntaxError| {
        Trouble::at(error.at, &Path::root(), error.says).remedy(error.remedy)
    };
    let tree = crate::yaml::read(text)
        .map_err(|errors| errors.into_iter().map(syntax).collect::<Vec<_>>())?
        .filter(|tree| matches!(tree.kind, crate::yaml::Kind::Map(_)));
    tree.ok_or_else(|| {
        vec![
            Trouble::at(Mark { line: 1, column: 1 }, &Path::root(), "top-level object must be a mapping")
                .remedy("a compose file starts with keys such as `services:`"),
        ]
    })
}

/// Reads one file. Nothing if it has a problem, in this file or in its version.
fn read(tree: &mut Node, version: &str, input: &LoadInput<'_>, troubles: &mut Vec<Trouble>) -> Option<Model> {
    support::forbidden(tree, troubles);
    if input.interpolation == Interpolation::Apply {
        interpolate(tree, input.env, troubles);
    }
    let empty = match input.interpolation {
        Interpolation::Apply => EmptyList::IsList,
        Interpolation::Skip => EmptyList::IsNull,
    };
    match Version::parse(version) {
        Some(known) => check(tree, known, empty, troubles),
        None => troubles.push(unsupported(tree, version)),
    }
    if !troubles.is_empty() {
        return None;
    }
    let LoadInput { working_dir, env, read_file, .. } = *input;
    let around = Surroundings { working_dir, env, empty, read_file };
    let model = transform(tree, normal_version(tree), &around, troubles);
    troubles.is_empty().then_some(model)
}

fn version_mark(tree: &Node) -> Mark {
    tree.get("version").map_or(Mark { line: 1, column: 1 }, |node| node.at)
}

fn mismatch(tree: &Node, version: &str, first: &str) -> Trouble {
    let root = Path::root();
    Trouble::at(
        version_mark(tree),
        &root.key("version"),
        format!("version is {version} here and {first} in the first file"),
    )
    .remedy(format!("write `version: \"{first}\"`; a file without a version counts as the newest"))
}

fn unsupported(tree: &Node, version: &str) -> Trouble {
    let root = Path::root();
    Trouble::at(
        version_mark(tree),
        &root.key("version"),
        format!("unsupported compose file version {version}"),
    )
    .remedy("swarm reads 3.0 to 3.13, such as `version: \"3.8\"`")
}

fn merged(models: Vec<Model>, trees: &[(String, Node)], problems: &mut Vec<Problem>) -> Model {
    let mut models = models.into_iter().zip(trees);
    let mut base = models.next().map(|(model, _)| model).unwrap_or_default();
    for (model, (name, tree)) in models {
        if let Err(error) = merge(&mut base, model) {
            let root = Path::root();
            let at = locate(tree, &error.key).unwrap_or_default();
            let trouble = Trouble::at(at, &root.key(&error.key), error.to_string())
                .remedy("write a list in both files, or remove one of them");
            problems.extend(named(name, vec![trouble]));
            return base;
        }
    }
    for (key, volume) in &base.volumes {
        if volume.extensions.contains_key("x-cluster-spec") {
            let key = format!("volumes.{key}.x-cluster-spec");
            let root = Path::root();
            let (name, at) = trees
                .iter()
                .rev()
                .find_map(|(name, tree)| Some((name.as_str(), locate(tree, &key)?)))
                .unwrap_or_default();
            let trouble = Trouble::at(at, &root.key(&key), "conflicts with `external`")
                .remedy("remove one of the two: an external volume has a cluster spec already");
            problems.extend(named(name, vec![trouble]));
        }
    }
    base
}

fn named(file: &str, troubles: Vec<Trouble>) -> impl Iterator<Item = Problem> {
    troubles.into_iter().map(move |Trouble { at, key, says, remedy }| Problem {
        file: file.to_owned(),
        line: at.line as usize,
        column: at.column as usize,
        key,
        says,
        remedy,
    })
}
