//! Everything that an ask needs to know of the stack and the run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use domain::{Domain, RecipeName, RunId, StackName, Tier};
use harness::probe::{Connector, Trust};

use super::door::Door;
use super::text::Words;
use crate::cancel::Cancel;
use crate::instance::ask::{AppliesTo, Judged};
use crate::mask::Masker;

/// The stack under test and where it stands. Clones are cheap enough for one a tier.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The way to the stack's containers.
    pub door: Arc<dyn Door>,
    pub stack: StackName,
    pub domain: Domain,
    /// Where HTTPS comes in.
    pub edge: SocketAddr,
    /// The ways to the ports that the stack publishes on its node (TCP), by the published port.
    pub published: BTreeMap<u16, Connector>,
    /// Who vouches for what answers there.
    pub trust: Trust,
    pub run: RunId,
    pub recipe: RecipeName,
    pub subject: Subject,
    /// Tag of the release that the upgrade started from, once it has.
    pub base: Option<String>,
    pub tier: Tier,
    /// The service that is meant where an ask names none, and in whose name programs ask.
    pub primary_service: String,
    /// The overlay's folder: relative programs are meant from it.
    pub overlay: PathBuf,
    /// Under it every program gets a folder of its own, which is removed after it.
    pub scratch: PathBuf,
    /// The run's folder: outputs and artefacts are kept under `tests/` in it.
    pub evidence: PathBuf,
    /// As `DOCKER_HOST` takes it.
    pub docker_host: String,
    /// Values of the stack's secrets, by their names in the recipe.
    pub secrets: BTreeMap<String, String>,
    pub masker: Masker,
    pub cancel: Cancel,
    /// The binary that keeps test programs together (see `warden`): ourselves.
    pub warden: PathBuf,
    /// `PATH` of test programs.
    pub path: String,
}

/// What is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Tag of the release, or the commit's short name.
    pub name: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    pub judged: Judged,
}

/// Whether a change comes from somebody whose code may run on our machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Trusted,
    /// A pull request of somebody who is no maintainer.
    Stranger,
}

/// A word that is new in each run and moment: lower-case letters and digits, so that it may stand in SQL, in
/// addresses and in file names as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker(String);

impl Marker {
    /// Makes the word for a moment of a run, such as `upgrade` or `after backup 2`; letters and digits of it are
    /// kept.
    pub fn new(run: &RunId, moment: &str) -> Self {
        let moment: String =
            moment.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        Self(format!("simmer{run}{moment}"))
    }

    /// Takes a word that was made at an earlier release, from a canonical's record.
    pub fn known(word: &str) -> Self {
        Self(word.to_owned())
    }

    /// Returns the word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Marker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scene {
    /// Returns the same stack in another tier.
    #[must_use]
    pub fn at(&self, tier: Tier) -> Self {
        Self { tier, ..self.clone() }
    }

    /// Returns the address at which users meet the app.
    pub fn url(&self) -> String {
        format!("https://{}", self.domain)
    }

    /// Returns why a test does not apply to what is judged; `None` where it does.
    pub(super) fn refuses(&self, applies_to: Option<&AppliesTo>) -> Option<String> {
        applies_to?.refuses(&self.subject.judged)
    }

    /// Returns the words that may stand in an overlay's texts.
    pub(super) fn words(&self, marker: &Marker) -> Words {
        Words::new([
            ("MARKER", marker.to_string()),
            ("DOMAIN", self.domain.to_string()),
            ("STACK_NAME", self.stack.to_string()),
        ])
    }

    /// Blanks secrets out of a text, and makes it fit to show.
    pub(super) fn fit(&self, text: &str, limit: usize) -> String {
        super::text::shown(&self.masker.mask(text), limit)
    }
}
