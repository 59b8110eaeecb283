//! The short forms: one text that stands for a whole block.

mod env_file;
mod mount;
mod path;
mod port;
mod words;

pub(crate) use env_file::parse as parse_env_file;
pub(crate) use mount::parse as parse_mount;
pub(crate) use path::{absolute, is_windows_absolute};
pub(crate) use port::parse as parse_ports;
pub(crate) use words::split as split_words;
