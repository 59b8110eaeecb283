//! YAML text to a tree that knows where each key and value stands.
//!
//! The room has a reader of its own. What Docker refuses is part of our promise, and Docker's reader has the
//! grammar of libyaml (YAML 1.1): tabs, comments, key lengths, what follows the first document. A strict
//! YAML 1.2 reader differs in both directions, and none gives a place for keys that come through `<<`.

mod compose;
mod cursor;
mod node;
mod parse;
mod resolve;
mod scan;
mod scan_scalar;
mod token;
mod value;

pub(crate) use node::{Entry, Kind, Mark, Node};
pub(crate) use token::SyntaxError;
pub use value::Value;

/// Largest text that is read. Real compose files stay below 100 KiB.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads the first document; nothing if there is none.
pub(crate) fn read(text: &str) -> Result<Option<Node>, Vec<SyntaxError>> {
    if text.len() > MAX_BYTES {
        let says = format!("the file has {} bytes, more than the limit of {MAX_BYTES}", text.len());
        return Err(vec![SyntaxError { at: Mark::default(), says, remedy: "split the file".to_owned() }]);
    }
    let tree = parse::parse(text).map_err(|error| vec![error])?;
    compose::compose(&tree)
}
