//! A recipe as lint gets it: text, never a folder.

use std::collections::{BTreeMap, BTreeSet};

/// Everything that the findings depend on, besides the policy.
#[derive(Clone, Debug, Default)]
pub struct RecipeText {
    /// Text by path from the recipe's root (`compose.yml`, `postgres/tune.conf`). At least every `compose*.yml`,
    /// `.env.sample`, `abra.sh`, `README.md`, and what the compose files name (`configs.*.file`, `env_file`).
    pub files: BTreeMap<String, String>,
    /// Every path of the tree. One that is not in `files` exists and was not read (not text, or too large).
    pub paths: BTreeSet<String>,
    /// The compose files that are deployed, in the order of `COMPOSE_FILE`.
    pub selected: Vec<String>,
    /// What interpolation sees: settings, `abra.sh` exports, `STACK_NAME` and `DOMAIN`.
    pub env: BTreeMap<String, String>,
    /// Names under which the recipe is going to be deployed, besides `STACK_NAME`: such as the canonical's.
    pub stacks: Vec<String>,
    /// Tags of the repository.
    pub tags: Vec<TagText>,
    /// The release tag under test; nothing for a commit that is not a release.
    pub version: Option<String>,
    /// The release from which an upgrade would come.
    pub previous: Option<Previous>,
}

/// A tag of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagText {
    pub name: String,
    pub kind: TagKind,
}

/// What a tag is to git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// An object of its own, with author, date and message.
    Annotated,
    /// A mere name of a commit.
    Light,
}

/// The release before, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Previous {
    /// Its tag, for people.
    pub version: String,
    /// As in [`RecipeText`].
    pub files: BTreeMap<String, String>,
    pub selected: Vec<String>,
    pub env: BTreeMap<String, String>,
}

impl RecipeText {
    /// Returns whether the tree has this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.paths.contains(path)
    }

    /// Returns the name of the stack under test; empty if the caller did not say.
    pub(super) fn stack(&self) -> &str {
        self.env.get("STACK_NAME").or(self.stacks.first()).map_or("", String::as_str)
    }

    /// Returns the compose files in the root, and those that are selected from anywhere.
    pub(super) fn compose_files(&self) -> Vec<&str> {
        let in_root = self.files.keys().map(String::as_str).filter(|path| {
            path.starts_with("compose")
                && !path.contains('/')
                && (path.ends_with(".yml") || path.ends_with(".yaml"))
        });
        let selected = self.selected.iter().map(String::as_str);
        let all: BTreeSet<&str> = in_root.chain(selected).collect();
        all.into_iter().collect()
    }
}
