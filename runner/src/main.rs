//! The binary `simmer`.
fn main() {}
