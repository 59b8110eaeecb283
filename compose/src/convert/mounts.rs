//! `volumes` of a service to mounts.

use super::objects::written_options;
use super::{ConvertInput, Found, full_name, stack_labels};
use crate::model;
use crate::specs::{BindOptions, ClusterOptions, Driver, ImageOptions, Mount, TmpfsOptions, VolumeOptions};

/// The kinds of mount that Docker knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Volume,
    Bind,
    Tmpfs,
    Npipe,
    Image,
    Cluster,
}

/// The `source` of a cluster mount that names a group of volumes and not one of them.
const GROUP: &str = "group:";

/// Converts the mounts of one service.
pub(super) fn mounts(
    input: &ConvertInput<'_>,
    at: &str,
    volumes: &[model::Mount],
    found: &mut Found<'_>,
) -> Vec<Mount> {
    volumes
        .iter()
        .enumerate()
        .filter_map(|(nth, volume)| mount(input, &format!("{at}.volumes[{nth}]"), volume, found))
        .collect()
}

fn mount(input: &ConvertInput<'_>, at: &str, written: &model::Mount, found: &mut Found<'_>) -> Option<Mount> {
    let Some(kind) = Kind::of(&written.kind) else {
        found.add(
            format!("{at}.type"),
            format!("`{}` is not a kind of mount", written.kind),
            "use volume, bind, tmpfs, npipe, image or cluster",
        );
        return None;
    };
    check_options(at, kind, written, found);
    check_source(at, kind, written, found);
    let mut mount = Mount {
        kind: written.kind.clone(),
        source: written.source.clone(),
        target: written.target.clone(),
        read_only: written.read_only,
        consistency: written.consistency.clone(),
        ..Mount::default()
    };
    match kind {
        Kind::Volume => named_volume(input, at, written, &mut mount, found),
        Kind::Bind | Kind::Npipe => {
            mount.bind_options =
                written.bind.as_ref().map(|b| BindOptions { propagation: b.propagation.clone() });
        }
        Kind::Tmpfs => {
            mount.tmpfs_options = written.tmpfs.as_ref().map(|t| TmpfsOptions { size_bytes: t.size.0 });
        }
        Kind::Image => {
            mount.image_options = written.image.as_ref().map(|i| ImageOptions { subpath: i.subpath.clone() });
        }
        Kind::Cluster => {
            mount.cluster_options = Some(ClusterOptions {});
            if !written.source.starts_with(GROUP)
                && let Some(volume) = defined(input, at, &written.source, found)
            {
                mount.source = full_name(input.stack, &volume.name, &written.source);
            }
        }
    }
    Some(mount)
}

/// Fills in what the stack says about a named volume; an anonymous one has nothing but its target.
fn named_volume(
    input: &ConvertInput<'_>,
    at: &str,
    written: &model::Mount,
    mount: &mut Mount,
    found: &mut Found<'_>,
) {
    if written.source.is_empty() {
        return;
    }
    let Some(volume) = defined(input, at, &written.source, found) else { return };
    mount.source = full_name(input.stack, &volume.name, &written.source);
    let mut options = VolumeOptions::default();
    if let Some(written) = &written.volume {
        options.no_copy = written.nocopy;
        options.subpath = written.subpath.clone();
    }
    if !volume.external {
        options.labels = stack_labels(input.stack, &volume.labels);
        let opts = written_options(input, &format!("volumes.{}", written.source), &volume.driver_opts);
        if !volume.driver.is_empty() || opts.is_some() {
            options.driver_config =
                Some(Driver { name: volume.driver.clone(), options: opts.unwrap_or_default() });
        }
    }
    mount.volume_options = Some(options);
}

fn defined<'a>(
    input: &ConvertInput<'a>,
    at: &str,
    key: &str,
    found: &mut Found<'_>,
) -> Option<&'a model::Volume> {
    let volume = input.model.volumes.get(key);
    if volume.is_none() && !key.is_empty() {
        found.add(
            at.to_owned(),
            format!("volume `{key}` is not defined"),
            format!("add `{key}:` under the top-level `volumes:`"),
        );
    }
    volume
}

/// A `volume` may be anonymous, a `tmpfs` has to be, all others need to say what they mount.
fn check_source(at: &str, kind: Kind, written: &model::Mount, found: &mut Found<'_>) {
    let key = format!("{at}.source");
    match (kind, written.source.is_empty()) {
        (Kind::Volume, _) | (Kind::Tmpfs, true) => {}
        (Kind::Tmpfs, false) => found.add(key, "a mount of type `tmpfs` has no source", "remove `source`"),
        (Kind::Bind | Kind::Npipe | Kind::Image | Kind::Cluster, false) => {}
        (Kind::Bind | Kind::Npipe | Kind::Image | Kind::Cluster, true) => {
            found.add(key, format!("a mount of type `{}` needs a source", written.kind), "add `source`");
        }
    }
}

/// Each kind takes its own block of options; Docker refuses those of the others.
fn check_options(at: &str, kind: Kind, written: &model::Mount, found: &mut Found<'_>) {
    let blocks = [
        ("bind", written.bind.is_some()),
        ("volume", written.volume.is_some()),
        ("tmpfs", written.tmpfs.is_some()),
        ("image", written.image.is_some()),
        ("cluster", written.cluster.is_some()),
    ];
    for (block, is_there) in blocks {
        if is_there && !kind.takes(block) {
            found.add(
                format!("{at}.{block}"),
                format!("options `{block}` do not go with a mount of type `{}`", kind.name()),
                format!("remove `{block}`, or change `type`"),
            );
        }
    }
}

impl Kind {
    fn of(written: &str) -> Option<Self> {
        Some(match written {
            "volume" | "" => Self::Volume,
            "bind" => Self::Bind,
            "tmpfs" => Self::Tmpfs,
            "npipe" => Self::Npipe,
            "image" => Self::Image,
            "cluster" => Self::Cluster,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Bind => "bind",
            Self::Tmpfs => "tmpfs",
            Self::Npipe => "npipe",
            Self::Image => "image",
            Self::Cluster => "cluster",
        }
    }

    /// Whether a block of options is let pass, be it used or not. The gaps are Docker's: found by trying.
    fn takes(self, block: &str) -> bool {
        let takes: &[&str] = match self {
            Self::Volume => &["volume"],
            Self::Bind => &["bind"],
            Self::Tmpfs => &["tmpfs"],
            Self::Npipe => &["bind"],
            Self::Image => &["image"],
            Self::Cluster => &["cluster"],
        };
        takes.contains(&block)
    }
}
