//! YAML text to a tree that knows where each key and value stands. The only door to the YAML crate.

mod value;

pub use value::Value;
