//! The sample images: which there are, whether they are what their folders say, and how they are built.

mod build;
mod catalogue;

pub(crate) use build::{Plan, build_all, prune, remove};
pub(crate) use catalogue::{Catalogue, Group, Image};
