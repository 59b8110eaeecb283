//! What comes out of a repository, as a landing takes it.

use std::io::{self, Read};
use std::path::PathBuf;

use rustic_core::repofile::{Node, NodeType};
use rustic_core::{BlobId, IndexedFullStatus, Repository};

use super::permissions::mode_from_go;
use super::plain;
use crate::backup::landing::{Item, ItemKind, Meta};

pub(super) fn item_of<'a>(
    repository: &'a Repository<IndexedFullStatus>,
    path: PathBuf,
    node: Node,
) -> Item<'a> {
    let meta = meta_of(&node);
    let what = match &node.node_type {
        NodeType::Dir => ItemKind::Folder,
        NodeType::Symlink { .. } => ItemKind::Link { target: node.node_type.to_link().to_owned() },
        NodeType::Fifo => ItemKind::Pipe,
        NodeType::Socket => ItemKind::Other { says: "a socket" },
        NodeType::Dev { .. } | NodeType::Chardev { .. } => ItemKind::Other { says: "a device" },
        NodeType::File => ItemKind::File {
            same: (node.meta.links > 1).then_some((node.meta.device_id, node.meta.inode)),
            open: Box::new(move || Ok(Box::new(Blobs::new(repository, node)) as Box<dyn Read>)),
        },
    };
    Item { path, what, meta }
}

pub(super) fn meta_of(node: &Node) -> Meta {
    let meta = &node.meta;
    Meta {
        mode: meta.mode.map(|mode| mode_from_go(mode) & 0o7777),
        owner: meta.uid.zip(meta.gid),
        changed: meta.mtime.map(|time| (time.as_second(), time.subsec_nanosecond().into())),
        xattrs: meta
            .extended_attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), attribute.value.clone().unwrap_or_default()))
            .collect(),
    }
}

/// The content of a file, blob after blob.
pub(super) struct Blobs<'a> {
    repository: &'a Repository<IndexedFullStatus>,
    ids: std::vec::IntoIter<rustic_core::DataId>,
    now: bytes::Bytes,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(repository: &'a Repository<IndexedFullStatus>, node: Node) -> Self {
        let ids = node.content.unwrap_or_default().into_iter();
        Self { repository, ids, now: bytes::Bytes::new() }
    }
}

impl Read for Blobs<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.now.is_empty() {
            let Some(id) = self.ids.next() else { return Ok(0) };
            self.now = self
                .repository
                .get_blob_cached(&BlobId::from(*id), rustic_core::repofile::BlobType::Data)
                .map_err(|error| io::Error::other(plain(&error)))?;
        }
        let length = buffer.len().min(self.now.len());
        buffer[..length].copy_from_slice(&self.now.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use rustic_core::repofile::Metadata;

    use super::*;

    #[test]
    fn names_that_are_no_text_are_paths_all_the_same() {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        let node = Node::new_node(name, NodeType::File, Metadata::default());
        assert_eq!(node.name(), name);
    }
}
