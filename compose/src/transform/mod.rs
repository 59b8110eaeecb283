//! A checked tree to the model of one file.

mod objects;
mod read;
mod service;

use std::collections::BTreeMap;

use crate::model::Model;
use crate::schema::EmptyList;
use crate::trouble::{Path, Trouble};
use crate::yaml::{Entry, Node};
use read::Reader;

/// What the model depends on besides the file.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) working_dir: &'a str,
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) empty: EmptyList,
    /// Reads an env file by its absolute path.
    pub(crate) read_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Makes the model of one file; problems are collected.
pub(crate) fn transform(
    root: &Node,
    version: String,
    around: &Surroundings<'_>,
    troubles: &mut Vec<Trouble>,
) -> Model {
    let mut reader = Reader { troubles: Vec::new(), empty: around.empty };
    let path = Path::root();
    let section = |key: &str| -> &[Entry] { root.get(key).map(Node::entries).unwrap_or_default() };
    let mut model = Model { version, extensions: read::extensions(root), ..Model::default() };
    for entry in section("services") {
        let above = path.key("services");
        let service = service::service(&mut reader, &entry.value, &above.key(&entry.key), around);
        model.services.insert(entry.key.clone(), service);
    }
    for entry in section("networks") {
        let above = path.key("networks");
        let network = objects::network(&mut reader, entry, &above.key(&entry.key));
        model.networks.insert(entry.key.clone(), network);
    }
    for entry in section("volumes") {
        let above = path.key("volumes");
        let volume = objects::volume(&mut reader, entry, &above.key(&entry.key));
        model.volumes.insert(entry.key.clone(), volume);
    }
    for entry in section("secrets") {
        let above = path.key("secrets");
        let secret = objects::file_object(&mut reader, entry, &above.key(&entry.key), around.working_dir);
        model.secrets.insert(entry.key.clone(), secret);
    }
    for entry in section("configs") {
        let above = path.key("configs");
        let config = objects::file_object(&mut reader, entry, &above.key(&entry.key), around.working_dir);
        model.configs.insert(entry.key.clone(), config);
    }
    troubles.append(&mut reader.troubles);
    model
}
