//! Where things lie: the repository, and the state folder `.simmer` in it, which git ignores.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders of one checkout of the repository.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    root: PathBuf,
}

impl Places {
    /// Finds the checkout that this program belongs to and makes its state folder.
    pub(crate) fn find() -> Result<Self> {
        // Cargo sets it for `cargo run`; the built-in value serves when the program is started by hand.
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here.parent().context("the xtask folder has no parent folder")?.to_path_buf();
        let places = Self { root };
        std::fs::create_dir_all(places.state())
            .with_context(|| format!("could not make the state folder `{}`", places.state().display()))?;
        Ok(places)
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What `up` keeps between two calls. `down` removes it.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(".simmer")
    }

    /// Downloads that cost time and not truth: `down` leaves them.
    pub(crate) fn cache(&self) -> PathBuf {
        self.state().join("cache")
    }

    /// What builds and daemons said.
    pub(crate) fn logs(&self) -> PathBuf {
        self.state().join("log")
    }

    /// The demo's instance, with its state in it.
    pub(crate) fn demo(&self) -> PathBuf {
        self.state().join("demo")
    }

    /// Sample recipes, broken ones, and the instance that enrols them.
    pub(crate) fn samples(&self) -> PathBuf {
        self.root.join("samples")
    }

    /// The images' Dockerfiles and their catalogue.
    pub(crate) fn images(&self) -> PathBuf {
        self.samples().join("images")
    }
}
