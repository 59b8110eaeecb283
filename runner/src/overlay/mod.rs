//! Overlays as their authors handle them: checked against the recipe's releases, explained, begun.

mod check;
mod explain;
mod starter;

pub use check::{Finding, Severity, check};
pub use explain::{Row, Source, explain};
pub use starter::starter;

use std::path::PathBuf;

use domain::names::Side;
use domain::release::newest;
use domain::{Domain, RecipeName, Release, RunId, StackName};
use harness::source::{Commit, Mirror, SourceError};

use crate::instance::{Enrolment, Instance};
use crate::run::{SYNC_LIMIT, Tree, drop_folder};

/// Most releases that are looked at; older ones say little about an overlay of today.
const MOST: usize = 20;

/// A recipe's releases, read. The trees on disk go when it is dropped; what was read of them stays.
#[derive(Debug)]
pub struct Releases {
    /// All that are tagged.
    pub all: Vec<Release>,
    /// The newest ones, newest first; without any, what stands on the default branch.
    pub trees: Vec<Tree>,
    /// As for a run, so that names are as long as they will be.
    pub domain: Domain,
    pub stack: StackName,
    folder: PathBuf,
}

impl Drop for Releases {
    fn drop(&mut self) {
        drop_folder(&self.folder);
    }
}

impl Releases {
    /// Syncs the recipe's mirror and reads its newest releases.
    pub async fn read(
        instance: &Instance,
        name: &RecipeName,
        enrolment: &Enrolment,
        random: [u8; 4],
    ) -> Result<Self, SourceError> {
        let run = RunId::from_random(random);
        // Of any run: what is printed about it is the same each time.
        let domain = instance.settings.allotter.run(&RunId::from_random([0; 4]), Side::A, 0);
        let mut read = Self {
            all: Vec::new(),
            trees: Vec::new(),
            stack: StackName::of_domain(&domain),
            domain,
            folder: instance.settings.state.join("runs").join(run.as_str()),
        };
        let store = instance.settings.state.join("mirrors").join(name.as_str());
        let mirror = Mirror::sync(&enrolment.source, &store, SYNC_LIMIT, std::future::pending()).await?;
        read.all = mirror.releases().await?.releases;
        read.all.sort_by(|a, b| b.version.cmp(&a.version));
        for release in read.all.iter().take(MOST) {
            let commit = Commit::from(release);
            read.trees.push(Tree::check_out(&mirror, &read.folder, &commit, Some(release.clone())).await?);
        }
        if read.trees.is_empty() {
            let head = mirror.resolve("HEAD").await?;
            read.trees.push(Tree::check_out(&mirror, &read.folder, &head, None).await?);
        }
        Ok(read)
    }

    /// Returns the newest release.
    pub fn newest(&self) -> Option<&Release> {
        newest(&self.all)
    }
}
