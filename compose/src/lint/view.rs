//! What the rules look at: the files as trees with places, and as models.

use std::collections::BTreeMap;

use super::findings::Spot;
use super::policy::Policy;
use super::recipe::RecipeText;
use super::vars;
use crate::model::{Model, Service};
use crate::recipe::env_sample::State;
use crate::recipe::{AbraSh, EnvFile, abra_sh, env_sample};
use crate::yaml::{self, Kind, Mark, Node};
use crate::{Interpolation, LoadInput, Loaded, Problem, Problems, Source, load};

/// The folder in which the recipe is pretended to lie.
pub(super) const ROOT: &str = "/recipe";

/// Most keys and values in all compose files together, aliases counted as often as they are used. Real recipes have
/// some hundreds; the rules compare items with items, and a hostile recipe could have a million.
const MOST_NODES: usize = 20_000;

/// Everything that a rule may look at.
pub(super) struct View<'a> {
    pub(super) recipe: &'a RecipeText,
    pub(super) policy: &'a Policy,
    /// Every compose file that can be read as YAML: the selected ones in their order, then the others.
    pub(super) trees: Vec<Tree<'a>>,
    /// The selected files as they would be deployed.
    pub(super) merged: Result<Loaded, Problems>,
    /// The selected files with every `${…}` left alone.
    pub(super) raw: Result<Loaded, Problems>,
    pub(super) size: Size,
    /// `.env.sample`, if there is one.
    pub(super) sample: Option<EnvFile>,
    /// Exports of `abra.sh`; none if there is none.
    pub(super) abra_sh: AbraSh,
}

/// Whether the compose files are within what lint reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Fits,
    TooLarge,
}

/// Where `.env.sample` mentions a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) line: u32,
    pub(super) state: State,
}

/// A compose file with the place of every key.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) file: &'a str,
    pub(super) root: Node,
    pub(super) use_: Use,
}

/// Whether a compose file takes part in the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Selected,
    Offered,
}

/// One entry of a list or map, with its place.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub(super) at: Mark,
    /// The key of a map's entry; a list item's text up to `=`; empty for a map in a list. With variables replaced.
    pub(super) key: String,
    /// The value of a map's entry, the whole list item otherwise.
    pub(super) node: &'a Node,
}

impl<'a> View<'a> {
    pub(super) fn new(recipe: &'a RecipeText, policy: &'a Policy) -> Self {
        let offered =
            recipe.compose_files().into_iter().filter(|file| !recipe.selected.iter().any(|s| s == file));
        let files = recipe.selected.iter().map(|file| (file.as_str(), Use::Selected));
        let files = files.chain(offered.map(|file| (file, Use::Offered)));
        let trees: Vec<Tree<'_>> = files
            .filter_map(|(file, use_)| {
                let root = yaml::read(recipe.files.get(file)?).ok()??;
                Some(Tree { file, root, use_ })
            })
            .collect();
        let nodes: usize = trees.iter().map(|tree| count(&tree.root)).sum();
        let size = if nodes > MOST_NODES { Size::TooLarge } else { Size::Fits };
        let load = |interpolation| match size {
            Size::Fits => load_files(&recipe.files, &recipe.selected, &recipe.env, interpolation),
            Size::TooLarge => Err(Problems::new(vec![too_large(&recipe.selected, nodes)])),
        };
        let merged = load(Interpolation::Apply);
        let raw = load(Interpolation::Skip);
        let trees = match size {
            Size::Fits => trees,
            Size::TooLarge => Vec::new(),
        };
        let text = |name: &str| recipe.files.get(name).map(String::as_str);
        let sample = text(".env.sample").map(|text| env_sample::parse(".env.sample", text));
        let abra_sh = abra_sh::parse("abra.sh", text("abra.sh").unwrap_or(""));
        Self { recipe, policy, trees, merged, raw, size, sample, abra_sh }
    }

    /// Returns where `.env.sample` sets a variable, or else shows it as an option.
    pub(super) fn setting(&self, name: &str) -> Option<Setting> {
        let lines = self.sample.iter().flat_map(|sample| &sample.lines).filter(|line| line.name == name);
        let found =
            lines.clone().rfind(|line| line.state == State::Set).or_else(|| lines.clone().next_back())?;
        Some(Setting { line: u32::try_from(found.line).unwrap_or(0), state: found.state })
    }

    /// Returns the line of `.env.sample` that sets a variable.
    pub(super) fn set_in_sample(&self, name: &str) -> Option<u32> {
        self.setting(name).filter(|setting| setting.state == State::Set).map(|setting| setting.line)
    }

    /// Returns the model that would be deployed, if the files load.
    pub(super) fn model(&self) -> Option<&Model> {
        self.merged.as_ref().ok().map(|loaded| &loaded.model)
    }

    /// Returns the services that would be deployed.
    pub(super) fn services(&self) -> impl Iterator<Item = (&str, &Service)> {
        self.model()
            .into_iter()
            .flat_map(|model| &model.services)
            .map(|(name, service)| (name.as_str(), service))
    }

    pub(super) fn selected(&self) -> impl DoubleEndedIterator<Item = &Tree<'a>> {
        self.trees.iter().filter(|tree| tree.use_ == Use::Selected)
    }

    /// Returns where a key stands: in the last selected file that has it, else the nearest key above it.
    pub(super) fn spot(&self, path: &[&str]) -> Spot {
        (1..=path.len())
            .rev()
            .find_map(|length| {
                self.selected().rev().find_map(|tree| {
                    let (at, _) = walk(&tree.root, &path[..length])?;
                    Some(Spot::new(tree.file, at.line))
                })
            })
            .unwrap_or_else(|| Spot::file(self.recipe.selected.last().map_or("", String::as_str)))
    }

    /// Returns where a service is defined: in the file that gives it its image, not in one that adds to it.
    pub(super) fn service_spot(&self, name: &str) -> Spot {
        let home = self.selected().find(|tree| walk(&tree.root, &["services", name, "image"]).is_some());
        match home.and_then(|tree| Some((tree, walk(&tree.root, &["services", name])?.0))) {
            Some((tree, at)) => Spot::new(tree.file, at.line),
            None => self.spot(&["services", name]),
        }
    }

    /// Returns where an item of a list or map stands, else the list itself.
    pub(super) fn item_spot(&self, path: &[&str], wanted: impl Fn(&Item<'_>) -> bool) -> Spot {
        self.items(path)
            .into_iter()
            .find(|(_, item)| wanted(item))
            .map_or_else(|| self.spot(path), |(tree, item)| Spot::new(tree.file, item.at.line))
    }

    /// Returns where the label of a service stands.
    pub(super) fn label_spot(&self, service: &str, label: &str) -> Spot {
        self.item_spot(&["services", service, "deploy", "labels"], |item| item.key == label)
    }

    /// Returns the items of a list or map in all selected files, the last file first.
    pub(super) fn items(&self, path: &[&str]) -> Vec<(&Tree<'a>, Item<'_>)> {
        let mut found = Vec::new();
        for tree in self.selected().rev() {
            if let Some((_, node)) = walk(&tree.root, path) {
                found.extend(items_of(node, &self.recipe.env).into_iter().map(|item| (tree, item)));
            }
        }
        found
    }

    /// Returns the text of a file of the recipe, by the absolute path that a model has.
    pub(super) fn text_at(&self, absolute: &str) -> Option<(&'a str, &'a str)> {
        let path = absolute.strip_prefix(ROOT)?.strip_prefix('/')?;
        self.recipe.files.get_key_value(path).map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

fn count(node: &Node) -> usize {
    let entries: usize = node.entries().iter().map(|entry| count(&entry.value)).sum();
    let items: usize = node.items().iter().map(count).sum();
    1 + entries + items
}

fn too_large(selected: &[String], nodes: usize) -> Problem {
    Problem {
        file: selected.first().cloned().unwrap_or_default(),
        says: format!(
            "the compose files have {nodes} values together, and lint reads no more than {MOST_NODES}"
        ),
        remedy: "no recipe needs so many; look for a list that repeats".to_owned(),
        ..Problem::default()
    }
}

/// Returns the node at a path of keys, and where its key stands.
pub(super) fn walk<'n>(root: &'n Node, path: &[&str]) -> Option<(Mark, &'n Node)> {
    path.iter().try_fold((root.at, root), |(_, node), key| {
        let entry = node.entry(key)?;
        Some((entry.at, &entry.value))
    })
}

/// Returns the items of a list or map.
pub(super) fn items_of<'n>(node: &'n Node, env: &BTreeMap<String, String>) -> Vec<Item<'n>> {
    let entries =
        node.entries().iter().map(|entry| Item { at: entry.at, key: entry.key.clone(), node: &entry.value });
    let items = node.items().iter().map(|item| {
        let text = vars::expand(&text_of(item), env);
        let key = text.split_once('=').map_or(text.as_str(), |(key, _)| key).to_owned();
        Item { at: item.at, key, node: item }
    });
    entries.chain(items).collect()
}

/// Returns a scalar as text; nothing for lists and maps.
pub(super) fn text_of(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => text.clone(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Uint(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        Kind::Time(time) => time.rfc3339.clone(),
        Kind::Null | Kind::List(_) | Kind::Map(_) => String::new(),
    }
}

/// Returns the lines with their numbers, from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u32, &str)> {
    (1..).zip(text.lines())
}

/// Calls `see` with every text below a node that is a value.
pub(super) fn each_text<'n>(node: &'n Node, see: &mut dyn FnMut(Mark, &'n str)) {
    match &node.kind {
        Kind::Text(text) => see(node.at, text),
        Kind::List(items) => items.iter().for_each(|item| each_text(item, see)),
        Kind::Map(entries) => entries.iter().for_each(|entry| each_text(&entry.value, see)),
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Uint(_) | Kind::Float(_) | Kind::Time(_) => {}
    }
}

/// Loads compose files as if the recipe lay in [`ROOT`].
pub(super) fn load_files(
    texts: &BTreeMap<String, String>,
    selected: &[String],
    env: &BTreeMap<String, String>,
    interpolation: Interpolation,
) -> Result<Loaded, Problems> {
    let files: Vec<Source> = selected
        .iter()
        .filter_map(|name| Some(Source { name: name.clone(), text: texts.get(name)?.clone() }))
        .collect();
    let read_file = |path: &str| {
        path.strip_prefix(ROOT)
            .and_then(|path| texts.get(path.trim_start_matches('/')))
            .cloned()
            .ok_or_else(|| format!("`{path}` is not a file of the recipe"))
    };
    load(&LoadInput { files: &files, working_dir: ROOT, env, interpolation, read_file: &read_file })
}
