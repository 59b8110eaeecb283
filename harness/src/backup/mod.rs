//! Backups in the restic format.

mod carry_out;
mod embedded;
mod hooks;
mod job;
mod landing;
mod local;
mod place;
mod repository;
mod restic;
pub(crate) mod stop;
mod store;
pub(crate) mod tree;
mod verify;
pub(crate) mod volumes;

pub use carry_out::{back_up, restore, tidy};
pub use job::{BackedUp, HookRan, Job, Limits, Restored, Settle, Told, Trouble, Verified};
pub use place::{Place, Program};
pub use repository::{Repository, Retention};
pub use store::{
    About, Checked, Entry, EntryKind, Forgotten, Kept, PutBack, ReadData, Saved, SnapshotId, StoreError,
};
pub use volumes::OutOfReach;
