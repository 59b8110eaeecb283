//! Words and decisions.
