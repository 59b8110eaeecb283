//! Networks, volumes, secrets and configs at the top of a file.

use super::read::{Reader, extensions, find};
use crate::model::{
    AccessMode, BlockVolume, CapacityRange, ClusterVolumeSpec, FileObject, Ipam, IpamPool, MountVolume,
    Network, Topology, TopologyRequirement, Volume, VolumeSecret,
};
use crate::trouble::Path;
use crate::yaml::{Entry, Kind, Node};

/// What `external` says.
enum External {
    No,
    Yes,
    /// The old form `external: {name: …}`.
    Named(String),
}

pub(super) fn network(reader: &mut Reader, entry: &Entry, path: &Path<'_>) -> Network {
    let node = &entry.value;
    if !is_block(reader, node, path) {
        return Network::default();
    }
    let mut network = Network {
        name: reader.text(node, path, "name"),
        driver: reader.text(node, path, "driver"),
        driver_opts: reader.options(node, path, "driver_opts"),
        ipam: reader.block(node, path, "ipam", ipam).unwrap_or_default(),
        external: false,
        internal: reader.flag(node, path, "internal").unwrap_or_default(),
        attachable: reader.flag(node, path, "attachable").unwrap_or_default(),
        labels: reader.labels(node, path, "labels"),
        extensions: crate::model::Extensions::new(),
    };
    network.external = name_external(reader, entry, path, &mut network.name);
    if network.external {
        network.extensions = extensions(node);
    }
    network
}

fn ipam(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Ipam {
    let pool = |reader: &mut Reader, node: &Node, path: &Path<'_>| IpamPool {
        subnet: reader.text(node, path, "subnet"),
        is_null: matches!(node.kind, Kind::Null),
    };
    Ipam {
        driver: reader.text(node, path, "driver"),
        config: reader.blocks_or_nulls(node, path, "config", pool),
    }
}

pub(super) fn volume(reader: &mut Reader, entry: &Entry, path: &Path<'_>) -> Volume {
    let node = &entry.value;
    if !is_block(reader, node, path) {
        return Volume::default();
    }
    let mut volume = Volume {
        name: reader.text(node, path, "name"),
        driver: reader.text(node, path, "driver"),
        driver_opts: reader.options(node, path, "driver_opts"),
        external: false,
        labels: reader.labels(node, path, "labels"),
        extensions: crate::model::Extensions::new(),
        cluster_spec: reader.block(node, path, "x-cluster-spec", cluster_spec),
    };
    let external = !matches!(external(node), External::No);
    if external {
        for (key, set) in [
            ("driver", !volume.driver.is_empty()),
            ("driver_opts", !volume.driver_opts.is_empty()),
            ("labels", !volume.labels.is_empty()),
        ] {
            if set {
                let at = find(node, key).unwrap_or(node);
                reader.refuse(
                    at,
                    &path.key(key),
                    format!("conflicts with `external`, as an external volume has its own {key}"),
                    &format!("remove `{key}` or `external`"),
                );
            }
        }
    }
    volume.external = name_external(reader, entry, path, &mut volume.name);
    if volume.external {
        volume.extensions = extensions(node);
    }
    volume
}

pub(super) fn file_object(
    reader: &mut Reader,
    entry: &Entry,
    path: &Path<'_>,
    working_dir: &str,
) -> FileObject {
    let node = &entry.value;
    let mut object = FileObject {
        name: reader.text(node, path, "name"),
        file: reader.text(node, path, "file"),
        external: false,
        labels: reader.labels(node, path, "labels"),
        extensions: extensions(node),
        driver: reader.text(node, path, "driver"),
        driver_opts: reader.options(node, path, "driver_opts"),
        template_driver: reader.text(node, path, "template_driver"),
    };
    object.external = name_external(reader, entry, path, &mut object.name);
    if object.external {
        return object;
    }
    if object.driver.is_empty() {
        object.file = crate::short::absolute(working_dir, &object.file);
    } else if !object.file.is_empty() {
        let at = find(node, "driver").unwrap_or(node);
        reader.refuse(at, &path.key("driver"), "conflicts with `file`", "keep one of the two");
    }
    object
}

fn is_block(reader: &mut Reader, node: &Node, path: &Path<'_>) -> bool {
    match node.kind {
        Kind::Map(_) => true,
        Kind::Null => false,
        Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Uint(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Time(_)
        | Kind::List(_) => {
            reader.refuse(node, path, "must be a map", "");
            false
        }
    }
}

fn external(node: &Node) -> External {
    let Some(external) = find(node, "external") else { return External::No };
    match external.kind {
        Kind::Bool(true) => External::Yes,
        Kind::Map(_) => match external.get("name").and_then(Node::as_text) {
            Some(name) if !name.is_empty() => External::Named(name.to_owned()),
            Some(_) | None => External::Yes,
        },
        Kind::Null
        | Kind::Bool(false)
        | Kind::Int(_)
        | Kind::Uint(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Time(_)
        | Kind::List(_) => External::No,
    }
}

/// Gives an external object its full name: as written, by the old form, or by its key.
fn name_external(reader: &mut Reader, entry: &Entry, path: &Path<'_>, name: &mut String) -> bool {
    if let Some(external) = find(&entry.value, "external")
        && matches!(external.kind, Kind::Map(_))
        && let Some(name) = external.get("name")
    {
        reader.bare_text(name, &path.key("external.name"));
    }
    match external(&entry.value) {
        External::No => {
            if let Some(other) = find(&entry.value, "external")
                && !matches!(other.kind, Kind::Bool(_))
            {
                reader.refuse(other, &path.key("external"), "must be a boolean", "write `true` or `false`");
            }
            return false;
        }
        External::Yes => {
            if name.is_empty() {
                name.clone_from(&entry.key);
            }
        }
        External::Named(old) => {
            if name.is_empty() {
                *name = old;
            } else {
                let at = find(&entry.value, "external").unwrap_or(&entry.value);
                reader.refuse(
                    at,
                    &path.key("external.name"),
                    "conflicts with `name`",
                    "write `external: true` and keep `name`",
                );
            }
        }
    }
    true
}

fn cluster_spec(reader: &mut Reader, node: &Node, path: &Path<'_>) -> ClusterVolumeSpec {
    let secret = |reader: &mut Reader, node: &Node, path: &Path<'_>| VolumeSecret {
        key: reader.text(node, path, "key"),
        secret: reader.text(node, path, "secret"),
    };
    ClusterVolumeSpec {
        group: reader.text(node, path, "group"),
        access_mode: reader.block(node, path, "access_mode", access_mode),
        accessibility_requirements: reader.block(
            node,
            path,
            "accessibility_requirements",
            |reader, node, path| TopologyRequirement {
                requisite: reader.blocks(node, path, "requisite", topology),
                preferred: reader.blocks(node, path, "preferred", topology),
            },
        ),
        capacity_range: reader.block(node, path, "capacity_range", |reader, node, path| CapacityRange {
            required_bytes: reader.bytes(node, path, "required_bytes"),
            limit_bytes: reader.bytes(node, path, "limit_bytes"),
        }),
        secrets: reader.blocks(node, path, "secrets", secret),
        availability: reader.text(node, path, "availability"),
    }
}

fn topology(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Topology {
    Topology { segments: reader.labels(node, path, "segments") }
}

fn access_mode(reader: &mut Reader, node: &Node, path: &Path<'_>) -> AccessMode {
    AccessMode {
        scope: reader.text(node, path, "scope"),
        sharing: reader.text(node, path, "sharing"),
        mount_volume: reader.block(node, path, "mount_volume", |reader, node, path| MountVolume {
            fs_type: reader.text(node, path, "fs_type"),
            mount_flags: reader.texts(node, path, "mount_flags"),
        }),
        block_volume: reader.block(node, path, "block_volume", |_, _, _| BlockVolume),
    }
}
