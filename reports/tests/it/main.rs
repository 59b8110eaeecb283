//! Events in, text out.

#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

mod folding;
mod jq;
mod junit;
mod machines;
mod pages;
mod people;
mod promotions;
mod sample;
