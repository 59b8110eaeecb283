//! Carries out what overlays ask of a running stack: seeds, checks, destroys, tests, counts and readiness.
//!
//! An [`Ask`](crate::instance::ask::Ask) is one thing that is done and what has to come of it. The common ones are
//! carried out by us (`declared`); the rest are programs of any language (`program`), kept together by a `warden`,
//! which speak by exit status, TAP or JUnit. What a program may count on stands in `docs/tests.md`.

mod data;
mod declared;
mod door;
mod ending;
mod expect;
mod facts;
pub mod junit;
mod output;
mod own;
mod program;
mod proxy;
mod ready;
mod scene;
mod sql;
pub mod tap;
mod test;
mod text;
pub mod warden;

pub use data::{Done, Fewer, Purpose, check, compare, count, destroy, plant};
pub use door::{Door, DoorError, EngineDoor, ServiceSeen, TaskSeen};
pub use own::{OwnTest, own_test, own_tests};
pub use ready::{Waited, ready};
pub use scene::{Author, Marker, Scene, Subject};
pub use test::{Examined, test};
