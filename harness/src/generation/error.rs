//! What can go wrong with a tree or a generation, and what to do about it.

use std::io;
use std::path::Path;
use std::time::Duration;

use domain::Cause;
use rustix::io::Errno;

use super::room::NoRoom;
use crate::backup::OutOfReach;
use crate::engine::{Chain, EngineError, RemoveError};

/// Most of a path that a message shows; its end says more than its beginning.
const SHOWN: usize = 300;

/// A tree could not be copied or read whole.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The path is relative to the tree; `.` is the tree itself.
    #[error("`{path}` could not be {doing}")]
    At { doing: &'static str, path: String, source: io::Error },
    /// The copy would be of a state that never was.
    #[error("`{path}` changed while it was copied")]
    Changed { path: String },
    /// Nothing is written over.
    #[error("the target of the copy is not empty")]
    NotEmpty,
    /// It would never end.
    #[error("the target of the copy is inside of what is copied, at `{path}`")]
    Inside { path: String },
    /// The work is not wanted any more.
    #[error("stopped: the work is not wanted any more")]
    Stopped,
}

impl TreeError {
    pub(super) fn at(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::At { doing, path: shown(path), source }
    }

    /// Returns what a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::At { source, .. } => match Errno::from_io_error(source) {
                Some(Errno::NOSPC | Errno::DQUOT) => Some(
                    "the disk or its quota is full: keep fewer generations (`canonicals` in simmer.toml, then \
                     `simmer reconcile`), and clear what dead runs left with `simmer gc`",
                ),
                Some(Errno::PERM | Errno::ACCESS) => {
                    Some("volumes belong to root: run simmer as root, outside of a container")
                }
                Some(Errno::NOTSUP) => Some(
                    "the target's file system lacks what the source's has: attributes, or kinds of files",
                ),
                Some(Errno::XDEV) => Some("another file system is mounted inside of the volume: unmount it"),
                Some(Errno::MFILE | Errno::NFILE) => Some("raise the limit of open files"),
                Some(Errno::LOOP | Errno::NOTDIR | Errno::NOENT | Errno::EXIST) => Some(RUNNING),
                Some(_) | None => None,
            },
            Self::Changed { .. } => Some(RUNNING),
            Self::NotEmpty | Self::Inside { .. } | Self::Stopped => None,
        }
    }
}

const RUNNING: &str =
    "somebody writes to the volume while it is copied: see who uses it with `docker ps --filter volume=…`";

/// Returns a path as a message shows it: on one line, and not longer than a few.
pub(super) fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        return ".".into();
    }
    let text: String = path.to_string_lossy().escape_debug().collect();
    match text.char_indices().rev().nth(SHOWN) {
        Some((at, _)) => format!("…{}", &text[at..]),
        None => text,
    }
}

/// A generation could not be made, printed or removed.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    #[error("the engine did not do what a generation needs")]
    Engine(#[source] EngineError),
    #[error("the volumes are out of reach")]
    OutOfReach(#[source] OutOfReach),
    #[error("volume `{volume}` is not on the engine's node")]
    Absent { volume: String },
    /// Only plain volumes of the engine's own node are folders that we can copy.
    #[error("volume `{volume}` cannot be copied: {why}")]
    NotPlain { volume: String, why: String },
    /// What was asked makes no sense: a bug of the caller.
    #[error("a generation was asked for wrongly: {says}")]
    Asked { says: String },
    #[error("there is no room for the copy")]
    NoRoom(#[source] NoRoom),
    /// A target that holds something is never written to, and never emptied here: numbers of generations are used once,
    /// so what is there is a killed promotion's, which reconcile removes, or somebody's data.
    #[error("volume `{volume}`, which the copy should fill, holds something already")]
    TargetHasData { volume: String },
    #[error("volume `{volume}` could not be taken along")]
    Tree { volume: String, source: TreeError },
    #[error("a volume could not be removed")]
    Removal(#[source] RemoveError),
    /// The listing after the removal still has them.
    #[error("still there after their removal: {}", volumes.join(", "))]
    Left { volumes: Vec<String> },
    #[error("{name} took longer than {} s", limit.as_secs())]
    Limit { name: &'static str, limit: Duration },
    /// A thread of ours broke.
    #[error("{says}")]
    Ours { says: String },
}

impl GenerationError {
    /// Returns what a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::OutOfReach(error) => Some(error.hint()),
            Self::Absent { .. } => Some("`simmer reconcile` compares the registry with what is there"),
            Self::NotPlain { .. } => Some(
                "generations are made of volumes of the driver `local` without options, on the engine's node",
            ),
            Self::NoRoom(_) => Some(
                "keep fewer generations (`canonicals` in simmer.toml, then `simmer reconcile`), clear what dead runs \
                 left with `simmer gc`, or lower `limits.disk_free_gib`",
            ),
            Self::TargetHasData { .. } => {
                Some("`simmer reconcile` removes what a killed promotion left; then promote again")
            }
            Self::Tree { source, .. } => source.hint(),
            Self::Removal(error) => error.hint(),
            Self::Left { .. } => Some("see who uses them with `docker ps --all --filter volume=…`"),
            Self::Asked { .. } | Self::Limit { .. } | Self::Ours { .. } => None,
        }
    }

    /// Returns the cause that a verdict carries for it. Never the recipe's fault: its volumes are ours to keep.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let told = Chain(self).to_string();
        let says = self.hint().map_or_else(|| told.clone(), |hint| format!("{told}; {hint}"));
        match self {
            Self::Tree { source: TreeError::Stopped, .. } => Cause::Interrupted,
            Self::Limit { name, limit } => {
                Cause::Timeout { limit: (*name).to_owned(), seconds: limit.as_secs() }
            }
            Self::Asked { .. } | Self::Ours { .. } => Cause::Ours { says },
            Self::Engine(_)
            | Self::OutOfReach(_)
            | Self::Absent { .. }
            | Self::NotPlain { .. }
            | Self::NoRoom(_)
            | Self::TargetHasData { .. }
            | Self::Tree { .. }
            | Self::Removal(_)
            | Self::Left { .. } => Cause::Generation { says },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_missing_rights_say_what_to_do() {
        let cause = |errno: Errno| {
            let source = TreeError::at("copied", Path::new("a\nb"), errno.into());
            GenerationError::Tree { volume: "warm_data-g2".into(), source }.cause().to_string()
        };
        let full = cause(Errno::NOSPC);
        assert!(full.contains("`warm_data-g2`") && full.contains(r"`a\nb` could not be copied"), "{full}");
        assert!(full.contains("simmer gc"), "{full}");
        assert!(cause(Errno::PERM).contains("run simmer as root"));
        assert_eq!(GenerationError::Ours { says: String::new() }.cause().fault(), domain::Fault::Runner);
        let platform = GenerationError::Absent { volume: "v".into() }.cause();
        assert_eq!((platform.name(), platform.fault()), ("generation", domain::Fault::Platform));
    }

    #[test]
    fn a_promotion_without_room_says_the_numbers_and_what_to_do() {
        use crate::generation::{NoRoom, Room};
        let room = Room {
            needs_bytes: 48_000_000,
            needs_files: 1200,
            free_bytes: 1_900_000_000,
            free_files: Some(7),
            reserve_bytes: 2_147_483_648,
        };
        let told = |no: NoRoom| GenerationError::NoRoom(no).cause();
        insta::assert_snapshot!(told(NoRoom::Bytes { room }), @"there is no room for the copy: the copy needs 48 MB and 2147 MB have to stay free, and the file system has 1900 MB; keep fewer generations (`canonicals` in simmer.toml, then `simmer reconcile`), clear what dead runs left with `simmer gc`, or lower `limits.disk_free_gib`");
        insta::assert_snapshot!(told(NoRoom::Files { room, free: 7 }), @"there is no room for the copy: the copy needs 1200 files and folders, and the file system has room for 7; keep fewer generations (`canonicals` in simmer.toml, then `simmer reconcile`), clear what dead runs left with `simmer gc`, or lower `limits.disk_free_gib`");
        assert_eq!(told(NoRoom::Bytes { room }).fault(), domain::Fault::Platform, "never the recipe's");
    }

    #[test]
    fn a_path_is_shown_on_one_line_by_its_end() {
        assert_eq!(shown(Path::new("")), ".");
        let long = format!("{}/end", "ü/".repeat(5000));
        let text = shown(Path::new(&long));
        assert!(text.starts_with('…') && text.ends_with("/end") && text.chars().count() <= SHOWN + 2);
    }
}
