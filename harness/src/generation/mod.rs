//! Generations of a canonical's volumes: copied, printed, and removed (DESIGN 7).
//!
//! A volume belongs to an app that may be hostile. Everything is found from a folder that is held open, a name is never
//! followed through a link, and nothing but plain files is opened: no tree leads out of itself.

mod content;
mod copy;
mod dress;
mod error;
mod files;
mod make;
mod pool;
mod print;
mod room;

pub use crate::backup::stop::Stop;
pub use copy::{Copied, How, copy_tree};
pub use error::{GenerationError, TreeError};
pub use make::{Made, drop, fingerprint, make};
pub use print::print_tree;
pub use room::{NoRoom, Room, room_for};
